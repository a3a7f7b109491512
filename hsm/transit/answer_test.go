package transit

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A real server gives right answers. These tests play one that does not, with
// a key of their own.

// testKey is a P-256 key with a fixed private half.
func testKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), append(make([]byte, 31), 7))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// goodRecord is a server's record of testKey.
func goodRecord(t *testing.T) map[string]any {
	return map[string]any{
		"type": "ecdsa-p256", "supports_signing": true, "exportable": false, "allow_plaintext_backup": false,
		"deletion_allowed": false, "imported_key": false, "latest_version": 1, "min_encryption_version": 0,
		"keys": map[string]any{"1": map[string]any{
			"public_key": pemOf(t, testKey(t).Public()), "creation_time": "2026-03-01T12:00:00.987Z",
		}},
	}
}

func pemOf(t *testing.T, public crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// A fake is a server that answers as its fields say.
type fake struct {
	login, sign func(w http.ResponseWriter)
	renew       string // the answer to a renewal
	record      map[string]any
	seen        func(*http.Request)
}

// goodLogin answers with a token of an hour.
func goodLogin(w http.ResponseWriter) {
	fmt.Fprint(w, `{"auth":{"client_token":"token-of-the-fake","lease_duration":3600,"renewable":true,"policies":["p"]}}`)
}

// open starts f and logs in.
func (f *fake) open(t *testing.T) (*Vault, error) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.seen != nil {
			f.seen(r)
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/login"):
			f.login(w)
		case strings.HasSuffix(r.URL.Path, "/renew-self"):
			fmt.Fprint(w, f.renew)
		case strings.HasPrefix(r.URL.Path, "/v1/transit/sign/"):
			f.sign(w)
		case strings.HasPrefix(r.URL.Path, "/v1/transit/keys/"):
			json.NewEncoder(w).Encode(map[string]any{"data": f.record})
		case strings.HasSuffix(r.URL.Path, "/lookup-self"):
			fmt.Fprint(w, `{"data":{}}`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	return Open(t.Context(), Config{
		Address: srv.URL, RoleID: "role-of-the-fake", Timeout: 2 * time.Second,
		SecretID: func(context.Context) (string, error) { return "secret-of-the-fake", nil },
	}, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

// A signature is returned only if it is well formed, by the pinned version and
// by the key.
func TestAnswerToSign(t *testing.T) {
	digest := make([]byte, 32)
	sig, err := ecdsa.SignASN1(nil, testKey(t), digest)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.SignASN1(nil, testKey(t), append(make([]byte, 31), 1))
	if err != nil {
		t.Fatal(err)
	}
	code := base64.StdEncoding.EncodeToString
	for name, c := range map[string]struct{ answer, want string }{
		"good":               {`{"data":{"signature":"vault:v1:` + code(sig) + `"}}`, ""},
		"another version":    {`{"data":{"signature":"vault:v2:` + code(sig) + `"}}`, "made by version 2; version 1 is pinned"},
		"another digest's":   {`{"data":{"signature":"vault:v1:` + code(other) + `"}}`, "does not verify"},
		"leading zero":       {`{"data":{"signature":"vault:v01:` + code(sig) + `"}}`, "not a version"},
		"signed version":     {`{"data":{"signature":"vault:v+1:` + code(sig) + `"}}`, "not a version"},
		"no version":         {`{"data":{"signature":"vault:` + code(sig) + `"}}`, "not of the form"},
		"not base64":         {`{"data":{"signature":"vault:v1:-_-_"}}`, "not base64"},
		"loose base64":       {`{"data":{"signature":"vault:v1:AAB="}}`, "not base64"},
		"too long":           {`{"data":{"signature":"vault:v1:` + strings.Repeat("A", 5000) + `"}}`, "at most 4096"},
		"a number":           {`{"data":{"signature":1}}`, "holds none"},
		"nothing":            {``, "empty"},
		"a batch":            {`{"data":{"batch_results":[]}}`, "holds none"},
		"an error inside":    {`{"data":{"error":"no"}}`, "holds none"},
		"an empty signature": {`{"data":{"signature":"vault:v1:"}}`, "does not verify"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fake{login: goodLogin, record: goodRecord(t), sign: func(w http.ResponseWriter) { fmt.Fprint(w, c.answer) }}
			v, err := f.open(t)
			if err != nil {
				t.Fatal(err)
			}
			k, err := v.Key(t.Context(), "k", 1)
			if err != nil {
				t.Fatal(err)
			}
			got, err := k.Sign(nil, digest, crypto.SHA256)
			switch {
			case c.want == "" && (err != nil || string(got) != string(sig)):
				t.Errorf("got %x, %v; want the signature", got, err)
			case c.want != "" && (got != nil || err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %x, %v; want no signature and ...%s...", got, err, c.want)
			}
		})
	}
}

// Each status of an answer to sign is sorted: what to try again, what a
// custodian must do.
func TestStatuses(t *testing.T) {
	digest := make([]byte, 32)
	for status, want := range map[int]any{
		403: new(*DeniedError), 401: new(*DeniedError),
		429: new(*UnavailableError), 500: new(*UnavailableError), 502: new(*UnavailableError), 503: new(*UnavailableError), 504: new(*UnavailableError),
		400: new(*answerError), 404: new(*answerError), 418: new(*answerError),
	} {
		f := fake{login: goodLogin, record: goodRecord(t), sign: func(w http.ResponseWriter) {
			w.WriteHeader(status)
			fmt.Fprint(w, `{"errors":["your token is token-of-the-fake"]}`)
		}}
		v, err := f.open(t)
		if err != nil {
			t.Fatal(err)
		}
		k, err := v.Key(t.Context(), "k", 1)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Sign(nil, digest, crypto.SHA256)
		if err == nil || !errors.As(err, want) {
			t.Errorf("status %d: got %T %v; want %T", status, err, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "token-of-the-fake") {
			t.Errorf("status %d: the error repeats the token: %v", status, err)
		}
	}
}

// A login is taken only with a token that a signer may hold, and no error
// repeats what was sent.
func TestAnswerToLogin(t *testing.T) {
	auth := func(fields string) string { return `{"auth":{"client_token":"token-of-the-fake",` + fields + `}}` }
	for name, c := range map[string]struct {
		status       int
		answer, want string
	}{
		"root":             {200, auth(`"lease_duration":3600,"policies":["root"]`), "root token"},
		"root by its own":  {200, auth(`"lease_duration":3600,"token_policies":["a","root"]`), "root token"},
		"endless":          {200, auth(`"lease_duration":0`), "without an end"},
		"no token":         {200, `{"auth":{"lease_duration":3600}}`, "no token"},
		"no login":         {200, `{"data":{}}`, "no token"},
		"wrong secret":     {400, `{"errors":["invalid secret id secret-of-the-fake of role-of-the-fake"]}`, "invalid secret id [withheld] of [withheld]"},
		"no such method":   {404, `{"errors":["no handler"]}`, "no handler"},
		"elsewhere, hence": {307, ``, "no token"},
	} {
		var calls atomic.Int32
		f := fake{login: func(w http.ResponseWriter) {
			calls.Add(1)
			w.Header().Set("Location", "/v1/auth/approle/login")
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.answer)
		}}
		_, err := f.open(t)
		var denied *DeniedError
		if !errors.As(err, &denied) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "of-the-fake") {
			t.Errorf("%s: got %v; want a DeniedError with ...%s...", name, err, c.want)
		}
		if calls.Load() != 1 {
			t.Errorf("%s: asked %d times; an answer is an answer, and no redirect is followed", name, calls.Load())
		}
	}
}

// A token's life is at most a day to us, whatever the server says, so no
// number of seconds makes a life that is negative or never renewed.
func TestLongLease(t *testing.T) {
	for _, seconds := range []int{86400, 86401, 1 << 40, 1<<63 - 1} {
		f := fake{login: func(w http.ResponseWriter) {
			fmt.Fprintf(w, `{"auth":{"client_token":"x","lease_duration":%d}}`, seconds)
		}}
		v, err := f.open(t)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.current().ttl; got != 24*time.Hour {
			t.Errorf("%d seconds became %v", seconds, got)
		}
	}
}

// A renewal that gives half the life or less, or another kind of token, is the
// end of the token: Run logs in anew at once.
func TestShrinkingRenewal(t *testing.T) {
	for name, renew := range map[string]string{
		"half":     `{"auth":{"client_token":"x","lease_duration":1800}}`,
		"root":     `{"auth":{"client_token":"x","lease_duration":3600,"policies":["root"]}}`,
		"no token": `{}`,
	} {
		logins := make(chan struct{}, 9)
		f := fake{renew: renew, login: func(w http.ResponseWriter) { logins <- struct{}{}; goodLogin(w) }}
		v, err := f.open(t)
		if err != nil {
			t.Fatal(err)
		}
		<-logins
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }() // which begins with a renewal
		select {
		case <-logins:
		case <-time.After(5 * time.Second):
			t.Errorf("%s: no second login", name)
		}
		stop()
		<-done
	}
}

// Nothing of the environment travels to the server.
func TestRequestsCarryNothingElse(t *testing.T) {
	t.Setenv("VAULT_TOKEN", "token-of-the-environment")
	t.Setenv("VAULT_NAMESPACE", "namespace-of-the-environment")
	t.Setenv("VAULT_HEADERS", `{"Extra":"header-of-the-environment"}`)
	f := fake{login: goodLogin, record: goodRecord(t), seen: func(r *http.Request) {
		for name, values := range r.Header {
			if strings.Contains(strings.Join(values, " "), "of-the-environment") {
				t.Errorf("%s carries %s: %q", r.URL.Path, name, values)
			}
		}
	}}
	v, err := f.open(t)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Key(t.Context(), "k", 1); err != nil {
		t.Error(err)
	}
	v.Health(t.Context())
}

// A server that accepts and never answers costs one timeout, not more.
func TestSilence(t *testing.T) {
	release := make(chan struct{})
	f := fake{login: goodLogin, record: goodRecord(t), sign: func(http.ResponseWriter) { <-release }}
	v, err := f.open(t)
	if err != nil {
		t.Fatal(err)
	}
	defer close(release)
	v.cfg.Timeout = 100 * time.Millisecond
	k, err := v.Key(t.Context(), "k", 1)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = k.Sign(nil, make([]byte, 32), crypto.SHA256)
	if !isUnavailable(err) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v; want an UnavailableError of a deadline", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v; the timeout is 100ms", took)
	}
}

// Each field of a key's record counts, and none may be left out.
func TestRecord(t *testing.T) {
	big3072 := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 3071, 1), E: 65537}
	p384, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), append(make([]byte, 47), 7))
	if err != nil {
		t.Fatal(err)
	}
	half := func(key, made any) map[string]any {
		return map[string]any{"1": map[string]any{"public_key": key, "creation_time": made}}
	}
	const made = "2026-03-01T12:00:00Z"
	good := pemOf(t, testKey(t).Public())
	for name, c := range map[string]struct {
		field string
		value any
		want  string
	}{
		"good":            {"type", "ecdsa-p256", ""},
		"not signing":     {"supports_signing", false, "does not sign"},
		"exportable":      {"exportable", true, "exportable"},
		"backup":          {"allow_plaintext_backup", true, "backup"},
		"deletable":       {"deletion_allowed", true, "deleted"},
		"imported":        {"imported_key", true, "imported"},
		"retired":         {"min_encryption_version", 2, "min_encryption_version is 2"},
		"other curve":     {"type", "ecdsa-p384", "that is not ecdsa-p384"},
		"other algorithm": {"type", "rsa-3072", "that is not rsa-3072"},
		"unknown type":    {"type", "managed_key", "its type is"},
		"no such version": {"keys", map[string]any{"2": half(good, made)["1"]}, "no such version"},
		"P-384 as P-256":  {"keys", half(pemOf(t, p384.Public()), made), "that is not ecdsa-p256"},
		"RSA as P-256":    {"keys", half(pemOf(t, big3072), made), "that is not ecdsa-p256"},
		"two PEM blocks":  {"keys", half(good+good, made), "not one PEM block"},
		"no PEM":          {"keys", half("AAAA", made), "not one PEM block"},
		"bad DER":         {"keys", half("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", made), "cannot be read"},
		"no time":         {"keys", map[string]any{"1": map[string]any{"public_key": good}}, "creation time"},
		"a bare time":     {"keys", map[string]any{"1": 1772366400}, "creation time"},
		"a wrong shape":   {"keys", []any{}, "reading the server's record"},
	} {
		data := maps.Clone(goodRecord(t))
		data[c.field] = c.value
		r, err := readRecord(data)
		reason := ""
		var created time.Time
		if err != nil {
			reason = err.Error()
		} else {
			_, created, reason = r.check(1)
		}
		if (c.want == "") != (reason == "") || !strings.Contains(reason, c.want) {
			t.Errorf("%s: got %q; want ...%s...", name, reason, c.want)
		}
		if c.want == "" && created.Format(time.RFC3339Nano) != made {
			t.Errorf("%s: made at %v; want %s", name, created, made)
		}
	}
	for field := range goodRecord(t) {
		data := maps.Clone(goodRecord(t))
		delete(data, field)
		if _, err := readRecord(data); err == nil && field != "imported_key" { // unknown before Vault 1.11
			t.Errorf("a record without %q was read", field)
		}
	}
	for bits, want := range map[int]bool{3072: true, 3071: false, 4096: false} {
		k := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), bits-1, 1), E: 65537}
		if kinds["rsa-3072"](k) != want {
			t.Errorf("an RSA key of %d bits taken for rsa-3072: %v", bits, !want)
		}
	}
}

// What cannot work is refused before anything is sent.
func TestConfig(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	good := Config{Address: "https://vault.example:8200", RoleID: "r", SecretID: SecretIDFile("x")}
	if _, err := New(good, log); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(*Config)
		want  string
	}{
		"plain http":      {func(c *Config) { c.Address = "http://vault.example:8200" }, "plain http"},
		"another scheme":  {func(c *Config) { c.Address = "ftp://vault.example" }, `scheme "ftp"`},
		"no address":      {func(c *Config) { c.Address = "" }, "form"},
		"a path":          {func(c *Config) { c.Address = "https://vault.example/v1" }, "form"},
		"a password":      {func(c *Config) { c.Address = "https://u:hush@vault.example" }, "user or password"},
		"no URL":          {func(c *Config) { c.Address = "https://u:hush@%zz" }, "not a URL"},
		"mount upwards":   {func(c *Config) { c.Mount = "../sys" }, "mount path"},
		"mount with glob": {func(c *Config) { c.Mount = "tran*" }, "mount path"},
		"auth with space": {func(c *Config) { c.Auth = "app role" }, "mount path"},
		"no role id":      {func(c *Config) { c.RoleID = "" }, "role id"},
		"no secret id":    {func(c *Config) { c.SecretID = nil }, "secret id"},
		"no such CA":      {func(c *Config) { c.CACert = "/no/such/file" }, "authorities"},
		"timeout":         {func(c *Config) { c.Timeout = -1 }, "above 0"},
		"poll":            {func(c *Config) { c.Poll = -1 }, "above 0"},
	} {
		conf := good
		c.spoil(&conf)
		_, err := New(conf, log)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v; want ...%s...", name, err, c.want)
		}
	}
	if _, err := New(good, nil); err == nil {
		t.Error("no log was taken")
	}
}

// A policy is made of plain names only, so no name can widen it.
func TestPolicyNames(t *testing.T) {
	for _, c := range []struct {
		mount, key string
		version    int
	}{{"transit", "*", 1}, {"transit", "+", 1}, {"transit", "a/b", 1}, {"transit", "..", 1}, {"transit", `a" {}`, 1},
		{"transit", "", 1}, {"", "a", 1}, {"tran*", "a", 1}, {"transit/", "a", 1}, {"transit", "a", 0}, {"transit", "{{x}}", 1}, {"transit", strings.Repeat("a", 65), 1}} {
		if text, err := Policy(c.mount, c.key, c.version); err == nil || text != "" {
			t.Errorf("Policy(%q, %q, %d) made a text", c.mount, c.key, c.version)
		}
	}
	text, err := Policy("a/b", "VERSION", 12)
	if err != nil || !strings.HasPrefix(text, "path \"a/b/sign/VERSION\" {") || !strings.Contains(text, `["12"]`) {
		t.Errorf("got %q, %v", text, err)
	}
}
