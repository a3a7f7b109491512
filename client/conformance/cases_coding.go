package conformance

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

func inGzip(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // a buffer fails nobody
	_ = z.Close()
	return out.Bytes()
}

// gzipped answers in gzip, or what code makes of the file under that name.
func gzipped(code func([]byte) []byte) func(*Repo, string) {
	return func(r *Repo, path string) {
		b := code(bytes.Clone(r.Files[path]))
		r.Answer[path] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(b)
		}
	}
}

// asksGzip reports whether a request asks for gzip, with any weight but 0.
func asksGzip(q *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(q.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		zero := strings.Trim(strings.TrimPrefix(strings.TrimSpace(weight), "q="), "0.") == "" && weight != ""
		if strings.EqualFold(strings.TrimSpace(name), "gzip") && !zero {
			return true
		}
	}
	return false
}

// codingCases depend on whether the client asks for gzip, which it may.
func codingCases(some []place) []Case {
	var cases []Case
	for _, p := range some {
		cases = append(cases, Case{"FETCH-3: " + p.what + " in gzip is taken if it was asked for so, and only then", func(s *Stage) {
			withCoding(s, p, inGzip, Done)
		}}, Case{"FETCH-2: " + p.what + " that decodes to far more is refused", func(s *Stage) {
			withCoding(s, p, func(b []byte) []byte { return inGzip(append(b, make([]byte, 64<<20)...)) }, Refused)
		}})
	}
	return cases
}

// withCoding wants the exit code of a client that asked for gzip, and Stale of
// one that did not.
func withCoding(s *Stage, p place, code func([]byte) []byte, want int) {
	r := s.Open()
	rich(r)
	u := r.User()
	back := r.save()
	path := p.path(r)
	b := code(bytes.Clone(r.Files[path]))
	var asked atomic.Bool
	r.Answer[path] = func(w http.ResponseWriter, q *http.Request) {
		asked.Store(asksGzip(q))
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(b)
	}
	got := u.Get().Asked(path)
	if !asked.Load() {
		want = Stale
	}
	got.Want(want)
	back()
	s.act = "the file as it is, afterwards"
	u.Get().Want(Done)
}

// long makes the index of sample one that is worth asking for in part.
func long(r *Repo) {
	for i := range 400 {
		r.Append(sample, roster.Line{Kind: roster.LineManifest, Version: fmt.Sprintf("0.%d", i), Digest: digest.Sum([]byte(strconv.Itoa(i)))})
	}
}

// rangeCases let an index grow behind a client that remembers it. A client
// that asks for a part of the new one is told the wrong thing, and must be
// well all the same; one that never asks is.
func rangeCases() []Case {
	var cases []Case
	part := func(what string, answer func(w http.ResponseWriter, from int, b []byte)) {
		cases = append(cases, Case{"FETCH-5: an index that grew is had whole from a server that " + what, func(s *Stage) {
			r := s.Open()
			claim(r)
			long(r)
			r.Publish(nil)
			u := r.User()
			u.Get().Want(Done)
			r.Release(sample, "sample-1.1-py3-none-any.whl", "sample 1.1\n", dave)
			r.Publish(nil)
			path := roster.IndexPath(sample, r.Packages[sample].Index.Digest())
			b := r.Files[path]
			r.Answer[path] = func(w http.ResponseWriter, q *http.Request) {
				var from int
				if _, err := fmt.Sscanf(q.Header.Get("Range"), "bytes=%d-", &from); err != nil || from > len(b) {
					_, _ = w.Write(b)
					return
				}
				answer(w, from, b)
			}
			u.Get(File{sample, "sample-1.1-py3-none-any.whl"}).Want(Done).Asked(path)
		}})
	}
	partial := func(w http.ResponseWriter, from, to, length int, b []byte) {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, length))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(b)
	}
	part("gives the part", func(w http.ResponseWriter, from int, b []byte) { partial(w, from, len(b)-1, len(b), b[from:]) })
	part("knows no ranges", func(w http.ResponseWriter, _ int, b []byte) { _, _ = w.Write(b) })
	part("finds none satisfiable", func(w http.ResponseWriter, _ int, _ []byte) { w.WriteHeader(http.StatusRequestedRangeNotSatisfiable) })
	part("has no parts of it", func(w http.ResponseWriter, _ int, _ []byte) { w.WriteHeader(http.StatusNotFound) })
	part("names another range", func(w http.ResponseWriter, from int, b []byte) { partial(w, 0, len(b)-from-1, len(b), b[from:]) })
	part("names no range", func(w http.ResponseWriter, from int, b []byte) {
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(b[from:])
	})
	part("gives the end of another index", func(w http.ResponseWriter, from int, b []byte) {
		tail := bytes.Clone(b[from:])
		tail[len(tail)-2] ^= 1
		partial(w, from, len(b)-1, len(b), tail)
	})
	part("gives the whole as the part", func(w http.ResponseWriter, from int, b []byte) { partial(w, from, len(b)-1, len(b), b) })
	part("breaks off in the part", func(w http.ResponseWriter, from int, b []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(len(b)-from))
		partial(w, from, len(b)-1, len(b), b[from:len(b)-5])
	})
	part("gives the part in gzip", func(w http.ResponseWriter, from int, b []byte) {
		w.Header().Set("Content-Encoding", "gzip")
		partial(w, from, len(b)-1, len(b), inGzip(b[from:]))
	})
	return cases
}
