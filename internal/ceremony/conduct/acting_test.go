package conduct

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rootward/rootward/roster/digest"
)

// otherPlan writes the plan of a ceremony that makes no roster.
func (s *stage) otherPlan(act, more string) string {
	s.t.Helper()
	s.write(act+".yaml", fmt.Appendf(nil, `ceremony: %[1]s-1
acts: [%[1]s]
repository: %[2]s
roles: {administrator: Dora, witnesses: [{name: Walter}, {name: Wanda}]}
outputs: {record: record-%[1]s%[3]s}
%[4]s`, act, rehearsal, map[bool]string{true: ", published: opened"}[act == "open-revocations"], more))
	return s.path(act + ".yaml")
}

func (s *stage) rosterDigest(n int) digest.Digest {
	return digest.Sum([]byte(s.files(fmt.Sprintf("out-%d", n))[fmt.Sprintf("/out-%d/publish/root/%d.json", n, n)]))
}

// interrupted holds a ceremony whose disk fails at the first entry with the event
// after something, and then the rest of it.
func (s *stage) interrupted(plan string, at time.Time, event string, after func() bool) *hall {
	s.t.Helper()
	h := s.hall(at)
	cfg := h.config(plan)
	failed := false
	cfg.Watch = func(what string) error {
		if !failed && what == "entry "+event && after() {
			failed = true
			return syscall.ENOSPC
		}
		return nil
	}
	h.answer = s.others
	if _, err := Run(s.t.Context(), cfg); !errors.Is(err, syscall.ENOSPC) {
		s.t.Fatalf("the disk was to fail, and the ceremony ends with %v\n%s", err, tail(h.shown.String(), 30))
	}
	h = s.hall(at)
	h.answer = s.others
	h.mustConduct(plan)
	return h
}

// others are the answers to what only these ceremonies ask.
func (s *stage) others(prompt string) string {
	switch {
	case strings.HasPrefix(prompt, "Type the ceremony's name, destroy-revocations-1"):
		return "destroy-revocations-1"
	case strings.HasPrefix(prompt, "Type the ceremony's name to destroy them"):
		return "number-1"
	case strings.HasPrefix(prompt, "Type destroyed"):
		return "destroyed"
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestOpen makes a sealed revocation ready to publish, in the fewest steps, and
// is interrupted just after it was written.
func TestOpen(t *testing.T) {
	s := newStage(t)
	s.hall(first).mustConduct(s.genesis())
	sealed, _ := filepath.Glob(s.path("out-1", "sealed", "revocations", "*.json"))
	if len(sealed) != 2 {
		t.Fatal(sealed)
	}
	var ids []string
	for _, file := range sealed {
		ids = append(ids, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	plan := s.otherPlan("open-revocations", fmt.Sprintf("previous: {directory: out-1/publish, pin: %s}\nsealed: {directory: out-1/sealed, open: [%s], reason: it may have leaked}\n", s.rosterDigest(1), strings.Join(ids, ", ")))
	h := s.interrupted(plan, second, "shown", func() bool { return exists(s.path("opened")) })
	h.shows("UNSEAL", "To publish at once")
	for name, got := range s.files("opened") {
		if want := s.files("out-1")["/out-1/sealed"+strings.TrimPrefix(name, "/opened")]; got != want {
			t.Errorf("%s is not the one that was sealed", name)
		}
	}
	if n := len(s.files("opened")); n != 4 {
		t.Errorf("%d files are made ready, want 4", n)
	}
	if s.did("record-open-revocations", "sealed") != 1 || s.did("record-open-revocations", "unsealing") != 1 {
		t.Error("the record is not whole")
	}
}

// TestDestroy destroys what a newer roster supersedes, and is interrupted just
// after.
func TestDestroy(t *testing.T) {
	s := newStage(t)
	s.hall(first).mustConduct(s.genesis())
	s.hall(second).mustConduct(s.renewal())
	if err := os.CopyFS(s.path("public", "root"), os.DirFS(s.path("out-1", "publish", "root"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"2.json", "2.json.asc"} {
		s.write("public/root/"+name, []byte(s.files("out-2")["/out-2/publish/root/"+name]))
	}
	plan := s.otherPlan("destroy-revocations", fmt.Sprintf("previous: {directory: public, pin: %s}\nsealed: {directory: out-1/sealed, reason: roster 2 is public}\n", s.rosterDigest(1)))
	h := s.interrupted(plan, second, "asked", func() bool { return !exists(s.path("out-1", "sealed")) })
	h.shows("it was destroyed before the interruption")
	if exists(s.path("out-1", "sealed")) || !exists(s.path("out-2", "sealed")) {
		t.Error("the wrong folder is gone, or none")
	}
	files := 0
	for _, e := range s.entries("record-destroy-revocations") {
		if facts, _ := e["facts"].(map[string]any); e["event"] == "destroying" {
			list, _ := facts["files"].([]any)
			files += len(list)
		}
	}
	if files != 5 {
		t.Errorf("the record names %d destroyed files, want 5", files)
	}
}

// TestAbandonByPlan destroys another ceremony's draft, and is interrupted just
// after.
func TestAbandonByPlan(t *testing.T) {
	s := newStage(t)
	h := s.hall(first)
	h.answer = func(prompt string) string {
		if strings.HasPrefix(prompt, "Bob: type ready") {
			return "stop"
		}
		return ""
	}
	if _, err := h.conduct(s.genesis()); err == nil {
		t.Fatal("nobody stopped")
	}
	draft := digest.Sum([]byte(s.files("record-1")["/record-1/draft/root/1.json"]))
	plan := s.otherPlan("abandon", fmt.Sprintf("abandon: {record: record-1, draft: %s, reason: the expiry is wrong}\n", draft))
	s.interrupted(plan, first, "asked", func() bool { return !exists(s.path("record-1", "draft")) })
	if s.did("record-1", "abandoned") != 1 || exists(s.path("record-1", "signatures")) {
		t.Error("the draft is still there")
	}
	if s.did("record-abandon", "sealed") != 1 {
		t.Error("the record is not whole")
	}
}
