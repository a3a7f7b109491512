package signer_test

import (
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/roster/rostertest"
)

var (
	alice = rostertest.Person("Alice-m")
	bob   = rostertest.Person("Bob-m")
	carol = rostertest.Person("Carol-m")
	dave  = rostertest.Person("Dave-m")
	mary  = rostertest.Person("Mary-m")
)

// The whole path: claim, release, succession, anchor.
func TestFromClaimToEstablished(t *testing.T) {
	r := newRig(t)
	l := r.claim("example", alice, bob)
	r.release("example", "example-1.0.tar.gz", "one", alice)
	if a, err := r.service.State(t.Context(), l.Digest()); err != nil || a.State != signer.Accepted {
		t.Fatalf("before the pass the list is %q (%v), wanted it accepted", a.State, err)
	}
	r.publish()
	if a, err := r.service.State(t.Context(), l.Digest()); err != nil || a.State != signer.Published {
		t.Fatalf("after the pass the list is %q (%v), wanted it published", a.State, err)
	}
	r.same()
	old := r.client()
	old.finds("example", "example-1.0.tar.gz", client.New)

	r.x.Anchor()
	if a := r.adopt(); a.Roster != 2 || a.FloorChanged || len(a.Replaced)+len(a.Dropped) > 0 {
		t.Fatalf("adopting the anchor changed %+v, wanted nothing but the roster", a)
	}
	r.publish()
	old.finds("example", "example-1.0.tar.gz", client.Established)
	r.client().finds("example", "example-1.0.tar.gz", client.Established)

	r.succeed(r.x.NextList("example", alice, carol), alice, carol)
	r.release("example", "example-2.0.tar.gz", "two", carol)
	r.publish()
	r.same()
	for _, c := range []*reader{old, r.client()} {
		c.finds("example", "example-1.0.tar.gz", client.Established)
		c.finds("example", "example-2.0.tar.gz", client.Established)
	}
}
