package signin

import (
	"context"

	"tandem.example/tandem/internal/language"
	"tandem.example/tandem/internal/mail"
)

// Tell sends a user a notice of what somebody else did. They took no part in it, so the server's own language is used, and
// nothing is told of the other's device and place. It never fails what was done: what cannot be sent is logged.
func (s *Service) Tell(ctx context.Context, to string, compose func(mail.Happening, language.Speaker) mail.Message) {
	s.tell(ctx, compose(s.occasion(to, Client{}, s.Now()), language.For("")))
}
