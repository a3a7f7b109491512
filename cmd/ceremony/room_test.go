//go:build cgo && linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/rootward/rootward/internal/vcard"
	"github.com/rootward/rootward/internal/vcard/room"
	"github.com/rootward/rootward/internal/words"
	"github.com/rootward/rootward/roster/digest"
)

// The cards of the room in which these tests meet: each test has its own.
const (
	cardAlice = iota
	cardBob
	cardCarol
	cardDave
	cardErin   // of the ceremony that is disturbed
	cardFrank  //
	cardNobody // enrolled nowhere
	cardMute   // gives no attestation
	cardKept   // looked after by its holder
	cardOld    // firmware 5.4.3
	cardHalf   // pulled out while it is provisioned
	cardCount
)

func serial(i int) uint32 { return 44000001 + uint32(i) }

// program is the real binary; cardRoom is where its cards are, and why is set
// when there is none.
var (
	program  string
	cardRoom *room.Room
	why      string
)

func TestMain(m *testing.M) { os.Exit(runInRoom(m)) }

func runInRoom(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ceremony")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, name)
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v: %s\n", err, out)
		return 1
	}
	if missing := room.Missing(); len(missing) > 0 {
		why = fmt.Sprint("no card room: ", missing)
		return m.Run()
	}
	ctx := context.Background()
	binary, err := room.Build(ctx, dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var cards []room.Card
	for i := range cardCount {
		cards = append(cards, room.Card{Serial: serial(i), Firmware: "5.7.1"})
	}
	cards[cardOld].Firmware = "5.4.3"
	cards[cardMute].Faults = []vcard.Fault{vcard.NoAttestation}
	cardRoom, err = room.Start(ctx, room.Config{Dir: dir, VcardBinary: binary, Cards: cards, TouchDelay: time.Millisecond, TouchTimeout: 200 * time.Millisecond})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer cardRoom.Close()
	return m.Run()
}

// needRoom skips a test where the system lacks parts; under CI it fails.
func needRoom(t *testing.T) {
	t.Helper()
	if cardRoom == nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
}

// A said is what the program did and said.
type said struct {
	code           int
	stdout, stderr string
}

// run runs the program; answer is asked for each line that it asks for.
func run(t *testing.T, answer func(prompt string) string, args ...string) said {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	if cardRoom != nil {
		cmd.Env = append(cmd.Env, cardRoom.Env()...)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &stdout
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	lines, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var secrets []string
	converse(lines, stdin, &stderr, func(prompt string) string {
		a := answer(prompt)
		if strings.Contains(prompt, "PIN") || strings.Contains(prompt, "PUK") {
			secrets = append(secrets, a)
		}
		return a
	}, answer != nil)
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	for _, secret := range secrets {
		if holds(stdout.String()+stderr.String(), secret) {
			t.Errorf("%v: what was typed as a PIN or PUK was printed:\n%s%s", args, stdout.String(), stderr.String())
		}
	}
	return said{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// holds reports whether a secret stands in a text as a word of its own: not
// among the digits of a digest.
func holds(text, secret string) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), secret)
}

// converse answers what is asked until the program has said all; without an
// answer it ends the input.
func converse(from io.Reader, to io.WriteCloser, all *bytes.Buffer, answer func(string) string, answers bool) {
	defer to.Close()
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		all.WriteString(lines.Text() + "\n")
		prompt, asked := strings.CutPrefix(lines.Text(), "ceremony: ask: ")
		if !asked {
			continue
		}
		if !answers {
			to.Close()
			continue
		}
		fmt.Fprintln(to, answer(prompt))
	}
}

// must wants the exit code, and returns what was said.
func (s said) must(t *testing.T, code int) said {
	t.Helper()
	if s.code != code {
		t.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", s.code, code, s.stdout, s.stderr)
	}
	return s
}

// has wants each of the texts in what was said on standard error or output.
func (s said) has(t *testing.T, texts ...string) said {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(s.stdout+s.stderr, text) {
			t.Fatalf("nobody said %q\nstdout:\n%s\nstderr:\n%s", text, s.stdout, s.stderr)
		}
	}
	return s
}

var hexDigest = regexp.MustCompile(`SHA-256 ([0-9a-f]{64})`)

// digest is the first digest that was printed as a result.
func (s said) digest(t *testing.T) digest.Digest {
	t.Helper()
	m := hexDigest.FindStringSubmatch(s.stdout)
	if m == nil {
		t.Fatalf("no digest in:\n%s", s.stdout)
	}
	d, err := digest.Parse(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A keyholder answers what the program asks: PIN and PUK, the words of the
// digest that they were read, and the packages whose override they approve.
type keyholder struct {
	name     string
	card     int
	pin, puk string
	digest   digest.Digest
	approves string
}

var (
	wordPrompt     = regexp.MustCompile(`^Type word (\d+) and word (\d+) of the digest`)
	overridePrompt = regexp.MustCompile(`^OVERRIDES the maintainers of (\S+):`)
)

func (k keyholder) answer(prompt string) string {
	if m := wordPrompt.FindStringSubmatch(prompt); m != nil {
		all := words.Words(k.digest[:])
		first, _ := strconv.Atoi(m[1])
		second, _ := strconv.Atoi(m[2])
		return all[first-1] + " " + all[second-1]
	}
	switch {
	case overridePrompt.MatchString(prompt):
		return k.approves
	case strings.Contains(prompt, "PUK"):
		return k.puk
	case strings.Contains(prompt, "ONE TRY LEFT"):
		return k.name
	}
	return k.pin
}
