package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// stub is a client that ends every command with one exit code.
func stub(t *testing.T, code string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Fatal("the stub of a client is a shell script")
	}
	path := filepath.Join(t.TempDir(), "client")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexit "+code+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func conform(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(append([]string{"--example", "../../roster/testdata/example"}, args...), &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

func TestFailureAndKnownFailure(t *testing.T) {
	const one = "WALK-8: a roster signed by strangers alone is refused"
	client := stub(t, "3")
	code, out := conform(t, "--run", "^"+one+"$", client)
	if code != 1 || !strings.Contains(out, "FAIL  "+one) || !strings.HasSuffix(out, "conformance: 0 passed, 1 failed, 0 skipped\n") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if err := os.WriteFile(client+".xfails", []byte(one+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out = conform(t, "--run", "^"+one+"$", client)
	if code != 0 || !strings.HasSuffix(out, "conformance: 0 passed, 0 failed, 0 skipped, 1 known to fail\n") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

func TestUnexpectedPassFails(t *testing.T) {
	const one = "CLI-1: init does not judge expiry"
	client := stub(t, "0")
	code, out := conform(t, "--run", "^"+one+"$", client)
	if code != 0 || !strings.HasSuffix(out, "conformance: 1 passed, 0 failed, 0 skipped\n") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	known := filepath.Join(t.TempDir(), "known")
	if err := os.WriteFile(known, []byte(one+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out = conform(t, "--known", known, "--run", "^"+one+"$", client); code != 1 || !strings.Contains(out, "take it out of the file") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

func TestWithoutTheExample(t *testing.T) {
	code, out := conform(t, "--example", t.TempDir(), "--run", "^CLI-1: init does not judge expiry$", stub(t, "0"))
	if code != 0 || !strings.HasSuffix(out, "conformance: 1 passed, 0 failed, 1 skipped\n") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

func TestUsage(t *testing.T) {
	client, wrong := stub(t, "0"), filepath.Join(t.TempDir(), "known")
	if err := os.WriteFile(wrong, []byte("WALK-99: no case\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{}, {"a", "b"}, {filepath.Join(t.TempDir(), "nobody")}, {t.TempDir()}, {"--run", "(", client}, {"--run", "no such case", client},
		{"--known", filepath.Join(t.TempDir(), "nothing"), client}, {"--known", wrong, client}, {"--at-once", "0", client}, {"--frobnicate", client}} {
		if code, out := conform(t, args...); code != 2 || out == "" {
			t.Errorf("%q: exit code %d, %q; wanted 2 and the reason", args, code, out)
		}
	}
}
