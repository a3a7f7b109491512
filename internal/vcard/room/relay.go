package room

import (
	"context"
	"io"
	"net"
	"sync"
)

// A relay stands for one slot of a reader: it accepts vpcd's connection and
// joins it to the card's socket, or hangs up when there is no card.
type relay struct {
	l    net.Listener
	card string // the card's Unix socket, or "" for a slot that stays empty

	mu       sync.Mutex
	joined   bool          // a connection to the card was accepted and answered
	changed  chan struct{} // closed and replaced when joined changes
	conns    map[net.Conn]bool
	isClosed bool
}

func newRelay(l net.Listener, card string) *relay {
	r := &relay{l: l, card: card, changed: make(chan struct{}), conns: map[net.Conn]bool{}}
	go r.run()
	return r
}

func (r *relay) run() {
	for {
		reader, err := r.l.Accept()
		if err != nil {
			return
		}
		go r.join(reader)
	}
}

func (r *relay) join(reader net.Conn) {
	defer r.drop(reader)
	if r.card == "" || !r.keep(reader) {
		return
	}
	card, err := net.Dial("unix", r.card)
	if err != nil {
		return
	}
	defer r.drop(card)
	if !r.keep(card) {
		return
	}
	go func() {
		_, _ = io.Copy(card, reader)
		_ = card.Close()
	}()
	// A card that is out accepts and hangs up without a word, so the slot counts
	// as filled only when the card has answered.
	var first [1]byte
	if _, err := io.ReadFull(card, first[:]); err != nil {
		return
	}
	r.set(true)
	defer r.set(false)
	if _, err := reader.Write(first[:]); err != nil {
		return
	}
	_, _ = io.Copy(reader, card)
}

func (r *relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[c] = true
	return !r.isClosed
}

func (r *relay) drop(c net.Conn) {
	_ = c.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

func (r *relay) set(joined bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.joined = joined
	close(r.changed)
	r.changed = make(chan struct{})
}

// await returns when the slot is filled, or empty, as wanted.
func (r *relay) await(ctx context.Context, joined bool) error {
	for {
		r.mu.Lock()
		is, changed := r.joined, r.changed
		r.mu.Unlock()
		if is == joined {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *relay) close() {
	_ = r.l.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isClosed = true
	for c := range r.conns {
		_ = c.Close()
	}
}
