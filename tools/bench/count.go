package main

import (
	"bytes"
	"compress/gzip"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A cost is what a client asked a server for.
type cost struct {
	Bytes  int64 // bodies of the answers, as they were sent
	Plain  int64 // the same without any coding
	Gets   int
	Rounds int // requests that had to wait for the answer to another, one after another
}

// A server publishes files over HTTP and counts. It holds each answer for a
// while, so that all requests of one round arrive before its first answer. It
// sends ranges, and gzip where it is asked for, as static hosts do.
type server struct {
	file func(path string) ([]byte, error)
	hold time.Duration
	http *httptest.Server

	mu   sync.Mutex
	cost cost
	done int      // the latest round with an answer
	log  []string // bytes as sent, bytes without coding, path
}

// serve publishes files over HTTP/1.1, or over HTTP/2 with a certificate that
// [trustServers] makes this process trust.
func serve(file func(path string) ([]byte, error), hold time.Duration, http2 bool) *server {
	s := &server{file: file, hold: hold}
	s.http = httptest.NewUnstartedServer(s)
	if !http2 {
		s.http.Start()
		return s
	}
	s.http.EnableHTTP2 = true
	s.http.StartTLS()
	return s
}

// trustServers makes this process trust the certificate of test servers. It
// must come before the first request over TLS.
func trustServers(dir string) error {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	path := filepath.Join(dir, "certificate.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	return os.Setenv("SSL_CERT_FILE", path)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	s.mu.Lock()
	round := s.done + 1
	s.cost.Gets++
	s.cost.Rounds = max(s.cost.Rounds, round)
	s.mu.Unlock()
	plain, err := s.file(path)
	if s.hold > 0 {
		time.Sleep(s.hold)
	}
	status, body := http.StatusOK, plain
	switch from := 0; {
	case err != nil:
		plain = []byte("absent\n")
		status, body = http.StatusNotFound, plain
	case partOf(r, &from, len(plain)):
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(plain)-1, len(plain)))
		plain = plain[from:]
		status, body = http.StatusPartialContent, plain
	case r.Header.Get("Accept-Encoding") == "gzip":
		if coded := inGzip(plain); len(coded) < len(plain) {
			w.Header().Set("Content-Encoding", "gzip")
			body = coded
		}
	}
	s.mu.Lock()
	s.cost.Bytes += int64(len(body))
	s.cost.Plain += int64(len(plain))
	s.log = append(s.log, fmt.Sprintf("%d %d %s", len(body), len(plain), path))
	s.done = max(s.done, round)
	s.mu.Unlock()
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func partOf(r *http.Request, from *int, length int) bool {
	_, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", from)
	return err == nil && *from < length
}

func inGzip(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // a buffer fails nobody
	_ = z.Close()
	return out.Bytes()
}

// take returns what was asked for since the last call, and begins anew.
func (s *server) take() cost {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cost
	s.cost, s.done, s.log = cost{}, 0, nil
	return c
}
