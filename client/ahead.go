package client

import (
	"context"
	"sync"

	"golang.org/x/sync/singleflight"
)

// parallel is how many requests are under way at once.
const parallel = 8

// An ahead keeps answers to requests that were made before they are needed,
// so that all requests of one round go out together. It changes when a file is
// asked for and nothing else: each is judged in its turn, and an answer that
// nobody takes is dropped unread.
type ahead struct {
	mu      sync.Mutex
	answers map[string]*answer
	cancel  context.CancelFunc
	ctx     context.Context
	slots   chan struct{}
	running sync.WaitGroup
	maps    singleflight.Group // one request for a map file that two lookups want
	caching sync.Mutex         // guards cached
	cached  int                // how many map files the cache has; 0 until they are counted
}

// An answer is one file, or why it was not had.
type answer struct {
	limit int64
	done  chan struct{} // closed once b and err are there
	b     []byte
	err   error
}

// during calls f, which may ask ahead, and ends what nobody waited for.
func (a *ahead) during(ctx context.Context, f func() error) error {
	a.mu.Lock()
	a.answers, a.slots = make(map[string]*answer), make(chan struct{}, parallel)
	a.ctx, a.cancel = context.WithCancel(ctx)
	a.mu.Unlock()
	defer func() {
		a.cancel()
		a.running.Wait()
		a.answers = nil
	}()
	return f()
}

// ask begins to read a file that is about to be wanted. Outside of during it
// does nothing.
func (v *View) ask(path string, limit int64) {
	a := &v.ahead
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers == nil || a.answers[path] != nil {
		return
	}
	ans := &answer{limit: limit, done: make(chan struct{})}
	a.answers[path] = ans
	a.running.Go(func() {
		defer close(ans.done)
		select {
		case a.slots <- struct{}{}:
			defer func() { <-a.slots }()
			ans.b, ans.err = read(a.ctx, v.client.config.Source, path, limit)
		case <-a.ctx.Done():
			ans.err = a.ctx.Err()
		}
	})
}

// read returns a file of the source: the answer to a request made ahead, which
// serves once, or else to one made now.
func (v *View) read(ctx context.Context, path string, limit int64) ([]byte, error) {
	a := &v.ahead
	a.mu.Lock()
	ans := a.answers[path]
	delete(a.answers, path)
	a.mu.Unlock()
	if ans == nil || ans.limit != limit {
		return read(ctx, v.client.config.Source, path, limit)
	}
	<-ans.done
	return ans.b, ans.err
}

// peek returns the answer to a request made ahead and leaves it for its taker;
// nil if there is none.
func (v *View) peek(path string) []byte {
	a := &v.ahead
	a.mu.Lock()
	ans := a.answers[path]
	a.mu.Unlock()
	if ans == nil {
		return nil
	}
	<-ans.done
	return ans.b
}
