package signer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// Keys gives the online keys. While they are away, its error, or that of the
// signer it returned, is an [*AwayError]: the service then waits.
type Keys interface {
	// Key returns the key packet of a role, and what signs with it. The
	// packet is always the same.
	Key(ctx context.Context, role roster.Role) (*pgp.PublicKey, crypto.Signer, error)
}

// An AwayError says that the online keys cannot be reached now. Nothing is
// wrong with what was asked.
type AwayError struct{ Err error }

func (e *AwayError) Error() string { return "the online keys are away: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *AwayError) Unwrap() error { return e.Err }

// ExitCode is 4: what is published grows old, and nothing is refused.
func (e *AwayError) ExitCode() int { return 4 }

// Hint says what to do.
func (e *AwayError) Hint() string {
	return "what was accepted is kept, and what is published stays; bring the key server back (unseal it), and the signer goes on by itself"
}

// Options are what a service works with. All are wanted.
type Options struct {
	Repository string
	Pin        digest.Digest // of the first root roster
	Store      store.Store
	Files      *publish.Directory
	Keys       Keys
	Clock      func() time.Time
	Rand       io.Reader     // for signatures; a signer may ignore it
	Interval   time.Duration // between two snapshots while nothing changes
	Lifetime   time.Duration // of a snapshot; less if the roster allows less
	Log        *slog.Logger
}

// A Service is the online signer. Its methods may be called from any number
// of goroutines.
type Service struct {
	Options
	emptyMap digest.Digest
	wake     chan struct{} // holds a value while there is work for Run

	work  sync.Mutex             // held by whoever writes Files or the rosters; guards what follows
	maps  map[digest.Digest]bool // map files that are known to be published
	shown map[string]bool        // revocations of online keys that are known to be published
	told  map[string]string      // troubles that the log was told of, by what they concern
	// renewed says which keys' countersignatures were found good when all
	// packages were last gone through.
	renewed string

	mu      sync.RWMutex         // guards what follows
	rosters []*roster.Roster     // adopted, oldest first
	opened  []*roster.Revocation // of online keys
	done    chan struct{}        // closed and replaced when a pass ended
	pass    error                // how the last pass ended
}

// ErrNoRoster says that the service has adopted no root roster yet: until
// then it can do nothing else.
var ErrNoRoster = errors.New("no root roster was adopted yet")

// Open returns the service over what the store holds, verifying its rosters
// from the pin on. A store of another repository, or of another first roster,
// is refused, and so is a roster in it that does not verify.
func Open(ctx context.Context, o Options) (*Service, error) {
	if err := roster.CheckRepository(o.Repository); err != nil {
		return nil, err
	}
	if o.Interval <= 0 || o.Lifetime <= o.Interval {
		return nil, fmt.Errorf("snapshot interval is %s and lifetime %s, wanted both above 0 and the lifetime above the interval", o.Interval, o.Lifetime)
	}
	empty, _, err := tree.Build(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("building the empty map: %w", err)
	}
	s := &Service{
		Options: o, emptyMap: empty, wake: make(chan struct{}, 1), done: make(chan struct{}),
		maps: make(map[digest.Digest]bool), shown: make(map[string]bool), told: make(map[string]string),
	}
	if err := s.claimStore(ctx); err != nil {
		return nil, err
	}
	if err := s.Store.View(ctx, func(r store.Reader) error { return s.load(view{r}) }); err != nil {
		return nil, err
	}
	s.kick()
	return s, nil
}

// claimStore writes the repository and the pin into a new store, or compares
// them with what an old one says.
func (s *Service) claimStore(ctx context.Context) error {
	return s.Store.Update(ctx, func(w store.Writer) error {
		for key, want := range map[string]string{metaRepository: s.Repository, metaPin: s.Pin.String()} {
			found, ok, err := w.Load(tableMeta, key)
			if err == nil && !ok {
				err = w.Store(tableMeta, key, []byte(want))
			} else if err == nil && string(found) != want {
				err = fmt.Errorf("the store is another signer's: its %s is %q, wanted %q from the configuration", key, found, want)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// load verifies the rosters and revocations of the store.
func (s *Service) load(v view) error {
	var rosters []*roster.Roster
	keys, err := v.keys(tableRosters, "")
	if err != nil {
		return err
	}
	for _, k := range keys {
		signed, _, err := loadJSON[roster.Signed](v, tableRosters, k)
		if err != nil {
			return err
		}
		if rosters, err = s.follow(rosters, signed); err != nil {
			return fmt.Errorf("verifying the store's rosters: %w", err)
		}
	}
	opened, err := v.opened(rosters)
	if err != nil {
		return fmt.Errorf("verifying the store's revocations: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rosters, s.opened = rosters, opened
	return nil
}

// follow verifies a roster as the next of a walk from the pin.
func (s *Service) follow(walk []*roster.Roster, next roster.Signed) ([]*roster.Roster, error) {
	var r *roster.Roster
	var err error
	if len(walk) == 0 {
		if r, err = roster.Trust(next, s.Pin, s.emptyMap); err == nil && r.Repository() != s.Repository {
			err = fmt.Errorf("the pinned roster is of repository %q, wanted %q from the configuration", r.Repository(), s.Repository)
		}
	} else {
		r, err = walk[len(walk)-1].Succeed(next)
	}
	if err != nil {
		return nil, err
	}
	return append(walk[:len(walk):len(walk)], r), nil
}

// current returns the newest roster.
func (s *Service) current() (*roster.Roster, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.rosters) == 0 {
		return nil, ErrNoRoster
	}
	return s.rosters[len(s.rosters)-1], nil
}

// walk returns every adopted roster, oldest first.
func (s *Service) walk() []*roster.Roster {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rosters
}

// revoked returns the online keys that are known revoked.
func (s *Service) revoked() roster.Revoked {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make(roster.Revoked)
	for _, r := range s.opened {
		all.Add(r.Key(), r.Reason())
	}
	return all
}

// kick tells Run that there is work.
func (s *Service) kick() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// The pauses between two tries of a pass that failed.
const (
	leastPause = 200 * time.Millisecond
	mostPause  = 5 * time.Second
)

// Run publishes what changed, and a snapshot every Interval, until ctx ends;
// then it returns nil. A pass that fails, because the keys are away or for
// another reason, is tried again, ever less often but at least every five
// seconds; the log is told of a trouble once, and again when it has gone.
func (s *Service) Run(ctx context.Context) error {
	pause := time.Duration(0)
	for {
		err := s.Publish(ctx, false)
		if ctx.Err() != nil {
			return nil
		}
		wait := s.untilDue()
		if err != nil && !errors.Is(err, ErrNoRoster) {
			pause = min(max(2*pause, leastPause), mostPause)
			wait = min(wait, pause)
		} else {
			pause = 0
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.wake:
		}
		timer.Stop()
		if err != nil && ctx.Err() == nil && pause > 0 {
			// A proposal that came while the keys are away must not make the
			// service ask for them at every one.
			s.rest(ctx, min(pause, leastPause))
		}
	}
}

func (s *Service) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// untilDue is how long Run may sleep: a tenth of the interval, so that a
// machine which slept is not late by more, and at most a minute.
func (s *Service) untilDue() time.Duration {
	return min(max(s.Interval/10, 10*time.Millisecond), time.Minute)
}

// tell logs a trouble once, and once more when it has gone. The caller holds
// s.work.
func (s *Service) tell(what string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if s.told[what] == text {
		return
	}
	s.told[what] = text
	if err != nil {
		s.Log.Warn("waiting", "for", what, "because", text)
	} else {
		s.Log.Info("no longer waiting", "for", what)
	}
}
