package tree

import (
	"runtime"
	"sync"

	"github.com/rootward/rootward/roster/digest"
)

// share is the number of leaves of the largest subtree that one goroutine
// makes by itself.
const share = 1 << 10

// A part is a subtree that is made beside others.
type part struct {
	places []place
	prefix string
	done   chan struct{} // receives a value when what follows stands
	root   digest.Digest
	files  []made
	bytes  []byte // of all files, one after the other
}

// A made is a file of a part: its name, and where its bytes end.
type made struct {
	name digest.Digest
	end  int
}

// parts are the subtrees of at most share leaves, in the order of the map,
// which goroutines make while others are emitted.
type parts struct {
	free    chan *part // their number bounds the memory
	inOrder chan *part
	ended   chan struct{}
	all     sync.WaitGroup
}

// makeParts begins to make the parts. They must be taken in order.
func (b *builder) makeParts(places []place) *parts {
	workers := runtime.GOMAXPROCS(0)
	n := 4 * workers
	ps := &parts{free: make(chan *part, n), inOrder: make(chan *part, n), ended: make(chan struct{})}
	for range n {
		ps.free <- &part{done: make(chan struct{}, 1)}
	}
	toMake := make(chan *part, n)
	ps.all.Go(func() {
		defer close(toMake)
		divide(places, "", func(places []place, prefix string) bool {
			select {
			case p := <-ps.free:
				p.places, p.prefix = places, prefix
				ps.inOrder <- p // has room for all
				toMake <- p
				return true
			case <-ps.ended:
				return false
			}
		})
	})
	for range workers {
		ps.all.Go(func() {
			maker := &builder{leaves: b.leaves}
			for p := range toMake {
				p.make(maker, b.emit != nil)
			}
		})
	}
	return ps
}

// stop ends the work, and returns when it has ended.
func (ps *parts) stop() {
	close(ps.ended)
	ps.all.Wait()
}

// divide finds the largest subtrees that have at most share leaves, in the
// order in which subtree comes to them.
func divide(places []place, prefix string, visit func([]place, string) bool) bool {
	if len(places) <= share {
		return visit(places, prefix)
	}
	for i, child := range children(places, len(prefix)) {
		if !divide(child, prefix+digits[i:i+1], visit) {
			return false
		}
	}
	return true
}

// make makes the part's files, and keeps them if they are wanted.
func (p *part) make(b *builder, keep bool) {
	p.files, p.bytes = p.files[:0], p.bytes[:0]
	if keep {
		b.emit = func(d digest.Digest, file []byte) error {
			p.bytes = append(p.bytes, file...)
			p.files = append(p.files, made{d, len(p.bytes)})
			return nil
		}
	}
	b.touch(p.places)
	p.root, _ = b.subtree(p.places, p.prefix) // its only errors are those of emit
	p.done <- struct{}{}
}

// touch reads a little of each leaf, which lie all over the memory. The
// processor waits for many of these reads at once; where the leaves are used,
// it would wait for one after the other.
func (b *builder) touch(places []place) {
	for _, p := range places {
		b.touched += b.leaves[p.at].Index[0]
	}
	for _, p := range places {
		b.touched += b.leaves[p.at].Name[0]
	}
}

// next waits for the next part, passes its files to emit, and returns its
// topmost file.
func (ps *parts) next(emit func(digest.Digest, []byte) error) (digest.Digest, error) {
	p := <-ps.inOrder
	<-p.done
	begin := 0
	for _, f := range p.files {
		if err := emit(f.name, p.bytes[begin:f.end]); err != nil {
			return digest.Digest{}, err
		}
		begin = f.end
	}
	root := p.root
	ps.free <- p
	return root, nil
}
