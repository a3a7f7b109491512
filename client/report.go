package client

import (
	"slices"
	"sync"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// A Step is one thing that was verified, or noticed, on the way from the
// pinned roster to a file.
type Step struct {
	Layer   roster.Layer
	Subject string        // what: "root/2.json", a package, a file
	Digest  digest.Digest // of the document or the file; zero if it has none
	Why     string        // why it counts, in words
	Warning bool          // it does not count, and somebody should look at it
}

// A Report collects steps. Its Add is a [Config]'s Trace; several goroutines
// may use it.
type Report struct {
	mu    sync.Mutex
	steps []Step
}

// Add puts a step at the end.
func (r *Report) Add(s Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, s)
}

// Steps returns the steps so far, warnings included.
func (r *Report) Steps() []Step {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.steps)
}
