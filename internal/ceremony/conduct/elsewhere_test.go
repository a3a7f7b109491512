package conduct

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/words"
	"github.com/rootward/rootward/roster/digest"
)

// A homeDesk is where somebody signs alone, with what they know of the draft.
type homeDesk struct{ draft digest.Digest }

func (homeDesk) Say(string)                    {}
func (homeDesk) Secret(string) (string, error) { return pin, nil }

func (d homeDesk) Ask(prompt string) (string, error) {
	m := regexp.MustCompile(`^Type word (\d+) and word (\d+) of the digest`).FindStringSubmatch(prompt)
	if m == nil {
		return "", errors.New("asked " + prompt)
	}
	i, _ := strconv.Atoi(m[1])
	j, _ := strconv.Atoi(m[2])
	w := words.Words(d.draft[:])
	return w[i-1] + " " + w[j-1], nil
}

// atHome has somebody open the draft's file on a machine of their own, sign, and
// write the signatures to another file.
func (s *stage) atHome(who, draft, signatures string, at time.Time) error {
	dir := filepath.Join(s.t.TempDir(), "record")
	f, err := os.Open(draft)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := bundle.Open(bufio.NewReader(f))
	if err != nil {
		return err
	}
	if err := ceremony.Receive(s.t.Context(), b, dir, at); err != nil {
		return err
	}
	r, err := ceremony.OpenRecord(s.t.Context(), dir, at)
	if err != nil {
		return err
	}
	defer r.Close()
	session, err := r.Session(s.t.Context())
	if err != nil {
		return err
	}
	err = session.Sign(s.t.Context(), ceremony.Signing{Card: s.reader.cards[who], Desk: homeDesk{b.Manifest().Roster}, At: at, Rand: rand.Reader})
	if err != nil {
		return err
	}
	signed, err := session.Bundle(s.t.Context(), bundle.Signatures)
	if err != nil {
		return err
	}
	raw, err := signed.Bytes()
	if err != nil {
		return err
	}
	return os.WriteFile(signatures, raw, 0o644)
}

// renewed is a stage on which the first ceremony was held, and the second planned.
func renewed(t *testing.T) *stage {
	t.Helper()
	s := newStage(t)
	s.hall(first).mustConduct(s.genesis())
	s.renewal()
	return s
}

// sound wants a record in which nothing is wrong, and in which one bundle came in.
func (s *stage) sound(record, out string) {
	s.t.Helper()
	a, err := ceremony.Examine(s.t.Context(), s.path(record), s.path(out))
	if err != nil {
		s.t.Fatal(err)
	}
	if len(a.Problems) > 0 {
		s.t.Errorf("the record has problems: %q", a.Problems)
	}
	for _, f := range a.Files {
		if f.State != ceremony.AsNamed {
			s.t.Errorf("%s is %s", f.Path, f.State)
		}
	}
	for event, n := range map[string]int{"elsewhere": 1, "bundled": 1, "collected": 1, "combined": 1, "signed": 9} {
		if got := s.did(record, event); got != n {
			s.t.Errorf("%d entries %q, want %d", got, event, n)
		}
	}
	done := make(map[any]int)
	for _, e := range s.entries(record) {
		if e["event"] == "done" {
			done[e["step"]]++
		}
	}
	for _, card := range []string{"SIGN-1002", "SIGN-1003", "SIGN-1004"} {
		if done[card] != 1 {
			s.t.Errorf("step %s is done %d times", card, done[card])
		}
	}
}

// TestElsewhere: one keyholder is not in the room. The draft goes out as a file,
// the signatures come back in the same sitting; a file that is not theirs changes
// nothing.
func TestElsewhere(t *testing.T) {
	s := renewed(t)
	h := s.hall(second)
	draft, signatures := s.path("to-carol.bundle"), s.path("from-carol.bundle")
	outs := []string{s.path("out-1"), s.path("nowhere", "file"), draft}
	brought := []string{s.path("missing"), draft, s.path("plan-2.yaml"), "none", signatures}
	h.answer = func(prompt string) string {
		next := func(from *[]string) (a string) { a, *from = (*from)[0], (*from)[1:]; return a }
		switch {
		case strings.HasPrefix(prompt, "Carol: type ready"):
			return "elsewhere"
		case strings.HasPrefix(prompt, "Type the path of a new file, to write the draft for Carol"):
			return next(&outs)
		case strings.HasPrefix(prompt, "Type combine to go on without Carol"):
			if len(brought) == 5 {
				if err := s.atHome("Carol", draft, signatures, second.Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			return "brought"
		case strings.HasPrefix(prompt, "Type the path of the file with the signatures"):
			return next(&brought)
		}
		return ""
	}
	o := h.mustConduct(s.path("plan-2.yaml"))
	if len(o.Signed) != 3 || len(o.Missing) != 0 {
		t.Errorf("signed by %v, missing %v", o.Signed, o.Missing)
	}
	h.shows("That is there already.", "There is no such folder.", "The draft for Carol is in", "No file has this name.",
		`NOT TAKEN, nothing of it: the bundle is of kind "draft", wanted "signatures"`, "NOT TAKEN, nothing of it: not an acceptable bundle",
		"New: Carol. Here already: nobody.", "Signed: Bob, Carol, Dave. Not yet: nobody.")
	s.sound("record-2", "out-2")
	console(t, h.shown.String())
}

// TestElsewhereDaysLater: the sitting stops, and goes on when the signatures are
// here; who brings them need not wait for the end.
func TestElsewhereDaysLater(t *testing.T) {
	s := renewed(t)
	h := s.hall(second)
	draft, signatures := s.path("to-carol.bundle"), s.path("from-carol.bundle")
	h.answer = func(prompt string) string {
		switch {
		case strings.HasPrefix(prompt, "Carol: type ready"):
			return "elsewhere"
		case strings.HasPrefix(prompt, "Type the path of a new file"):
			return draft
		case strings.HasPrefix(prompt, "Type combine"):
			return "stop"
		}
		return ""
	}
	var stopped *StoppedError
	if _, err := h.conduct(s.path("plan-2.yaml")); !errors.As(err, &stopped) || stopped.Step != "COMBINE" {
		t.Fatalf("the first sitting ends with %v, want a stop at COMBINE", err)
	}
	days := func(n int) time.Time { return second.AddDate(0, 0, n) }
	if err := s.atHome("Carol", draft, signatures, days(3)); err != nil {
		t.Fatal(err)
	}
	h = s.hall(days(5))
	h.answer = func(prompt string) string {
		switch {
		case strings.HasPrefix(prompt, "Carol: type ready"):
			return "brought"
		case strings.HasPrefix(prompt, "Type the path of the file with the signatures"):
			return signatures
		}
		return ""
	}
	h.mustConduct(s.path("plan-2.yaml"))
	s.sound("record-2", "out-2")
}

// TestElsewhereInterrupted: the disk is full while signatures are taken in. The
// next sitting wants the same file again, and then each is there once.
func TestElsewhereInterrupted(t *testing.T) {
	from := renewed(t)
	draft := from.path("to-carol.bundle")
	answers := func(prompt, then, file string) string {
		switch {
		case strings.HasPrefix(prompt, "Carol: type ready"):
			return "elsewhere"
		case strings.HasPrefix(prompt, "Type the path of a new file"):
			return draft
		case strings.HasPrefix(prompt, "Type combine"):
			return then
		case strings.HasPrefix(prompt, "Type the path of the file with the signatures"):
			return file
		}
		return ""
	}
	h := from.hall(second)
	h.answer = func(prompt string) string { return answers(prompt, "stop", "") }
	if _, err := h.conduct(from.path("plan-2.yaml")); !errors.Is(err, ceremony.ErrStopped) && !errors.As(err, new(*StoppedError)) {
		t.Fatal(err)
	}
	if err := from.atHome("Carol", draft, from.path("from-carol.bundle"), second); err != nil {
		t.Fatal(err)
	}
	for at := 1; ; at++ { // each write between the entries collecting and collected
		s := from.copy()
		file := s.path("from-carol.bundle")
		n, over := 0, false
		h := s.hall(second)
		h.answer = func(prompt string) string {
			if strings.HasPrefix(prompt, "Carol: type ready") {
				return "brought"
			}
			return answers(prompt, "", file)
		}
		cfg := h.config(s.path("plan-2.yaml"))
		cfg.Watch = func(what string) error {
			over = over || what == "entry collected written"
			if n > 0 || what == "entry collecting written" {
				if n++; n == at && !over {
					return syscall.ENOSPC
				}
			}
			return nil
		}
		_, err := Run(context.Background(), cfg)
		if over {
			if err != nil || at < 4 {
				t.Errorf("after %d writes that failed in turn, the ceremony ends with %v", at-1, err)
			}
			return
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("write %d fails, and the ceremony ends with %v", at, err)
		}
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			s.t = t
			h := s.hall(second)
			asked := 0
			h.answer = func(prompt string) string {
				if strings.HasPrefix(prompt, "Type the path of the file") {
					if asked++; asked == 1 {
						return "none"
					}
				}
				return answers(prompt, "", file)
			}
			h.mustConduct(s.path("plan-2.yaml"))
			h.shows("The program was interrupted while it took in signatures from elsewhere.")
			s.sound("record-2", "out-2")
		})
	}
}
