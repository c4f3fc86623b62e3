package revocation_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"tandem.example/tandem/verify/revocation"
)

// FuzzDecodeReply feeds any bytes to a verifier that already follows a log: whatever they are, nothing panics, what is
// decoded encodes to the same, and what is refused changes nothing.
func FuzzDecodeReply(f *testing.F) {
	log, v := newLog(epochA), newClient(0)
	log.append(revocation.SessionEvent("ses"), revocation.KeyEvent("key_2"))
	v.sync(&testing.T{}, log)
	log.append(revocation.AllEvent())
	req := v.Request("n", 0)
	for _, rep := range []revocation.Reply{log.reply(req), log.snapshot(req), newLog(epochB).snapshot(req)} {
		body, err := json.Marshal(rep)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(replyBody))
	f.Add([]byte(`{"events":[{"seq":18446744073709551615,"retain_ms":9223372036854775807}]}`))

	f.Fuzz(func(t *testing.T, body []byte) {
		rep, err := revocation.DecodeReply(body)
		if err != nil {
			return
		}
		again, err := json.Marshal(rep)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := revocation.DecodeReply(again); err != nil || !reflect.DeepEqual(normal(back), normal(rep)) {
			t.Fatalf("decoded %+v, encoded, decoded %+v, %v", rep, back, err)
		}

		log, v := newLog(epochA), newClient(2)
		log.append(revocation.SessionEvent("ses"), revocation.KeyEvent("key_2"))
		v.sync(t, log)
		before, req := v.set.Stats(), v.Request("n", 0)
		if _, err := v.Apply(req, rep, log.now); err != nil {
			if v.set.Stats() != before {
				t.Fatalf("refused for %v, but changed %+v to %+v", err, before, v.set.Stats())
			}
		} else if v.Position() != rep.To || v.Epoch() != rep.Epoch {
			t.Fatalf("applied up to %d, stands at %d", rep.To, v.Position())
		}
		for _, tok := range []*revocation.Token{
			tokenOf("ses", "u", "a", epochA, 0),
			{KeyID: revocation.Hash("key_2"), Epoch: revocation.Short(v.Epoch()), Seq: v.Position()},
		} {
			if v.set.Check(tok) == revocation.Clear {
				t.Fatalf("%+v is clear after %s", tok, body)
			}
		}
	})
}

// normal is a reply with one spelling of no events.
func normal(r revocation.Reply) revocation.Reply {
	if len(r.Events) == 0 {
		r.Events = nil
	}
	return r
}

// script makes decisions of bytes, and of zeros when they have run out.
type script struct{ rest []byte }

func (s *script) IntN(n int) int {
	value := 0
	for size := n - 1; size > 0 && len(s.rest) > 0; size >>= 8 {
		value = value<<8 | int(s.rest[0])
		s.rest = s.rest[1:]
	}
	return value % n
}

// FuzzApply plays a schedule of good and bad replies, restores, rollbacks and time against the model: nothing panics,
// and no token is clear that was revoked.
func FuzzApply(f *testing.F) {
	f.Add([]byte("follow"))
	f.Add([]byte{0, 3, 40, 1, 2, 3, 4, 10, 0, 60, 95, 0, 10, 1, 60, 97, 10, 2, 60})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &script{data}
		m := newModel(t, s)
		for steps := 0; len(s.rest) > 0 && steps < 400; steps++ {
			m.step()
		}
		m.sync()
	})
}
