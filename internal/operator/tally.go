package operator

import (
	"context"
	"fmt"
	"time"

	"tandem.example/tandem/internal/audit"
)

// entrances are the acts by which people come in or are kept out.
var entrances = []audit.Type{audit.SignedIn, audit.SignInRefused, audit.StepUpRefused, audit.RefreshReused, audit.BindingRefused}

// Entrances counts how often people signed in and were refused, by reason, in steps of the given length: those of the last
// `steps` steps, the present one included. It answers the beginning of the first too.
func (s *Service) Entrances(ctx context.Context, step time.Duration, steps int) ([]audit.Tally, time.Time, error) {
	since := s.Now().UTC().Truncate(step).Add(-step * time.Duration(steps-1))
	tally, err := s.Audit.Tally(ctx, entrances, since, step)
	if err != nil {
		return nil, since, fmt.Errorf("count entrances: %w", err)
	}
	return tally, since, nil
}
