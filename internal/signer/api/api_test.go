package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/internal/signer/api"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

var quiet = slog.New(slog.DiscardHandler)

// service returns a service before its first roster, which signs nothing.
func service(t *testing.T) *signer.Service {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(filepath.Join(dir, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	files, err := publish.Open(filepath.Join(dir, "www"), publish.Disk{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	made, err := signer.Open(t.Context(), signer.Options{
		Repository: "packages.example", Pin: digest.Sum(nil), Store: s, Files: files,
		Clock: func() time.Time { return now }, Rand: bytes.NewReader(nil), Interval: time.Hour, Lifetime: 12 * time.Hour, Log: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// socket returns the path of a socket that is short enough for the system.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// listen opens the socket, to be closed with the test.
func listen(t *testing.T, path string) net.Listener {
	t.Helper()
	l, err := api.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// A request is read up to its limit, and must be one value and no more.
func TestRequestsThatAreRefused(t *testing.T) {
	s := service(t)
	for _, c := range []struct {
		name   string
		h      http.Handler
		path   string
		body   string
		status int
		words  string
	}{
		{"too long for the public", api.Public(s, quiet), "/v1/documents", strings.Repeat(" ", 64<<20), http.StatusRequestEntityTooLarge, "more than"},
		{"too long for the operator", api.Operator(s, quiet), "/v1/show", `"` + strings.Repeat("x", 64<<20) + `"`, http.StatusRequestEntityTooLarge, "more than"},
		{"two values", api.Operator(s, quiet), "/v1/show", `"example" "other"`, http.StatusBadRequest, "goes on after its end"},
		{"another kind of value", api.Operator(s, quiet), "/v1/show", `7`, http.StatusBadRequest, "not what this path takes"},
		{"an unknown field", api.Operator(s, quiet), "/v1/status", `{"name": "example", "force": true}`, http.StatusBadRequest, "not what this path takes"},
		{"broken off", api.Operator(s, quiet), "/v1/show", `"exam`, http.StatusBadRequest, "not what this path takes"},
	} {
		w := httptest.NewRecorder()
		c.h.ServeHTTP(w, httptest.NewRequest("POST", c.path, strings.NewReader(c.body)))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.words) {
			t.Errorf("%s: answered %d %.200q, wanted %d and the words %q", c.name, w.Code, w.Body, c.status, c.words)
		}
	}
}

// The socket is the owner's alone, takes the place of one that a dead process
// left, and nothing else's.
func TestListen(t *testing.T) {
	path := socket(t)
	l := listen(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v (%v), wanted 0600", info.Mode(), err)
	}
	if second, err := api.Listen(path); err == nil || !strings.Contains(err.Error(), "another signer answers") {
		t.Errorf("a socket that answers is opened again: %v, %v", second, err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	listen(t, path).Close()

	inTheWay := socket(t)
	if err := os.WriteFile(inTheWay, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Listen(inTheWay); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("with a file in its place the socket gives %v, wanted a refusal", err)
	}
	if b, err := os.ReadFile(inTheWay); err != nil || string(b) != "precious" {
		t.Errorf("the file in the way is now %q (%v)", b, err)
	}
}

// answering serves a handler on a socket until the test ends.
func answering(t *testing.T, h http.HandlerFunc) *api.Client {
	t.Helper()
	path := socket(t)
	l := listen(t, path)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- api.Serve(ctx, l, h, time.Minute, quiet) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serving ended with %v, wanted nil", err)
		}
	})
	return api.Dial(path)
}

// What a service answers reaches the operator; an answer that says nothing, or
// none, is an error that says that.
func TestAnswers(t *testing.T) {
	fails := func(name string, c *api.Client, words string, code int) {
		t.Helper()
		err := c.SetStatus(t.Context(), "example", tree.Active)
		var exit interface{ ExitCode() int }
		if err == nil || !strings.Contains(err.Error(), words) || (code > 0) != errors.As(err, &exit) || code > 0 && exit.ExitCode() != code {
			t.Errorf("%s: the act gives %v, wanted the words %q and exit code %d", name, err, words, code)
		}
	}
	fails("nobody there", api.Dial(socket(t)), "does not answer", 0)
	fails("breaks off", answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "null")
	}), "does not answer", 0)
	fails("no reason", answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }), "status 502 and nothing to read", 0)
	fails("a reason", answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		io.WriteString(w, `{"message": "not today", "exit": 3}`)
	}), "not today", 3)
	good := answering(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "null") })
	if err := good.SetStatus(t.Context(), "example", tree.Active); err != nil {
		t.Errorf("a good answer gives %v", err)
	}
}

// A server whose listener is gone says so: it must not look like an end that
// was asked for.
func TestServeEndsByItself(t *testing.T) {
	l := listen(t, socket(t))
	l.Close()
	if err := api.Serve(t.Context(), l, http.NotFoundHandler(), time.Minute, quiet); err == nil || !strings.Contains(err.Error(), "serving on") {
		t.Errorf("serving without a listener ends with %v, wanted an error", err)
	}
}
