package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A stage holds what the acts share: where things are and what runs.
type stage struct {
	ctx   context.Context
	bin   string // the programs
	dir   string // build/demo
	gnupg string // people's gpg homes, one each

	cast             // people and machines, filled in by the acts
	curtain []func() // run in reverse at the end
}

func (s *stage) close() {
	for i := len(s.curtain) - 1; i >= 0; i-- {
		s.curtain[i]()
	}
	for _, who := range s.gpgUsers {
		_ = exec.Command("gpgconf", "--homedir", s.gpgHome(who), "--kill", "all").Run()
	}
	_ = os.RemoveAll(s.gnupg)
}

func (s *stage) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// show cuts a path to what a person at the top of the repository would type.
func (s *stage) show(path string) string {
	return strings.ReplaceAll(path, filepath.Dir(filepath.Dir(s.dir))+"/", "")
}

func (s *stage) heading(n int, title string) {
	fmt.Printf("\n%s\nACT %d. %s\n%s\n", strings.Repeat("=", 72), n, title, strings.Repeat("=", 72))
}

// say prints a paragraph to the person who watches.
func (s *stage) say(format string, args ...any) {
	fmt.Printf(strings.TrimPrefix(format, "\n")+"\n", args...)
}

// A cmd is one run of a program.
type cmd struct {
	program string
	args    []string
	env     []string
	stdin   string // what the person types, a line each
	dir     string
	exit    int  // the exit code that is wanted
	quiet   bool // print nothing of what the program says
}

// run runs a program, shows the command line and what it prints, and returns
// its standard output. Another exit code than the one wanted is an error.
func (s *stage) run(c cmd) (string, error) {
	stdout, _, err := s.runAll(c)
	return stdout, err
}

// runBoth is run, and returns what went to standard error too.
func (s *stage) runBoth(c cmd) (string, error) {
	stdout, stderr, err := s.runAll(c)
	return stdout + stderr, err
}

func (s *stage) runAll(c cmd) (said, complained string, err error) {
	name := c.program
	if !strings.Contains(name, "/") {
		if p := filepath.Join(s.bin, name); fileExists(p) {
			name = p
		}
	}
	ctx, cancel := context.WithTimeout(s.ctx, 2*time.Minute)
	defer cancel()
	x := exec.CommandContext(ctx, name, c.args...)
	x.Env = append(os.Environ(), c.env...)
	x.Dir, x.Stdin = c.dir, strings.NewReader(c.stdin)
	var stdout, stderr bytes.Buffer
	shown := &indented{s: s, w: os.Stdout}
	if c.quiet {
		shown.w = io.Discard
	} else {
		fmt.Printf("\n  $ %s %s\n", c.program, s.show(quoteAll(c.args)))
	}
	x.Stdout, x.Stderr = io.MultiWriter(&stdout, shown), io.MultiWriter(&stderr, shown)
	err = x.Run()
	shown.flush()
	code := x.ProcessState.ExitCode()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		return "", "", fmt.Errorf("running %s: %w", c.program, err)
	}
	if code != c.exit {
		return stdout.String(), stderr.String(), fmt.Errorf("%s %s: exit code %d, wanted %d", c.program, s.show(quoteAll(c.args)), code, c.exit)
	}
	if c.exit != 0 && !c.quiet {
		fmt.Printf("    (exit code %d)\n", code)
	}
	return stdout.String(), stderr.String(), nil
}

func quoteAll(args []string) string {
	var q []string
	for _, a := range args {
		if strings.ContainsAny(a, " \"'<>|&;*") || a == "" {
			a = "'" + a + "'"
		}
		q = append(q, a)
	}
	return strings.Join(q, " ")
}

func fileExists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}

// indented prints lines with an indent, and paths as a person would type
// them. It may be written to by two goroutines.
type indented struct {
	s    *stage
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
		fmt.Fprintf(i.w, "    %s\n", i.s.show(string(i.line[:n])))
		i.line = i.line[n+1:]
	}
}

func (i *indented) flush() {
	if len(i.line) > 0 {
		_, _ = i.Write([]byte("\n"))
	}
}

// start starts a program that runs until the end, or until stop is called.
// It dies with the demo.
func (s *stage) start(logFile, program string, args ...string) (stop func(), err error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	fmt.Printf("\n  $ %s %s &\n", program, s.show(quoteAll(args)))
	x := exec.CommandContext(s.ctx, filepath.Join(s.bin, program), args...)
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
	s.curtain = append(s.curtain, stop)
	return stop, nil
}

// until waits for a condition that a program will make true.
func (s *stage) until(what string, done func() bool) error {
	deadline := time.After(30 * time.Second)
	for !done() {
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-deadline:
			return fmt.Errorf("waiting for %s: nothing after 30 seconds", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (s *stage) write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
