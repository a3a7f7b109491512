package signer_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/tree"
)

func storeJSON(w store.Writer, t store.Table, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.Store(t, key, b)
}

func TestStatus(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	r.release("example", "example-1.0.tar.gz", "one", alice)
	r.publish()
	c := r.client()
	for _, s := range []struct {
		status tree.Status
		want   client.Outcome
	}{{tree.Quarantined, client.Quarantined}, {tree.Removed, client.Removed}} {
		must(t, r.service.SetStatus(t.Context(), "example", s.status))
		r.publish()
		var outcome *client.OutcomeError
		if _, err := c.authorise("example", "example-1.0.tar.gz"); !errors.As(err, &outcome) || outcome.Outcome != s.want {
			t.Fatalf("the package is found %v, wanted %s", err, s.want)
		}
	}
	must(t, r.service.SetStatus(t.Context(), "example", tree.Active))
	r.publish()
	r.same()
	c.finds("example", "example-1.0.tar.gz", client.New)

	if err := r.service.SetStatus(t.Context(), "nobody", tree.Removed); !errors.Is(err, signer.ErrUnknown) {
		t.Errorf("the status of an unknown package is set with %v, wanted ErrUnknown", err)
	}
	if err := r.service.SetStatus(t.Context(), "example", "sleeping"); err == nil {
		t.Error("a package was put to sleep")
	}
	if err := r.service.SetStatus(t.Context(), "Example", tree.Removed); err == nil {
		t.Error("a name that is not in normal form was taken")
	}
}

func TestUnsigned(t *testing.T) {
	r := newRig(t)
	f := fileOf("example-1.0.tar.gz", "one")
	for range 2 { // again is nothing new
		must(t, r.service.AddUnsigned(t.Context(), "example", "1.0", f))
	}
	r.x.Upload("example", "example-1.0.tar.gz", "one")
	r.publish()
	r.same()
	r.client().finds("example", "example-1.0.tar.gz", client.Unsigned)

	for _, c := range []struct {
		name, version, words string
		f                    roster.File
	}{
		{"example", "1.0", "other bytes", fileOf("example-1.0.tar.gz", "other")},
		{"example", "1.0", "not one of version", fileOf("example-2.0.tar.gz", "two")},
		{"example", "1.0", "not one of version", fileOf("other-1.0.tar.gz", "two")},
		{"claimed", "1.0", "has a maintainer list", fileOf("claimed-1.0.tar.gz", "one")},
		{"Example", "1.0", "normal form", f},
	} {
		if c.name == "claimed" {
			r.claim("claimed", alice)
		}
		if err := r.service.AddUnsigned(t.Context(), c.name, c.version, c.f); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("adding %s to %s %s gives %v, wanted the words %q", c.f.Name, c.name, c.version, err, c.words)
		}
	}
}

func TestYank(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	r.release("example", "example-1.0.tar.gz", "one", alice)
	for range 2 {
		must(t, r.service.Yank(t.Context(), "example", "1.0", "example-1.0.tar.gz"))
	}
	r.x.Append("example", roster.Line{Kind: roster.LineYank, Version: "1.0", File: "example-1.0.tar.gz"})
	must(t, r.service.Yank(t.Context(), "example", "1.0", ""))
	r.x.Append("example", roster.Line{Kind: roster.LineYank, Version: "1.0"})
	r.publish()
	r.same()
	for _, c := range [][4]string{
		{"example", "2.0", "", "no version"},
		{"example", "1.0", "example-2.0.tar.gz", "not one of version"},
		{"nobody", "1.0", "", "not known"},
	} {
		if err := r.service.Yank(t.Context(), c[0], c[1], c[2]); err == nil || !strings.Contains(err.Error(), c[3]) {
			t.Errorf("yanking %q gives %v, wanted the words %q", c[:3], err, c[3])
		}
	}
}

// Before the first roster the service adopts, and does nothing else.
func TestBeforeGenesis(t *testing.T) {
	full := newRig(t)
	r := &rig{t: t, x: full.x, dir: t.TempDir(), keys: full.keys, log: &record{}}
	r.open()
	t.Cleanup(func() { r.store.Close() })
	l := r.x.Claim("example", alice)
	_, submitErr := r.submit(roster.ListPath("example", l.Digest()))
	_, revokeErr := r.service.PublishRevocation(t.Context(), roster.Signed{})
	for what, err := range map[string]error{
		"Submit": submitErr, "PublishRevocation": revokeErr, "Publish": r.service.Publish(t.Context(), true),
		"SetStatus":   r.service.SetStatus(t.Context(), "example", tree.Removed),
		"AddUnsigned": r.service.AddUnsigned(t.Context(), "example", "1.0", fileOf("example-1.0.tar.gz", "one")),
		"Yank":        r.service.Yank(t.Context(), "example", "1.0", ""),
	} {
		if !errors.Is(err, signer.ErrNoRoster) {
			t.Errorf("%s gives %v, wanted ErrNoRoster", what, err)
		}
	}
	if h, err := r.service.Health(t.Context()); err != nil || h.Expired {
		t.Errorf("before the first roster the health is %+v (%v), wanted nothing expired", h, err)
	}
	r.adopt()
	r.publish()
	r.wantLatest(1)
}

func TestHealth(t *testing.T) {
	r := newRig(t)
	r.keys.set(true)
	r.claim("example", alice)
	if err := r.service.Publish(t.Context(), false); err == nil {
		t.Fatal("a pass without keys has no error")
	}
	h, err := r.service.Health(t.Context())
	must(t, err)
	if h.Trouble == "" || h.Waiting != 1 || h.Expired || h.Snapshot != 1 || h.Roster != 1 {
		t.Fatalf("the health is %+v, wanted one waiting package, its trouble, and snapshot 1 unexpired", h)
	}
	r.x.Now = r.x.Now.AddDate(0, 0, 1)
	if h, err = r.service.Health(t.Context()); err != nil || !h.Expired {
		t.Fatalf("a day later the health is %+v (%v), wanted expired", h, err)
	}
}
