//go:build cgo && linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/vcard"
	"github.com/rootward/rootward/roster/rostertest"
)

// typing answers prompts in the order in which they come.
func typing(lines ...string) func(string) string {
	return func(string) string {
		if len(lines) == 0 {
			return ""
		}
		line := lines[0]
		lines = lines[1:]
		return line
	}
}

var drawn = regexp.MustCompile(`P[IU][NK] of card \d+:   (\d{4} \d{4})\n`)

// provisionDrawn provisions a card with secrets that the program draws, and
// types them back from what it showed.
func provisionDrawn(t *testing.T, card int, dir string) (out said, pin, puk string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "card", "provision", "--random-secrets", "--serial", fmt.Sprint(serial(card)),
		"--holder", "Heidi", "--repository", repository, "--out", dir)
	cmd.Env = append(os.Environ(), cardRoom.Env()...)
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
	converse(lines, stdin, &stderr, func(prompt string) string {
		shown := drawn.FindAllStringSubmatch(stderr.String(), -1)
		if len(shown) != 2 {
			t.Errorf("shown when asked %q: %q", prompt, shown)
			return ""
		}
		pin, puk = strings.ReplaceAll(shown[0][1], " ", ""), strings.ReplaceAll(shown[1][1], " ", "")
		if strings.Contains(prompt, "PUK") {
			return shown[1][1] // with its gap: it is taken as it was shown
		}
		return pin
	}, true)
	_ = cmd.Wait()
	return said{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}, pin, puk
}

// TestCustody is a card's life outside ceremonies: secrets drawn, proven,
// changed, blocked, unblocked, and the key destroyed.
func TestCustody(t *testing.T) {
	needRoom(t)
	dir, id := t.TempDir(), fmt.Sprint(serial(cardKept))
	card := func(answer func(string) string, args ...string) said {
		t.Helper()
		return run(t, answer, append(append([]string{"card"}, args...), "--serial", id)...)
	}
	root := filepath.Join(dir, "root.pem")
	write(t, root, string(cardRoom.AttestationRoot()))
	enrolments := filepath.Join(dir, "enrolments")
	out, pin, puk := provisionDrawn(t, cardKept, enrolments)
	out.must(t, 0).has(t, "KEPT by the holder", "THROWN AWAY", "Read back: slot 9c holds the key that was enrolled.",
		"Read back: PIN always, touch always.", "Read back: the factory's PIN is no longer valid.", "Read back: the factory's PUK is no longer valid.",
		"Read back: the factory's management key is no longer valid.")

	card(nil, "attest", "--root", root).must(t, 0).has(t, "attested by card "+id+", firmware 5.7.1", "generated on the card, PIN always, touch always",
		`the chain ends with "Rehearsal PIV Root CA"`, "in a rehearsal only", "card "+id+": attestation holds")
	card(nil, "attest").must(t, 3).has(t, "leads to no trusted root").lacks(t, "attestation holds")
	card(nil, "attest", "--root", root, "--minimum-firmware", "5.8.0").must(t, 3).has(t, "firmware is 5.7.1, want at least 5.8.0")

	card(typing("999999", "141421", "141421"), "change-pin", "--out", enrolments).must(t, 3).has(t, "PIN tries left: 3.", "PIN refused, 2 tries left")
	card(typing(pin, "141421", "141421"), "change-pin", "--out", enrolments).must(t, 0).has(t, "PIN changed. PIN tries left: 3.")
	card(typing(puk, "17320508", "17320508"), "change-pin", "--puk", "--out", enrolments).must(t, 0).has(t, "PUK changed")
	if err := cardRoom.Fault(t.Context(), cardKept, vcard.BlockPIN, 1); err != nil {
		t.Fatal(err)
	}
	card(nil, "change-pin").must(t, 3).has(t, "PIN is blocked", "ceremony card unblock")
	card(typing("17320508", "161803", "161803"), "unblock", "--out", enrolments).must(t, 0).has(t, "PIN tries left: 0.", "PIN tries left: 3.")

	retireKept(t, card, dir, enrolments)
	transcript, err := os.ReadFile(filepath.Join(enrolments, id+".transcript.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"slot seen empty", "PUK on paper", "enrolled", "read back", "not done: PIN changed", "PIN changed", "PUK changed", "PIN set by the PUK", "retiring", "retired"} {
		if !bytes.Contains(transcript, []byte(`"event":"`+event+`"`)) {
			t.Errorf("the card's transcript lacks %q", event)
		}
	}
	for _, secret := range []string{pin, puk, "141421", "17320508", "161803"} {
		if holds(string(transcript), secret) {
			t.Errorf("the card's transcript holds a secret")
		}
	}
}

// retireKept retires the card, for which it must be shown that no roster needs
// it.
func retireKept(t *testing.T, card func(func(string) string, ...string) said, dir, enrolments string) {
	t.Helper()
	published, expired := filepath.Join(dir, "published"), filepath.Join(dir, "expired")
	if err := chain(t, published, time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	if err := chain(t, expired, rostertest.Epoch.AddDate(0, 2, 0)); err != nil {
		t.Fatal(err)
	}
	pin, id := rostertest.New(t).Pin().String(), fmt.Sprint(serial(cardKept))
	card(nil, "retire", "--out", enrolments).must(t, 3).has(t, "nothing shows that no roster needs it")
	card(nil, "retire", "--out", enrolments, "--published", expired, "--pin", pin).must(t, 3).has(t, "shows nothing of today", "fetch the repository again")
	card(nil, "retire", "--out", enrolments, "--published", published, "--pin", strings.Repeat("0", 64)).must(t, 3)
	card(typing("no"), "retire", "--out", enrolments, "--no-roster").must(t, 3).has(t, "NO ROSTER was not typed")
	card(typing("yes"), "retire", "--out", enrolments, "--published", published, "--pin", pin).must(t, 3).has(t, "nothing was done to it")
	card(nil, "inspect").must(t, 0).has(t, "slot 9c: P-384 key")
	card(typing(id), "retire", "--out", enrolments, "--published", published, "--pin", pin).must(t, 0).
		has(t, "Root roster 2 of packages.example", "DESTROYS the key on card "+id, "slot 9c of card "+id+" is empty", "is retired")
	card(nil, "inspect").must(t, 0).has(t, "slot 9c: no key", "as it left the factory: PIN yes, PUK yes, management key yes")
}

// TestInterruptedProvisioning: a card that was pulled out half-way is refused
// until it is retired, and then is like new.
func TestInterruptedProvisioning(t *testing.T) {
	needRoom(t)
	dir, id := t.TempDir(), fmt.Sprint(serial(cardHalf))
	k := keyholder{name: "Judy", card: cardHalf, pin: "271828", puk: "31415926"}
	args := []string{"card", "provision", "--holder", k.name, "--repository", repository, "--out", dir}
	run(t, k.answer, args...).must(t, 3).has(t, "PIV cards found ("+fmt.Sprint(serial(cardAlice))+", ", "take all but one out, or name the one by its serial number (--serial)")
	args = append(args, "--serial", id)
	if err := cardRoom.Fault(t.Context(), cardHalf, vcard.PullOnChange, 1); err != nil {
		t.Fatal(err)
	}
	run(t, k.answer, args...).must(t, 1).has(t, "setting the PIN, nothing changed before", "removed or stopped answering")
	absent(t, filepath.Join(dir, id+".json"))
	if err := cardRoom.Insert(t.Context(), cardHalf); err != nil {
		t.Fatal(err)
	}
	run(t, k.answer, args...).must(t, 3).has(t, "holds a key or a certificate already", "ceremony card retire")
	run(t, typing("NO ROSTER", id), "card", "retire", "--no-roster", "--out", dir, "--serial", id).must(t, 0).has(t, "is retired")
	run(t, k.answer, args...).must(t, 0).has(t, "Read back: slot 9c holds the key that was enrolled.")
}

// TestOldCardIsNamed: an advisory is told where the card is looked at, and
// refuses its attestation unless it is accepted.
func TestOldCardIsNamed(t *testing.T) {
	needRoom(t)
	dir, id := t.TempDir(), fmt.Sprint(serial(cardOld))
	k := keyholder{name: "Ivan", card: cardOld, pin: "271828", puk: "31415926"}
	root := filepath.Join(dir, "root.pem")
	write(t, root, string(cardRoom.AttestationRoot()))
	run(t, k.answer, "card", "provision", "--serial", id, "--holder", k.name, "--repository", repository, "--out", dir).must(t, 0).has(t, "WARNING YSA-2024-03")
	run(t, nil, "card", "inspect", "--serial", id).must(t, 0).has(t, "advisory YSA-2024-03, by the firmware that the card claims")
	args := []string{"card", "attest", "--serial", id, "--root", root, "--minimum-firmware", "5.0.0"}
	run(t, nil, args...).must(t, 3).has(t, "a known weakness: YSA-2024-03", "name the advisory in the plan's accepted_advisories")
	run(t, nil, append(args, "--accept", "YSA-2024-03")...).must(t, 0).has(t, "ADVISORY YSA-2024-03, accepted")
	run(t, nil, append(args, "--accept", "YSA-2024-03", "--roster", filepath.Join(dir, "none"))...).must(t, 1)
}

// TestRandomSecretsStayOffFiles: where standard error is no terminal, only a
// rehearsal's secrets are shown.
func TestRandomSecretsStayOffFiles(t *testing.T) {
	run(t, nil, "card", "provision", "--random-secrets", "--holder", "Heidi", "--repository", "packages.example", "--out", t.TempDir()).
		must(t, 3).has(t, "standard error is no terminal", "leave out --random-secrets")
}

// TestDisclose shows secrets at a terminal, and wipes the screen when the person
// says that they are on paper.
func TestDisclose(t *testing.T) {
	person, screen := terminal(t)
	d := discloser{&desk{in: screen, out: screen}, screen}
	done := make(chan error)
	go func() { done <- d.Disclose([]string{"PIN of card 5:   2718 2818"}) }()
	shown := until(t, person, "the screen is wiped then: ")
	if !strings.Contains(shown, "2718 2818") || strings.Contains(shown, wipe) {
		t.Errorf("the terminal showed %q", shown)
	}
	fmt.Fprint(person, "\n")
	until(t, person, wipe)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
