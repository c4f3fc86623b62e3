package redis

import (
	"strconv"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"tandem.example/tandem/internal/lab/rig"
)

// A connection that breaks before the answer comes has the script run again. What it did the first time is not taken for
// somebody else's: a renewal would be answered as a failure, with the only copy of the new credentials.
func TestASwapThatIsToldTwiceIsDoneOnce(t *testing.T) {
	option, err := Config{URL: rig.Redis(t, rig.RedisConfig{}).URL()}.option()
	if err != nil {
		t.Fatal(err)
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	l, until := newLink(client), strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10)
	if err := client.Do(t.Context(), client.B().Set().Key("row").Value("stamp--0 old").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		stamp, value string
		want         bool
	}{
		{"stamp--0", "stamp--1 new", true},
		{"stamp--0", "stamp--1 new", true},
		{"stamp--0", "stamp--2 another's", false},
	} {
		done, err := doneOf(t.Context(), l.exec(t.Context(), swapScript, call{keys: []string{"row"}, args: []string{step.stamp, step.value, until}}))
		if err != nil || done != step.want {
			t.Errorf("step %d: %v, %v, want %v", i, done, err, step.want)
		}
	}
}
