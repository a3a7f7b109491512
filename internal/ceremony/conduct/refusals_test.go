package conduct

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rootward/rootward/internal/ceremony"
)

// refusedWith wants a refusal with a text.
func refusedWith(t *testing.T, err error, text string) {
	t.Helper()
	if !errors.As(err, new(*ceremony.RefusedError)) || !strings.Contains(err.Error(), text) {
		t.Errorf("the ceremony ends with %v, want a refusal with %q", err, text)
	}
}

// TestPlanChangesMeanwhile: what the room compared is what is read.
func TestPlanChangesMeanwhile(t *testing.T) {
	s := newStage(t)
	plan := s.genesis()
	h := s.hall(first)
	h.answer = func(prompt string) string {
		if strings.HasPrefix(prompt, "Clock 1") {
			s.write("plan-1.yaml", append([]byte("# corrected\n"), s.read("plan-1.yaml")...))
		}
		return ""
	}
	_, err := h.conduct(plan)
	refusedWith(t, err, "the plan has digest")
	if s.did("record-1", "drafted") != 0 {
		t.Error("a draft was made of it")
	}
}

func (s *stage) read(name string) []byte {
	s.t.Helper()
	b, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// TestNoFolders: a plan without outputs wants them from the command line.
func TestNoFolders(t *testing.T) {
	s := newStage(t)
	plan := s.genesis()
	s.write("plan-1.yaml", []byte(strings.Replace(string(s.read("plan-1.yaml")), "outputs: {record: record-1, published: out-1}\n", "", 1)))
	h := s.hall(first)
	_, err := h.conduct(plan)
	refusedWith(t, err, "the plan names no folder for the record")
	cfg := h.config(plan)
	cfg.Record = s.path("mine")
	_, err = Run(t.Context(), cfg)
	refusedWith(t, err, "the plan names no folder for the output")
	cfg.Out = s.path("out")
	if _, err := Run(t.Context(), cfg); err != nil || s.did("mine", "sealed") != 1 || !exists(s.path("out", "publish")) {
		t.Errorf("with both named, the ceremony ends with %v", err)
	}
}

// TestStopWhereNothingIsAsked: stop is heard where only Enter is expected.
func TestStopWhereNothingIsAsked(t *testing.T) {
	s := newStage(t)
	h := s.hall(first)
	h.answer = func(prompt string) string {
		if prompt == "Press Enter to go on" {
			return "Stop"
		}
		return ""
	}
	var stopped *StoppedError
	if _, err := h.conduct(s.genesis()); !errors.As(err, &stopped) || stopped.Step != "DRAFT" {
		t.Errorf("the ceremony ends with %v, want a stop at DRAFT", err)
	}
}

// TestBlockedBefore: of a card that is blocked already nobody is asked anything.
func TestBlockedBefore(t *testing.T) {
	s := newStage(t)
	s.reader.cards["Alice"].tries = 0
	h, n := s.hall(first), 0
	h.answer = func(prompt string) string {
		if strings.HasPrefix(prompt, "Alice: type ready") {
			if n++; n > 1 {
				return "stop"
			}
		}
		return ""
	}
	if _, err := h.conduct(s.genesis()); err == nil {
		t.Fatal("nobody stopped")
	}
	h.shows("the PIN of card 1001 is BLOCKED")
	if n := s.did("record-1", "challenge") + s.did("record-1", "PIN asked for"); n != 0 {
		t.Errorf("%d questions were asked for a card that is blocked", n)
	}
}

// TestSignatureVanishes: what was signed is looked for on the disk before the
// card is let go.
func TestSignatureVanishes(t *testing.T) {
	s := newStage(t)
	h, n := s.hall(first), 0
	alice := s.reader.cards["Alice"]
	alice.onSign = func() {
		if n++; n == 3 {
			if err := os.Remove(s.path("record-1", "signatures", "1001", "root", "1.json.asc")); err != nil {
				t.Error(err)
			}
		}
	}
	_, err := h.conduct(s.genesis())
	if err == nil || !strings.Contains(err.Error(), "1 documents are not signed after card 1001 signed them all") {
		t.Errorf("the ceremony ends with %v", err)
	}
	h.lacks("TAKE CARD 1001 OUT")
}

// TestOpenedChanges: an output that stands there after an interruption is the
// plan's to the last byte, or refused.
func TestOpenedChanges(t *testing.T) {
	s := newStage(t)
	s.hall(first).mustConduct(s.genesis())
	sealed, _ := filepath.Glob(s.path("out-1", "sealed", "revocations", "*.json"))
	var ids []string
	for _, file := range sealed {
		ids = append(ids, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	plan := s.otherPlan("open-revocations", fmt.Sprintf("previous: {directory: out-1/publish, pin: %s}\nsealed: {directory: out-1/sealed, open: [%s], reason: it may have leaked}\n", s.rosterDigest(1), strings.Join(ids, ", ")))
	h := s.hall(second)
	cfg := h.config(plan)
	cfg.Watch = func(what string) error {
		if what == "entry shown" && exists(s.path("opened")) {
			return syscall.ENOSPC
		}
		return nil
	}
	if _, err := Run(t.Context(), cfg); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	changed := "opened/revocations/" + ids[1] + ".json"
	if !exists(s.path(changed)) {
		t.Fatalf("%s is not there", changed)
	}
	s.write(changed, append(s.read(changed), '\n'))
	_, err := s.hall(second).conduct(plan)
	refusedWith(t, err, "is there, and is not this plan's")
}
