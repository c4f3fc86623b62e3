package verify

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem.example/tandem/verify/token"
)

func cachedToken(credential string, until int64) *Token {
	return &Token{kind: AccessToken, credential: credential, claims: token.Claims{ExpiresAt: until}}
}

func TestCacheHoldsWhatItIsMadeFor(t *testing.T) {
	for _, size := range []int{1, 100, 100_000} {
		c := newCache(size)
		lost := 0
		for i := range size {
			c.keep(cachedToken(fmt.Sprint("credential ", i), 100), 0, 0)
		}
		for i := range size {
			if found := c.find(fmt.Sprint("credential ", i), 0); found == nil {
				lost++
			} else if found.credential != fmt.Sprint("credential ", i) {
				t.Fatalf("found %q for %d", found.credential, i)
			}
		}
		if lost > 3+size/1000 {
			t.Errorf("size %d: %d crowded out", size, lost)
		}
		if c.len() != size-lost {
			t.Errorf("size %d: len %d, %d lost", size, c.len(), lost)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(1000)
	slots := len(c.groups) * groupSize
	if slots > 4000 {
		t.Errorf("%d slots for 1000 entries", slots)
	}
	for i := range 20 * slots {
		c.keep(cachedToken(fmt.Sprint("credential ", i), 100), 0, 0)
	}
	if n := c.len(); n > slots {
		t.Errorf("%d entries in %d slots", n, slots)
	}
	held := 0
	for i := range c.groups {
		for j := range c.groups[i].entries {
			if c.groups[i].entries[j].Load() != nil {
				held++
			}
		}
	}
	if held != c.len() {
		t.Errorf("holds %d, len %d", held, c.len())
	}
}

func TestCacheKeepsWhatIsUsed(t *testing.T) {
	c := newCache(100)
	c.keep(cachedToken("popular", 100), 0, 0)
	for i := range 5000 {
		if i%2 == 0 && c.find("popular", 0) == nil {
			t.Fatalf("gone after %d others, though it is used all the time", i)
		}
		c.keep(cachedToken(fmt.Sprint("credential ", i), 100), 0, 0)
	}
}

// A tag that matches proves nothing: the whole credential is compared.
func TestCacheComparesTheWholeCredential(t *testing.T) {
	c := newCache(8)
	c.keep(cachedToken("the real one", 100), 0, 0)
	tag, a, b := c.place("a forged one")
	for _, g := range [2]*group{a, b} { // every slot claims to be it
		for i := range g.tags {
			if e := g.entries[i].Load(); e != nil {
				forged := cachedToken(e.credential, 100)
				forged.cached.tag = tag
				g.entries[i].Store(forged)
				g.tags[i].Store(tag)
			}
		}
	}
	if got := c.find("a forged one", 0); got != nil {
		t.Errorf("found %q", got.credential)
	}
}

func TestCacheForgets(t *testing.T) {
	c := newCache(8)
	one := cachedToken("credential", 100)
	c.keep(one, 0, 0)
	two := cachedToken("credential", 200)
	c.keep(two, 0, 0)
	if c.len() != 1 {
		t.Errorf("len %d after the same credential twice", c.len())
	}
	c.forget(one) // has been replaced: nothing to forget
	if c.find("credential", 0) != two {
		t.Error("forgot another token than it was told to")
	}
	c.forget(two)
	if c.find("credential", 0) != nil || c.len() != 0 {
		t.Error("still there")
	}
}

func TestCacheOfOtherKeys(t *testing.T) {
	c := newCache(8)
	c.keep(cachedToken("credential", 100), 3, 0)
	if c.find("credential", 4) != nil {
		t.Error("found what was checked with keys that are gone")
	}
	c.keep(cachedToken("credential", 100), 4, 0)
	if c.find("credential", 4) == nil {
		t.Error("not found after it was checked again")
	}
}

func TestCacheReusesUselessEntriesFirst(t *testing.T) {
	c := newCache(8)
	slots := len(c.groups) * groupSize
	for i := range slots - 1 {
		c.keep(cachedToken(fmt.Sprint("good ", i), 1000), 0, 0)
	}
	c.keep(cachedToken("expired", 10), 0, 0)
	c.keep(cachedToken("new", 1000), 0, 20*time.Second)
	if c.find("expired", 0) != nil {
		t.Error("the expired entry was not the one to go")
	}
	if c.find("new", 0) == nil {
		t.Error("the new entry is missing")
	}
}

func TestCacheConcurrently(t *testing.T) {
	c := newCache(64)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 3000 {
				name := fmt.Sprint("credential ", (i*7+w)%300)
				if found := c.find(name, 0); found == nil {
					c.keep(cachedToken(strings.Clone(name), 100), 0, 0)
				} else if found.credential != name {
					t.Errorf("found %q for %q", found.credential, name)
				} else if i%5 == 0 {
					c.forget(found)
				}
			}
		})
	}
	wg.Wait()
	if c.len() < 0 || c.len() > len(c.groups)*groupSize {
		t.Errorf("len %d", c.len())
	}
}
