package play

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newTestStage is a stage whose programs are shell scripts.
func newTestStage(t *testing.T) (*Stage, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	var out bytes.Buffer
	s := &Stage{Ctx: t.Context(), Bin: filepath.Join(dir, "build", "bin"), Dir: filepath.Join(dir, "build", "play"), Out: &out}
	for _, d := range []string{s.Bin, s.Dir} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return s, &out
}

func (s *Stage) script(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Bin, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestRun: what a program says is shown, what it prints is returned, and another
// exit code than the one wanted is an error, also where nothing was shown.
func TestRun(t *testing.T) {
	s, out := newTestStage(t)
	s.script(t, "speak", "echo result in $1; echo why >&2; exit 3\n")
	said, err := s.Run(Cmd{Program: "speak", Args: []string{s.Path("a b")}, Exit: 3})
	if err != nil || strings.TrimSpace(said) != "result in "+s.Path("a b") {
		t.Errorf("said %q, %v", said, err)
	}
	for _, want := range []string{"$ speak 'build/play/a b'", "    result in build/play/a b", "    why", "(exit code 3)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q was not shown in\n%s", want, out)
		}
	}
	out.Reset()
	if _, err := s.Run(Cmd{Program: "speak", Quiet: true}); err == nil || !strings.Contains(err.Error(), "exit code 3, wanted 0") || !strings.Contains(err.Error(), "why") {
		t.Errorf("another exit code gives %v", err)
	}
	if out.Len() > 0 {
		t.Errorf("a quiet program showed %q", out)
	}
	if said, err := s.RunBoth(Cmd{Program: "speak", Quiet: true, Exit: 3}); err != nil || !strings.Contains(said, "why") {
		t.Errorf("both are %q, %v", said, err)
	}
}

// TestTalk answers lines that ask, and shows no secret.
func TestTalk(t *testing.T) {
	s, out := newTestStage(t)
	s.script(t, "ceremony", "echo hello; echo 'ceremony: ask: name: '; read n; echo \"got $n\"; echo 'ceremony: ask: PIN: '; read p; [ $p = 271828 ]\n")
	err := s.Talk(Cmd{Program: "ceremony"}, func(question, before string) (string, bool, error) {
		if strings.Contains(question, "PIN") {
			if !strings.Contains(before, "got Alice") {
				t.Errorf("before the PIN stands %q", before)
			}
			return "271828", true, nil
		}
		return "Alice", false, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "271828") || !strings.Contains(out.String(), "name: Alice") {
		t.Errorf("shown was\n%s", out)
	}
}

// TestConduct answers questions that break over rows, and ends with who cannot
// answer.
func TestConduct(t *testing.T) {
	s, _ := newTestStage(t)
	s.script(t, "ceremony", "printf 'a page\\nASK: Type yes if\\n  so\\n> '; read a; [ $a = yes ] || exit 1; printf 'ASK: more\\n> '; read b; exit 3\n")
	var screen bytes.Buffer
	var asked []string
	answer := func(question, _ string) (string, bool, error) {
		asked = append(asked, question)
		return "yes", false, nil
	}
	if err := s.Conduct(Cmd{Program: "ceremony", Exit: 3}, &screen, answer); err != nil {
		t.Fatal(err)
	}
	if strings.Join(asked, "|") != "Type yes if so|more" || !strings.Contains(screen.String(), "> yes\n") {
		t.Errorf("asked %q; the screen is\n%s", asked, screen.String())
	}
	unknown := errors.New("nobody knows")
	if err := s.Conduct(Cmd{Program: "ceremony"}, io.Discard, func(string, string) (string, bool, error) { return "", false, unknown }); !errors.Is(err, unknown) {
		t.Errorf("a question without an answer gives %v", err)
	}
}

// TestClose ends what was given last first, and once.
func TestClose(t *testing.T) {
	s, _ := newTestStage(t)
	s.Ctx = context.Background()
	var order []string
	s.Later(func() { order = append(order, "first") })
	s.Later(func() { order = append(order, "second") })
	s.Close()
	s.Close()
	if strings.Join(order, " ") != "second first" {
		t.Errorf("ended %v", order)
	}
}
