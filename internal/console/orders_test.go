package console

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestOneOfManyClaimsAnOrder(t *testing.T) {
	now := time.Now()
	for range 50 {
		var o orders
		var first atomic.Int64
		var all sync.WaitGroup
		name := newOrder(now)
		for range 8 {
			all.Go(func() {
				claimed, mine, err := o.claim(name, "usr_1", now)
				if err != nil || claimed.id != name {
					t.Errorf("%+v, %v", claimed, err)
				}
				if mine {
					first.Add(1)
				}
			})
		}
		if all.Wait(); first.Load() != 1 {
			t.Fatalf("%d carried out one order", first.Load())
		}
	}
}

func TestOrdersThatAreNone(t *testing.T) {
	now := time.Now()
	var o orders
	known := newOrder(now)
	one, _, err := o.claim(known, "usr_1", now)
	if err != nil {
		t.Fatal(err)
	}
	for name, order := range map[string]string{
		"somebody else's": known, "empty": "", "made up": "ord_x", "of another kind": "ses_" + known[4:], "old": newOrder(now.Add(-orderFor - time.Second)), "of the future": newOrder(now.Add(time.Hour)),
	} {
		if _, _, err := o.claim(order, "usr_2", now); !errors.Is(err, errOrder) {
			t.Errorf("an order that is %s: %v", name, err)
		}
	}
	o.drop(one) // was not carried out
	if one.finished() {
		t.Error("an order that failed counts as carried out")
	}
	if _, first, err := o.claim(known, "usr_1", now); err != nil || !first {
		t.Errorf("it cannot be sent again: %v", err)
	}
}

func TestOrdersAreForgotten(t *testing.T) {
	now := time.Now()
	var o orders
	for i := range mostOrders + 200 {
		at := now.Add(time.Duration(i) * time.Millisecond)
		if _, _, err := o.claim(newOrder(at), "usr_1", at); err != nil {
			t.Fatal(err)
		}
		if len(o.all) > mostOrders {
			t.Fatalf("%d orders are kept", len(o.all))
		}
	}
	last := now.Add(orderKept + time.Hour)
	if _, _, err := o.claim(newOrder(last), "usr_1", last); err != nil || len(o.all) != 1 {
		t.Error(fmt.Sprint(len(o.all), " are kept for ever ", err))
	}
}
