package client_test

import (
	"testing"

	"github.com/rootward/rootward/client"
)

func TestGet(t *testing.T) {
	u := newUser(t, serve(t, example(t)))
	u.wantWheel()
	u.wantWheel()
	for _, s := range u.Steps() {
		t.Logf("%s %s %s: %s", s.Layer, s.Subject, s.Digest, s.Why)
	}
	u.wantOutcome(client.Remembered)
	u.s.Anchor()
	u.wantOutcome(client.Established)
}
