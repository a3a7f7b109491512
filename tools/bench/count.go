package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootward/rootward/tools/bench/world"
)

// A cost is what a client asked a server for.
type cost struct {
	Bytes  int64 // bodies of the answers
	Wire   int64 // with requests and headers, both ways
	Gets   int
	Rounds int // requests that had to wait for the answer to another, one after another
}

// A server publishes a world over HTTP and counts. It holds each answer for a
// while, so that all requests of one round arrive before its first answer.
type server struct {
	world *world.World
	hold  time.Duration
	http  *httptest.Server
	wire  atomic.Int64

	mu   sync.Mutex
	cost cost
	done int // the latest round with an answer
	log  []string
}

func serve(w *world.World, hold time.Duration) *server {
	s := &server{world: w, hold: hold}
	s.http = httptest.NewUnstartedServer(s)
	s.http.Listener = counted{s.http.Listener, &s.wire}
	s.http.Start()
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	s.mu.Lock()
	round := s.done + 1
	s.cost.Gets++
	s.cost.Rounds = max(s.cost.Rounds, round)
	s.log = append(s.log, path)
	s.mu.Unlock()
	b, err := s.world.File(path)
	if s.hold > 0 {
		time.Sleep(s.hold)
	}
	status := http.StatusOK
	if err != nil {
		b, status = []byte("absent\n"), http.StatusNotFound
	}
	s.mu.Lock()
	s.cost.Bytes += int64(len(b))
	s.done = max(s.done, round)
	s.mu.Unlock()
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// take returns what was asked for since the last call, and begins anew.
func (s *server) take() cost {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cost
	c.Wire = s.wire.Swap(0)
	s.cost, s.done, s.log = cost{}, 0, nil
	return c
}

// counted counts the bytes of all connections, both ways.
type counted struct {
	net.Listener
	n *atomic.Int64
}

func (l counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countedConn{c, l.n}, err
}

type countedConn struct {
	net.Conn
	n *atomic.Int64
}

func (c countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.n.Add(int64(n))
	return n, err
}

func (c countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.n.Add(int64(n))
	return n, err
}
