package operator

import (
	"context"
	"fmt"

	"tandem.example/tandem/internal/session"
)

// Session answers one session with its user, whether it is alive or not. Errors: session.ErrNotFound.
func (s *Service) Session(ctx context.Context, id session.ID) (session.View, error) {
	view, err := s.Sessions.Find(ctx, id)
	if err != nil {
		return view, fmt.Errorf("find session: %w", err)
	}
	return view, nil
}
