package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/hsm/transit/custodian"
	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/internal/signer/api"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

// A site is the real program, with a real Vault server and a published
// directory behind a web server. The index plays keyholders and maintainers.
type site struct {
	t      *testing.T
	dir    string
	vault  *custodian.Server
	keeper *custodian.Custodian
	shares custodian.Shares
	plan   custodian.Plan
	x      *rostertest.Index
	url    string // of the running service
	log    *logged
	stop   func() error
}

// logged collects what the program says.
type logged struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newSite starts Vault and makes the two keys and the signer's login.
func newSite(t *testing.T) *site {
	t.Helper()
	binary, err := custodian.Find()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	// The path of a unix socket has at most about 100 bytes.
	dir, err := os.MkdirTemp("", "signer")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &site{t: t, dir: dir, log: &logged{}}
	must(t, os.Mkdir(s.path("vault"), 0o700))
	ctx := context.WithoutCancel(t.Context())
	s.vault, err = custodian.Start(ctx, custodian.Options{Binary: binary, Dir: s.path("vault"), Persistent: true})
	must(t, err)
	t.Cleanup(s.vault.Stop)
	s.keeper, err = custodian.New(s.vault.URL(), "")
	must(t, err)
	s.shares, err = s.keeper.Init(ctx, 3, 2)
	must(t, err)
	must(t, s.keeper.Unseal(ctx, s.shares))
	s.plan = custodian.Plan{Role: "online-signer", Keys: []custodian.KeyPlan{{Name: "countersign-1", Type: "ecdsa-p384"}, {Name: "snapshot-1", Type: "ecdsa-p256"}}}
	must(t, s.keeper.Provision(ctx, s.plan))
	role, err := s.keeper.Issue(ctx, s.plan, s.path("secret-id"))
	must(t, err)
	must(t, os.WriteFile(s.path("role-id"), []byte(role+"\n"), 0o600))
	s.configure("")
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// configure writes the configuration. Its paths are relative to it.
func (s *site) configure(pin string) {
	s.t.Helper()
	must(s.t, os.WriteFile(s.path("config.yaml"), fmt.Appendf(nil, `repository: %s
pin: "%s"
listen: 127.0.0.1:0
admin_socket: admin.sock
publish: www
store: state/store.db
snapshot: {interval: 30m, lifetime: 6h}
vault:
  address: %s
  role_id_file: role-id
  secret_id_file: secret-id
  countersign: {key: countersign-1, version: 1}
  snapshot: {key: snapshot-1, version: 1}
`, rostertest.Repository, pin, s.vault.URL()), 0o600))
}

// run runs the program to its end.
func (s *site) run(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command("online-signer", append(args, "--config", s.path("config.yaml"))...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	s.log.Write(errs.Bytes())
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// done runs the program, which must do what it is asked.
func (s *site) done(args ...string) string {
	s.t.Helper()
	code, out, errs := s.run(args...)
	if code != 0 {
		s.t.Fatalf("online-signer %s exits %d and says\n%s", strings.Join(args, " "), code, errs)
	}
	return out
}

// serve starts the service and reads its URL.
func (s *site) serve() {
	s.t.Helper()
	cmd := exec.Command("online-signer", "serve", "--config", s.path("config.yaml"))
	cmd.Stderr = s.log
	out, err := cmd.StdoutPipe()
	must(s.t, err)
	must(s.t, cmd.Start())
	var once sync.Once
	s.stop = func() (err error) {
		once.Do(func() {
			cmd.Process.Signal(os.Interrupt)
			err = cmd.Wait()
		})
		return err
	}
	s.t.Cleanup(func() { s.stop() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.t.Fatalf("the service gives no URL (%v) and says\n%s", err, s.log)
	}
	s.url = strings.TrimSpace(line)
}

// genesis makes roster 1 with the keys that the program exported, and pins it.
func (s *site) genesis() {
	s.t.Helper()
	raw, err := os.ReadFile(s.path("online-keys.json"))
	must(s.t, err)
	keys, err := handover.ParseOnlineKeys(raw)
	must(s.t, err)
	s.x = rostertest.New(s.t)
	s.x.Now = time.Now()
	root := s.x.Root
	root.Issued, root.Expires = roster.At(s.x.Now), roster.At(s.x.Now.AddDate(1, 0, 0))
	root.OnlineKeys = nil
	for _, k := range keys.Keys {
		root.OnlineKeys = append(root.OnlineKeys, roster.OnlineKey{Role: k.Role, Key: k.Key,
			NotBefore: roster.At(s.x.Now.Add(-time.Hour)), Expires: roster.At(s.x.Now.AddDate(1, 0, 0))})
	}
	s.x.PutSigned(roster.RosterPath(1), s.x.Draft(root).Bytes(), s.x.Keyholders...)
	s.x.Roster, err = roster.Trust(s.x.Signed(roster.RosterPath(1)), s.x.Pin(), rostertest.EmptyMap())
	must(s.t, err)
	s.configure(s.x.Pin().String())
}

// ceremony writes the directory that a ceremony would hand over.
func (s *site) ceremony() string {
	s.t.Helper()
	dir := s.t.TempDir()
	for path, b := range s.x.Files {
		if strings.HasPrefix(path, "root/") || strings.HasPrefix(path, "map/") || strings.HasPrefix(path, "revocations/") {
			must(s.t, os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700))
			must(s.t, os.WriteFile(filepath.Join(dir, path), b, 0o600))
		}
	}
	return dir
}

// post submits what the index has at a path.
func (s *site) post(path string) (int, api.Answer) {
	s.t.Helper()
	body, err := json.Marshal(api.Proposal(s.x.Signed(path)))
	must(s.t, err)
	return s.answer(http.Post(s.url+"/v1/documents", "application/json", bytes.NewReader(body)))
}

func (s *site) answer(r *http.Response, err error) (int, api.Answer) {
	s.t.Helper()
	must(s.t, err)
	defer r.Body.Close()
	var a api.Answer
	b, err := io.ReadAll(r.Body)
	must(s.t, err)
	if err := json.Unmarshal(b, &a); err != nil {
		s.t.Fatalf("the answer of status %d is %q: %v", r.StatusCode, b, err)
	}
	return r.StatusCode, a
}

// authorised lets a new client judge the published directory, over HTTP.
func (s *site) authorised(name, file string) error {
	s.t.Helper()
	web := &http.Server{Handler: http.FileServer(http.Dir(s.path("www")))}
	defer web.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	go web.Serve(l)
	source, err := client.NewHTTPSource("http://" + l.Addr().String())
	must(s.t, err)
	state := filepath.Join(s.t.TempDir(), "state")
	_, err = client.Init(s.t.Context(), state, s.x.Signed(roster.RosterPath(1)), s.x.Pin())
	must(s.t, err)
	c, err := client.Open(client.Config{State: state, Source: source, Accept: client.DefaultPolicy()})
	must(s.t, err)
	v, err := c.Refresh(s.t.Context(), time.Now())
	if err != nil {
		return err
	}
	_, err = v.Authorise(s.t.Context(), name, file)
	return err
}

// within waits for what must come about by itself.
func (s *site) within(limit time.Duration, what string, ok func() bool) {
	s.t.Helper()
	deadline := time.After(limit)
	for !ok() {
		select {
		case <-deadline:
			s.t.Fatalf("not within %v: %s; the log says\n%s", limit, what, s.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// With a real Vault: keys, genesis, a claim and a release; then Vault is
// sealed, and what comes meanwhile is kept and published after the unsealing,
// without anybody touching the signer.
func TestWithVault(t *testing.T) {
	s := newSite(t)
	s.done("keys", "--out", s.path("online-keys.json"))
	if code, _, errs := s.run("keys", "--out", s.path("online-keys.json")); code != 3 {
		t.Fatalf("writing the keys over a file exits %d (%s), wanted 3", code, errs)
	}
	s.genesis()
	s.serve()
	l := s.x.Claim("example", rostertest.Person("Mary"))
	list := roster.ListPath("example", l.Digest())
	if status, a := s.post(list); status != http.StatusServiceUnavailable {
		t.Fatalf("before a roster is adopted a proposal has status %d, %+v, wanted 503", status, a)
	}
	if out := s.done("adopt", s.ceremony()); !strings.HasPrefix(out, "adopted root roster 1, "+s.x.Pin().String()) {
		t.Fatalf("adopt prints %q", out)
	}
	if status, a := s.post(list); status != http.StatusOK {
		t.Fatalf("a claim has status %d, %+v, wanted 200", status, a)
	}
	m := s.x.Release("example", "example-1.0.tar.gz", "one", rostertest.Person("Mary"))
	if status, a := s.post(roster.ManifestPath("example", m.Digest())); status != http.StatusOK {
		t.Fatalf("a release has status %d, %+v, wanted 200", status, a)
	}
	must(t, s.authorised("example", "example-1.0.tar.gz"))

	must(t, s.keeper.Seal(t.Context()))
	m = s.x.Release("example", "example-2.0.tar.gz", "two", rostertest.Person("Mary"))
	status, a := s.post(roster.ManifestPath("example", m.Digest()))
	if status != http.StatusAccepted {
		t.Fatalf("with Vault sealed a release has status %d, %+v, wanted 202", status, a)
	}
	if code, _, errs := s.run("snapshot"); code != 4 {
		t.Fatalf("with Vault sealed a snapshot exits %d (%s), wanted 4", code, errs)
	}
	must(t, s.authorised("example", "example-1.0.tar.gz"))
	if n := strings.Count(s.log.String(), "msg=waiting for=\"the online keys\""); n != 1 {
		t.Fatalf("the log tells %d times that it waits for the keys, wanted once:\n%s", n, s.log)
	}
	must(t, s.keeper.Unseal(t.Context(), s.shares))
	s.within(30*time.Second, "the release is published", func() bool {
		status, _ := s.answer(http.Get(s.url + "/v1/documents/" + m.Digest().String()))
		return status == http.StatusOK
	})
	must(t, s.authorised("example", "example-2.0.tar.gz"))

	s.publishRevocations()
	if err := s.stop(); err != nil {
		t.Fatalf("interrupted, the service ends with %v", err)
	}
	s.noSecrets()
}

// publishRevocations opens the revocations of both keys: clients refuse, the
// signer stops signing.
func (s *site) publishRevocations() {
	s.t.Helper()
	for _, k := range s.x.Roster.Root().OnlineKeys {
		s.x.RevokeOnline(k.Key.PublicKey)
	}
	out := s.done("revoke", filepath.Join(s.ceremony(), "revocations"))
	if n := strings.Count(out, "revoked "); n != 2 {
		s.t.Fatalf("revoke prints %q, wanted two keys", out)
	}
	if err := s.authorised("example", "example-1.0.tar.gz"); err == nil || !strings.Contains(err.Error(), "revoked") {
		s.t.Fatalf("with the keys revoked a client finds %v, wanted a refusal", err)
	}
	if code, _, errs := s.run("snapshot"); code != 3 {
		s.t.Fatalf("with a revoked key a snapshot exits %d (%s), wanted 3", code, errs)
	}
}

// noSecrets searches the log, what was printed, and the published directory.
func (s *site) noSecrets() {
	s.t.Helper()
	secret, err := os.ReadFile(s.path("secret-id"))
	must(s.t, err)
	role, err := os.ReadFile(s.path("role-id"))
	must(s.t, err)
	for what, bad := range map[string]string{"secret id": strings.TrimSpace(string(secret)), "role id": strings.TrimSpace(string(role)), "token": "hvs."} {
		if strings.Contains(s.log.String(), bad) {
			s.t.Errorf("the log holds the %s", what)
		}
		must(s.t, filepath.WalkDir(s.path("www"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if bytes.Contains(b, []byte(bad)) {
				s.t.Errorf("%s holds the %s", path, what)
			}
			return err
		}))
	}
}
