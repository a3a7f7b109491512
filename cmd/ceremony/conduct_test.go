//go:build cgo && linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/internal/vcard"
	"github.com/rootward/rootward/internal/vcard/room"
)

// ownRoom gives a test a room of its own, with the cards of Alice, Bob, Carol
// and Dave, all out of their readers but while they are provisioned.
func ownRoom(t *testing.T) *room.Room {
	t.Helper()
	needRoom(t)
	dir := t.TempDir()
	binary := filepath.Join(filepath.Dir(program), "vcard") // as the shared room has it
	var cards []room.Card
	for i := range cardDave + 1 {
		cards = append(cards, room.Card{Serial: serial(i), Firmware: "5.7.1"})
	}
	r, err := room.Start(t.Context(), room.Config{Dir: dir, VcardBinary: binary, Cards: cards, TouchDelay: time.Millisecond, TouchTimeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	shared := cardRoom
	cardRoom = r
	t.Cleanup(func() {
		cardRoom = shared
		_ = r.Close()
	})
	return r
}

// A hall is a room in which a ceremony is conducted by script: cards are put in
// and taken out, and what is asked is answered.
type hall struct {
	t      *testing.T
	room   *room.Room
	people []keyholder
	in     map[int]bool // cards in readers
	shown  bytes.Buffer
	answer func(prompt string) string // "" for the usual answer
}

// only has the given cards in readers, and no others.
func (h *hall) only(cards ...int) {
	h.t.Helper()
	want := make(map[int]bool)
	for _, c := range cards {
		want[c] = true
	}
	for i := range cardDave + 1 {
		var err error
		switch {
		case want[i] && !h.in[i]:
			err = h.room.Insert(h.t.Context(), i)
		case !want[i] && h.in[i]:
			err = h.room.Remove(h.t.Context(), i)
		}
		if err != nil {
			h.t.Fatal(err)
		}
		h.in[i] = want[i]
	}
}

func (h *hall) byCard(n int) keyholder {
	for _, k := range h.people {
		if k.card == n {
			return k
		}
	}
	h.t.Fatalf("nobody has card %d", n)
	return keyholder{}
}

var (
	readyAsked = regexp.MustCompile(`: type ready when card (\d+)`)
	pinAsked   = regexp.MustCompile(`^PIN of card (\d+)`)
	rollAsked  = regexp.MustCompile(`^(\w+) \([\w ]+\): type your name`)
)

// usual is what people answer when all goes well.
func (h *hall) usual(prompt string) string {
	number := func(s string) int {
		n, _ := strconv.Atoi(s)
		return n - int(serial(0))
	}
	if m := wordPrompt.FindStringSubmatch(prompt); m != nil {
		return h.word(m[1]) + " " + h.word(m[2])
	}
	if m := readyAsked.FindStringSubmatch(prompt); m != nil {
		h.only(number(m[1]))
		return "ready"
	}
	if m := pinAsked.FindStringSubmatch(prompt); m != nil {
		return h.byCard(number(m[1])).pin
	}
	if m := rollAsked.FindStringSubmatch(prompt); m != nil {
		return m[1]
	}
	for _, a := range []struct{ in, answer string }{
		{"Press Enter", ""}, {"Is there another record", "none"}, {"Clock ", time.Now().UTC().Format("2006-01-02 15:04")},
		{"type exception", "exception"}, {"Type yes", "yes"}, {"Type go if", "go"}, {"Type copied", "copied"},
		{"Type seal", "seal"}, {"type agree", "agree"},
	} {
		if strings.Contains(prompt, a.in) {
			return a.answer
		}
	}
	if strings.HasPrefix(prompt, "TAKE CARD") {
		h.only()
		return "out"
	}
	h.t.Errorf("nobody knows an answer to %q", prompt)
	return "stop"
}

// word reads a word of the draft's digest from the screen.
func (h *hall) word(n string) string {
	all := h.shown.String()
	all = all[strings.LastIndex(all, "The digest of the draft:"):]
	m := regexp.MustCompile(`(?m)(?:^| ) *` + n + ` ([a-zA-Z]+)`).FindStringSubmatch(all)
	if m == nil {
		h.t.Fatalf("the screen shows no word %s:\n%s", n, all)
	}
	return m[1]
}

// conduct runs the program to its end.
func (h *hall) conduct(args ...string) said {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), program, append([]string{"conduct"}, args...)...)
	cmd.Env = append(append(os.Environ(), "TZ=UTC"), h.room.Env()...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stdin, err := cmd.StdinPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.shown.Reset()
	h.converse(bufio.NewReader(stderr), stdin)
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	for _, k := range h.people {
		if holds(stdout.String()+h.shown.String(), k.pin) {
			h.t.Errorf("the PIN of %s was printed", k.name)
		}
	}
	return said{cmd.ProcessState.ExitCode(), stdout.String(), h.shown.String()}
}

// converse answers each question: the text from "ASK: " to a row that is "> ".
func (h *hall) converse(from *bufio.Reader, to io.WriteCloser) {
	defer to.Close()
	for {
		b, err := from.ReadByte()
		if err != nil {
			return
		}
		h.shown.WriteByte(b)
		if !bytes.HasSuffix(h.shown.Bytes(), []byte("\n> ")) {
			continue
		}
		all := h.shown.String()
		prompt := strings.Join(strings.Fields(strings.TrimSuffix(all[strings.LastIndex(all, "ASK: ")+len("ASK: "):], "> ")), " ")
		answer := ""
		if h.answer != nil {
			answer = h.answer(prompt)
		}
		if answer == "" {
			answer = h.usual(prompt)
		}
		fmt.Fprintln(to, answer)
		h.shown.WriteString("\n") // what is typed into a pipe is not echoed
	}
}

// newHall has three people enrolled, and a plan for their first ceremony.
func newHall(t *testing.T) (h *hall, in func(...string) string) {
	t.Helper()
	h = &hall{t: t, room: ownRoom(t), in: map[int]bool{0: true, 1: true, 2: true, 3: true}, people: []keyholder{
		{name: "Alice", card: cardAlice, pin: "271828", puk: "31415926"},
		{name: "Bob", card: cardBob, pin: "141421", puk: "17320508"},
		{name: "Carol", card: cardCarol, pin: "161803", puk: "26457513"},
	}}
	dir, at := t.TempDir(), time.Now().Add(-time.Minute)
	in = func(elem ...string) string { return filepath.Join(append([]string{dir}, elem...)...) }
	write(t, in("root.pem"), string(cardRoom.AttestationRoot()))
	onlineKeys(t, in("online-keys.json"), at)
	provision(t, in("enrolments"), h.people...)
	write(t, in("plan.yaml"), "ceremony: 1-first\nacts: [genesis]\nanchor: empty\noutputs: {record: record, published: out}\n"+
		"roles: {administrator: Dora, witnesses: [{name: Walter}]}\n"+rosterPlan(1, at, 2, h.people...))
	h.only()
	return h, in
}

// TestConductGenesis holds the first ceremony with three real cards behind a real
// pcscd, to what anybody can verify.
func TestConductGenesis(t *testing.T) {
	h, in := newHall(t)
	s := h.conduct(in("plan.yaml")).must(t, 0)
	s.has(t, "root roster 1, signed by Alice, Bob, Carol", fmt.Sprintf("Card expected: %d of Alice. Card found: %d, firmware 5.7.1.", serial(cardAlice), serial(cardAlice)), "TOUCH card")
	run(t, nil, "verify", "--pin", s.digest(t).String(), in("out", "publish")).must(t, 0).has(t, "pinned; signed by Alice, Bob, Carol (wanted 2 of 3)")
	h.conduct("--plan", in("plan.yaml")).must(t, 0).has(t, "This ceremony is closed.")
	run(t, nil, "conduct").must(t, 2)
	noSecrets(t, in(), 4+3, h.people...)
}

// TestConductDisturbed: the wrong card, two cards, a card that is pulled in the
// middle of a signature, one that nobody touches, a wrong PIN, and a card that is
// swapped for another while the PIN is typed, stop nothing but their step; and a
// ceremony that was left goes on.
func TestConductDisturbed(t *testing.T) {
	h, in := newHall(t)
	fault := func(card int, f vcard.Fault, n int) {
		t.Helper()
		if err := h.room.Fault(t.Context(), card, f, n); err != nil {
			t.Fatal(err)
		}
	}
	ready := 0
	bobsPINs := 0
	h.answer = func(prompt string) string {
		switch {
		case strings.HasPrefix(prompt, "Alice: type ready"):
			ready++
			switch ready {
			case 1:
				h.only()
			case 2:
				h.only(cardBob)
			case 3:
				h.only(cardAlice, cardBob)
			case 4:
				h.only(cardAlice)
				fault(cardAlice, vcard.PullOnSign, 1)
			case 5: // it fell out
				h.in[cardAlice] = false
				h.only(cardAlice)
				fault(cardAlice, vcard.WithholdTouch, 1)
			case 6:
				fault(cardAlice, vcard.WithholdTouch, 0)
			}
			return "ready"
		case strings.HasPrefix(prompt, "PIN of card "+fmt.Sprint(serial(cardBob))):
			switch bobsPINs++; bobsPINs {
			case 1:
				return "999999"
			case 2: // swapped while the PIN is typed: Carol's card must not see it
				h.only(cardCarol)
			}
		case strings.HasPrefix(prompt, "Carol: type ready"):
			return "stop"
		}
		return ""
	}
	h.conduct(in("plan.yaml")).must(t, 3).has(t, "no card is in any reader", "this is the WRONG CARD", "several cards are in readers",
		"was pulled out", "nobody touched card", "the PIN was wrong; 2 tries are left", fmt.Sprintf("card %d is not there any more, or another one is", serial(cardBob)), fmt.Sprintf("stopped at step SIGN-%d", serial(cardCarol)))
	if ready != 6 || bobsPINs != 3 {
		t.Errorf("Alice was asked %d times and Bob's PIN %d times, want 6 and 3", ready, bobsPINs)
	}
	h.answer = nil
	s := h.conduct(in("plan.yaml")).must(t, 0)
	if want := fmt.Sprintf("Card found: %d, firmware 5.7.1. PIN tries left: 3.", serial(cardCarol)); !strings.Contains(strings.Join(strings.Fields(s.stderr), " "), want) {
		t.Errorf("nobody read %q: Carol's card has seen a PIN", want)
	}
	run(t, nil, "verify", "--pin", s.digest(t).String(), in("out", "publish")).must(t, 0).has(t, "signed by Alice, Bob, Carol")
}

// TestConsoleAtATerminal: a PIN is not shown, and the countdown stands on one
// line.
func TestConsoleAtATerminal(t *testing.T) {
	person, program := terminal(t)
	tool := &tool{Env: command.Env{Stdin: program, Stderr: program}, desk: &desk{in: program, out: program}}
	c := tool.console()
	if !c.Live {
		t.Error("the console does not know that it is at a terminal")
	}
	answers := make(chan string)
	go func() {
		typed, err := c.Secret("PIN of card 1")
		answers <- fmt.Sprint(typed, err)
		ticks := make(chan time.Time)
		c.Tick = func() (<-chan time.Time, func()) { return ticks, func() {} }
		over := c.Touch("Alice", 1)
		ticks <- time.Time{}
		ticks <- time.Time{}
		over()
		c.Say("the end")
	}()
	shown := until(t, person, "> ")
	waitForNoEcho(t, program)
	fmt.Fprint(person, "271828\n")
	if got := <-answers; got != "271828<nil>" {
		t.Fatalf("the secret is %s", got)
	}
	if shown += until(t, person, "the end"); strings.Contains(shown, "271828") {
		t.Errorf("the terminal showed the secret: %q", shown)
	}
	for _, want := range []string{"\r   touch it: 14 seconds left", "\r   touch it: 13 seconds left"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the terminal showed no %q: %q", want, shown)
		}
	}
}
