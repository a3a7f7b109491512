//go:build cgo && linux

package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

var update = flag.Bool("update", false, "write what the scripts find as what they want")

// TestOffline: the tool links nothing that speaks to a network.
func TestOffline(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	for _, forbidden := range []string{"net/http", "github.com/hashicorp/vault/api", "github.com/rootward/rootward/client", "github.com/rootward/rootward/hsm/transit"} {
		if slices.Contains(deps, forbidden) {
			t.Errorf("the offline tool links %s", forbidden)
		}
	}
	if !slices.Contains(deps, "github.com/rootward/rootward/internal/airgap") {
		t.Error("the tool does not link its air gap: this test looks at something else")
	}
}

// TestScript runs the real program as the scripts say. Each finds a chain of
// rosters in chain/ that is in force until 2099, one in expired/ that ended, and
// the digest of the first roster of both in $PIN.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("PCSCLITE_CSOCK_NAME", env.WorkDir+"/no-pcscd-here")
			env.Setenv("PIN", rostertest.New(t).Pin().String())
			if err := chain(t, env.WorkDir+"/chain", time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
				return err
			}
			return chain(t, env.WorkDir+"/expired", rostertest.Epoch.AddDate(0, 2, 0))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code},
	})
}

// code runs the program and wants an exit code: code 3 ceremony show.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM [ARGUMENT...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// chain writes two rosters: in the second Dave takes Alice's place.
func chain(t *testing.T, dir string, expires time.Time) error {
	x := rostertest.New(t)
	x.Now = x.Now.AddDate(0, 1, 0)
	x.Succeed(func(r *roster.Root) {
		rostertest.SetKeyholders(r, rostertest.People("Bob", "Carol", "Dave")...)
		r.Expires = roster.At(expires)
	})
	for path, b := range x.Files {
		file := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
