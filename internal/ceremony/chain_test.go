package ceremony

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// three is an index with three rosters; in the last one Dave takes Alice's place.
func three(t *testing.T) *rostertest.Index {
	x := rostertest.New(t)
	for i := range 2 {
		x.Now = x.Now.AddDate(0, 1, 0)
		x.Succeed(func(r *roster.Root) {
			if i == 1 {
				rostertest.SetKeyholders(r, rostertest.People("Bob", "Carol", "Dave")...)
			}
		})
	}
	return x
}

func TestWalk(t *testing.T) {
	x := three(t)
	c, err := Walk(t.Context(), x.Fetch, x.Pin())
	if err != nil || len(c.Rosters) != 3 || c.Last().Digest() != x.Roster.Digest() {
		t.Fatalf("chain %+v, %v", c, err)
	}
	report := strings.Join(c.Report(), "\n")
	for _, want := range []string{"pinned; signed by Alice, Bob, Carol (wanted 2 of 3)", "approved for roster 2 by Alice, Bob, Carol (wanted 2 of 3), for its own by Bob, Carol, Dave (wanted 2 of 3)"} {
		if !strings.Contains(report, want) {
			t.Errorf("report lacks %q:\n%s", want, report)
		}
	}
	// A pin may be of a later roster: the walk begins there.
	second := digest.Sum(x.Files[roster.RosterPath(2)])
	if c, err = Walk(t.Context(), x.Fetch, second); err != nil || len(c.Rosters) != 2 || c.Rosters[0].Version() != 2 {
		t.Errorf("from the second: %+v, %v", c, err)
	}
}

// TestWalkRefuses: a chain is not taken from what it must judge, nor by halves.
func TestWalkRefuses(t *testing.T) {
	second, third := roster.RosterPath(2), roster.RosterPath(3)
	for what, c := range map[string]struct {
		turn func(*rostertest.Index)
		text string
	}{
		"another first roster": {func(x *rostertest.Index) {
			r := x.Root
			r.Version, r.Previous, r.SnapshotFloor = 1, roster.Ref{}, 9
			x.PutSigned(roster.RosterPath(1), x.Draft(r).Bytes(), rostertest.People("Bob", "Carol", "Dave")...)
		}, "no roster there has the pinned digest"},
		"too few signatures": {func(x *rostertest.Index) {
			x.PutSigned(second, x.Files[second], rostertest.Person("Alice"))
		}, "quorum of roster version 1 not met"},
		"no signatures": {func(x *rostertest.Index) { delete(x.Files, roster.SignaturePath(third)) }, "root/3.json is there without its signatures"},
		"another's place": {func(x *rostertest.Index) {
			x.Put(second, x.Files[third])
			x.Put(roster.SignaturePath(second), x.Files[roster.SignaturePath(third)])
		}, "version 3 does not follow version 1"},
		"nothing": {func(x *rostertest.Index) { clear(x.Files) }, "no roster there"},
	} {
		x := three(t)
		pin := x.Pin()
		c.turn(x)
		_, err := Walk(t.Context(), x.Fetch, pin)
		if err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: answer is %v, want %q", what, err, c.text)
		}
	}
}

// TestFolderIsNotLeft: no name and no link leads out of a folder, and nothing
// longer than allowed is read.
func TestFolderIsNotLeft(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "inside")
	for name, text := range map[string]string{"secret": "outside", "inside/file": "four"} {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(inside, "link")); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFolder(inside)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if b, err := f.Fetch(context.Background(), "file", 4); err != nil || string(b) != "four" {
		t.Errorf("file is %q, %v", b, err)
	}
	for _, name := range []string{"../secret", "link", "/etc/hostname"} {
		if b, err := f.Fetch(context.Background(), name, 100); err == nil {
			t.Errorf("%s gave %q", name, b)
		}
	}
	if _, err := f.Fetch(context.Background(), "file", 3); err == nil || !strings.Contains(err.Error(), "more than the 3 bytes") {
		t.Errorf("a file that is too long gives %v", err)
	}
}
