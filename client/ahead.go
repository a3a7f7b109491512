package client

import (
	"context"
	"errors"
	"sync"
)

const (
	// parallel is how many requests are under way at once. Over HTTP/1.1 the
	// source's connections are fewer.
	parallel = 64
	// maxAhead is about how many bytes are kept that nobody has taken yet;
	// then no more is asked for ahead of its turn.
	maxAhead = 32 << 20
)

// An ahead keeps answers to requests that were made before they are needed,
// so that all requests of one round go out together. It changes when a file is
// asked for and nothing else: each is judged in its turn, and an answer that
// nobody takes is dropped unread.
type ahead struct {
	slots   chan struct{} // for each request that is under way
	most    int64         // maxAhead, but in tests
	running sync.WaitGroup

	mu      sync.Mutex
	answers map[string]*answer
	held    int64 // bytes of the answers, and those that they are expected to have
	during  context.Context
	found   map[string]found // what the maps say of a package, for its judge to take
}

// An answer is one file, or why it was not had.
type answer struct {
	limit    int64
	reserved int64         // of held
	kept     bool          // it outlives the call in which it was asked for
	done     chan struct{} // closed once b and err are there
	b        []byte
	err      error
}

func newAhead() ahead {
	return ahead{most: maxAhead, slots: make(chan struct{}, parallel), answers: make(map[string]*answer)}
}

// call calls f, which may ask ahead, and ends what nobody waited for. With
// keep, what was asked for and had stays for later calls.
func (a *ahead) call(ctx context.Context, keep bool, f func() error) error {
	during, cancel := context.WithCancel(ctx)
	a.mu.Lock()
	a.during = during
	a.mu.Unlock()
	err := f()
	if keep {
		a.running.Wait()
	}
	a.mu.Lock()
	a.during = nil
	a.mu.Unlock()
	cancel()
	a.running.Wait()
	for path, ans := range a.answers {
		if ans.kept = ans.kept || keep && ans.err == nil; !ans.kept {
			a.drop(path)
		}
	}
	return err
}

// drop forgets an answer. The lock is held, or nothing is running.
func (a *ahead) drop(path string) {
	a.held -= a.answers[path].reserved
	delete(a.answers, path)
}

// dropAll forgets what earlier calls kept.
func (a *ahead) dropAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers, a.held, a.found = make(map[string]*answer), 0, nil
}

// keepFound keeps what a lookup proved, until it is taken, once.
func (a *ahead) keepFound(name string, f found) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.found == nil {
		a.found = make(map[string]found)
	}
	a.found[name] = f
}

func (a *ahead) takeFound(name string) (found, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, ok := a.found[name]
	delete(a.found, name)
	return f, ok
}

// ask begins to read a file that is about to be wanted. Outside of a call, and
// where too much is held already, it does nothing.
func (v *View) ask(path string, limit int64) {
	v.askFor(path, limit, 0, func(ctx context.Context) ([]byte, error) {
		return v.request(ctx, path, limit)
	})
}

// askFor is ask for a file of which the length may be known, by a function of
// its own.
func (v *View) askFor(path string, limit, length int64, get func(context.Context) ([]byte, error)) {
	a := &v.ahead
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.during == nil || a.answers[path] != nil || a.held+length > a.most {
		return
	}
	ctx := a.during
	ans := &answer{limit: limit, reserved: length, done: make(chan struct{})}
	a.answers[path] = ans
	a.held += length
	a.running.Go(func() {
		defer close(ans.done)
		ans.b, ans.err = get(ctx)
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.answers[path] == ans {
			a.held += int64(len(ans.b)) - ans.reserved
			ans.reserved = int64(len(ans.b))
		}
	})
}

// request reads a file of the source now.
func (v *View) request(ctx context.Context, path string, limit int64) ([]byte, error) {
	return v.slotted(ctx, func() ([]byte, error) { return read(ctx, v.source(), path, limit) })
}

// slotted calls get once there are not too many requests under way.
func (v *View) slotted(ctx context.Context, get func() ([]byte, error)) ([]byte, error) {
	select {
	case v.ahead.slots <- struct{}{}:
		defer func() { <-v.ahead.slots }()
		return get()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// read returns a file of the source: the answer to a request made ahead, which
// serves once, or else to one made now.
func (v *View) read(ctx context.Context, path string, limit int64) ([]byte, error) {
	if b, err, ok := v.take(path, limit); ok {
		return b, err
	}
	return v.request(ctx, path, limit)
}

// take returns the answer to a request made ahead, once.
func (v *View) take(path string, limit int64) (b []byte, err error, ok bool) {
	a := &v.ahead
	a.mu.Lock()
	ans := a.answers[path]
	if ans != nil {
		a.drop(path)
	}
	a.mu.Unlock()
	if ans == nil || ans.limit != limit {
		return nil, nil, false
	}
	<-ans.done
	return ans.b, ans.err, true
}

var errNotAsked = errors.New("not asked for ahead")

// peek returns the answer to a request made ahead and leaves it for its taker.
func (v *View) peek(path string) ([]byte, error) {
	a := &v.ahead
	a.mu.Lock()
	ans := a.answers[path]
	a.mu.Unlock()
	if ans == nil {
		return nil, errNotAsked
	}
	<-ans.done
	return ans.b, ans.err
}
