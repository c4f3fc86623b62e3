package federate

import (
	"context"
	"fmt"
)

// Reach asks a provider for its configuration unless it has just told it, so that one that is down or misspelt is known of
// before somebody wants to sign in there. asked is false for GitHub, which has none. Errors: ErrUnknownProvider, ErrUnreachable.
func (p *Providers) Reach(ctx context.Context, provider string) (asked bool, err error) {
	peer, ok := p.peers[provider]
	if !ok {
		return false, ErrUnknownProvider
	}
	if _, _, err := peer.issuer(ctx); err != nil {
		return true, fmt.Errorf("reach provider %s: %w", provider, err)
	}
	_, asked = peer.(*connect)
	return asked, nil
}
