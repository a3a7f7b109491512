package signer_test

import (
	"bytes"
	"context"
	"encoding/json"
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

	"github.com/rootward/rootward/internal/signer/api"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/tree"
)

// serve runs the service with its HTTP API, and returns the API's URL.
func (r *rig) serve() string {
	r.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.service.Run(ctx) }()
	server := httptest.NewServer(api.Public(r.service, slog.New(slog.DiscardHandler)))
	r.t.Cleanup(func() {
		server.Close()
		stop()
		<-done
	})
	return server.URL
}

func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	must(t, err)
	a, err := http.DefaultClient.Do(q)
	must(t, err)
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	must(t, err)
	return a.StatusCode, string(b)
}

func proposal(t *testing.T, s roster.Signed) string {
	t.Helper()
	b, err := json.Marshal(api.Proposal(s))
	must(t, err)
	return string(b)
}

func TestPublicAPI(t *testing.T) {
	r := newRig(t)
	url := r.serve()
	l := r.x.Claim("example", alice)
	good := proposal(t, r.x.Signed(roster.ListPath("example", l.Digest())))
	forged := proposal(t, r.manifest("example", "1.0", []roster.File{fileOf("example-1.0.tar.gz", "one")}, bob))
	for _, c := range []struct {
		method, path, body string
		status             int
		words              string
	}{
		{"GET", "/v1/documents/" + l.Digest().String(), "", 404, "not known"},
		{"POST", "/v1/documents", good, 200, `"state": "published"`},
		{"POST", "/v1/documents", good, 200, "accepted before"},
		{"GET", "/v1/documents/" + l.Digest().String(), "", 200, l.Digest().String()},
		{"POST", "/v1/documents", forged, 422, `"state": "refused"`},
		{"POST", "/v1/documents", forged, 422, `"hint": "the release needs signatures`},
		{"GET", "/v1/documents/abc", "", 400, "64 lower-case hex digits"},
		{"POST", "/v1/documents", "{", 400, "not what this path takes"},
		{"POST", "/v1/documents", `{"document":"","signatures":"","token":""}`, 400, "unknown field"},
		{"POST", "/v1/documents", good + "{}", 400, "goes on after its end"},
		{"POST", "/v1/documents", strings.Repeat(" ", 1<<20) + good, 413, "more than 1048576 bytes"},
		{"POST", "/v1/documents", proposal(t, roster.Signed{Document: bytes.Repeat([]byte("a"), roster.MaxManifest+1)}), 422, "wanted at most"},
		{"PUT", "/v1/documents", good, 405, ""},
		{"POST", "/v1/snapshot", "{}", 404, ""}, // the operator's
		{"GET", "/healthz", "", 200, `"expired": false`},
	} {
		status, body := ask(t, c.method, url+c.path, c.body)
		if status != c.status || !strings.Contains(body, c.words) {
			t.Errorf("%s %s answers %d, %s; wanted %d with the words %q", c.method, c.path, status, body, c.status, c.words)
		}
	}
	r.keys.set(true)
	m := r.x.Release("example", "example-1.0.tar.gz", "one", alice)
	if status, body := ask(t, "POST", url+"/v1/documents", proposal(t, r.x.Signed(roster.ManifestPath("example", m.Digest())))); status != 202 {
		t.Errorf("with the keys away a release is answered %d, %s; wanted 202", status, body)
	}
}

func TestPublicAPIWithoutRoster(t *testing.T) {
	full := newRig(t)
	r := &rig{t: t, x: full.x, dir: t.TempDir(), keys: full.keys, log: &record{}}
	r.open()
	t.Cleanup(func() { r.store.Close() })
	url := r.serve()
	l := r.x.Claim("example", alice)
	if status, body := ask(t, "POST", url+"/v1/documents", proposal(t, r.x.Signed(roster.ListPath("example", l.Digest())))); status != 503 {
		t.Errorf("before the first roster a list is answered %d, %s; wanted 503", status, body)
	}
	if status, _ := ask(t, "GET", url+"/healthz", ""); status != 200 {
		t.Errorf("before the first roster the health is %d, wanted 200", status)
	}
}

// The health is bad when clients find an expired snapshot and no other can be
// made.
func TestHealthIsBad(t *testing.T) {
	r := newRig(t)
	r.keys.set(true)
	r.x.Now = r.x.Now.AddDate(0, 0, 1)
	if err := r.service.Publish(t.Context(), false); err == nil {
		t.Fatal("without keys a pass has no error")
	}
	w := httptest.NewRecorder()
	api.Public(r.service, slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
	if w.Code != 503 || !strings.Contains(w.Body.String(), "sealed") {
		t.Fatalf("the health is %d, %s; wanted 503 and why", w.Code, w.Body)
	}
}

// operator serves the operator's API on a socket and returns its path.
func (r *rig) operator() string {
	r.t.Helper()
	dir, err := os.MkdirTemp("", "admin") // a socket's path must be short
	must(r.t, err)
	path := filepath.Join(dir, "socket")
	l, err := api.Listen(path)
	must(r.t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- api.Serve(ctx, l, api.Operator(r.service, slog.New(slog.DiscardHandler)), api.OperatorPatience, slog.New(slog.DiscardHandler))
	}()
	r.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			r.t.Errorf("serving ends with %v, wanted nil", err)
		}
		os.RemoveAll(dir)
	})
	return path
}

func TestOperatorAPI(t *testing.T) {
	r := newRig(t)
	path := r.operator()
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Fatalf("the admin socket has mode %o, wanted 0600", info.Mode().Perm())
	}
	o := api.Dial(path)
	ctx := t.Context()
	must(t, o.AddUnsigned(ctx, "example", "1.0", fileOf("example-1.0.tar.gz", "one")))
	must(t, o.Yank(ctx, "example", "1.0", ""))
	must(t, o.SetStatus(ctx, "example", tree.Quarantined))
	h, err := o.Snapshot(ctx)
	if err != nil || h.Snapshot != 2 {
		t.Fatalf("a snapshot gives %+v, %v; wanted version 2", h, err)
	}
	p, err := o.Show(ctx, "example")
	if err != nil || p.Status != tree.Quarantined || !p.Published || len(p.Lines) != 2 || p.Lines[1] != "yank 1.0" {
		t.Fatalf("the package is shown %+v, %v", p, err)
	}
	r.x.Succeed(nil)
	dir := t.TempDir()
	must(t, os.CopyFS(dir, r.ceremony()))
	if a, err := o.Adopt(ctx, dir); err != nil || a.Roster != 2 || a.Digest != r.x.Roster.Digest() {
		t.Fatalf("adopting gives %+v, %v; wanted roster 2", a, err)
	}
	r.x.RevokeOnline(r.x.Snapshot.Key)
	rev := r.x.Signed(roster.RevocationPath(r.x.Snapshot.Key.ID()))
	if done, err := o.Revoke(ctx, rev); err != nil || done.Key != r.x.Snapshot.Key.ID().String() {
		t.Fatalf("revoking gives %+v, %v", done, err)
	}
	// Errors come across with their words, exit code and hint.
	_, snapshotErr := o.Snapshot(ctx)
	_, adoptErr := o.Adopt(ctx, dir)
	_, noDirErr := o.Adopt(ctx, filepath.Join(dir, "nowhere"))
	_, showErr := o.Show(ctx, "nobody")
	r.keys.set(true)
	_, awayErr := o.Snapshot(ctx)
	for _, c := range []struct {
		err   error
		words string
		code  int
		hint  bool
	}{
		{snapshotErr, "snapshot key", 3, true},
		{adoptErr, "no new roster", 3, true},
		{noDirErr, "no such file", 1, false},
		{showErr, "not known", 3, false},
		{awayErr, "away", 4, true},
	} {
		var code interface {
			ExitCode() int
			Hint() string
		}
		if !errors.As(c.err, &code) || code.ExitCode() != c.code || (code.Hint() != "") != c.hint || !strings.Contains(c.err.Error(), c.words) {
			t.Errorf("found %v, wanted the words %q, exit code %d, a hint: %v", c.err, c.words, c.code, c.hint)
		}
	}
}

func TestListen(t *testing.T) {
	r := newRig(t)
	path := r.operator()
	if _, err := api.Listen(path); err == nil || !strings.Contains(err.Error(), "another signer answers") {
		t.Errorf("a second signer on one socket opens with %v, wanted a refusal", err)
	}
	dead := path + "2"
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	must(t, err)
	l.SetUnlinkOnClose(false)
	must(t, l.Close())
	l2, err := api.Listen(dead)
	must(t, err)
	must(t, l2.Close())
	file := path + "3"
	must(t, os.WriteFile(file, []byte("mine"), 0o600))
	if _, err := api.Listen(file); err == nil {
		t.Error("a file was taken for a socket")
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "mine" {
		t.Error("a file in the socket's place was removed")
	}
}
