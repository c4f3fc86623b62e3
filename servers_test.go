package tandem

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"tandem.example/tandem/internal/lab/rig"
)

// testStore is the environment variable by which the test binary keeps everything in servers: see TestOnServers.
const testStore = "TANDEM_TEST_STORE"

// The values of testStore.
const (
	onPostgres = "postgres"
	onRedis    = "postgres+redis"
)

// onServers are the tests that say nothing of where things are kept.
const onServers = "^(TestFromSignInToRevocation|TestMatrix|TestForgedRequests|TestLoginForgery|TestEnumeration|TestGuessesAreCountedExactly|" +
	"TestStolenSessionGuessesNoPassword|TestOwnerIsNotLockedOut|TestHostileStrings|TestOneKindAsAnother|TestForgedRefreshTokens|TestStolenRefreshToken|" +
	"TestFixedSession|TestReplayAfterLogout|TestStepUpAsSomebodyElse|TestForgedAccessTokens|TestStaleAdministrator|TestMintAgainstRevoke|" +
	"TestHundredRefreshesOfOneToken|TestLogoutSticks|TestServerSignsWithTheSharedSecret|TestStepUpThatARefreshOvertakes|" +
	"TestPeopleOnPages)$"

// The whole system is tested again on PostgreSQL, and on PostgreSQL with Redis for the sessions: by this binary in a
// process of its own, so that the two servers are started once for all tests.
func TestOnServers(t *testing.T) {
	if os.Getenv(testStore) != "" {
		t.Skip("this is it already")
	}
	if testing.Short() {
		t.Skip("needs PostgreSQL and Redis")
	}
	for _, store := range []string{onPostgres, onRedis} {
		t.Run(store, func(t *testing.T) {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), self, "-test.run="+onServers, "-test.timeout=8m", "-test.v=true")
			cmd.Env = append(os.Environ(), testStore+"="+store)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			ran := strings.Count("\n"+string(out), "\n--- PASS: ")
			if want := strings.Count(onServers, "Test"); ran != want {
				t.Errorf("%d tests ran, want %d\n%s", ran, want, out)
			}
		})
	}
}

// inServers has the configuration keep everything where TestOnServers says.
func inServers(t testing.TB, c *Config) {
	t.Helper()
	where := os.Getenv(testStore)
	if where == "" || c.Store != "" {
		return
	}
	c.Store, c.InsecureAllowAsyncCommit = rig.SharedPostgres(t).NewDatabase(t), true
	if where == onRedis {
		c.Sessions.Store = rig.Redis(t, rig.RedisConfig{AppendFsync: "everysec"}).URL()
	}
}
