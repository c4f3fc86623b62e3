package postgres

import (
	"testing"

	"tandem.example/tandem/internal/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return open(t, config(t)) })
}
