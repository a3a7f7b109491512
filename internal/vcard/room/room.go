// Package room sets up a room for rehearsals and tests: a private pcscd with
// virtual readers, and a vcard process for each card. Nothing of it touches the
// machine's own pcscd, listens beyond loopback, or outlives the program.
//
// How the parts meet. Each reader of vpcd dials a port on 127.0.0.1, where the
// room listens and passes the connection on to the card's Unix socket; where the
// card is out, or the reader's second slot has no card, the room hangs up, which
// vpcd takes for an empty slot. (vpcd can listen itself, but then on every
// address; and it crashes pcscd when nobody listens where it dials.) pcscd gets
// its client socket as systemd would hand it over, and runs in a mount namespace
// with a /run of its own where the kernel allows that; where it does not, the
// pid file /run/pcscd/pcscd.pid is the one thing it shares with the machine's.
// Programs find it by the environment of [Room.Env].
//
// Linux only. Root needs nothing more; others need a kernel that lets them make
// user namespaces, because pcscd wants to write below /run.
package room

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
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
	cancel  context.CancelFunc
	starter *starter
	relays  []*relay

	closing sync.Once
	err     error
}

const (
	maxCards     = 14               // pcscd 1.9 has 16 readers; two to an entry
	startTimeout = 20 * time.Second // for pcscd and each card to answer
)

// Start starts the cards and pcscd, and returns when pcscd sees as many cards as
// are in their readers. The room closes when ctx ends, or with [Room.Close].
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
	ctx, cancel := context.WithCancel(ctx)
	r := &Room{cfg: cfg, sockets: sockets, cancel: cancel, starter: newStarter()}
	defer func() {
		if err != nil {
			err = fmt.Errorf("setting up the card room: %w", errors.Join(err, r.Close()))
		}
	}()
	if err := r.makeCA(ctx); err != nil {
		return nil, err
	}
	for i := range cfg.Cards {
		if err := r.startCard(ctx, i); err != nil {
			return nil, err
		}
	}
	if err := r.startReaders(ctx); err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = r.Close() })
	return r, nil
}

// Close ends every process of the room and waits for them. The cards' states
// stay in Config.Dir.
func (r *Room) Close() error {
	r.closing.Do(func() {
		r.cancel()
		r.err = r.starter.stop() // pcscd last: it dials the relays as long as it lives
		for _, l := range r.relays {
			l.close()
		}
		r.err = errors.Join(r.err, os.RemoveAll(r.sockets))
	})
	return r.err
}

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
func (r *Room) AttestationRoot() []byte { return r.root }

// Serial gives the serial number of card i.
func (r *Room) Serial(i int) uint32 { return r.cfg.Cards[i].Serial }

// Fault sets a fault of card i; see [vcard.Card.SetFault].
func (r *Room) Fault(ctx context.Context, i int, f vcard.Fault, n int) error {
	return r.order(ctx, i, fmt.Sprintf("fault %s %d", f, n))
}

// Remove pulls card i out, and returns when pcscd has noticed.
func (r *Room) Remove(ctx context.Context, i int) error {
	if err := r.order(ctx, i, "pull"); err != nil {
		return err
	}
	return r.relays[i].await(ctx, false)
}

// Insert puts card i back, also after it was pulled out by a fault, and returns
// when its reader is connected to it again.
func (r *Room) Insert(ctx context.Context, i int) error {
	if err := r.order(ctx, i, "insert"); err != nil {
		return err
	}
	return r.relays[i].await(ctx, true)
}

func (r *Room) order(ctx context.Context, i int, order string) error {
	if i < 0 || i >= len(r.cfg.Cards) {
		return fmt.Errorf("card %d of %d", i, len(r.cfg.Cards))
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := vcard.Order(ctx, r.controlSocket(i), order)
	return err
}

func (r *Room) clientSocket() string    { return filepath.Join(r.sockets, "pcscd") }
func (r *Room) cardSocket(i int) string { return filepath.Join(r.sockets, fmt.Sprintf("card%d", i)) }
func (r *Room) controlSocket(i int) string {
	return filepath.Join(r.sockets, fmt.Sprintf("control%d", i))
}

// makeCA makes the CA of Config.Dir, or reads the one that is there.
func (r *Room) makeCA(ctx context.Context) error {
	if r.caFile() == "" {
		return errors.New("no directory given")
	}
	if _, err := os.Stat(r.caFile()); errors.Is(err, os.ErrNotExist) {
		if err := r.starter.run(ctx, r.cfg.VcardBinary, "ca", "--ca", r.caFile(), "--root", filepath.Join(r.cfg.Dir, "attestation-root.pem")); err != nil {
			return err
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

func (r *Room) caFile() string { return filepath.Join(r.cfg.Dir, "attestation-ca.json") }

// startCard starts the process of card i and waits until it is ready.
func (r *Room) startCard(ctx context.Context, i int) error {
	c := r.cfg.Cards[i]
	args := []string{"serve", "--state", filepath.Join(r.cfg.Dir, fmt.Sprintf("card-%d.json", c.Serial)),
		"--ca", r.caFile(), "--serial", fmt.Sprint(c.Serial),
		"--listen", "unix:" + r.cardSocket(i), "--control", r.controlSocket(i)}
	if c.Firmware != "" {
		args = append(args, "--firmware", c.Firmware)
	}
	for _, f := range c.Faults {
		args = append(args, "--fault", string(f))
	}
	if r.cfg.TouchDelay > 0 {
		args = append(args, "--touch-delay", r.cfg.TouchDelay.String())
	}
	if r.cfg.TouchTimeout > 0 {
		args = append(args, "--touch-timeout", r.cfg.TouchTimeout.String())
	}
	if err := r.starter.serve(ctx, "ready", r.cfg.VcardBinary, args...); err != nil {
		return fmt.Errorf("card %d: %w", c.Serial, err)
	}
	if c.Out {
		return r.order(ctx, i, "pull")
	}
	return nil
}

// startReaders starts the relays and pcscd, and waits until every card that is
// in its reader is connected.
func (r *Room) startReaders(ctx context.Context) error {
	var ports []int
	for i := 0; i < len(r.cfg.Cards); i += 2 {
		first, second, err := neighbours()
		if err != nil {
			return err
		}
		paths := []string{r.cardSocket(i), ""}
		if i+1 < len(r.cfg.Cards) {
			paths[1] = r.cardSocket(i + 1)
		}
		r.relays = append(r.relays, newRelay(first, paths[0]), newRelay(second, paths[1]))
		ports = append(ports, first.Addr().(*net.TCPAddr).Port)
	}
	if err := r.startPCSCD(ctx, ports); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for i, c := range r.cfg.Cards {
		if c.Out {
			continue
		}
		if err := r.relays[i].await(ctx, true); err != nil {
			return fmt.Errorf("waiting for pcscd to see card %d: %w; %s", c.Serial, err, r.starter.complaints())
		}
	}
	return nil
}

// neighbours listens on two ports in a row on loopback: vpcd's two slots dial
// the port of its configuration and the next.
func neighbours() (first, second net.Listener, err error) {
	for range 50 {
		first, err = net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		port := first.Addr().(*net.TCPAddr).Port
		second, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		if err == nil {
			return first, second, nil
		}
		_ = first.Close()
	}
	return nil, nil, fmt.Errorf("no two free ports in a row: %w", err)
}
