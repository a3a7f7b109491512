package peers

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rootward/rootward/internal/pgp/corpus"
)

// Programs runs gpg and sqv in a directory of its own, one case at a time.
type Programs struct{ dir string }

// NewPrograms uses dir, which must be empty and is the caller's to remove. A
// short path is best: gpg puts sockets into it.
func NewPrograms(dir string) *Programs { return &Programs{dir} }

// write puts the case's files where run finds them. A keyring is written once.
func (p *Programs) write(c corpus.Case) (ring string, err error) {
	certificates := keyring(c)
	ring = filepath.Join(p.dir, fmt.Sprintf("%x.gpg", sha256.Sum256(certificates)))
	if _, err := os.Stat(ring); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(ring, certificates, 0o600); err != nil {
			return "", err
		}
	}
	if err := os.WriteFile(p.document(), c.Document, 0o600); err != nil {
		return "", err
	}
	return ring, os.WriteFile(p.file(), c.File, 0o600)
}

func (p *Programs) document() string { return filepath.Join(p.dir, "document") }
func (p *Programs) file() string     { return filepath.Join(p.dir, "document.asc") }

// run returns what a program prints on stdout, and whether it exits with 0.
func (p *Programs) run(name string, args ...string) (out string, good bool, err error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "GNUPGHOME="+p.dir, "LC_ALL=C", "TZ=UTC")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", false, err
	}
	return stdout.String(), err == nil, nil
}

var goodSignature = regexp.MustCompile(`(?m)^\[GNUPG:\] (VALIDSIG|GOODSIG|EXPKEYSIG|REVKEYSIG|EXPSIG) `)

// GPG asks "gpg --verify FILE DOCUMENT", judging at [At]. It accepts if gpg exits
// with 0, as a script would have it; the count is that of VALIDSIG lines. The
// error says that gpg could not be run.
func (p *Programs) GPG(c corpus.Case) (Outcome, error) {
	ring, err := p.write(c)
	if err != nil {
		return Outcome{}, err
	}
	out, good, err := p.run("gpg", "--batch", "--no-tty", "--quiet", "--no-options", "--no-default-keyring", "--keyring", ring,
		"--trust-model", "always", "--faked-system-time", At.Format("20060102T150405")+"!", "--status-fd", "1", "--verify", p.file(), p.document())
	if err != nil || !good {
		return Outcome{Verdict: corpus.Refuse, Detail: out}, err
	}
	valid := 0
	for _, m := range goodSignature.FindAllStringSubmatch(out, -1) {
		if m[1] == "VALIDSIG" {
			valid++
		}
	}
	return Outcome{Verdict: corpus.Accept, Count: valid, Detail: out}, nil
}

// Sqv asks "sqv --keyring RING FILE DOCUMENT". It accepts if sqv exits with 0;
// the count is that of the certificates that it prints. The error says that sqv
// could not be run.
func (p *Programs) Sqv(c corpus.Case) (Outcome, error) {
	ring, err := p.write(c)
	if err != nil {
		return Outcome{}, err
	}
	out, good, err := p.run("sqv", "--keyring", ring, p.file(), p.document())
	if err != nil || !good {
		return Outcome{Verdict: corpus.Refuse, Detail: out}, err
	}
	return Outcome{Verdict: corpus.Accept, Count: len(strings.Fields(out)), Detail: out}, nil
}

// Versions returns the first lines of "gpg --version" and "sqv --version"; one
// that is not installed is "".
func (p *Programs) Versions() (gpg, sqv string) {
	first := func(name string) string {
		out, good, err := p.run(name, "--version")
		line, _, _ := strings.Cut(out, "\n")
		if err != nil || !good {
			return ""
		}
		return strings.TrimSpace(line)
	}
	return first("gpg"), first("sqv")
}
