// Package play runs the real programs as people would, shows what was typed and
// what was answered, and wants the exit codes that a story wants. The demo and
// the drill are such stories.
package play

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Stage is where a story is played: where things are and what runs.
type Stage struct {
	Ctx   context.Context
	Bin   string    // the programs
	Dir   string    // what the story makes
	Short string    // a directory with a short path, for sockets
	Out   io.Writer // what people read

	curtain []func() // run in reverse at the end
}

// New makes a stage in build/NAME, empty but for the given folders, and finds
// the programs beside this one.
func New(ctx context.Context, name string, programs, folders []string) (*Stage, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	bin := filepath.Dir(self)
	s := &Stage{Ctx: ctx, Bin: bin, Dir: filepath.Join(filepath.Dir(bin), name), Out: os.Stdout}
	for _, p := range programs {
		if _, err := os.Stat(filepath.Join(bin, p)); err != nil {
			return nil, fmt.Errorf("%w: run make %s, which builds the programs first", err, name)
		}
	}
	if err := os.RemoveAll(s.Dir); err != nil {
		return nil, fmt.Errorf("clearing what was played last: %w", err)
	}
	for _, d := range folders {
		if err := os.MkdirAll(s.Path(d), 0o700); err != nil {
			return nil, err
		}
	}
	if s.Short, err = os.MkdirTemp("", "rw-"+name); err != nil {
		return nil, err
	}
	s.Later(func() { _ = os.RemoveAll(s.Short) })
	return s, nil
}

// Later has f called at the end, before what was given earlier.
func (s *Stage) Later(f func()) { s.curtain = append(s.curtain, f) }

// Close ends everything that runs.
func (s *Stage) Close() {
	for i := len(s.curtain) - 1; i >= 0; i-- {
		s.curtain[i]()
	}
	s.curtain = nil
}

// Path is a path below the stage's directory.
func (s *Stage) Path(elem ...string) string {
	return filepath.Join(append([]string{s.Dir}, elem...)...)
}

// Show cuts a path to what a person at the top of the repository would type.
func (s *Stage) Show(path string) string {
	return strings.ReplaceAll(path, filepath.Dir(filepath.Dir(s.Dir))+"/", "")
}

// Heading prints a title.
func (s *Stage) Heading(title string) {
	bar := strings.Repeat("=", 72)
	fmt.Fprintf(s.Out, "\n%s\n%s\n%s\n", bar, title, bar)
}

// Say prints a paragraph to the person who watches.
func (s *Stage) Say(format string, args ...any) {
	fmt.Fprintf(s.Out, strings.TrimPrefix(format, "\n")+"\n", args...)
}

// A Cmd is one run of a program.
type Cmd struct {
	Program string
	Args    []string
	Env     []string
	Stdin   string // what the person types, a line each
	Dir     string
	Exit    int  // the exit code that is wanted
	Quiet   bool // print nothing of what the program says
}

// Run runs a program, shows the command line and what it prints, and returns
// its standard output. Another exit code than the one wanted is an error.
func (s *Stage) Run(c Cmd) (string, error) {
	stdout, _, err := s.runAll(c)
	return stdout, err
}

// RunBoth is Run, and returns what went to standard error too.
func (s *Stage) RunBoth(c Cmd) (string, error) {
	stdout, stderr, err := s.runAll(c)
	return stdout + stderr, err
}

func (s *Stage) runAll(c Cmd) (said, complained string, err error) {
	ctx, cancel := context.WithTimeout(s.Ctx, 2*time.Minute)
	defer cancel()
	x := s.prepare(ctx, c)
	x.Stdin = strings.NewReader(c.Stdin)
	var stdout, stderr bytes.Buffer
	shown := &indented{s: s, w: s.Out}
	if c.Quiet {
		shown.w = io.Discard
	} else {
		s.typed(c)
	}
	x.Stdout, x.Stderr = io.MultiWriter(&stdout, shown), io.MultiWriter(&stderr, shown)
	err = x.Run()
	shown.flush()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		return "", "", fmt.Errorf("running %s: %w", c.Program, err)
	}
	if err := s.exited(c, x); err != nil {
		if c.Quiet {
			err = fmt.Errorf("%w\n%s%s", err, stdout.String(), stderr.String())
		}
		return stdout.String(), stderr.String(), err
	}
	if c.Exit != 0 && !c.Quiet {
		fmt.Fprintf(s.Out, "    (exit code %d)\n", c.Exit)
	}
	return stdout.String(), stderr.String(), nil
}

func (s *Stage) prepare(ctx context.Context, c Cmd) *exec.Cmd {
	name := c.Program
	if p := filepath.Join(s.Bin, name); !strings.Contains(name, "/") && Exists(p) {
		name = p
	}
	x := exec.CommandContext(ctx, name, c.Args...)
	x.Env, x.Dir = append(os.Environ(), c.Env...), c.Dir
	return x
}

func (s *Stage) typed(c Cmd) { fmt.Fprintf(s.Out, "\n  $ %s %s\n", c.Program, s.Show(Quote(c.Args))) }

func (s *Stage) exited(c Cmd, x *exec.Cmd) error {
	if code := x.ProcessState.ExitCode(); code != c.Exit {
		return fmt.Errorf("%s %s: exit code %d, wanted %d", c.Program, s.Show(Quote(c.Args)), code, c.Exit)
	}
	return nil
}

// Quote writes arguments as they would be typed.
func Quote(args []string) string {
	var q []string
	for _, a := range args {
		if strings.ContainsAny(a, " \"'<>|&;*") || a == "" {
			a = "'" + a + "'"
		}
		q = append(q, a)
	}
	return strings.Join(q, " ")
}

// indented prints lines with an indent, and paths as a person would type
// them. It may be written to by two goroutines.
type indented struct {
	s    *Stage
	mu   sync.Mutex
	w    io.Writer
	line []byte
}

func (i *indented) Write(p []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.line = append(i.line, p...)
	for {
		n := bytes.IndexByte(i.line, '\n')
		if n < 0 {
			return len(p), nil
		}
		fmt.Fprintf(i.w, "    %s\n", i.s.Show(string(i.line[:n])))
		i.line = i.line[n+1:]
	}
}

func (i *indented) flush() {
	if len(i.line) > 0 {
		_, _ = i.Write([]byte("\n"))
	}
}

// Start starts a program that runs until the end, or until stop is called.
// It dies with this one.
func (s *Stage) Start(logFile, program string, args ...string) (stop func(), err error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(s.Out, "\n  $ %s %s &\n", program, s.Show(Quote(args)))
	x := exec.CommandContext(s.Ctx, filepath.Join(s.Bin, program), args...)
	x.Stdout, x.Stderr = log, log
	x.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := x.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			_ = x.Process.Signal(syscall.SIGTERM)
			_ = x.Wait()
			_ = log.Close()
		})
	}
	s.Later(stop)
	return stop, nil
}

// Until waits for a condition that a program will make true.
func (s *Stage) Until(what string, done func() bool) error {
	deadline := time.After(30 * time.Second)
	for !done() {
		select {
		case <-s.Ctx.Done():
			return s.Ctx.Err()
		case <-deadline:
			return fmt.Errorf("waiting for %s: nothing after 30 seconds", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// Host serves a directory as any static web host would, and returns its URL.
func (s *Stage) Host(dir string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(dir)), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }()
	s.Later(func() { _ = server.Close() })
	return "http://" + l.Addr().String(), nil
}
