package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/tandem/verify/jws"
	"tandem.example/tandem/verify/revocation"
	"tandem.example/tandem/verify/verifytest"
)

// onSync has f change every sync reply on its way.
func onSync(s *verifytest.Server, f func(*verifytest.Response)) {
	s.Intercept(func(r *http.Request, res *verifytest.Response) {
		if r.URL.Path == syncPath && res.Status == http.StatusOK {
			f(res)
		}
	})
}

// resign signs a reply with another key or another typ.
func resign(t *testing.T, key jws.Signer, typ string) func(*verifytest.Response) {
	return func(res *verifytest.Response) {
		signature, err := key.SignDetached(typ, res.Body)
		if err != nil {
			t.Error(err)
		}
		res.Header.Set("Tandem-Signature", signature)
	}
}

// What somebody on the way does to replies never brings a lease, and never
// takes away what was known; when it ends, all is well again.
func TestForgedReplies(t *testing.T) {
	attacks := map[string]func(*testing.T, *verifytest.Server) func(*verifytest.Response){
		"signed by a token key": func(t *testing.T, s *verifytest.Server) func(*verifytest.Response) {
			return resign(t, s.TokenKey(), "revocation-sync")
		},
		"signed by another feed's key": func(t *testing.T, _ *verifytest.Server) func(*verifytest.Response) {
			key, err := jws.Generate("feed", jws.EdDSA)
			if err != nil {
				t.Fatal(err)
			}
			return resign(t, key, "revocation-sync")
		},
		"signed by a key under the feed key's id": func(t *testing.T, s *verifytest.Server) func(*verifytest.Response) {
			key, err := jws.Generate(s.FeedKey().Key().ID(), jws.EdDSA)
			if err != nil {
				t.Fatal(err)
			}
			return resign(t, key, "revocation-sync")
		},
		"signed for another purpose": func(t *testing.T, s *verifytest.Server) func(*verifytest.Response) {
			return resign(t, s.FeedKey(), "at+jwt")
		},
		"not signed": func(*testing.T, *verifytest.Server) func(*verifytest.Response) {
			return func(res *verifytest.Response) { res.Header.Del("Tandem-Signature") }
		},
		"signed twice": func(*testing.T, *verifytest.Server) func(*verifytest.Response) {
			return func(res *verifytest.Response) { res.Header.Add("Tandem-Signature", res.Header.Get("Tandem-Signature")) }
		},
		"one byte changed": func(*testing.T, *verifytest.Server) func(*verifytest.Response) {
			return func(res *verifytest.Response) {
				res.Body = bytes.Replace(res.Body, []byte(`"lease_ms":1`), []byte(`"lease_ms":9`), 1)
			}
		},
		"a space more": func(*testing.T, *verifytest.Server) func(*verifytest.Response) {
			return func(res *verifytest.Response) { res.Body = append(res.Body, ' ') }
		},
		"cut off": func(*testing.T, *verifytest.Server) func(*verifytest.Response) {
			return func(res *verifytest.Response) { res.Body = res.Body[:len(res.Body)/2] }
		},
		"empty": func(*testing.T, *verifytest.Server) func(*verifytest.Response) {
			return func(res *verifytest.Response) { res.Body = nil }
		},
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
				var log logs
				v := start(t, s, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
				session, ended := s.SignIn(verifytest.User{}), s.SignIn(verifytest.User{})
				credential, endedToken := session.AccessToken(), ended.AccessToken()
				ended.End()
				s.Settle()
				onSync(s, attack(t, s))
				session.End()
				if last := lastAccepted(t, v, 20*time.Second, credential); last > 10*time.Second {
					t.Errorf("accepted %v after the revocation", last)
				}
				refuses(t, v, ErrLeaseLost, credential)
				refuses(t, v, ErrRevoked, endedToken) // is not forgotten
				st := v.Status()
				if st.Ready || st.LastError == nil || st.Alarms == 0 || !strings.Contains(log.String(), "level=ERROR") {
					t.Errorf("nobody was told: %+v", st)
				}
				s.Intercept(nil)
				time.Sleep(3 * backoffMax)
				refuses(t, v, ErrRevoked, credential)
				accepts(t, v, s.SignIn(verifytest.User{}).AccessToken())
			})
		})
	}
}

// Replies that the holder of the feed key signed, and that are wrong.
func TestWrongReplies(t *testing.T) {
	attacks := map[string]func(*revocation.Reply){
		"a reply to another request": func(r *revocation.Reply) { r.Nonce = "another" },
		"no nonce":                   func(r *revocation.Reply) { r.Nonce = "" },
		"a gap":                      func(r *revocation.Reply) { drop(r, 0) },
		"from elsewhere":             func(r *revocation.Reply) { r.From++ },
		"to elsewhere":               func(r *revocation.Reply) { r.To++ },
		"reordered": func(r *revocation.Reply) {
			if len(r.Events) > 1 {
				r.Events[0], r.Events[1] = r.Events[1], r.Events[0]
			} else {
				r.Nonce = "another"
			}
		},
		"another chain": func(r *revocation.Reply) { r.Chain = revocation.Genesis("x").String() },
		"no chain":      func(r *revocation.Reply) { r.Chain = "" },
		"an unknown kind": func(r *revocation.Reply) {
			r.Events = append(r.Events, revocation.Event{Seq: r.To + 1, Kind: "new"})
			r.To++
		},
		"a negative lease":   func(r *revocation.Reply) { r.LeaseMS = -1 },
		"a negative age":     func(r *revocation.Reply) { r.AgeMS = -1 },
		"an endless lease":   func(r *revocation.Reply) { r.LeaseMS = 1 << 62 },
		"no lease":           func(r *revocation.Reply) { r.LeaseMS = 0 },
		"no epoch":           func(r *revocation.Reply) { r.Epoch = "" },
		"older than a lease": func(r *revocation.Reply) { r.AgeMS = r.LeaseMS },
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
				v := start(t, s)
				session := s.SignIn(verifytest.User{})
				credential := session.AccessToken()
				s.Tamper(attack)
				s.Announce(revocation.SubjectEvent("usr_other"))
				session.End()
				if last := lastAccepted(t, v, 20*time.Second, credential); last > 10*time.Second {
					t.Errorf("accepted %v after the revocation", last)
				}
				if _, err := v.Verify(t.Context(), credential); !errors.Is(err, ErrLeaseLost) && !errors.Is(err, ErrRevoked) {
					t.Errorf("got %v", err)
				}
				s.Tamper(nil)
				for range 3 { // until the log has grown past what was invented
					s.Announce(revocation.SubjectEvent("usr_other"))
				}
				time.Sleep(3 * backoffMax)
				if token, err := v.Verify(t.Context(), credential); !errors.Is(err, ErrInvalidToken) {
					t.Errorf("got %v, %v", token, err)
				}
				accepts(t, v, s.SignIn(verifytest.User{}).AccessToken())
			})
		})
	}
}

// drop takes an event out of a reply that has one and is no snapshot.
func drop(r *revocation.Reply, i int) {
	if len(r.Events) > i && !r.Snapshot {
		r.Events = append(r.Events[:i:i], r.Events[i+1:]...)
	}
	if r.Snapshot {
		r.Nonce = "lost"
	}
}

func TestLeaseIsBounded(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		credential := s.SignIn(verifytest.User{}).AccessToken()
		accepts(t, v, credential, Within(time.Hour))
		s.Partition()
		if last := lastAccepted(t, v, 2*time.Minute, credential, Within(time.Hour)); last > maxLease {
			t.Errorf("accepted for %v", last)
		}
	}, verifytest.Lease(time.Hour))
}

// A relay's answer is as old as the relay says.
func TestAgeOfARelayCounts(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		s.Tamper(func(r *revocation.Reply) { r.AgeMS = 4000 })
		v := start(t, s)
		credential := s.SignIn(verifytest.User{}).AccessToken()
		accepts(t, v, credential)
		refuses(t, v, ErrLeaseLost, credential, Within(3*time.Second))
		s.Partition()
		if last := lastAccepted(t, v, 20*time.Second, credential); last > 6*time.Second {
			t.Errorf("accepted %v later", last)
		}
	})
}

// A restored server begins a new epoch. Nothing that was revoked comes back, and
// nobody is signed out for good.
func TestNewEpoch(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session, ended := s.SignIn(verifytest.User{}), s.SignIn(verifytest.User{})
		old, endedToken := session.AccessToken(), ended.AccessToken()
		accepts(t, v, old)
		accepts(t, v, session.Token())
		s.Announce(revocation.SessionEvent(ended.ID)) // the session itself lives: the backup knows nothing of its end
		s.Settle()
		refuses(t, v, ErrRevoked, endedToken)
		s.Restore()
		s.Settle()
		refuses(t, v, ErrStale, old)
		accepts(t, v, session.AccessToken())
		accepts(t, v, session.Token())
		refuses(t, v, ErrRevoked, endedToken)
		refuses(t, v, ErrRevoked, ended.AccessToken()) // though it was minted in the new epoch
		refuses(t, v, ErrRevoked, ended.Token())       // though the server says that it lives
		refuses(t, v, ErrRevoked, ended.Token(), Live())
		if st := v.Status(); st.Alarms != 1 || st.LastAlarm == "" {
			t.Errorf("%+v", st)
		}
	})
}

// A store that was copied back in secret: same epoch, shorter log.
func TestRollback(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		credential := session.AccessToken()
		other := s.SignIn(verifytest.User{}).AccessToken()
		s.Announce(revocation.SubjectEvent("usr_other"))
		session.End()
		s.Settle()
		refuses(t, v, ErrRevoked, credential)
		s.Rollback(1)
		time.Sleep(3 * time.Second)
		refuses(t, v, ErrRevoked, credential)
		refuses(t, v, ErrLeaseLost, other)
		if st := v.Status(); st.Alarms == 0 || st.Ready {
			t.Errorf("%+v", st)
		}
	})
}

// A token from after an event that has not arrived yet makes the verifier sync
// rather than refuse or accept it.
func TestTokenAheadOfTheSet(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		accepts(t, v, session.AccessToken())
		s.Delay(200 * time.Millisecond) // the next event is on its way for a while
		s.Demote(session.User(), "admin")
		fresh := session.AccessToken()
		if s.Position() == v.Status().Position {
			t.Fatal("the event has arrived already: the test shows nothing")
		}
		if got := accepts(t, v, fresh); !got.HasRole("admin") {
			t.Errorf("roles %v", got.Roles())
		}
		if s.Position() != v.Status().Position {
			t.Error("accepted before the event had arrived")
		}
		s.Partition()
		s.Demote(session.User())
		refuses(t, v, ErrUnavailable, session.AccessToken())
	})
}

// A reply that was on its way before the token was looked at says nothing about
// where the log is now: it takes another one to know that the token is ahead of
// everything.
func TestTokenAheadOfAReplyOnItsWay(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		session := s.SignIn(verifytest.User{})
		accepts(t, v, session.AccessToken(), Within(4*minWait)) // polls too short to be given up
		s.Delay(100 * time.Millisecond)
		for range 50 {
			time.Sleep(127 * time.Millisecond)
			s.Demote(session.User())
			accepts(t, v, session.AccessToken())
		}
	})
}

func TestPrunedAndUnknownPositionsGetASnapshot(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		synced := make(chan Sync, 100)
		v := start(t, s, func(c *Config) { c.OnSync = func(x Sync) { synced <- x } })
		if first := <-synced; !first.Snapshot || first.Position != 0 || first.Epoch != s.Epoch() {
			t.Errorf("first sync %+v", first)
		}
		s.Crash()
		s.Announce(revocation.SubjectEvent("usr_a"))
		s.Prune()
		s.Announce(revocation.SubjectEvent("usr_b"))
		for len(synced) > 0 {
			<-synced
		}
		s.Heal()
		if next := <-synced; !next.Snapshot || next.Position != 2 || len(next.Events) != 1 {
			t.Errorf("after the log was pruned: %+v", next)
		}
		if v.Status().Alarms != 0 {
			t.Error("pruning is no alarm")
		}
		s.Announce(revocation.SubjectEvent("usr_c"))
		if next := <-synced; next.Snapshot || next.Position != 3 || len(next.Events) != 1 || next.Received.Before(next.Sent) || next.ServerTime.IsZero() {
			t.Errorf("then: %+v", next)
		}
	})
}

// The feed key may be replaced: the new one is fetched when it first signs.
func TestFeedKeyIsRefetched(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		v := start(t, s)
		next, err := jws.Generate("feed-2", jws.EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		set, err := jws.Set{next.Key()}.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		s.Intercept(func(r *http.Request, res *verifytest.Response) {
			switch r.URL.Path {
			case syncPath:
				resign(t, next, "revocation-sync")(res)
			case "/.well-known/tandem-feed-jwks.json":
				res.Body = set
			}
		})
		time.Sleep(30 * time.Second)
		if st := v.Status(); !st.Ready || st.Alarms != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// A server that says when to come again is obeyed.
func TestNextAndRetryAfterAreHonoured(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		s.Tamper(func(r *revocation.Reply) { r.NextMS = 1500 })
		start(t, s)
		before := s.Requests(syncPath)
		time.Sleep(35 * time.Second) // polls of 2 s, 1.5 s apart
		if n := s.Requests(syncPath) - before; n < 9 || n > 11 {
			t.Errorf("%d polls in 35 s", n)
		}
		s.Intercept(func(r *http.Request, res *verifytest.Response) {
			if r.URL.Path == syncPath {
				res.Status, res.Body = http.StatusServiceUnavailable, nil
				res.Header.Set("Retry-After", "8")
			}
		})
		time.Sleep(5 * time.Second)
		before = s.Requests(syncPath)
		time.Sleep(40 * time.Second)
		if n := s.Requests(syncPath) - before; n < 4 || n > 6 {
			t.Errorf("%d polls in 40 s", n)
		}
	})
}

func TestMovedEndpointIsFoundAgain(t *testing.T) {
	inFakeTime(t, func(t *testing.T, s *verifytest.Server) {
		var moved atomic.Bool
		s.Intercept(func(r *http.Request, res *verifytest.Response) {
			if moved.Load() && r.URL.Path == syncPath && r.URL.RawQuery == "" {
				res.Status = http.StatusNotFound
			}
			if moved.Load() && strings.HasSuffix(r.URL.Path, "oauth-authorization-server") {
				var m map[string]string
				if err := json.Unmarshal(res.Body, &m); err != nil {
					t.Error(err)
				}
				m["tandem_revocation_endpoint"] += "?new"
				res.Body, _ = json.Marshal(m)
			}
		})
		v := start(t, s)
		moved.Store(true)
		time.Sleep(30 * time.Second)
		if st := v.Status(); !st.Ready {
			t.Errorf("%+v", st)
		}
	})
}
