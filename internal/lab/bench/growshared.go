package main

import "fmt"

// Row 14 on PostgreSQL: how the live check, the refresh and the table grow from 1,000 to a million sessions.
func growthShared(b *bench) error {
	small, large := b.scaled(1_000, 100), b.scaled(1_000_000, 2_000)
	sizes := []int{small, large}
	var crops [2]*crop
	for i, n := range sizes {
		var err error
		if crops[i], err = b.grow(n); err != nil {
			return err
		}
	}
	// The table is measured before refreshes write to it.
	if err := b.onServer(crops[1]); err != nil {
		return err
	}
	var finds, rotates [2]func() (sample, error)
	for i, c := range crops {
		var err error
		sessions, r := c.store.Sessions(), rotating(c.store.Sessions(), c.ids)
		finds[i], err = b.spread(connections, func(i int) error {
			_, err := sessions.Find(b.ctx, c.ids[among(i, len(c.ids))])
			return err
		})
		if err != nil {
			return err
		}
		rotates[i], err = b.spread(connections, turns(len(c.ids), func(row int) error { return r.rotate(b.ctx, row) }))
		if err != nil {
			return err
		}
	}
	if err := b.compareSizes("live check", sizes, finds); err != nil {
		return err
	}
	return b.compareSizes("refresh", sizes, rotates)
}

func (b *bench) compareSizes(work string, sizes []int, sides [2]func() (sample, error)) error {
	d, err := b.fight(sides[0], sides[1])
	if err != nil {
		return err
	}
	r := result{Row: "14", Work: fmt.Sprintf("%s, %d against %d, PostgreSQL", work, sizes[1], sizes[0]), Floor: nanos(of(d.floor, sample.wallNS)),
		Ours: nanos(of(d.ours, sample.wallNS)), Value: d.ratio(sample.wallNS), CPU: finite(d.ratio(sample.cpuNS)), Budget: new(atMost(2, "x"))}
	r.note("%d callers, any session as often as any other", connections)
	b.add(r)
	return nil
}

// onServer measures what sessions and their indexes take.
func (b *bench) onServer(c *crop) error {
	var table, indexes float64
	err := c.bare.QueryRow(b.ctx, `SELECT pg_table_size('tandem.sessions'), pg_indexes_size('tandem.sessions')`).Scan(&table, &indexes)
	if err != nil {
		return err
	}
	n := float64(len(c.ids))
	r := result{Row: "14", Work: fmt.Sprintf("bytes a session of %d, PostgreSQL", len(c.ids)), Floor: "-", Ours: digits((table+indexes)/n) + " B",
		Value: (table + indexes) / n, Budget: new(atMost(450, "B"))}
	r.note("%.0f in the table, %.0f in its indexes; with a refresh token", table/n, indexes/n)
	b.add(r)
	return nil
}
