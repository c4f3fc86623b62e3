package tandem

import (
	"context"
	"errors"

	"tandem.example/tandem/internal/feed"
)

func openShared(context.Context, Config, options) (store, error) {
	return nil, errors.New("store: PostgreSQL is not in this build yet")
}

func nodes(store, options) *feed.Shared { return nil }
