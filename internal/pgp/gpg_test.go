package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// need skips the test if a program is missing, or fails it where CI=true.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("%s is not installed", program)
}

// A gpgHome is a GnuPG of its own, with an agent that ends with the test.
type gpgHome struct {
	dir string
}

func newGPG(t *testing.T) gpgHome {
	t.Helper()
	need(t, "gpg")
	need(t, "gpgconf")
	// The agent's socket needs a short path, shorter than t.TempDir may be.
	dir, err := os.MkdirTemp("", "pgp")
	if err != nil {
		t.Fatal(err)
	}
	g := gpgHome{dir}
	t.Cleanup(func() {
		end := exec.Command("gpgconf", "--kill", "all")
		end.Env = g.env()
		if err := end.Run(); err != nil {
			t.Errorf("ending gpg-agent: %v", err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return g
}

func (g gpgHome) env() []string {
	return append(os.Environ(), "GNUPGHOME="+g.dir, "LC_ALL=C", "TZ=UTC")
}

// command returns a command that runs in g's directory.
func (g gpgHome) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Dir = g.env(), g.dir
	return cmd
}

// gpg runs gpg and returns its standard output.
func (g gpgHome) gpg(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := g.command("gpg", append([]string{"--batch", "--quiet", "--no-tty"}, args...)...)
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	if err := cmd.Run(); err != nil {
		t.Fatalf("gpg %s: %v\n%s", strings.Join(args, " "), err, diagnostics.Bytes())
	}
	return out.Bytes()
}

func (g gpgHome) file(t *testing.T, name string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// generate makes a key with gpg and returns it as KeysIn finds it.
func (g gpgHome) generate(t *testing.T, user, algorithm string) *PublicKey {
	t.Helper()
	g.gpg(t, "--passphrase", "", "--quick-generate-key", user, algorithm, "sign", "never")
	found, err := KeysIn(g.gpg(t, "--armor", "--export", "="+user))
	if err != nil || len(found) != 1 || !found[0].Primary || !found[0].SignFlag || found[0].UserID != user {
		t.Fatalf("KeysIn of what gpg exports = %+v, %v; want one key that signs", found, err)
	}
	return found[0].Key
}

var gpgAlgorithms = map[string]string{"rsa2048": "RSA", "rsa3072": "RSA", "ed25519": "Ed25519", "nistp256": "P-256", "nistp384": "P-384"}

// What gpg signs we verify, with gpg's own choice of hash and with each other.
func TestGPGSigns(t *testing.T) {
	g := newGPG(t)
	document := []byte("a document\r\nwith \t odd \x00 bytes \n\n")
	g.file(t, "document", document)
	for algorithm, name := range gpgAlgorithms {
		user := algorithm + "@example.org"
		key := g.generate(t, user, algorithm)
		if key.Algorithm().String() != name {
			t.Errorf("%s: key is %s, want %s", algorithm, key.Algorithm(), name)
		}
		listed := string(g.gpg(t, "--with-colons", "--list-keys", "="+user))
		if !strings.Contains(listed, "fpr:::::::::"+key.String()+":") {
			t.Errorf("%s: fingerprint is %s, gpg lists\n%s", algorithm, key, listed)
		}
		for _, options := range [][]string{nil, {"--digest-algo", "SHA384"}, {"--digest-algo", "SHA512"}, {"--emit-version", "--comment", "hello"}, {"--set-notation", "a@example.org=b"}} {
			args := append(slices.Clone(options), "--local-user", user, "--armor", "--output", "-", "--detach-sign", "document")
			f, err := ParseSignatures(g.gpg(t, args...))
			if err != nil {
				t.Errorf("%s %v: %v", algorithm, options, err)
				continue
			}
			if ids, err := f.Verify(document, []*PublicKey{key}); err != nil || len(ids) != 1 || ids[0] != key.ID() {
				t.Errorf("%s %v: Verify = %v, %v; want the key", algorithm, options, ids, err)
			}
			if _, err := f.Verify(document[1:], []*PublicKey{key}); err == nil {
				t.Errorf("%s %v: verifies over another document", algorithm, options)
			}
		}
	}
}

// What gpg makes otherwise is refused, for the reason given.
func TestGPGOtherSignatures(t *testing.T) {
	g := newGPG(t)
	document := []byte("document\n")
	g.file(t, "document", document)
	g.generate(t, "alice@example.org", "ed25519")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"text":              {[]string{"--textmode", "--armor", "--detach-sign"}, "type 0x01 (text"},
		"cleartext":         {[]string{"--clear-sign"}, "SIGNED MESSAGE"},
		"inline":            {[]string{"--armor", "--sign"}, "PGP MESSAGE"},
		"binary":            {[]string{"--detach-sign"}, "armour begins with"},
		"SHA-1":             {[]string{"--digest-algo", "SHA1", "--armor", "--detach-sign"}, "SHA-1"},
		"SHA-224":           {[]string{"--digest-algo", "SHA224", "--armor", "--detach-sign"}, "SHA-224"},
		"expiring":          {[]string{"--default-sig-expire", "1y", "--armor", "--detach-sign"}, "it expires"},
		"critical notation": {[]string{"--set-notation", "!a@example.org=b", "--armor", "--detach-sign"}, "critical notation"},
		"critical policy":   {[]string{"--sig-policy-url", "!https://example.org", "--armor", "--detach-sign"}, "critical policy"},
	} {
		args := append(slices.Clone(c.args), "document")
		args = append([]string{"--output", "-"}, args...)
		f, err := ParseSignatures(g.gpg(t, args...))
		if f != nil || !errors.Is(err, ErrMalformedSignature) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want ErrMalformedSignature with %q", name, err, c.want)
		}
	}
	secret := g.gpg(t, "--armor", "--passphrase", "", "--pinentry-mode", "loopback", "--export-secret-keys")
	if found, err := KeysIn(secret); found != nil || !errors.Is(err, ErrSecretKey) {
		t.Errorf("KeysIn of a secret key = %v, %v; want ErrSecretKey", found, err)
	}
}

// A key that signs with a subkey is named by the subkey, and verifies.
func TestGPGSubkey(t *testing.T) {
	g := newGPG(t)
	document := []byte("document")
	g.file(t, "document", document)
	g.gpg(t, "--passphrase", "", "--quick-generate-key", "alice@example.org", "nistp256", "cert", "never")
	g.gpg(t, "--passphrase", "", "--quick-add-key", fingerprintOf(t, g), "ed25519", "sign", "never")
	g.gpg(t, "--passphrase", "", "--quick-add-key", fingerprintOf(t, g), "cv25519", "encr", "never")
	found, err := KeysIn(g.gpg(t, "--export"))
	if err != nil || len(found) != 2 || !found[0].Primary || found[0].SignFlag || found[1].Primary || !found[1].SignFlag {
		t.Fatalf("KeysIn = %+v, %v; want a primary key that does not sign and a subkey that does", found, err)
	}
	if found[1].UserID != "alice@example.org" {
		t.Errorf("subkey's user id is %q, want the certificate's", found[1].UserID)
	}
	f := parsed(t, g.gpg(t, "--armor", "--output", "-", "--detach-sign", "document"))
	ids, err := f.Verify(document, []*PublicKey{found[0].Key, found[1].Key})
	if err != nil || len(ids) != 1 || ids[0] != found[1].Key.ID() {
		t.Errorf("Verify = %v, %v; want the subkey", ids, err)
	}
}

func fingerprintOf(t *testing.T, g gpgHome) string {
	t.Helper()
	for line := range strings.SplitSeq(string(g.gpg(t, "--with-colons", "--list-keys")), "\n") {
		if rest, ok := strings.CutPrefix(line, "fpr:::::::::"); ok {
			return strings.TrimSuffix(rest, ":")
		}
	}
	t.Fatal("gpg lists no key")
	return ""
}

// publish writes a document, certificates of all test keys and one file with all
// their signatures, as a repository would hold them.
func (g gpgHome) publish(t *testing.T, document string) (pairs map[string]pair, certs []byte) {
	t.Helper()
	var files []*SignatureFile
	pairs = allPairs(t)
	for name, p := range pairs {
		cert, err := Certify(randomness, fmt.Sprintf("%s <%s@example.org>", name, strings.ToLower(name)), p.PublicKey, p.signer, signed)
		if err != nil {
			t.Fatal(err)
		}
		data, err := unarmoured(cert, labelPublicKey)
		if err != nil {
			t.Fatal(err)
		}
		certs = append(certs, data...)
		g.file(t, name+".cert.asc", cert)
		asc := p.sign(t, document)
		g.file(t, name+".asc", asc)
		files = append(files, parsed(t, asc))
	}
	all, err := Combine(files...)
	if err != nil {
		t.Fatal(err)
	}
	g.file(t, "document", []byte(document))
	g.file(t, "other", []byte(document+"!"))
	g.file(t, "all.asc", all)
	return pairs, certs
}

// Stock gpg, which knows nothing of Rootward, agrees with Sign, Certify and Combine.
func TestGPGVerifies(t *testing.T) {
	g := newGPG(t)
	pairs, _ := g.publish(t, "document")
	for name := range pairs {
		g.gpg(t, "--import", name+".cert.asc")
	}
	listed := string(g.gpg(t, "--with-colons", "--list-keys"))
	for name, p := range pairs {
		if !strings.Contains(listed, "fpr:::::::::"+p.String()+":") {
			t.Errorf("%s: gpg does not list %s", name, p)
		}
		status := string(g.gpg(t, "--status-fd", "1", "--verify", name+".asc", "document"))
		if want := fmt.Sprintf("VALIDSIG %s %s %d ", p, signed.Format(time.DateOnly), signed.Unix()); !strings.Contains(status, want) {
			t.Errorf("%s: gpg says\n%s, want %q", name, status, want)
		}
		if err := g.command("gpg", "--batch", "--verify", name+".asc", "other").Run(); err == nil {
			t.Errorf("%s: gpg verifies another document", name)
		}
	}
	status := string(g.gpg(t, "--status-fd", "1", "--verify", "all.asc", "document"))
	if n := strings.Count(status, "] VALIDSIG "); n != len(pairs) {
		t.Errorf("gpg finds %d valid signatures in the combined file, want %d:\n%s", n, len(pairs), status)
	}
}

// So does sqv, for each signature and for all of them.
func TestSqvVerifies(t *testing.T) {
	need(t, "sqv")
	g := newGPG(t)
	pairs, certs := g.publish(t, "document")
	g.file(t, "certs.pgp", certs)
	for name, p := range pairs {
		out, err := g.command("sqv", "--keyring", "certs.pgp", name+".asc", "document").CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != p.String() {
			t.Errorf("%s: sqv says %q, %v; want %s", name, out, err, p)
		}
	}
	out, err := g.command("sqv", "--keyring", "certs.pgp", "--signatures", fmt.Sprint(len(pairs)), "all.asc", "document").CombinedOutput()
	if err != nil {
		t.Errorf("sqv over the combined file: %v\n%s", err, out)
	}
	if err := g.command("sqv", "--keyring", "certs.pgp", "all.asc", "other").Run(); err == nil {
		t.Error("sqv verifies another document")
	}
}
