package memory_test

import (
	"testing"

	"tandem.example/tandem/internal/memory"
	"tandem.example/tandem/internal/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Store { return memory.Open(memory.Options{}) })
}
