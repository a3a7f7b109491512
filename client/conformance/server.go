package conformance

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A server shows each repository below a prefix of its own.
type server struct {
	http *http.Server
	url  string

	mu    sync.Mutex
	count int
	repos map[string]*Repo // by prefix
}

func serve() (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://" + l.Addr().String(), repos: make(map[string]*Repo)}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(fmt.Sprintf("the server ended: %v", err))
		}
	}()
	return s, nil
}

func (s *server) add(r *Repo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	r.prefix = fmt.Sprintf("r%d", s.count)
	r.URL = s.url + "/" + r.prefix
	s.repos[r.prefix] = r
}

func (s *server) remove(r *Repo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.repos, r.prefix)
}

// A Request is what the server was asked for.
type Request struct {
	Path    string // below the repository, decoded
	Escaped string // as it was sent
	Code    int    // the answer
}

// ServeHTTP answers from the repository's files, and keeps what was asked.
func (s *server) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	prefix, path, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, "/"), "/")
	s.mu.Lock()
	r := s.repos[prefix]
	s.mu.Unlock()
	if r == nil {
		http.NotFound(w, q)
		return
	}
	r.mu.Lock()
	b, there := r.served.files[path]
	answer := r.served.answer[path]
	log := Request{Path: path, Escaped: strings.TrimPrefix(q.URL.EscapedPath(), "/"+prefix+"/"), Code: http.StatusOK}
	if !there && answer == nil {
		log.Code = http.StatusNotFound
	}
	r.log = append(r.log, log)
	r.mu.Unlock()
	switch {
	case answer != nil:
		answer(w, q)
	case !there:
		http.NotFound(w, q)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(b)
	}
}
