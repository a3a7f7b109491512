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
	"sync"
	"time"

	"github.com/rootward/rootward/internal/pgp/corpus"
)

// Patience is how much processor time gpg or sqv may take over one case. One
// that takes more is stopped: see [Unanswered].
const Patience = time.Minute

// Unanswered is the verdict of a program that was stopped for its [Patience].
const Unanswered corpus.Verdict = "no answer"

// Programs runs gpg and sqv in a directory of its own, with one home directory
// and one file a keyring, a document and a signature file, however many cases
// share them. It may be used by several goroutines at once.
type Programs struct {
	dir     string
	mu      sync.Mutex // guards written
	written map[string]bool
}

// NewPrograms uses dir, which must be empty and is the caller's to remove. A
// short path is best: gpg puts sockets into it.
func NewPrograms(dir string) *Programs { return &Programs{dir: dir, written: make(map[string]bool)} }

// keep returns the path of a file with the content given, which it writes once.
func (p *Programs) keep(content []byte, ending string) (string, error) {
	path := filepath.Join(p.dir, fmt.Sprintf("%x%s", sha256.Sum256(content), ending))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.written[path] {
		return path, nil
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return "", err
	}
	p.written[path] = true
	return path, nil
}

// write puts the case's files where the programs find them.
func (p *Programs) write(c corpus.Case) (ring, document, file string, err error) {
	for _, f := range []struct {
		path    *string
		content []byte
		ending  string
	}{{&ring, keyring(c), ".gpg"}, {&document, c.Document, ""}, {&file, c.File, ".asc"}} {
		if *f.path, err = p.keep(f.content, f.ending); err != nil {
			return "", "", "", err
		}
	}
	return ring, document, file, nil
}

// run returns what a program prints on stdout, and whether it exits with 0. The
// error is errUnanswered if it was stopped for its [Patience].
func (p *Programs) run(name string, args ...string) (out string, good bool, err error) {
	limited := fmt.Sprintf(`ulimit -t %d && exec "$@"`, int(Patience.Seconds()))
	cmd := exec.Command("sh", append([]string{"-c", limited, "sh", name}, args...)...)
	cmd.Env = append(os.Environ(), "GNUPGHOME="+p.dir, "LC_ALL=C", "TZ=UTC")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() < 0 && exit.UserTime()+exit.SystemTime() > Patience/2 {
		return "", false, errUnanswered // by a signal, not by itself
	}
	if err != nil && !errors.As(err, &exit) {
		return "", false, err
	}
	return stdout.String(), err == nil, nil
}

var errUnanswered = errors.New("stopped")

// outcome is that of a program that did not exit with 0, or could not be run.
func outcome(out string, err error) (Outcome, error) {
	if errors.Is(err, errUnanswered) {
		return Outcome{Verdict: Unanswered, Detail: fmt.Sprintf("stopped after %v of processor time", Patience)}, nil
	}
	return Outcome{Verdict: corpus.Refuse, Detail: out}, err
}

var goodSignature = regexp.MustCompile(`(?m)^\[GNUPG:\] (VALIDSIG|GOODSIG|EXPKEYSIG|REVKEYSIG|EXPSIG) `)

// GPG asks "gpg --verify FILE DOCUMENT", judging at [At]. It accepts if gpg exits
// with 0, as a script would have it; the count is that of VALIDSIG lines. The
// error says that gpg could not be run.
func (p *Programs) GPG(c corpus.Case) (Outcome, error) {
	ring, document, file, err := p.write(c)
	if err != nil {
		return Outcome{}, err
	}
	out, good, err := p.run("gpg", "--batch", "--no-tty", "--quiet", "--no-options", "--no-default-keyring", "--keyring", ring,
		"--trust-model", "always", "--faked-system-time", At.Format("20060102T150405")+"!", "--status-fd", "1", "--verify", file, document)
	if err != nil || !good {
		return outcome(out, err)
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
	ring, document, file, err := p.write(c)
	if err != nil {
		return Outcome{}, err
	}
	out, good, err := p.run("sqv", "--keyring", ring, file, document)
	if err != nil || !good {
		return outcome(out, err)
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
