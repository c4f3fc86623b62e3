package revocation_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"tandem.example/tandem/verify/revocation"
)

const replyBody = `{"epoch":"aaaaaaaa000000000000000000","from":0,"to":2,"chain":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",` +
	`"nonce":"n","snapshot":true,"events":[{"seq":2,"kind":"key","id":"key_1","retain_ms":5}],` +
	`"lease_ms":10000,"age_ms":1,"server_time_ms":1700000000000,"max_token_ms":300000,"next_ms":10,"added_later":{}}`

func TestDecodeReply(t *testing.T) {
	got, err := revocation.DecodeReply([]byte(replyBody))
	if err != nil {
		t.Fatal(err)
	}
	want := revocation.Reply{
		Epoch: "aaaaaaaa000000000000000000", To: 2, Chain: strings.Repeat("A", 43), Nonce: "n", Snapshot: true,
		Events:  []revocation.Event{{Seq: 2, Kind: revocation.KindKey, ID: "key_1", RetainMS: 5}},
		LeaseMS: 10_000, AgeMS: 1, ServerTimeMS: 1_700_000_000_000, MaxTokenMS: 300_000, NextMS: 10,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("reply %+v, want %+v", got, want)
	}
}

func TestDecodeReplyRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":              "",
		"null":                 "null",
		"a list":               "[]",
		"an empty object":      "{}",
		"something after it":   replyBody + "{}",
		"half of it":           replyBody[:len(replyBody)/2],
		"a fraction":           strings.Replace(replyBody, `"to":2`, `"to":2.5`, 1),
		"a negative position":  strings.Replace(replyBody, `"to":2`, `"to":-2`, 1),
		"a position as text":   strings.Replace(replyBody, `"to":2`, `"to":"2"`, 1),
		"a position too high":  strings.Replace(replyBody, `"to":2`, `"to":9007199254740992`, 1),
		"no epoch":             strings.Replace(replyBody, `"epoch"`, `"other"`, 1),
		"a bad chain":          strings.Replace(replyBody, `"chain":"A`, `"chain":"=`, 1),
		"a lease for ever":     strings.Replace(replyBody, `10000`, `9000000000000000`, 1),
		"a lease that is none": strings.Replace(replyBody, `10000`, `-10000`, 1),
		"an age that is none":  strings.Replace(replyBody, `"age_ms":1`, `"age_ms":-1`, 1),
	} {
		if r, err := revocation.DecodeReply([]byte(body)); !errors.Is(err, revocation.ErrReply) || !reflect.DeepEqual(r, revocation.Reply{}) {
			t.Errorf("%s: %+v, error %v; want nothing and ErrReply", name, r, err)
		}
	}
	if _, err := revocation.DecodeReply(make([]byte, revocation.MaxReplyBytes+1)); !errors.Is(err, revocation.ErrReply) {
		t.Errorf("too long: error %v", err)
	}
}

// The names on the wire are fixed.
func TestWireNames(t *testing.T) {
	for want, value := range map[string]any{
		`{"verifier":"v","instance":"i","epoch":"e","position":1,"chain":"c","nonce":"n","wait_ms":2}`: revocation.Request{
			Verifier: "v", Instance: "i", Epoch: "e", Position: 1, Chain: "c", Nonce: "n", WaitMS: 2,
		},
		`{"seq":1,"kind":"key","id":"k","retain_ms":2}`: revocation.Event{Seq: 1, Kind: revocation.KindKey, ID: "k", RetainMS: 2},
		`{"epoch":"e","from":1,"to":2,"chain":"c","nonce":"n","snapshot":true,"events":[],"lease_ms":3,"age_ms":4,"server_time_ms":5,"max_token_ms":6,"next_ms":7}`: revocation.Reply{
			Epoch: "e", From: 1, To: 2, Chain: "c", Nonce: "n", Snapshot: true, Events: []revocation.Event{},
			LeaseMS: 3, AgeMS: 4, ServerTimeMS: 5, MaxTokenMS: 6, NextMS: 7,
		},
	} {
		got, err := json.Marshal(value)
		if err != nil || string(got) != want {
			t.Errorf("encoded %s, %v; want %s", got, err, want)
		}
	}
}
