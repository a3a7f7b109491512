package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rootward/rootward/roster"
)

// A File is what a get is for.
type File struct{ Package, Name string }

// A Result is what one command of the client did.
type Result struct {
	Code     int
	Stderr   string
	Requests []Request
	u        *User
	command  string
	files    []File
	outs     []string
}

// Init pins the roster of a version, with the signatures beside it.
func (u *User) Init(version uint64) *Result {
	u.s.Helper()
	return u.InitWith(u.r.Signed(roster.RosterPath(version)))
}

// InitWith pins a roster that may be published nowhere.
func (u *User) InitWith(r roster.Signed) *Result {
	u.s.Helper()
	file := filepath.Join(u.dir, "roster.json")
	for name, b := range map[string][]byte{file: r.Document, roster.SignaturePath(file): r.Signatures} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			u.s.Fatalf("the suite: %v", err)
		}
	}
	return u.Run("--state", u.state(), "init", file)
}

// Refresh is the command refresh.
func (u *User) Refresh() *Result { return u.Run(append(u.flags(), "refresh")...) }

// Get is the command get, for the wheel of sample 1.0 if no file is named.
func (u *User) Get(files ...File) *Result {
	u.s.Helper()
	if len(files) == 0 {
		files = []File{{sample, wheel}}
	}
	u.gets++
	dir := filepath.Join(u.dir, fmt.Sprintf("out%d", u.gets))
	if err := os.Mkdir(dir, 0o700); err != nil {
		u.s.Fatalf("the suite: %v", err)
	}
	var outs []string
	for i := range files {
		outs = append(outs, filepath.Join(dir, fmt.Sprintf("file%d", i+1)))
	}
	return u.GetTo(outs, files...)
}

// GetTo is the command get with places of the case's choice.
func (u *User) GetTo(outs []string, files ...File) *Result {
	u.s.Helper()
	args := append(u.flags(), "get")
	if u.Accept != "" {
		args = append(args, "--accept", u.Accept)
	}
	for i, f := range files {
		args = append(args, "--package="+f.Package, "--file="+f.Name, "--out", outs[i])
	}
	res := u.Run(args...)
	res.files, res.outs = files, outs
	return res
}

func (u *User) flags() []string {
	at := u.r.Now
	if !u.Now.IsZero() {
		at = u.Now
	}
	return []string{"--state", u.state(), "--url", u.r.URL, "--now", at.UTC().Format(time.RFC3339)}
}

// Run starts the client and waits for its end.
func (u *User) Run(args ...string) *Result {
	u.s.Helper()
	suite := u.s.suite
	ctx, cancel := context.WithTimeout(context.Background(), suite.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, suite.Client, append(append([]string(nil), suite.Args...), args...)...)
	cmd.Dir = u.dir
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", "HTTP_PROXY=", "http_proxy=")
	cmd.Env = append(cmd.Env, suite.Env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	res := &Result{u: u, command: commandOf(args)}
	for _, r := range u.s.repos {
		r.serve()
	}
	u.r.takeLog()
	err := cmd.Run()
	res.Requests, res.Stderr = u.r.takeLog(), stderr.String()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		u.s.Fatalf("%s did not end within %s", res.command, suite.Timeout)
	case errors.As(err, &exit):
		res.Code = exit.ExitCode()
	case err != nil:
		u.s.Fatalf("the client cannot be started: %v", err)
	}
	return res
}

func commandOf(args []string) string {
	for _, a := range args {
		switch a {
		case "init", "refresh", "get":
			return a
		}
	}
	return "the command"
}

var meanings = map[int]string{Done: "done", Fault: "fault", Usage: "usage", Refused: "refused", Stale: "freshness cannot be established"}

// Want ends the case unless the command ended with this exit code and left
// what goes with it: all authorised files and nothing else, or no file at all.
func (res *Result) Want(code int) *Result {
	res.u.s.Helper()
	switch {
	case res.Code == code:
	case res.Code == Done:
		res.u.s.Fatalf("let it through: %s%s ended with exit code 0; wanted %d (%s)", res.command, res.wrote(), code, meanings[code])
	default:
		res.u.s.Fatalf("%s ended with exit code %d (%s); wanted %d (%s)\n%s", res.command, res.Code, meanings[res.Code], code, meanings[code], indent(res.Stderr))
	}
	for i, out := range res.outs {
		b, err := os.ReadFile(out)
		switch want, known := res.u.r.contents[res.files[i].Name]; {
		case code != Done && err == nil:
			res.u.s.Fatalf("%s was refused and yet wrote %q to its place", res.files[i].Name, b)
		case code == Done && err != nil:
			res.u.s.Fatalf("the client says that it is done and wrote no file: %v", err)
		case code == Done && (!known || string(b) != want):
			res.u.s.Fatalf("let it through: the client wrote %q as %s; wanted %q", b, res.files[i].Name, want)
		}
	}
	res.noStrays()
	return res
}

func (res *Result) wrote() string {
	var all []string
	for i, out := range res.outs {
		if b, err := os.ReadFile(out); err == nil {
			all = append(all, fmt.Sprintf("wrote %.60q as %s", b, res.files[i].Name))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return " " + strings.Join(all, ", ") + " and"
}

// noStrays wants nothing beside the state directory, the pinned roster and
// the files that were asked for.
func (res *Result) noStrays() {
	res.u.s.Helper()
	u := res.u
	expected := map[string]bool{"state": true, "roster.json": true, "roster.json.asc": true}
	for i := range u.gets {
		expected[fmt.Sprintf("out%d", i+1)] = true
	}
	entries, err := os.ReadDir(u.dir)
	if err != nil {
		u.s.Fatalf("the suite: %v", err)
	}
	for _, e := range entries {
		if !expected[e.Name()] {
			u.s.Fatalf("the client left %q beside its state directory", e.Name())
		}
	}
	for _, out := range res.outs {
		entries, err := os.ReadDir(filepath.Dir(out))
		if err != nil {
			continue
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), "file") {
				u.s.Fatalf("the client left %q beside what it wrote", e.Name())
			}
		}
	}
}

// Asked wants the request to have been made; NotAsked that none was whose
// path begins so.
func (res *Result) Asked(path string) *Result {
	res.u.s.Helper()
	for _, q := range res.Requests {
		if q.Path == path {
			return res
		}
	}
	res.u.s.Fatalf("%s did not ask for %s; it asked for\n%s", res.command, path, indent(res.paths()))
	return res
}

// NotAsked wants no request whose path begins with any of the prefixes.
func (res *Result) NotAsked(prefixes ...string) *Result {
	res.u.s.Helper()
	for _, q := range res.Requests {
		for _, p := range prefixes {
			if strings.HasPrefix(q.Path, p) {
				res.u.s.Fatalf("%s asked for %s", res.command, q.Path)
			}
		}
	}
	return res
}

func (res *Result) paths() string {
	var all []string
	for _, q := range res.Requests {
		all = append(all, fmt.Sprintf("%d %s", q.Code, q.Path))
	}
	return strings.Join(all, "\n")
}

func indent(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return "    (nothing)"
	}
	return "    " + strings.ReplaceAll(s, "\n", "\n    ")
}
