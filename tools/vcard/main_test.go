package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/vcard"
)

// play runs the program and gives its exit code and outputs.
func play(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, append([]string{"vcard"}, args...), environment{&out, &errs, rand.Reader, time.Now})
	return code, out.String(), errs.String()
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	ca, root, state := filepath.Join(dir, "ca.json"), filepath.Join(dir, "root.pem"), filepath.Join(dir, "card.json")
	if code, _, stderr := play(t.Context(), "ca", "--ca", ca, "--root", root); code != 0 {
		t.Fatal(stderr)
	}
	tests := []struct {
		args string
		want string // on stderr
	}{
		{"", "no command"},
		{"dance", `no such command "dance"`},
		{"--dance", "flag provided but not defined"},
		{"ca", "ca wants --ca"},
		{"ca --ca x", "ca wants --root"},
		{"ca --ca x --root y z", `unexpected "z"`},
		{"ca z --ca x --root y", `unexpected "z --ca x --root y"`},
		{"serve --state s", "--listen or --connect"},
		{"serve --state s --listen unix:a --connect 127.0.0.1:1", "--listen or --connect"},
		{"serve --listen unix:a", "serve wants --state"},
		{"serve --state s --listen unix:a --firmware 5.7", `--firmware is "5.7"`},
		{"serve --state s --listen unix:a --firmware 5.7.1x", "--firmware is"},
		{"serve --state s --listen unix:a --firmware 5.7.999", "--firmware is"},
		{"serve --state s --listen unix:a --touch maybe", `--touch is "maybe"`},
		{"serve --state s --listen unix:a --serial 4294967296", "does not fit"},
		{"serve --state " + state + " --ca " + ca + " --serial 5 --fault rust --listen unix:a", `no such fault "rust"`},
		{"serve --state " + state + " --ca " + ca + " --serial 5 --listen 0.0.0.0:0", "not on loopback"},
		{"serve --state " + state + " --ca " + ca + " --serial 5 --connect 192.0.2.1:1", "not on loopback"},
		{"order pull", "order wants --control"},
		{"order --control x", "no order"},
		{"order pull --control x", "order wants --control"},
		{"order --control x pull --now", "flags come first"},
		{"loopback now", `unexpected "now"`},
	}
	for _, test := range tests {
		code, stdout, stderr := play(t.Context(), strings.Fields(test.args)...)
		if code != exitUsage || stdout != "" || !strings.HasPrefix(stderr, "vcard: usage: ") || !strings.Contains(stderr, test.want) {
			t.Errorf("vcard %s: exit %d, stdout %q, stderr %q; want exit 2 and %q", test.args, code, stdout, stderr, test.want)
		}
	}
}

func TestFaultsExitOne(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, args := range [][]string{
		{"order", "--control", missing, "pull"},
		{"serve", "--state", missing, "--listen", "unix:" + missing},
		{"ca", "--ca", missing + "/ca", "--root", missing},
	} {
		if code, stdout, stderr := play(t.Context(), args...); code != exitFault || stdout != "" || !strings.HasPrefix(stderr, "vcard: fault: ") {
			t.Errorf("vcard %v: exit %d, stdout %q, stderr %q; want exit 1", args, code, stdout, stderr)
		}
	}
}

// A card serves a reader, takes orders, and ends when it is interrupted.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if code, _, stderr := play(t.Context(), "ca", "--ca", in("ca.json"), "--root", in("root.pem")); code != 0 {
		t.Fatal(stderr)
	}
	if code, _, _ := play(t.Context(), "ca", "--ca", in("ca.json"), "--root", in("other.pem")); code != exitFault {
		t.Errorf("overwriting a CA: exit %d, want 1", code)
	}
	if _, err := os.Stat(in("other.pem")); err == nil {
		t.Error("the refused command left a file")
	}
	ctx, interrupt := context.WithCancel(t.Context())
	stdout, ready := io.Pipe()
	done := make(chan int, 1)
	go func() {
		args := []string{"vcard", "serve", "--state", in("card.json"), "--ca", in("ca.json"), "--serial", "77",
			"--listen", "unix:" + in("card"), "--control", in("control"), "--out", "--touch", "withheld"}
		done <- run(ctx, args, environment{ready, io.Discard, rand.Reader, time.Now})
	}()
	line := make([]byte, 64)
	n, err := stdout.Read(line)
	if err != nil || string(line[:n]) != "card 77 ready\n" {
		t.Fatalf("it says %q, %v", line[:n], err)
	}
	if code, out, stderr := play(ctx, "order", "--control", in("control"), "serial"); code != 0 || out != "77\n" {
		t.Errorf("order serial: exit %d, %q, %q", code, out, stderr)
	}
	if code, _, stderr := play(ctx, "order", "--control", in("control"), "insert"); code != 0 {
		t.Errorf("order insert: exit %d, %q", code, stderr)
	}
	conn, err := net.Dial("unix", in("card"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer := make([]byte, 20)
	if _, err := conn.Write([]byte{0, 1, 4}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, answer); err != nil || answer[2] != 0x3b {
		t.Errorf("answer to reset %x, %v", answer, err)
	}
	interrupt()
	if code := <-done; code != 0 {
		t.Errorf("interrupted: exit %d, want 0", code)
	}
	if _, err := vcard.New(vcard.Config{Rand: rand.Reader, Store: vcard.File(in("card.json"))}); err != nil {
		t.Errorf("its state: %v", err)
	}
}
