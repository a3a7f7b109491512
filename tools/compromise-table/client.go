package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootward/rootward/roster"
)

// The clients: one without memory, one that used everything an hour ago, and
// one that did so a year ago. All pin root roster 1.
const (
	newcomer    = "new"
	remembering = "remembering"
	offline     = "offline"
)

var clients = []string{newcomer, remembering, offline}

// A host serves indexes over HTTP, each below a path of its own.
type host struct {
	url     string
	server  *http.Server
	next    atomic.Uint64
	runs    atomic.Uint64 // of the client program
	indexes sync.Map      // number -> map[string][]byte, not changed while it is served
}

func newHost(ctx context.Context) (*host, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening on the loopback interface: %w", err)
	}
	h := &host{url: "http://" + l.Addr().String()}
	h.server = &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = h.server.Serve(l) }()
	return h, nil
}

func (h *host) close() { _ = h.server.Close() }

func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if files, ok := h.indexes.Load(number); ok {
		if b, ok := files.(map[string][]byte)[path]; ok {
			_, _ = w.Write(b)
			return
		}
	}
	http.NotFound(w, r)
}

// serve serves a copy of the files until done is called.
func (h *host) serve(files map[string][]byte) (url string, done func()) {
	number := strconv.FormatUint(h.next.Add(1), 10)
	h.indexes.Store(number, maps.Clone(files))
	return h.url + "/" + number, func() { h.indexes.Delete(number) }
}

// A user runs the client program with a state directory.
type user struct {
	ctx     context.Context
	host    *host
	program string
	state   string
}

// initUser makes a state directory that pins root roster 1.
func initUser(ctx context.Context, h *host, program, dir string, w *world) (*user, error) {
	u := &user{ctx, h, program, filepath.Join(dir, "state")}
	pin := filepath.Join(dir, "1.json")
	path := roster.RosterPath(1)
	for to, b := range map[string][]byte{pin: w.Files[path], roster.SignaturePath(pin): w.Files[roster.SignaturePath(path)]} {
		if err := os.WriteFile(to, b, 0o600); err != nil {
			return nil, err
		}
	}
	code, said, err := u.run("--state", u.state, "init", pin, "--digest", w.Pin().String())
	if err == nil && code != 0 {
		err = fmt.Errorf("init: exit code %d: %s", code, said)
	}
	return u, err
}

// copyTo returns a user with a copy of the state.
func (u *user) copyTo(dir string) (*user, error) {
	c := *u
	c.state = filepath.Join(dir, "state")
	return &c, os.CopyFS(c.state, os.DirFS(u.state))
}

// run runs the client program. An exit code that is no verdict is an error.
func (u *user) run(args ...string) (code int, said string, err error) {
	u.host.runs.Add(1)
	var out bytes.Buffer
	cmd := exec.CommandContext(u.ctx, u.program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	if err != nil {
		return 0, "", fmt.Errorf("running the client: %w", err)
	}
	code = cmd.ProcessState.ExitCode()
	if code != 0 && code != 3 && code != 4 {
		err = fmt.Errorf("the client ended with exit code %d, wanted 0, 3 or 4: roster %s: %s", code, strings.Join(args, " "), out.String())
	}
	return code, out.String(), err
}

// get asks for one file of what is served at url, and returns its bytes if
// the client let it through.
func (u *user) get(url string, at time.Time, accept, name, version string) (got []byte, code int, said string, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(u.state), "out")
	if err != nil {
		return nil, 0, "", err
	}
	out := filepath.Join(dir, "file")
	if accept == "" {
		accept = "established,remembered,new,frozen"
	}
	code, said, err = u.run("--state", u.state, "--url", url, "--now", at.Format(time.RFC3339), "--accept", accept,
		"get", "--package", name, "--file", file(name, version), "--out", out)
	if err != nil {
		return nil, 0, "", err
	}
	got, err = os.ReadFile(out)
	if code != 0 && err == nil {
		return nil, 0, "", fmt.Errorf("a refused file was written: exit code %d: %s", code, said)
	}
	if code != 0 && errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return got, code, said, err
}

// visit uses each of the packages, as they are, at the index's time. What an
// honest index refuses at that time, because its keys were just revoked, is
// no fault.
func (u *user) visit(w *world, names ...string) error {
	url, done := u.host.serve(w.Files)
	defer done()
	for _, name := range names {
		p := w.Packages[name]
		if p == nil {
			continue
		}
		version := "1.0"
		if w.past[atFirst] != nil && w.past[atFirst][name] == nil {
			version = "1.1"
		}
		if _, _, _, err := u.get(url, w.Now, acceptAll, name, version); err != nil {
			return err
		}
	}
	return nil
}

// tricked plays the last step of an attack: the client meets what the thief
// serves. It reports whether the goal was reached, and what the client said.
func (u *user) tricked(files map[string][]byte, at time.Time, name string, g goal) (bool, string, error) {
	url, done := u.host.serve(files)
	defer done()
	switch {
	case g.older != "":
		got, _, said, err := u.get(url, at, g.accept, name, g.older)
		if err != nil || string(got) != honestBytes(name, g.older) {
			return false, said, err
		}
		_, code, said, err := u.get(url, at, g.accept, name, g.newer)
		return code == 3 && strings.Contains(said, "no line names file"), said, err
	case g.absent, g.withdrawn:
		words := "is unknown"
		if g.withdrawn {
			words = "is removed"
		}
		_, code, said, err := u.get(url, at, acceptAll, name, "1.0")
		return code == 3 && strings.Contains(said, words), said, err
	case g.lockedOut:
		_, code, said, err := u.get(url, at, acceptAll, name, "1.3")
		if code == 0 {
			said = "the client takes the honest index's file"
		}
		return code != 0, said, err
	}
	var first string
	for _, version := range g.evil {
		got, _, said, err := u.get(url, at, g.accept, name, version)
		if err != nil || string(got) == evilBytes(name, version) {
			return err == nil, said, err
		}
		if first == "" {
			first = said
		}
	}
	return false, first, nil
}
