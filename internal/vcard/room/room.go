// Package room sets up a room for rehearsals and tests: a private pcscd with
// virtual readers, and a vcard process for each card. Nothing of it touches the
// machine's own pcscd, can be reached from a network, or outlives the program.
//
// How it is kept apart. vpcd, the driver of the virtual readers, listens on every
// address (the version in Debian 12 can dial instead, but crashes pcscd when a
// card goes away). So pcscd and the cards live in namespaces of their own: a
// network that has nothing but its own loopback, where the cards dial vpcd; a
// mount namespace with an empty /run, where pcscd keeps its pid file; and a
// process namespace whose first process is pcscd, so that all end with it, and
// it ends with the thread that started it. The one way in is pcscd's client
// socket, a Unix socket in a private directory that pcscd gets as systemd would
// hand it over; programs find it by the environment of [Room.Env]. Rooms of
// several programs do not meet.
//
// Linux only. Root needs CAP_SYS_ADMIN, which a container may lack (docker run
// --cap-add SYS_ADMIN); others need a kernel that lets them make user namespaces
// (sysctl kernel.unprivileged_userns_clone, or apparmor's
// apparmor_restrict_unprivileged_userns, where these exist).
package room

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/rootward/rootward/internal/vcard"
)

// A Card is what lies in one reader.
type Card struct {
	Serial   uint32
	Firmware string        // "5.7.1" if empty
	Faults   []vcard.Fault // on from the start
	Out      bool          // begins outside its reader
}

// Config describes a room.
type Config struct {
	// Dir keeps the cards (card-SERIAL.json) and their CA; a later room with the
	// same Dir and serials has the same cards. It must exist.
	Dir string
	// VcardBinary is the program tools/vcard, built; see [Build].
	VcardBinary string
	Cards       []Card // at most 14
	// TouchDelay and TouchTimeout are the cards' (vcard serve); 0 for its defaults.
	TouchDelay, TouchTimeout time.Duration
}

// A Room is a running pcscd with its readers and cards. Its methods may be
// called from several goroutines.
type Room struct {
	cfg     Config
	sockets string // short directory for sockets, removed by Close
	root    []byte

	cmd    *exec.Cmd
	log    *tail
	done   chan struct{} // closed when pcscd and all cards have ended
	thread chan func()   // work for the thread that starts pcscd

	closing sync.Once
	err     error
}

const (
	maxCards     = 14               // pcscd 1.9 has 16 readers, two to an entry
	startTimeout = 30 * time.Second // for pcscd and every card to answer
	firstPort    = 35963            // vpcd's own; the network is private
)

// Start starts the cards and pcscd, and returns when every card that is not Out
// is in its reader and has answered it. The room closes when ctx ends, or with
// [Room.Close].
func Start(ctx context.Context, cfg Config) (_ *Room, err error) {
	if missing := Missing(); len(missing) > 0 {
		return nil, fmt.Errorf("setting up the card room: %s", strings.Join(missing, "; "))
	}
	if len(cfg.Cards) == 0 || len(cfg.Cards) > maxCards {
		return nil, fmt.Errorf("setting up the card room: %d cards, want 1 to %d", len(cfg.Cards), maxCards)
	}
	sockets, err := os.MkdirTemp("", "room")
	if err != nil {
		return nil, fmt.Errorf("setting up the card room: %w", err)
	}
	r := &Room{cfg: cfg, sockets: sockets, log: &tail{}, done: make(chan struct{}), thread: make(chan func())}
	go r.runThread()
	defer func() {
		if err != nil {
			err = fmt.Errorf("setting up the card room: %w", errors.Join(err, r.Close()))
		}
	}()
	if err := r.makeCA(ctx); err != nil {
		return nil, err
	}
	if err := r.startAll(ctx); err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = r.Close() })
	return r, nil
}

// runThread starts processes from one thread that lives as long as the room: the
// kernel sends the parent-death signal when the thread that started a child ends
// (prctl(2), PR_SET_PDEATHSIG), not the program.
func (r *Room) runThread() {
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	for f := range r.thread {
		f()
	}
}

// Close ends every process of the room and waits for them. The cards' states
// stay in Config.Dir.
func (r *Room) Close() error {
	r.closing.Do(func() {
		if r.cmd != nil {
			_ = r.cmd.Process.Kill() // the first of its process namespace: all end with it
			<-r.done
		}
		close(r.thread)
		r.err = os.RemoveAll(r.sockets)
	})
	return r.err
}

// Done is closed when the room's pcscd has ended, by Close or by itself.
func (r *Room) Done() <-chan struct{} { return r.done }

// Env gives the variables that a program needs in its environment, from its
// start, to find the room's pcscd.
func (r *Room) Env() []string {
	return []string{"PCSCLITE_CSOCK_NAME=" + r.clientSocket()}
}

// Setenv sets the variables of [Room.Env] in this process. Call it before this
// process first uses PC/SC: the client library reads them once.
func (r *Room) Setenv() error {
	return os.Setenv("PCSCLITE_CSOCK_NAME", r.clientSocket())
}

// AttestationRoot gives the root certificate of the cards' attestations, in PEM.
func (r *Room) AttestationRoot() []byte { return bytes.Clone(r.root) }

// Serial gives the serial number of card i.
func (r *Room) Serial(i int) uint32 { return r.cfg.Cards[i].Serial }

// Control gives the Unix socket on which card i takes orders; see [vcard.Order].
func (r *Room) Control(i int) string { return r.controlSocket(i) }

// Fault sets a fault of card i; see [vcard.Card.SetFault].
func (r *Room) Fault(ctx context.Context, i int, f vcard.Fault, n int) error {
	return r.order(ctx, i, fmt.Sprintf("fault %s %d", f, n))
}

// Remove pulls card i out, and returns when it has hung up. pcscd notices within
// half a second, or when a program next talks to the card.
func (r *Room) Remove(ctx context.Context, i int) error {
	if err := r.order(ctx, i, "pull"); err != nil {
		return err
	}
	return r.order(ctx, i, "await out")
}

// Insert puts card i back, also after it was pulled out by a fault, and returns
// when it has answered its reader again.
func (r *Room) Insert(ctx context.Context, i int) error {
	if err := r.order(ctx, i, "insert"); err != nil {
		return err
	}
	return r.order(ctx, i, "await in")
}

func (r *Room) order(ctx context.Context, i int, order string) error {
	if i < 0 || i >= len(r.cfg.Cards) {
		return fmt.Errorf("card %d of %d", i, len(r.cfg.Cards))
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := vcard.Order(ctx, r.controlSocket(i), order)
	if err != nil {
		return fmt.Errorf("card %d: %q: %w", r.cfg.Cards[i].Serial, order, err)
	}
	return nil
}

func (r *Room) clientSocket() string { return filepath.Join(r.sockets, "pcscd") }

func (r *Room) controlSocket(i int) string {
	return filepath.Join(r.sockets, fmt.Sprintf("control%d", i))
}

func (r *Room) caFile() string { return filepath.Join(r.cfg.Dir, "attestation-ca.json") }

// makeCA makes the CA of Config.Dir, or reads the one that is there.
func (r *Room) makeCA(ctx context.Context) error {
	if _, err := os.Stat(r.caFile()); errors.Is(err, os.ErrNotExist) {
		root := filepath.Join(r.cfg.Dir, "attestation-root.pem")
		out, err := exec.CommandContext(ctx, r.cfg.VcardBinary, "ca", "--ca", r.caFile(), "--root", root).CombinedOutput()
		if err != nil {
			return fmt.Errorf("making the rehearsal CA: %w: %s", err, bytes.TrimSpace(out))
		}
	}
	b, err := os.ReadFile(r.caFile())
	if err != nil {
		return err
	}
	ca, err := vcard.ParseCA(b)
	if err != nil {
		return err
	}
	r.root = ca.Root()
	return nil
}

// cardArguments is the command line of card i's process.
func (r *Room) cardArguments(i int) []string {
	c := r.cfg.Cards[i]
	args := []string{r.cfg.VcardBinary, "serve", "--state", filepath.Join(r.cfg.Dir, fmt.Sprintf("card-%d.json", c.Serial)),
		"--ca", r.caFile(), "--serial", fmt.Sprint(c.Serial),
		"--connect", fmt.Sprintf("127.0.0.1:%d", firstPort+i), "--control", r.controlSocket(i)}
	if c.Firmware != "" {
		args = append(args, "--firmware", c.Firmware)
	}
	for _, f := range c.Faults {
		args = append(args, "--fault", string(f))
	}
	if c.Out {
		args = append(args, "--out")
	}
	if r.cfg.TouchDelay > 0 {
		args = append(args, "--touch-delay", r.cfg.TouchDelay.String())
	}
	if r.cfg.TouchTimeout > 0 {
		args = append(args, "--touch-timeout", r.cfg.TouchTimeout.String())
	}
	return args
}

// startAll starts the room's processes, waits for every card's line on their
// common standard output, and then for the reader of each card that is in.
func (r *Room) startAll(ctx context.Context) error {
	stdout, err := r.start()
	if err != nil {
		return err
	}
	ready := make(chan bool, 1) // true when all cards are ready, false when one failed
	go r.follow(stdout, ready)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	failed := false
	select {
	case ok := <-ready:
		failed = !ok
	case <-r.done:
		failed = true
	case <-ctx.Done():
		return fmt.Errorf("waiting for the cards: %w: %s", ctx.Err(), r.log)
	}
	if failed {
		return fmt.Errorf("pcscd or a card did not start: %s", r.log)
	}
	for i, c := range r.cfg.Cards {
		if c.Out {
			continue
		}
		if err := r.order(ctx, i, "await in"); err != nil {
			return fmt.Errorf("waiting for pcscd to see the card: %w: %s", err, r.log)
		}
	}
	return nil
}

// cardFailed is what the script prints when a card's process ends with an error.
const cardFailed = "failed"

// follow reads the common standard output to its end, tells once how the start
// went, and waits for the first process.
func (r *Room) follow(stdout io.Reader, ready chan<- bool) {
	n, told := 0, false
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if strings.HasSuffix(lines.Text(), " ready") {
			n++
		}
		if failed := lines.Text() == cardFailed; !told && (failed || n == len(r.cfg.Cards)) {
			told = true
			ready <- !failed
		}
	}
	_ = r.cmd.Wait()
	close(r.done)
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
