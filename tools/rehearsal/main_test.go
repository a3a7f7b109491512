package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/signer/config"
	"github.com/rootward/rootward/internal/vcard/room"
)

func TestUsage(t *testing.T) {
	t.Setenv(cardsVariable, "11223344=/nowhere/control0,22334455=/nowhere/control1")
	for args, want := range map[string]string{
		"":                            `no command ""`,
		"dance":                       `no command "dance"`,
		"room":                        "room wants --card NUMBER",
		"room --card 5":               "room wants --dir",
		"room --card 0 --dir d":       `--card is "0"`,
		"room --card x --dir d":       `--card is "x"`,
		"room --card 5 --card 5":      "card 5 stands twice",
		"room --card 5 --dir d --now": "flag provided but not defined",
		"room --card 5 --dir d --repository packages.example": "begins with rehearsal.",
		"card 11223344":        "card wants a serial number",
		"card 33445566 insert": "want one of 11223344, 22334455",
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"rehearsal"}, strings.Fields(args)...), &out, &errs)
		if code != exitUsage || out.Len() != 0 || !strings.Contains(errs.String(), want) {
			t.Errorf("rehearsal %s: exit %d, %q, want 2 and %q", args, code, errs.String(), want)
		}
	}
	t.Setenv(cardsVariable, "")
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"rehearsal", "card", "5", "insert"}, &errs, &errs); code != exitUsage || !strings.Contains(errs.String(), "not a shell of a room") {
		t.Errorf("outside a room: exit %d, %q", code, errs.String())
	}
}

// TestOrders: a card is not said to be in before its reader took note.
func TestOrders(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "c")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	heard := make(chan string, 4)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			order := make([]byte, 64)
			n, _ := conn.Read(order)
			heard <- strings.TrimSpace(string(order[:n]))
			_, _ = conn.Write([]byte("ok\n"))
			_ = conn.Close()
		}
	}()
	cards := "5=" + socket
	for _, c := range []struct{ args, want []string }{
		{[]string{"5", "insert"}, []string{"insert", "await in"}},
		{[]string{"5", "pull"}, []string{"pull", "await out"}},
		{[]string{"5", "fault", "withhold-touch", "1"}, []string{"fault withhold-touch 1"}},
	} {
		if err := orderCard(t.Context(), c.args, cards); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if got := <-heard; got != want {
				t.Errorf("%v: the card heard %q, want %q", c.args, got, want)
			}
		}
	}
}

// TestEnv: what is written for other terminals is what a shell reads.
func TestEnv(t *testing.T) {
	file := filepath.Join(t.TempDir(), "room.env")
	if err := writeEnv(file, []string{"A=it's = here", "B="}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if want := "export A='it'\\''s = here'\nexport B=''\n"; err != nil || string(b) != want {
		t.Errorf("%q, %v, want %q", b, err, want)
	}
}

// TestSignerConfig: the configuration is one that the online signer takes, but
// for the pin; and when Vault has moved, nothing else in it changes.
func TestSignerConfig(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "signer.yaml")
	for name, text := range map[string]string{"role-id": "role\n", "secret-id": "secret\n", "signer.yaml": string(signerConfig("rehearsal.packages.example", "http://127.0.0.1:1"))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := config.Load(file, config.ToReadKeys); err != nil {
		t.Error(err)
	}
	if _, err := config.Load(file, config.ToServe); err == nil || !strings.Contains(err.Error(), "pin is missing") {
		t.Errorf("without a pin: %v", err)
	}
	if err := moveVault(file, "http://127.0.0.1:2"); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); err != nil || !bytes.Equal(b, signerConfig("rehearsal.packages.example", "http://127.0.0.1:2")) {
		t.Errorf("after Vault moved: %s, %v", b, err)
	}
	if err := os.WriteFile(file, []byte("repository: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := moveVault(file, "http://127.0.0.1:3"); err == nil {
		t.Error("a configuration without an address: no error")
	}
}

// TestRoom opens a room, without Vault, and puts a card in from inside it.
func TestRoom(t *testing.T) {
	if missing := room.Missing(); len(missing) > 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	bin, dir := t.TempDir(), t.TempDir()
	if _, err := room.Build(t.Context(), bin); err != nil {
		t.Fatal(err)
	}
	before := programs
	programs = func() (string, error) { return bin, nil }
	defer func() { programs = before }()
	script := `[ -S "$PCSCLITE_CSOCK_NAME" ] && . "$0"/room.env && vcard order --control "${` + cardsVariable + `#5=}" insert && touch "$0"/was-here`
	var errs bytes.Buffer
	code := run(t.Context(), []string{"rehearsal", "room", "--dir", dir, "--card", "5", "--without-vault", "--", "/bin/sh", "-c", script, dir}, &errs, &errs)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	for _, name := range []string{"was-here", "root.pem", filepath.Join("cards", "card-5.json")} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
