//go:build cgo && linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/vcard"
)

// TestDisturbed holds a ceremony in which everything goes wrong once, and goes
// on each time from where it was.
func TestDisturbed(t *testing.T) {
	needRoom(t)
	ctx, dir, at := t.Context(), t.TempDir(), time.Now().Add(-time.Minute)
	in := func(elem ...string) string { return filepath.Join(append([]string{dir}, elem...)...) }
	erin := keyholder{name: "Erin", card: cardErin, pin: "271828", puk: "31415926"}
	frank := keyholder{name: "Frank", card: cardFrank, pin: "141421", puk: "17320508"}
	write(t, in("root.pem"), string(cardRoom.AttestationRoot()))
	onlineKeys(t, in("online-keys.json"), at)
	provisionBadly(t, in("enrolments"), erin)
	provision(t, in("enrolments"), erin, frank)
	plan := "ceremony: disturbed\nacts: [genesis]\nanchor: empty\npolicy: {spare_min: 0}\n" + rosterPlan(1, at, 2, erin, frank)
	write(t, in("plan.yaml"), plan)

	write(t, in("bad.yaml"), plan+"treshold: 1\n")
	run(t, nil, "draft", "--plan", in("bad.yaml"), "--record", in("record")).must(t, 3).has(t, fmt.Sprintf(`line %d: unknown key "treshold"`, strings.Count(plan, "\n")+1))
	write(t, in("production.yaml"), strings.ReplaceAll(plan, repository, "packages.example"))
	run(t, nil, "draft", "--plan", in("production.yaml"), "--record", in("record")).must(t, 3).has(t, "REHEARSAL-NAME", "REPOSITORY-MATCH")
	absent(t, in("record"))
	draft := run(t, nil, "draft", "--plan", in("plan.yaml"), "--record", in("record")).must(t, 0).digest(t)
	run(t, nil, "draft", "--plan", in("plan.yaml"), "--record", in("record")).must(t, 3).has(t, "has a draft already")
	erin.digest, frank.digest = draft, draft

	sign := func(k keyholder) said {
		t.Helper()
		return run(t, k.answer, "sign", "--record", in("record"), "--serial", fmt.Sprint(serial(k.card)))
	}
	signatures := in("record", "signatures", fmt.Sprint(serial(erin.card)))
	misheard, wrongPIN := erin, erin
	for i := range misheard.digest {
		misheard.digest[i] ^= 0xff
	}
	sign(misheard).must(t, 3).has(t, "of the digest").lacks(t, "PIN of card")
	wrongPIN.pin = "999999"
	sign(wrongPIN).must(t, 3).has(t, fmt.Sprintf("card %d slot 9c: PIN refused, 2 tries left", serial(erin.card)))
	absent(t, signatures)
	run(t, erin.answer, "sign", "--record", in("record"), "--serial", fmt.Sprint(serial(cardNobody))).must(t, 3).has(t, "is not one of this ceremony")

	fault := func(f vcard.Fault, n int) {
		t.Helper()
		if err := cardRoom.Fault(ctx, erin.card, f, n); err != nil {
			t.Fatal(err)
		}
	}
	fault(vcard.WithholdTouch, 1)
	sign(erin).must(t, 1).has(t, "not touched in time, nothing signed")
	fault(vcard.WithholdTouch, 0)
	fault(vcard.PullOnSign, 1)
	sign(erin).must(t, 1).has(t, "removed or stopped answering")
	sign(erin).must(t, 3).has(t, fmt.Sprintf("card %d is not there", serial(erin.card)))
	if err := cardRoom.Insert(ctx, erin.card); err != nil {
		t.Fatal(err)
	}
	fault(vcard.BadSignature, 1)
	sign(erin).must(t, 1).has(t, "does not verify")
	fault(vcard.BadSignature, 0)
	killAtTouch(t, in("record"), erin, 2)
	kept, err := os.ReadFile(filepath.Join(signatures, "root", "1.json.asc"))
	if err != nil {
		t.Fatal(err)
	}
	sign(erin).must(t, 0).has(t, "PIN tries left: 3.").lacks(t, "Signing root/1.json")
	if again, err := os.ReadFile(filepath.Join(signatures, "root", "1.json.asc")); err != nil || !bytes.Equal(again, kept) {
		t.Errorf("the signature that was there before the loss of power is another one now: %v", err)
	}
	sign(erin).must(t, 0).has(t, "has signed everything already").lacks(t, "PIN of card")
	swapDraft(t, in("record"), sign, frank)
	sign(frank).must(t, 0)
	write(t, in("out", "here"), "first")
	run(t, nil, "combine", "--record", in("record"), "--out", in("out")).must(t, 3).has(t, "exists already")
	abandonAndDraftAnew(t, in, sign, erin)
	noSecrets(t, dir, 7, erin, frank, wrongPIN)
}

// killAtTouch ends the program, as a loss of power would, while the card waits
// for its nth touch.
func killAtTouch(t *testing.T, record string, k keyholder, n int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "sign", "--record", record, "--serial", fmt.Sprint(serial(k.card)))
	cmd.Env = append(os.Environ(), cardRoom.Env()...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for touches := 0; touches < n && lines.Scan(); {
		if prompt, asked := strings.CutPrefix(lines.Text(), "ceremony: ask: "); asked {
			fmt.Fprintln(stdin, k.answer(prompt))
		}
		if strings.Contains(lines.Text(), "TOUCH card") {
			touches++
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the program ended by itself")
	}
}

func (s said) lacks(t *testing.T, text string) said {
	t.Helper()
	if strings.Contains(s.stdout+s.stderr, text) {
		t.Fatalf("somebody said %q\nstdout:\n%s\nstderr:\n%s", text, s.stdout, s.stderr)
	}
	return s
}

func absent(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); err == nil {
		t.Fatalf("%s is there, and should not be", path)
	}
}

// provisionBadly makes the mistakes after which a card is as it was.
func provisionBadly(t *testing.T, dir string, k keyholder) {
	t.Helper()
	args := []string{"card", "provision", "--serial", fmt.Sprint(serial(k.card)), "--holder", k.name, "--repository", repository, "--out", dir}
	n := 0
	run(t, func(string) string { n++; return fmt.Sprint(271827 + n) }, args...).must(t, 3).has(t, "not typed the same twice")
	weak := k
	weak.pin = "123456"
	run(t, weak.answer, args...).must(t, 3).has(t, "new PIN refused: its digits count up or down")
	run(t, nil, args...).must(t, 1).has(t, "the input ended where an answer was wanted")
	absent(t, filepath.Join(dir, fmt.Sprint(serial(k.card))+".json"))
}

// swapDraft puts another draft in the place of the one that was shown.
func swapDraft(t *testing.T, record string, sign func(keyholder) said, k keyholder) {
	t.Helper()
	file := filepath.Join(record, "draft", "root", "1.json")
	right, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, string(bytes.Replace(right, []byte(`"threshold": 2`), []byte(`"threshold": 1`), 1)))
	sign(k).must(t, 3).has(t, "is not the one that the transcript names").lacks(t, "PIN of card")
	write(t, file, string(right))
	extra := filepath.Join(record, "draft", "root", "attestations", "more.pem")
	write(t, extra, "more")
	sign(k).must(t, 3).has(t, "is not in the transcript")
	os.Remove(extra)
}

// abandonAndDraftAnew destroys a signed draft, after which another may be signed.
func abandonAndDraftAnew(t *testing.T, in func(...string) string, sign func(keyholder) said, k keyholder) {
	t.Helper()
	run(t, func(string) string { return "yes" }, "abandon", "--record", in("record")).must(t, 3).has(t, "nothing was destroyed")
	run(t, func(string) string { return "disturbed" }, "abandon", "--record", in("record")).must(t, 0)
	absent(t, in("record", "draft"))
	absent(t, in("record", "signatures"))
	run(t, nil, "show", "--record", in("record")).must(t, 3).has(t, "has no draft")
	plan, err := os.ReadFile(in("plan.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, in("plan-b.yaml"), strings.Replace(string(plan), "snapshot_lifetime: 24h", "snapshot_lifetime: 12h", 1))
	k.digest = run(t, nil, "draft", "--plan", in("plan-b.yaml"), "--record", in("record")).must(t, 0).digest(t)
	sign(k).must(t, 0)
}

// TestCardsAsTheyAre lists the cards, looks at one before and after it is
// provisioned, and provisions one that cannot attest.
func TestCardsAsTheyAre(t *testing.T) {
	needRoom(t)
	mute := keyholder{name: "Grace", card: cardMute, pin: "271828", puk: "31415926"}
	id := fmt.Sprint(serial(cardMute))
	run(t, nil, "card", "list").must(t, 0).has(t, fmt.Sprintf("%d  firmware 5.7.1  ", serial(cardNobody)), id)
	run(t, nil, "card", "inspect").must(t, 3).has(t, fmt.Sprintf("%d PIV cards found", cardCount))
	run(t, nil, "card", "inspect", "--serial", id).must(t, 0).
		has(t, "PIN tries left: 3", "as it left the factory: PIN yes, PUK yes, management key yes", "slot 9c: no key")
	dir := t.TempDir()
	args := []string{"card", "provision", "--serial", id, "--holder", mute.name, "--repository", repository, "--out", dir}
	run(t, mute.answer, args...).must(t, 0).has(t, "NO ATTESTATION", "attestation none")
	run(t, nil, "card", "inspect", "--serial", id).must(t, 0).
		has(t, "as it left the factory: PIN no, PUK no, management key no", "slot 9c: P-384 key, PIN always, touch always, generated on the card: yes")
	run(t, mute.answer, args...).must(t, 3).has(t, "exists already")
	os.Remove(filepath.Join(dir, id+".json"))
	os.Remove(filepath.Join(dir, id+".cert.asc"))
	run(t, mute.answer, args...).must(t, 3).has(t, "holds a key or a certificate already").lacks(t, "New PIN")
}
