package client_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rootward/rootward/roster/rostertest"
)

// An index may name many key revocations; all are remembered, and none is
// asked for again.
func TestManyKeyRevocations(t *testing.T) {
	const many = 100
	s := serve(t, example(t))
	u := newUser(t, s)
	for i := range many {
		s.RevokeKey(rostertest.Person(fmt.Sprintf("Former %d", i)), pkg)
	}
	s.Publish(nil)
	u.wantWheel()
	kept := 0
	for name := range files(t, u.State) {
		if strings.HasPrefix(name, "key-revocations/") && strings.HasSuffix(name, ".json") {
			kept++
		}
	}
	if kept != many {
		t.Errorf("%d revocations are remembered, want %d", kept, many)
	}
	s.Requests()
	u.wantWheel()
	for _, path := range s.Requests() {
		if strings.HasPrefix(path, "key-revocations/") {
			t.Errorf("%s was asked for again", path)
		}
	}
}
