package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts' golden files")

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"roster": main}) }

// The scripts run the real program. Each finds in $WORK/example a copy of the
// specification's worked example, and at $URL a server of the directory
// $WORK/repository; at $SIGNER answers a stand-in for an online signer.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			work := e.WorkDir
			if err := os.CopyFS(filepath.Join(work, "example"), os.DirFS("../../roster/testdata/example")); err != nil {
				return err
			}
			if err := os.CopyFS(filepath.Join(work, "repository"), os.DirFS("../../roster/testdata/example/repository")); err != nil {
				return err
			}
			mux := http.NewServeMux()
			mux.Handle("GET /", http.FileServer(http.Dir(filepath.Join(work, "repository"))))
			mux.HandleFunc("POST /signer/{mood}/v1/documents", standIn)
			server := httptest.NewServer(mux)
			e.Defer(server.Close)
			gnupg, err := os.MkdirTemp("", "g") // short, for gpg-agent's sockets
			if err != nil {
				return err
			}
			e.Defer(func() {
				kill := exec.Command("gpgconf", "--homedir", gnupg, "--kill", "all")
				_ = kill.Run() // there may be no gpg
				_ = os.RemoveAll(gnupg)
			})
			e.Setenv("URL", server.URL)
			e.Setenv("SIGNER", server.URL+"/signer")
			e.Setenv("GNUPGHOME", gnupg)
			e.Setenv("NOW", "2026-02-10T12:00:00Z")
			e.Setenv("PIN", "43cd2c98ad8d8dce77aed57397b62bf1b930957e361c0cb38f6cfc217890bb5f")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Condition: func(cond string) (bool, error) {
			if cond != "gpg" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			_, err := exec.LookPath("gpg")
			if err != nil && os.Getenv("CI") == "true" {
				return false, errors.New("gpg is missing; install gnupg")
			}
			return err == nil, nil
		},
	})
}

// exits runs a command and wants this exit code: exits 3 roster get ...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// standIn answers a proposal as an online signer does in one of its moods. It
// checks no more than that a document and its signatures came.
func standIn(w http.ResponseWriter, r *http.Request) {
	var in proposal
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Signatures) == 0 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if _, err := readDocument(in.Document); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch r.PathValue("mood") {
	case "takes":
		_ = json.NewEncoder(w).Encode(answer{State: "published", Message: "it is published", Digest: "abc", Notes: []string{"newly inherits line 1\x1b[31m"}})
	case "keeps":
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(answer{State: "accepted", Message: "it waits", Digest: "abc"})
	case "refuses":
		w.WriteHeader(http.StatusUnprocessableEntity)
		_ = json.NewEncoder(w).Encode(answer{State: "refused", Message: "the package has maintainers already", Hint: "ask the package's maintainers"})
	case "busy":
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(answer{State: "failed", Message: "come back in a second"})
	}
}

// Clients need no card, no Vault and no C compiler, on any system.
func TestLinksNoHardware(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		cmd := exec.Command("go", "list", "-deps", ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH=amd64")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list for %s: %v", system, err)
		}
		for pkg := range strings.FieldsSeq(string(out)) {
			if pkg == "runtime/cgo" || strings.Contains(pkg, "rootward/hsm") || strings.Contains(pkg, "hashicorp/vault") || strings.Contains(pkg, "piv-go") {
				t.Errorf("on %s it links %s", system, pkg)
			}
		}
	}
}
