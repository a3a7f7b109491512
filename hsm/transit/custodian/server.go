package custodian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Missing says how to get a server, for a test or program that found none.
func Missing() string {
	return "no Vault server was found: run make build/bin/devvault, or set DEVVAULT_BIN to a devvault, vault or bao program"
}

// Find returns the program of a server: what DEVVAULT_BIN names, or
// build/bin/devvault of the module around the working directory, or vault or
// bao on the PATH. The error repeats [Missing].
func Find() (string, error) {
	if name := os.Getenv("DEVVAULT_BIN"); name != "" {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
		return "", fmt.Errorf("DEVVAULT_BIN names %q, which is no program; %s", name, Missing())
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			path := filepath.Join(dir, "build", "bin", "devvault")
			if _, err := exec.LookPath(path); err == nil {
				return path, nil
			}
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, name := range []string{"vault", "bao"} {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", errors.New(Missing())
}

// Options say how to start a server.
type Options struct {
	// Binary is the server's program, from Find. One whose name begins with
	// devvault is started as tools/devvault wants it, any other as vault or
	// bao, with a configuration file.
	Binary string
	// Dir is an existing directory for the server's files. They are secrets
	// of the rehearsal: the sealed storage, and the TLS key.
	Dir string
	// Persistent keeps the storage in Dir, so that Restart finds it again.
	Persistent bool
	// TLS makes the server speak TLS, with a fresh CA at each start; devvault
	// only.
	TLS bool
	// Log receives what the server prints; nothing if nil.
	Log io.Writer
}

// A Server is a running Vault server on a loopback address. The process ends
// with Stop, with the context of Start or Restart, and (on Linux) with the
// process that started it.
type Server struct {
	opts Options
	addr string // host:port; the same after a Restart
	stop context.CancelFunc
	done chan struct{} // closed when the process has ended
	err  error         // how it ended; read after done
}

// Start starts a server on a free port and returns once it answers. It is
// uninitialised, or sealed if Dir holds an earlier storage.
func Start(ctx context.Context, o Options) (*Server, error) {
	s := &Server{opts: o}
	if err := s.start(ctx); err != nil {
		return nil, fmt.Errorf("starting %q: %w", o.Binary, err)
	}
	return s, nil
}

// URL returns the server's URL.
func (s *Server) URL() string {
	if s.opts.TLS {
		return "https://" + s.addr
	}
	return "http://" + s.addr
}

// CACert returns the PEM file of the server's CA; empty without TLS.
func (s *Server) CACert() string {
	if !s.opts.TLS {
		return ""
	}
	return filepath.Join(s.opts.Dir, "tls", "vault-ca.pem")
}

// Stop ends the process and waits for its end.
func (s *Server) Stop() {
	s.stop()
	<-s.done
}

// Restart stops the server if it runs and starts it on the same address. It is
// sealed then if it is persistent, and otherwise fresh.
func (s *Server) Restart(ctx context.Context) error {
	s.Stop()
	if err := s.start(ctx); err != nil {
		return fmt.Errorf("starting %q again: %w", s.opts.Binary, err)
	}
	return nil
}

// start starts the process and waits for its answer.
func (s *Server) start(ctx context.Context) error {
	args, err := s.args()
	if err != nil {
		return err
	}
	ctx, s.stop = context.WithCancel(ctx)
	said := &tail{next: s.opts.Log}
	cmd := exec.CommandContext(ctx, s.opts.Binary, args...)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.Env = environment(s.opts.Dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	dieWithParent(cmd)
	s.done = make(chan struct{})
	go func() {
		// The kernel sends the death signal when the thread that started the
		// process ends; so that thread waits for the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(s.done)
		s.err = cmd.Run()
	}()
	if err := s.answer(ctx); err != nil {
		s.Stop()
		return fmt.Errorf("%w; it ended with %v and said %q", err, s.err, said)
	}
	return nil
}

// args returns the program's arguments, and writes what they name.
func (s *Server) args() ([]string, error) {
	storage := filepath.Join(s.opts.Dir, "storage")
	if s.devvault() {
		addr := s.addr
		if addr == "" {
			addr = "127.0.0.1:0" // and it says which it took
		}
		if err := os.Remove(s.addrFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		args := []string{"-addr", addr, "-addr-file", s.addrFile()}
		if s.opts.Persistent {
			args = append(args, "-storage", storage)
		}
		if s.opts.TLS {
			args = append(args, "-tls-dir", filepath.Join(s.opts.Dir, "tls"))
		}
		return args, nil
	}
	if s.opts.TLS {
		return nil, errors.New("TLS is for devvault only")
	}
	if s.addr == "" {
		addr, err := freeAddress()
		if err != nil {
			return nil, err
		}
		s.addr = addr
	}
	stanza := `storage "inmem" {}`
	if s.opts.Persistent {
		stanza = fmt.Sprintf("storage \"file\" {\n  path = %q\n}", storage)
	}
	text := fmt.Sprintf("%s\nlistener \"tcp\" {\n  address = %q\n  tls_disable = true\n}\napi_addr = %q\ndisable_mlock = true\n",
		stanza, s.addr, s.URL())
	file := filepath.Join(s.opts.Dir, "server.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return []string{"server", "-config=" + file, "-log-level=warn"}, nil
}

// devvault reports whether the program takes the flags of tools/devvault.
func (s *Server) devvault() bool {
	return strings.HasPrefix(filepath.Base(s.opts.Binary), "devvault")
}

// addrFile is where devvault writes its URL.
func (s *Server) addrFile() string { return filepath.Join(s.opts.Dir, "address") }

// answer waits until the server answers, the process ends or half a minute is
// over.
func (s *Server) answer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := s.ask(ctx)
		select {
		case <-s.done: // also when it is another server that answers
			return errors.New("the server ended before it answered")
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-s.done:
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ask asks the server for a sign of life.
func (s *Server) ask(ctx context.Context) error {
	if s.devvault() {
		text, err := os.ReadFile(s.addrFile())
		if err != nil {
			return err
		}
		_, s.addr, _ = strings.Cut(strings.TrimSpace(string(text)), "://")
	}
	c, err := New(s.URL(), s.CACert())
	if err != nil {
		return err
	}
	_, err = c.client.Sys().InitStatusWithContext(ctx)
	return err
}

// environment is what the server needs of ours, without any VAULT_ variable.
// Vault 1.13 as a whole holds a CA certificate with a negative serial number,
// which Go refuses since 1.23 unless told otherwise.
func environment(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + os.TempDir(), "GODEBUG=x509negativeserial=1"}
}

// freeAddress returns a loopback address whose port is free now.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// A tail keeps the end of what a server says and passes all of it on.
type tail struct {
	next io.Writer
	buf  bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.buf.Write(p)
	if over := t.buf.Len() - 2000; over > 0 {
		t.buf.Next(over)
	}
	if t.next != nil {
		return t.next.Write(p)
	}
	return len(p), nil
}

func (t *tail) String() string { return t.buf.String() }
