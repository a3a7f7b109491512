package room

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// A starter starts the room's processes from one thread that lives as long as
// the room: the kernel sends the parent-death signal when the thread that
// started a child ends (prctl(2), PR_SET_PDEATHSIG), not the process.
type starter struct {
	work chan func()

	mu       sync.Mutex
	children []*child
	stopped  bool
}

type child struct {
	cmd  *exec.Cmd
	done chan struct{}
	log  *tail
}

func newStarter() *starter {
	s := &starter{work: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		for f := range s.work {
			f()
		}
	}()
	return s
}

// start starts cmd on the starter's thread and remembers it.
func (s *starter) start(cmd *exec.Cmd) (*child, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, errors.New("the room is closed")
	}
	c := &child{cmd: cmd, done: make(chan struct{}), log: &tail{}}
	cmd.Stderr = c.log
	isolate(cmd)
	started := make(chan error)
	s.work <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	s.children = append(s.children, c)
	return c, nil
}

// reap waits for the process; call it when nothing reads its pipes any more.
func (c *child) reap() {
	_ = c.cmd.Wait()
	close(c.done)
}

// run runs a command to its end.
func (s *starter) run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(name), args[0], err, bytes.TrimSpace(out))
	}
	return nil
}

// serve starts a command and returns when it has printed a line that ends with
// the word ready.
func (s *starter) serve(ctx context.Context, ready, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	c, err := s.start(cmd)
	if err != nil {
		return err
	}
	line := make(chan string, 1)
	go func() {
		r := bufio.NewReader(stdout)
		l, _ := r.ReadString('\n')
		line <- strings.TrimSpace(l)
		_, _ = r.WriteTo(discard{})
		c.reap()
	}()
	select {
	case l := <-line:
		if !strings.HasSuffix(l, ready) {
			<-c.done
			return fmt.Errorf("%s %s ended: %s", filepath.Base(name), args[0], c.log)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop ends all processes, the last started first, and waits for them.
func (s *starter) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	for i := len(s.children) - 1; i >= 0; i-- {
		c := s.children[i]
		kill(c.cmd)
		<-c.done
	}
	close(s.work)
	return nil
}

// complaints gives what the processes last wrote on stderr.
func (s *starter) complaints() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, c := range s.children {
		if text := c.log.String(); text != "" {
			all = append(all, filepath.Base(c.cmd.Path)+": "+text)
		}
	}
	return strings.Join(all, "; ")
}

// A tail keeps the last bytes written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailSize = 2048

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > tailSize {
		t.b = t.b[len(t.b)-tailSize:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.b))
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Build builds tools/vcard into dir, with the go command, from anywhere in this
// module, and gives the program's path.
func Build(ctx context.Context, dir string) (string, error) {
	name := filepath.Join(dir, "vcard")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", name, "github.com/rootward/rootward/tools/vcard")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the virtual card: %w: %s", err, bytes.TrimSpace(out))
	}
	return name, nil
}
