package federate_test

import (
	"errors"
	"testing"

	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/lab/provider"
)

func TestReachFindsAProviderThatIsDownOrMisspelt(t *testing.T) {
	w := newWorld(t, federate.KindOIDC)
	if asked, err := w.client.Reach(t.Context(), "acme"); !asked || err != nil {
		t.Errorf("a sound one: %t, %v", asked, err)
	}
	for _, fault := range []provider.Fault{provider.Broken, provider.Misnamed} {
		w := newWorld(t, federate.KindOIDC)
		w.Do(fault)
		if _, err := w.client.Reach(t.Context(), "acme"); !errors.Is(err, federate.ErrUnreachable) {
			t.Errorf("%s: %v", fault, err)
		}
	}
	if asked, err := newWorld(t, federate.KindGitHub).client.Reach(t.Context(), "acme"); asked || err != nil {
		t.Errorf("GitHub: %t, %v", asked, err)
	}
	if _, err := w.client.Reach(t.Context(), "other"); !errors.Is(err, federate.ErrUnknownProvider) {
		t.Errorf("an unknown one: %v", err)
	}
}
