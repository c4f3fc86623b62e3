package main

import (
	"fmt"
	"strconv"
)

type verifierCmd struct {
	List verifierListCmd `cmd:"" help:"List the verifiers heard of in the last hour."`
}

// verifier is an instance of a verifier as the API shows it.
type verifier struct {
	Name        string `json:"name"`
	Instance    string `json:"instance"`
	Application string `json:"application"`
	Position    uint64 `json:"position"`
	StalenessMS *int64 `json:"staleness_ms"`
	LeaseMS     int64  `json:"lease_ms"`
}

type verifierListCmd struct{}

func (verifierListCmd) Run(a *app) error {
	return a.administer(func(api *client) error {
		items, err := api.list(nil, 0, "verifiers")
		if err != nil {
			return fmt.Errorf("list verifiers: %w", err)
		}
		return table[verifier]{"No verifier has been heard of in the last hour.", []string{"NAME", "INSTANCE", "APPLICATION", "POSITION", "STALE BY", "LEASE LEFT"}, func(v verifier) []string {
			stale := "unknown"
			if v.StalenessMS != nil {
				stale = strconv.FormatInt(*v.StalenessMS, 10) + " ms"
			}
			return []string{v.Name, v.Instance, v.Application, strconv.FormatUint(v.Position, 10), stale, strconv.FormatInt(v.LeaseMS, 10) + " ms"}
		}}.show(a, items)
	})
}
