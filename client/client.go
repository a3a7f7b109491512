package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// A Config says how a client works.
type Config struct {
	State  string // the state directory
	Source Source // where the repository is
	// Mirrors are asked in turn, and one after another from the first again,
	// where the one asked before withheld something or sent what is refused.
	// Each such change is traced as a warning.
	Mirrors []Source
	Accept  Policy     // what is enough; the zero Policy refuses every package
	Trace   func(Step) // told of each step as it is verified; may be nil
}

// A Client verifies what a source has, and remembers it in a directory. Other
// clients, of this process and of others on this machine, may use the same
// directory at the same time: each reads and writes it under a lock.
type Client struct {
	config  Config
	sources []Source // the config's, with the mirrors
	dir     directory
}

// Init makes a state directory that trusts the roster s, which must have the
// digest want; a zero want trusts s as it is. It checks the roster's own
// signatures, asks nobody, and does not judge whether the roster has expired.
// A directory that pins this very roster already is left as it is; one that
// pins another is refused.
func Init(ctx context.Context, state string, s roster.Signed, want digest.Digest) (*roster.Roster, error) {
	if want.IsZero() {
		want = digest.Sum(s.Document)
	}
	r, err := roster.Trust(s, want, emptyMap)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	dir := directory{path: state}
	return r, dir.locked(ctx, func() error {
		p := pin{r.Repository(), r.Version(), r.Digest()}
		old, err := loadPin(dir)
		switch {
		case err == nil && old == p:
			return nil
		case err == nil:
			return &roster.Error{Layer: roster.LayerMemory, Subject: state, Problem: "the directory trusts another roster already",
				Found: fmt.Sprintf("version %d of %q, %s", old.version, old.repository, old.digest), Want: fmt.Sprintf("version %d of %q, %s", p.version, p.repository, p.digest),
				Do: "choose another directory, or move this one away: what it remembers protects you"}
		case !errors.Is(err, ErrNoState):
			return err
		}
		if err := dir.writeSigned(roster.RosterPath(r.Version()), s); err != nil {
			return err
		}
		return dir.write(pinFile, p.format())
	})
}

// Open returns the client of a configuration. It reads the directory's pin
// only; the error wraps [ErrNoState] if there is none.
func Open(c Config) (*Client, error) {
	if c.Trace == nil {
		c.Trace = func(Step) {}
	}
	dir := directory{path: c.State}
	if _, err := loadPin(dir); err != nil {
		return nil, err
	}
	return &Client{config: c, sources: append([]Source{c.Source}, c.Mirrors...), dir: dir}, nil
}

// locked calls f under the directory's lock.
func (d directory) locked(ctx context.Context, f func() error) (err error) {
	if _, err := os.Stat(d.path); err != nil {
		return fmt.Errorf("reading state directory %q: %w", d.path, ErrNoState)
	}
	lock, err := durable.Lock(ctx, d.file(lockFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	return f()
}

// Refresh verifies and remembers the newest rosters, revocations and snapshot,
// judged at at, and returns what they show. On an error what had verified
// before it is remembered all the same.
//
// The error is a [*roster.Error] that says which layer refused; its Stale
// tells that freshness cannot be established.
func (c *Client) Refresh(ctx context.Context, at time.Time) (*View, error) {
	v := &View{client: c, at: at, ahead: newAhead()}
	err := c.dir.locked(ctx, func() error { return v.withMirrors(func() error { return v.reload(ctx) }) })
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Known returns the newest roster that the directory remembers, verified from
// the pin, and the version of the snapshot that it remembers, or 0. It asks
// nobody, so neither need be the newest, or current.
func (c *Client) Known(ctx context.Context) (r *roster.Roster, snapshot uint64, err error) {
	err = c.dir.locked(ctx, func() error {
		m, err := load(c.dir)
		if err != nil {
			return err
		}
		r = m.newest()
		if m.snapshot != nil {
			snapshot = m.snapshot.version
		}
		return nil
	})
	return r, snapshot, err
}
