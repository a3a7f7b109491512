//go:build cgo && linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
)

const repository = "rehearsal.packages.example"

// onlineKeys writes the file that the online signer hands over.
func onlineKeys(t *testing.T, file string, at time.Time) {
	t.Helper()
	o := handover.OnlineKeys{Repository: repository}
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key, err := pgp.NewPublicKey(private.Public(), at.Truncate(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		cert, err := pgp.Certify(rand.Reader, string(role)+" key", key, private, at)
		if err != nil {
			t.Fatal(err)
		}
		o.Keys = append(o.Keys, handover.OnlineKey{Role: role, Name: string(role) + "-1 version 1", Key: roster.Key{PublicKey: key}, Certificate: string(cert)})
	}
	b, err := o.Format()
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, string(b))
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func provision(t *testing.T, dir string, people ...keyholder) {
	t.Helper()
	for _, k := range people {
		run(t, k.answer, "card", "provision", "--serial", fmt.Sprint(serial(k.card)), "--holder", k.name, "--repository", repository, "--out", dir).
			must(t, 0).has(t, "Slot 9c is empty.", "PIN always, touch always", fmt.Sprintf("Attested: card %d, firmware 5.7.1", serial(k.card)))
	}
}

// rosterPlan is the plan's part that every act has.
func rosterPlan(version int, at time.Time, threshold int, people ...keyholder) string {
	p := fmt.Sprintf(`repository: %s
roster:
  version: %d
  issued: %s
  expires: %s
  threshold: %d
  snapshot_lifetime: 24h
attestation_roots: [root.pem]
online_keys:
  file: online-keys.json
  not_before: %s
  expires: %s
keyholders:
`, repository, version, roster.At(at), roster.At(at.AddDate(1, 0, 0)), threshold, roster.At(at.AddDate(0, 0, -1)), roster.At(at.AddDate(2, 0, 0)))
	for _, k := range people {
		p += fmt.Sprintf("  - {name: %s, card: %d, enrolment: enrolments/%d.json}\n", k.name, serial(k.card), serial(k.card))
	}
	return p
}

// TestLife plays the first ceremony with three cards, threshold 2, and the
// second, in which Dave takes Alice's place.
func TestLife(t *testing.T) {
	needRoom(t)
	dir, at := t.TempDir(), time.Now().Add(-time.Minute)
	in := func(elem ...string) string { return filepath.Join(append([]string{dir}, elem...)...) }
	alice := keyholder{name: "Alice", card: cardAlice, pin: "271828", puk: "31415926"}
	bob := keyholder{name: "Bob", card: cardBob, pin: "141421", puk: "17320508"}
	carol := keyholder{name: "Carol", card: cardCarol, pin: "161803", puk: "26457513"}
	dave := keyholder{name: "Dave", card: cardDave, pin: "577215", puk: "91596559"}

	write(t, in("root.pem"), string(cardRoom.AttestationRoot()))
	onlineKeys(t, in("online-keys.json"), at)
	provision(t, in("enrolments"), alice, bob, carol, dave)
	write(t, in("plan-1.yaml"), "ceremony: 1-first\nacts: [genesis]\nanchor: empty\n"+rosterPlan(1, at, 2, alice, bob, carol))
	run(t, nil, "plan", "check", "--plan", in("plan-1.yaml")).must(t, 0)
	first := run(t, nil, "draft", "--plan", in("plan-1.yaml"), "--record", in("record-1")).must(t, 0).
		has(t, "This is the FIRST root roster of "+repository, "2 of its 3 keyholders").digest(t)

	for i, k := range []keyholder{alice, bob, carol} {
		k.digest = first
		if i == 2 { // too few so far
			run(t, nil, "combine", "--record", in("record-1"), "--out", in("out-1")).must(t, 3).has(t, "signed by Alice, Bob, missing Carol")
		}
		run(t, k.answer, "sign", "--record", in("record-1"), "--serial", fmt.Sprint(serial(k.card))).must(t, 0).has(t, "PIN tries left: 3.", "TOUCH card")
	}
	run(t, nil, "combine", "--record", in("record-1"), "--out", in("out-1")).must(t, 0)
	run(t, nil, "verify", "--pin", first.String(), in("out-1", "publish")).must(t, 0).has(t, "pinned; signed by Alice, Bob, Carol (wanted 2 of 3)")

	write(t, in("plan-2.yaml"), "ceremony: 2-second\nacts: [renewal, keyholders]\nanchor: keep\nprevious: {directory: out-1/publish, pin: "+first.String()+"}\n"+
		rosterPlan(2, at.Add(time.Second), 2, bob, carol, dave))
	second := run(t, nil, "draft", "--plan", in("plan-2.yaml"), "--record", in("record-2")).must(t, 0).
		has(t, `REMOVES keyholder "Alice"`, `ADDS keyholder "Dave"`, "The anchor is KEPT").digest(t)
	for _, k := range []keyholder{bob, dave, carol} {
		k.digest = second
		run(t, k.answer, "sign", "--record", in("record-2"), "--serial", fmt.Sprint(serial(k.card))).must(t, 0)
	}
	run(t, nil, "combine", "--record", in("record-2"), "--out", in("out-2")).must(t, 0).has(t, "destroy the revocations")

	chain := in("chain")
	for _, out := range []string{"out-1", "out-2"} {
		copyNew(t, in(out, "publish"), chain)
	}
	run(t, nil, "verify", "--pin", first.String(), chain).must(t, 0).has(t, "approved for roster 1 by Bob, Carol (wanted 2 of 3), for its own by Bob, Carol, Dave (wanted 2 of 3)")
	gpgAgrees(t, dir)
	noSecrets(t, dir, 12, alice, bob, carol, dave)
}

// copyNew copies the files that are not there yet.
func copyNew(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(to, rel)); err == nil {
			return nil
		}
		write(t, filepath.Join(to, rel), string(b))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// gpgAgrees has stock gpg verify every signature that the ceremonies made.
func gpgAgrees(t *testing.T, dir string) {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Log("not compared with gpg: ", err)
		return
	}
	home, err := os.MkdirTemp("", "gpg") // short: gpg's sockets live there
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(home)
	gpg := func(args ...string) {
		t.Helper()
		cmd := exec.Command("gpg", append([]string{"--batch", "--no-autostart", "--homedir", home}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("gpg %v: %v\n%s", args, err, out)
		}
	}
	for _, out := range []string{"out-1", "out-2"} {
		certificates, _ := filepath.Glob(filepath.Join(dir, out, "certificates", "*.cert.asc"))
		if len(certificates) != 5 {
			t.Fatalf("%d certificates in %s, want three cards' and two online keys'", len(certificates), out)
		}
		gpg(append([]string{"--import"}, certificates...)...)
	}
	var signed []string
	for _, pattern := range []string{"out-*/publish/root/*.asc", "out-*/sealed/revocations/*.asc"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		signed = append(signed, found...)
	}
	if len(signed) != 6 {
		t.Fatalf("%d signed documents, want two rosters and four revocations", len(signed))
	}
	for _, asc := range signed {
		gpg("--verify", asc, strings.TrimSuffix(asc, ".asc"))
	}
}

// noSecrets looks for the PINs and PUKs in everything that was written; wanted
// is the number of transcripts, so that it does not look at nothing.
func noSecrets(t *testing.T, dir string, wanted int, people ...keyholder) {
	t.Helper()
	transcripts := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.HasSuffix(path, "transcript.jsonl") {
			transcripts++
			eachLineIsJSON(t, path, b)
		}
		for _, k := range people {
			if holds(string(b), k.pin) || holds(string(b), k.puk) {
				t.Errorf("%s holds a secret of %s", path, k.name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if transcripts != wanted {
		t.Errorf("looked at %d transcripts, want %d", transcripts, wanted)
	}
}

func eachLineIsJSON(t *testing.T, path string, b []byte) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("%s holds a line that is not JSON: %.80s", path, line)
		}
	}
}
