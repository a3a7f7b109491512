package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
)

// source returns the source of a server that answers with h.
func source(t *testing.T, h http.HandlerFunc) *client.HTTPSource {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	src, err := client.NewHTTPSource(server.URL + "/base")
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func readAll(ctx context.Context, src client.Source, path string, limit int64) (string, error) {
	r, err := src.Open(ctx, path, limit)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), errors.Join(err, r.Close())
}

func TestHTTPPaths(t *testing.T) {
	var got, agent string
	src := source(t, func(w http.ResponseWriter, r *http.Request) {
		got, agent = r.URL.EscapedPath(), r.UserAgent()
	})
	for path, want := range map[string]string{
		"latest":                         "/base/latest",
		"files/ab/example-1!2.0+x.zip":   "/base/files/ab/example-1%212.0%2Bx.zip",
		"files/ab/a b?c#d%e/../f":        "/base/files/ab/a%20b%3Fc%23d%25e/../f",
		"key-revocations/ab.json.asc":    "/base/key-revocations/ab.json.asc",
		"lists/example/ab.countersign.a": "/base/lists/example/ab.countersign.a",
	} {
		if _, err := readAll(t.Context(), src, path, 10); err != nil || got != want {
			t.Errorf("path %q was asked for as %q (%v), want %q", path, got, err, want)
		}
	}
	if !strings.HasPrefix(agent, "rootward-client/") {
		t.Errorf("User-Agent is %q", agent)
	}
}

// What may change is asked of the server itself, and what is compressed
// already is taken as it is.
func TestHTTPHeaders(t *testing.T) {
	var encoding, caching string
	src := source(t, func(w http.ResponseWriter, r *http.Request) {
		encoding, caching = r.Header.Get("Accept-Encoding"), r.Header.Get("Cache-Control")
	})
	for path, want := range map[string][2]string{
		"latest":                           {"gzip", "no-cache"},
		"root/2.json":                      {"gzip", "no-cache"},
		"revocations/ab.json":              {"gzip", "no-cache"},
		"lists/a/ab.json.countersign.asc":  {"gzip", "no-cache"},
		"releases/a/ab.json.asc":           {"gzip", "no-cache"},
		"lists/a/ab.json":                  {"gzip", ""},
		"snapshots/1.json":                 {"gzip", ""},
		"map/ab":                           {"gzip", ""},
		"key-revocations/ab.json":          {"gzip", ""},
		"files/ab/a-1-py3-none-any.whl":    {"identity", ""},
		"files/ab/a-1-py3-none-any.tar.gz": {"identity", ""},
	} {
		if _, err := readAll(t.Context(), src, path, 10); err != nil || encoding != want[0] || caching != want[1] {
			t.Errorf("%s: Accept-Encoding %q, Cache-Control %q (%v), want %q and %q", path, encoding, caching, err, want[0], want[1])
		}
	}
}

func TestHTTPStatus(t *testing.T) {
	for status, absent := range map[int]bool{404: true, 410: true, 403: false, 429: false, 500: false, 503: false, 204: false, 206: false} {
		src := source(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
		_, err := readAll(t.Context(), src, "latest", 10)
		if err == nil || errors.Is(err, roster.ErrAbsent) != absent {
			t.Errorf("status %d: got %v, want absent %v", status, err, absent)
		}
	}
}

func TestHTTPLimit(t *testing.T) {
	for name, announce := range map[string]bool{"announced": true, "not announced": false} {
		src := source(t, func(w http.ResponseWriter, r *http.Request) {
			if !announce {
				w.(http.Flusher).Flush() // so that the length is not known
			}
			_, _ = io.WriteString(w, "0123456789")
		})
		if got, err := readAll(t.Context(), src, "x", 10); err != nil || got != "0123456789" {
			t.Errorf("%s, at the limit: got %q, %v", name, got, err)
		}
		_, err := readAll(t.Context(), src, "x", 9)
		var long *client.TooLongError
		if !errors.As(err, &long) || long.Limit != 9 {
			t.Errorf("%s, beyond the limit: got %v, want a TooLongError", name, err)
		}
		r, err := src.Open(t.Context(), "x", 9)
		if announce != (err != nil) {
			t.Errorf("%s, beyond the limit: opening it gives %v", name, err)
		}
		if err == nil {
			_ = r.Close()
		}
	}
}

func TestHTTPCutShort(t *testing.T) {
	src := source(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "01234")
	})
	if got, err := readAll(t.Context(), src, "x", 10); err == nil {
		t.Errorf("got %q, want an error for an answer that is cut short", got)
	}
}

// A part is what was asked for, as it is, or it is not had.
func TestHTTPOpenFrom(t *testing.T) {
	for name, c := range map[string]struct {
		status                 int
		contentRange, encoding string
		body                   string
		wrong                  string
	}{
		"the part":      {206, "bytes 4-9/10", "", "456789", ""},
		"the whole":     {200, "", "", "0123456789", "answer 200, wanted 206"},
		"404":           {404, "", "", "", "answer 404, wanted 206"},
		"416":           {416, "bytes */10", "", "", "answer 416, wanted 206"},
		"another start": {206, "bytes 3-9/10", "", "456789", `wanted "bytes 4-9/10"`},
		"another end":   {206, "bytes 4-8/10", "", "456789", `wanted "bytes 4-9/10"`},
		"another file":  {206, "bytes 4-9/11", "", "456789", `wanted "bytes 4-9/10"`},
		"no range":      {206, "", "", "456789", `wanted "bytes 4-9/10"`},
		"in a coding":   {206, "bytes 4-9/10", "gzip", "456789", `encoded as "gzip"`},
		"too much":      {206, "bytes 4-9/10", "", "4567890", "longer than 6 bytes"},
	} {
		var asked, encoding string
		src := source(t, func(w http.ResponseWriter, r *http.Request) {
			asked, encoding = r.Header.Get("Range"), r.Header.Get("Accept-Encoding")
			for header, value := range map[string]string{"Content-Range": c.contentRange, "Content-Encoding": c.encoding} {
				if value != "" {
					w.Header().Set(header, value)
				}
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		r, err := src.OpenFrom(t.Context(), "indexes/a/ab", 4, 10)
		if err == nil {
			var b []byte
			if b, err = io.ReadAll(r); err == nil && string(b) != c.body {
				t.Errorf("%s: got %q", name, b)
			}
			_ = r.Close()
		}
		if asked != "bytes=4-" || encoding != "identity" {
			t.Errorf("%s: asked with the range %q and the coding %q", name, asked, encoding)
		}
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: got %v, want the words %q", name, err, c.wrong)
		}
	}
}

func TestHTTPRedirects(t *testing.T) {
	var hops int
	src := source(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/elsewhere"):
			http.Redirect(w, r, "https://"+r.Host+"/x", http.StatusFound)
		case hops > 0:
			hops--
			http.Redirect(w, r, "/again", http.StatusFound)
		default:
			_, _ = io.WriteString(w, "there")
		}
	})
	hops = 3
	if got, err := readAll(t.Context(), src, "x", 10); err != nil || got != "there" {
		t.Errorf("3 redirects: got %q, %v", got, err)
	}
	hops = 4
	if _, err := readAll(t.Context(), src, "x", 10); err == nil || !strings.Contains(err.Error(), "more than 3 redirects") {
		t.Errorf("4 redirects: got %v, want an error", err)
	}
	hops = 0
	if _, err := readAll(t.Context(), src, "elsewhere", 10); err == nil || !strings.Contains(err.Error(), "from http to") {
		t.Errorf("another scheme: got %v, want an error", err)
	}
}

// A redirect never leads from https to http, where the network could answer.
func TestHTTPSStaysHTTPS(t *testing.T) {
	via := []*http.Request{httptest.NewRequest(http.MethodGet, "https://packages.example/latest", nil)}
	for to, ok := range map[string]bool{"https://mirror.example/latest": true, "http://packages.example/latest": false} {
		if err := client.CheckRedirect(httptest.NewRequest(http.MethodGet, to, nil), via); (err == nil) != ok {
			t.Errorf("redirect to %s: got %v, want followed %v", to, err, ok)
		}
	}
}

func TestHTTPSlow(t *testing.T) {
	gone := make(chan struct{})
	src := source(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "0")
		w.(http.Flusher).Flush()
		<-r.Context().Done() // and then nothing, until the client has gone
		close(gone)
	})
	src.SetWindow(50 * time.Millisecond)
	_, err := readAll(t.Context(), src, "x", 10)
	if err == nil || !strings.Contains(err.Error(), "fewer than") {
		t.Fatalf("got %v, want an error for being too slow", err)
	}
	<-gone
}

// An answer that keeps the rate may take longer than one window.
func TestHTTPLongButFastEnough(t *testing.T) {
	const pieces = 5
	src := source(t, func(w http.ResponseWriter, r *http.Request) {
		for range pieces {
			_, _ = w.Write(make([]byte, client.MinRate))
			w.(http.Flusher).Flush()
			<-time.After(40 * time.Millisecond)
		}
	})
	src.SetWindow(120 * time.Millisecond)
	got, err := readAll(t.Context(), src, "x", pieces*client.MinRate)
	if err != nil || len(got) != pieces*client.MinRate {
		t.Fatalf("got %d bytes (%v), want %d", len(got), err, pieces*client.MinRate)
	}
}

func TestNewHTTPSource(t *testing.T) {
	for _, bad := range []string{"", "packages.example", "ftp://packages.example", "file:///etc", "https://", "https://packages.example/?x=1", "https://packages.example/#x", "https://packages.example/?", "http://[", "https://u:secret@packages.example/?x"} {
		_, err := client.NewHTTPSource(bad)
		if err == nil {
			t.Errorf("URL %q was taken, want an error", bad)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows a password: %v", err)
		}
	}
	src, err := client.NewHTTPSource("http://u:secret@127.0.0.1:1/")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(t.Context(), src, "latest", 10); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error without the password", err)
	}
}
