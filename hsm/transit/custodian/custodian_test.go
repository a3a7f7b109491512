package custodian

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

var plan = Plan{Keys: []KeyPlan{{Name: "countersign", Type: "ecdsa-p384"}, {Name: "snapshot", Type: "ecdsa-p256"}}, Role: "online-signer"}

// start starts a server; the test is skipped without one, and fails under
// CI=true.
func start(t *testing.T, o Options) (*Server, *Custodian) {
	t.Helper()
	binary, err := Find()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	o.Binary, o.Dir = binary, t.TempDir()
	s, err := Start(context.WithoutCancel(t.Context()), o)
	must(t, err)
	t.Cleanup(s.Stop)
	c, err := New(s.URL(), s.CACert())
	must(t, err)
	return s, c
}

// ready is start, and the server initialised and unsealed.
func ready(t *testing.T, o Options) (*Server, *Custodian, Shares) {
	t.Helper()
	s, c := start(t, o)
	shares, err := c.Init(t.Context(), 3, 2)
	must(t, err)
	must(t, c.Unseal(t.Context(), shares))
	return s, c, shares
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %v; want ...%s...", what, err, want)
	}
}

// A fresh server is initialised once, and only a threshold of shares unseals
// it. What it keeps outlives the process.
func TestUnseal(t *testing.T) {
	t.Parallel()
	s, c := start(t, Options{Persistent: true})
	shares, err := c.Init(t.Context(), 3, 2)
	must(t, err)
	if len(shares) != 3 {
		t.Errorf("%d shares; 3 were asked for", len(shares))
	}
	_, err = c.Init(t.Context(), 1, 1)
	wantError(t, "a second Init", err, "already initialized")
	wantError(t, "one share", c.Unseal(t.Context(), shares[:1]), "still sealed after 1 shares")
	wantError(t, "a provision while sealed", c.Provision(t.Context(), plan), "sealed")
	must(t, c.Unseal(t.Context(), shares[1:2]))
	must(t, c.Provision(t.Context(), plan))
	must(t, s.Restart(context.WithoutCancel(t.Context())))
	wantError(t, "a provision after a restart", c.Provision(t.Context(), plan), "sealed")
	must(t, c.Unseal(t.Context(), shares[1:]))
	must(t, c.Provision(t.Context(), plan))
}

// After Resign the custodian can do nothing; with enough shares, and not with
// fewer, it can again.
func TestResignAndRoot(t *testing.T) {
	t.Parallel()
	_, c, shares := ready(t, Options{})
	old := c.Client().Token()
	must(t, c.Provision(t.Context(), plan))
	must(t, c.Resign(t.Context()))
	wantError(t, "a provision", c.Provision(t.Context(), plan), "listing the mounts")
	wantError(t, "a second Resign", c.Resign(t.Context()), "no root token")
	thief, err := Attach(c.Client().Address(), "", old)
	must(t, err)
	wantError(t, "the old token", thief.Seal(t.Context()), "permission denied")
	wantError(t, "one share", c.Root(t.Context(), shares[:1]), "1 shares make no root token; 2 are wanted")
	wantError(t, "a wrong share", c.Root(t.Context(), Shares{shares[0], "AAAA"}), "share 2 of 2")
	must(t, c.Root(t.Context(), shares[1:]))
	again := plan
	again.Keys = []KeyPlan{{Name: "countersign-2", Type: "ecdsa-p384"}}
	must(t, c.Provision(t.Context(), again))
}

// Provision can be repeated, and refuses what is there and is something else.
func TestProvision(t *testing.T) {
	t.Parallel()
	_, c, _ := ready(t, Options{})
	audit := filepath.Join(t.TempDir(), "audit.log")
	p := plan
	p.AuditFile = audit
	must(t, c.Provision(t.Context(), p))
	must(t, c.Provision(t.Context(), p))
	if info, err := os.Stat(audit); err != nil || info.Size() == 0 {
		t.Errorf("nothing was audited: %v", err)
	}
	for want, spoil := range map[string]func(*Plan){
		"exists with another type":       func(p *Plan) { p.Keys = []KeyPlan{{Name: "countersign", Type: "ecdsa-p256"}} },
		`a "token" method is there`:      func(p *Plan) { p.Auth = "token" },
		`a "system" engine is there`:     func(p *Plan) { p.Mount = "sys" },
		"a role and at least one key":    func(p *Plan) { p.Role = "" },
		"at least one key are wanted":    func(p *Plan) { p.Keys = nil },
		"whole seconds are wanted":       func(p *Plan) { p.TokenPeriod = 1500 * time.Millisecond },
		"the token period is -1s; whole": func(p *Plan) { p.TokenPeriod = -time.Second },
	} {
		bad := plan
		spoil(&bad)
		wantError(t, want, c.Provision(t.Context(), bad), want)
	}
}

// The secret id goes to a file of its owner's alone, new at each issue.
func TestIssue(t *testing.T) {
	t.Parallel()
	_, c, _ := ready(t, Options{})
	file := filepath.Join(t.TempDir(), "secret-id")
	_, err := c.Issue(t.Context(), plan, file)
	wantError(t, "before the provision", err, "no role")
	must(t, c.Provision(t.Context(), plan))
	must(t, os.WriteFile(file, []byte("old"), 0o644))
	role, err := c.Issue(t.Context(), plan, file)
	must(t, err)
	first, err := os.ReadFile(file)
	must(t, err)
	info, err := os.Stat(file)
	must(t, err)
	if info.Mode().Perm() != 0o600 || len(first) < 30 || role == "" {
		t.Errorf("mode %v, %d bytes, role id %q", info.Mode(), len(first), role)
	}
	if _, err := c.Issue(t.Context(), plan, file); err != nil {
		t.Error(err)
	}
	if second, _ := os.ReadFile(file); string(second) == string(first) {
		t.Error("the same secret id was issued twice")
	}
	if names, _ := os.ReadDir(filepath.Dir(file)); len(names) != 1 {
		t.Errorf("%d files are there; 1 is wanted", len(names))
	}
}

// Shares do not print, whatever the verb.
func TestSharesDoNotPrint(t *testing.T) {
	var text strings.Builder
	s := Shares{"hush", "hush"}
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "shares", s)
	fmt.Fprintf(&text, "%v %+v %#v %s", s, s, s, s)
	raw, err := json.Marshal(map[string]any{"s": s})
	if strings.Contains(text.String(), "hush") || err == nil || strings.Contains(string(raw), "hush") {
		t.Errorf("shares print: %s %s", &text, raw)
	}
}

// A program that is no server is said to have ended, with what it said.
func TestStartFails(t *testing.T) {
	script := filepath.Join(t.TempDir(), "devvault")
	must(t, os.WriteFile(script, []byte("#!/bin/sh\necho no room >&2\nexit 3\n"), 0o755))
	_, err := Start(t.Context(), Options{Binary: script, Dir: t.TempDir()})
	wantError(t, "a program that ends", err, `ended with exit status 3 and said "no room\n"`)
	_, err = Start(t.Context(), Options{Binary: script + "-absent", Dir: t.TempDir()})
	wantError(t, "no program", err, "no such file")
	_, err = Start(t.Context(), Options{Binary: "vault", Dir: t.TempDir(), TLS: true})
	wantError(t, "TLS of another server", err, "devvault only")
}

// Devvault listens on loopback addresses only, and says what it does not know.
func TestDevvaultRefuses(t *testing.T) {
	binary, err := Find()
	if err == nil && !strings.HasPrefix(filepath.Base(binary), "devvault") {
		err = fmt.Errorf("%s is not devvault", binary)
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for want, c := range map[string]struct {
		args []string
		code int
	}{
		"is not a loopback address":       {[]string{"-addr", "0.0.0.0:0"}, 1},
		"reading -addr \"127.0.0.1\"":     {[]string{"-addr", "127.0.0.1"}, 1},
		"unexpected argument \"storage\"": {[]string{"storage"}, 2},
		"not defined":                     {[]string{"-root-token", "x"}, 2},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, binary, c.args...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(string(out), want) {
			t.Errorf("devvault %q: got %v, %q; want exit code %d and ...%s...", c.args, err, out, c.code, want)
		}
	}
}

// Find says how to get a server when there is none.
func TestFind(t *testing.T) {
	t.Setenv("DEVVAULT_BIN", "/no/such/program")
	_, err := Find()
	wantError(t, "a wrong DEVVAULT_BIN", err, Missing())
	t.Setenv("DEVVAULT_BIN", "")
	t.Setenv("PATH", t.TempDir())
	root := t.TempDir()
	t.Chdir(root)
	_, err = Find()
	wantError(t, "nothing anywhere", err, Missing())
	must(t, os.MkdirAll("build/bin", 0o755))
	must(t, os.MkdirAll("some/package", 0o755))
	must(t, os.WriteFile("build/bin/devvault", nil, 0o755))
	t.Chdir("some/package")
	_, err = Find()
	wantError(t, "a directory that is no module", err, Missing())
	must(t, os.WriteFile(filepath.Join(root, "go.mod"), nil, 0o644))
	if got, err := Find(); err != nil || filepath.Base(got) != "devvault" {
		t.Errorf("got %q, %v", got, err)
	}
}

// The server dies with the process that started it, however that dies.
func TestServerDiesWithItsParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux kills a child for its parent's death")
	}
	if os.Getenv("CUSTODIAN_TEST_PARENT") != "" {
		s, _ := start(t, Options{})
		fmt.Println("URL " + s.URL())
		select {}
	}
	start(t, Options{}) // skips or fails if there is no server
	parent := exec.Command(os.Args[0], "-test.run=^TestServerDiesWithItsParent$", "-test.v")
	parent.Env = append(os.Environ(), "CUSTODIAN_TEST_PARENT=1", "TMPDIR="+t.TempDir())
	out, err := parent.StdoutPipe()
	must(t, err)
	must(t, parent.Start())
	url := ""
	for lines := bufio.NewScanner(out); url == "" && lines.Scan(); {
		_, url, _ = strings.Cut(lines.Text(), "URL ")
	}
	c, err := New(url, "")
	must(t, err)
	if _, err := c.client.Sys().InitStatusWithContext(t.Context()); err != nil {
		t.Errorf("the server does not live: %v", err)
	}
	must(t, parent.Process.Kill())
	parent.Wait()
	deadline := time.After(10 * time.Second)
	for {
		if _, err := c.client.Sys().InitStatusWithContext(t.Context()); err != nil {
			return
		}
		select {
		case <-deadline:
			t.Fatal("the server outlives its parent")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
