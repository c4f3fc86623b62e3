package redis_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// A cluster's client lets a connection that it has replaced stay for five more seconds, for answers under way.
	lingers := goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2")
	refreshes := goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1") // within a second
	// The PostgreSQL that all tests share ends with the process.
	shared := goleak.IgnoreAnyFunction("tandem.example/tandem/internal/lab/rig.launch.func1")
	goleak.VerifyTestMain(m, lingers, refreshes, shared)
}
