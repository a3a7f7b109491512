//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rootward/rootward/internal/command"
)

// terminal gives both ends of a new terminal: what a person has, and what the
// program has.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("no terminal to be had: ", err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// TestSecretIsNotShown types a secret at a terminal and looks at what it shows.
func TestSecretIsNotShown(t *testing.T) {
	person, program := terminal(t)
	d := &desk{in: program, out: program}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer)
	go func() {
		secret, err := d.Secret("PIN of card 1")
		answers <- answer{secret, err}
		open, err := d.Ask("Type word 1 and word 2")
		answers <- answer{open, err}
	}()
	shown := until(t, person, "PIN of card 1: ")
	waitForNoEcho(t, program)
	fmt.Fprint(person, "271828\n")
	if a := <-answers; a.text != "271828" || a.err != nil {
		t.Fatalf("the secret is %q, %v", a.text, a.err)
	}
	shown += until(t, person, "word 2: ")
	fmt.Fprint(person, "adult Istanbul\n")
	if a := <-answers; a.text != "adult Istanbul" || a.err != nil {
		t.Fatalf("the answer is %q, %v", a.text, a.err)
	}
	if shown += until(t, person, "Istanbul"); strings.Contains(shown, "271828") {
		t.Errorf("the terminal showed the secret: %q", shown)
	}
}

// until reads what the terminal shows, up to the text.
func until(t *testing.T, person *os.File, text string) string {
	t.Helper()
	var all []byte
	b := make([]byte, 1)
	for !strings.HasSuffix(string(all), text) {
		if _, err := person.Read(b); err != nil {
			t.Fatalf("the terminal showed %q, then %v; want %q", all, err, text)
		}
		all = append(all, b...)
	}
	return string(all)
}

// waitForNoEcho waits until the program has switched the echo off, as a person
// does by the time it takes to read the prompt.
func waitForNoEcho(t *testing.T, program *os.File) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		state, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		if state.Lflag&unix.ECHO == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the echo stays on")
}

// TestDeskReadsLines: one answer a line, nothing beyond it is taken, and the
// end of the input is an error.
func TestDeskReadsLines(t *testing.T) {
	var out bytes.Buffer
	in := strings.NewReader("first\nsecond\nrest")
	d := &desk{in: in, out: &out}
	for _, want := range []string{"first", "second"} {
		if got, err := d.Secret("What\x1b[2J next"); got != want || err != nil {
			t.Errorf("answer is %q, %v, want %q", got, err, want)
		}
	}
	if in.Len() != len("rest") {
		t.Errorf("%d bytes are left, want %d", in.Len(), len("rest"))
	}
	if _, err := d.Ask("And"); err == nil {
		t.Error("an answer without its end was taken")
	}
	d.in = strings.NewReader(strings.Repeat("x", maxAnswer+1) + "\n")
	if _, err := d.Ask("And"); err == nil {
		t.Error("an endless answer was taken")
	}
	d.Say("a card says \x1b[2J")
	want := "ceremony: ask: What\\x1b[2J next: \n"
	if !strings.HasPrefix(out.String(), want) || strings.Contains(out.String(), "\x1b") {
		t.Errorf("output is %q", out.String())
	}
}

// TestAirGapThatIsOpen runs the command in this process, which has not asked the
// kernel for anything: it must not say that all is well.
func TestAirGapThatIsOpen(t *testing.T) {
	var out, errs bytes.Buffer
	env := command.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: time.Now}
	if got := command.Main(t.Context(), []string{name, "air-gap"}, env, app); got != command.Refused {
		t.Errorf("exit code %d, want %d", got, command.Refused)
	}
	if !strings.Contains(out.String(), "OPEN      TCP over IPv4\n") || !strings.Contains(errs.String(), "ways to a network are open") {
		t.Errorf("said\n%s%s", out.String(), errs.String())
	}
}
