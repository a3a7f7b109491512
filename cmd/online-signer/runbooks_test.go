package main

import (
	"testing"

	"github.com/rootward/rootward/internal/runbooktest"
)

// TestRunbooks: what the runbooks tell people to type is understood.
func TestRunbooks(t *testing.T) { runbooktest.Check(t, "../..", "online-signer", app) }
