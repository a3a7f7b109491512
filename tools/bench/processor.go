package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/tools/bench/world"
)

// memorySource reads the world without a network. It counts what it gives.
type memorySource struct {
	world *world.World
	files map[string][]byte // read once before, so that no document is made while the clock runs
	mu    sync.Mutex
	given [][]byte
}

func (s *memorySource) Open(_ context.Context, path string, limit int64) (io.ReadCloser, error) {
	b, ok := s.files[path]
	if !ok {
		var err error
		if b, err = s.world.File(path); err != nil {
			return nil, err
		}
	}
	return client.Cap(io.NopCloser(bytes.NewReader(b)), path, limit), nil
}

// keeping notes the files that a first client reads.
type keeping struct{ *memorySource }

func (k keeping) Open(ctx context.Context, path string, limit int64) (io.ReadCloser, error) {
	b, err := k.world.File(path)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.files[path] = b
	k.given = append(k.given, b)
	k.mu.Unlock()
	return client.Cap(io.NopCloser(bytes.NewReader(b)), path, limit), nil
}

// processor measures the processor's time for a package beyond roster and
// snapshot, over 100 packages, and of SHA-256 over the bytes that were read.
func (b *bench) processor(out io.Writer) error {
	source := &memorySource{world: b.world, files: make(map[string][]byte)}
	newest := b.world.Index.Roster.Version()
	for _, pass := range []client.Source{keeping{source}, source} {
		r, err := b.reader("processor", newest, pass)
		if err != nil {
			return err
		}
		v, err := r.client.Refresh(b.ctx, b.world.Index.Now)
		if err != nil {
			return err
		}
		if pass != client.Source(source) {
			source.given = nil
		}
		began, system := processorTime(), systemTime()
		if err := r.authoriseIn(v, b.chosen.timed...); err != nil {
			return err
		}
		if pass != client.Source(source) {
			continue
		}
		used, inKernel := processorTime()-began, systemTime()-system
		began = processorTime()
		const often = 100
		total := 0
		for range often {
			for _, file := range source.given {
				sha256.Sum256(file)
				total += len(file)
			}
		}
		hashing := (processorTime() - began) / often
		n := len(b.chosen.timed)
		fmt.Fprintf(out, "processor: %.2f ms a package, %.2f of them in the kernel writing the state, over %d packages (%d B each), %.0f x SHA-256 over the same bytes\n",
			used.Seconds()*1000/float64(n), inKernel.Seconds()*1000/float64(n), n, total/often/n, used.Seconds()/hashing.Seconds())
	}
	return nil
}

// processorTime is what this process has used so far, in user and system mode.
func processorTime() time.Duration {
	u := usage()
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// systemTime is its part in system mode.
func systemTime() time.Duration {
	u := usage()
	return time.Duration(u.Stime.Nano())
}

func usage() (u syscall.Rusage) {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no other cause than a wrong argument
	}
	return u
}
