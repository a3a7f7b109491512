package client_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
)

func gzipped(t *testing.T, b string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := io.WriteString(z, b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// coded answers with these bytes and names of codings.
func coded(body []byte, encodings ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, e := range encodings {
			w.Header().Add("Content-Encoding", e)
		}
		_, _ = w.Write(body)
	}
}

func TestGzip(t *testing.T) {
	text := strings.Repeat("packages.example ", 100)
	body := gzipped(t, text)
	for _, name := range []string{"gzip", "GZip"} {
		if got, err := readAll(t.Context(), source(t, coded(body, name)), "latest", int64(len(text))); err != nil || got != text {
			t.Errorf("%s: got %.40q (%v), want the text", name, got, err)
		}
	}
	if got, err := readAll(t.Context(), source(t, coded([]byte(text), "identity")), "latest", int64(len(text))); err != nil || got != text {
		t.Errorf("identity: got %.40q (%v), want the text", got, err)
	}
}

// A body that is not one whole gzip member and nothing else is not had.
func TestGzipStrict(t *testing.T) {
	body := gzipped(t, "0123456789")
	for name, h := range map[string]http.HandlerFunc{
		"another coding":       coded(body, "br"),
		"two codings":          coded(body, "gzip", "br"),
		"twice the same":       coded(gzipped(t, string(body)), "gzip, gzip"),
		"not gzip":             coded([]byte("0123456789"), "gzip"),
		"nothing":              coded(nil, "gzip"),
		"a byte behind it":     coded(append(bytes.Clone(body), 0), "gzip"),
		"another member":       coded(append(bytes.Clone(body), body...), "gzip"),
		"a wrong checksum":     coded(change(body, len(body)-8), "gzip"),
		"another length":       coded(change(body, len(body)-4), "gzip"),
		"cut in its last byte": coded(body[:len(body)-1], "gzip"),
		"cut in its middle":    coded(body[:len(body)/2], "gzip"),
		"cut in its head":      coded(body[:5], "gzip"),
	} {
		var long *client.TooLongError
		if got, err := readAll(t.Context(), source(t, h), "latest", 100); err == nil || errors.As(err, &long) {
			t.Errorf("%s: got %q, %v; want an error, not for its length", name, got, err)
		}
	}
}

// A released file is not asked for in a coding, and is not taken in one.
func TestGzipNotAskedFor(t *testing.T) {
	_, err := readAll(t.Context(), source(t, coded(gzipped(t, "wheel"), "gzip")), "files/ab/a-1-py3-none-any.whl", 100)
	if err == nil || !strings.Contains(err.Error(), `encoded as "gzip", wanted identity`) {
		t.Errorf("got %v, want an error for the coding", err)
	}
}

// The limit is that of the decoded file: a small answer cannot grow, and one
// that decodes to nothing comes to an end.
func TestGzipLimit(t *testing.T) {
	const limit = 1000
	var sent int
	nothing := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		block := bytes.Repeat([]byte{0, 0, 0, 0xff, 0xff}, 1<<10) // deflate's stored blocks, each empty
		_, _ = w.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff})
		for sent = 0; sent < 1<<10; sent++ {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
	announced := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", fmt.Sprint(3*limit))
	}
	for name, h := range map[string]http.HandlerFunc{
		"a byte too many":             coded(gzipped(t, strings.Repeat("0", limit+1)), "gzip"),
		"a bomb":                      coded(gzipped(t, strings.Repeat("0", 10<<20)), "gzip"),
		"an announced length":         announced,
		"empty blocks without an end": nothing,
	} {
		var long *client.TooLongError
		if got, err := readAll(t.Context(), source(t, h), "latest", limit); !errors.As(err, &long) {
			t.Errorf("%s: got %d bytes, %v; want a TooLongError", name, len(got), err)
		}
	}
	if got, err := readAll(t.Context(), source(t, coded(gzipped(t, strings.Repeat("0", limit)), "gzip")), "latest", limit); err != nil || len(got) != limit {
		t.Errorf("at the limit: got %d bytes, %v", len(got), err)
	}
}

// The least rate is that of the coded bytes.
func TestGzipSlow(t *testing.T) {
	body := gzipped(t, strings.Repeat("0", 100*client.MinRate)) // fast enough, if it were for what it decodes to
	src := source(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(body[:len(body)-1])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	src.SetWindow(50 * time.Millisecond)
	if _, err := readAll(t.Context(), src, "x", 100*client.MinRate); err == nil || !strings.Contains(err.Error(), "fewer than") {
		t.Fatalf("got %v, want an error for being too slow", err)
	}
}

// Many bodies at once do not share what decodes them, and one that was closed
// gives no more.
func TestGzipManyAtOnce(t *testing.T) {
	src := source(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, strings.Repeat(r.URL.Path, 1000))
		_ = z.Close()
	})
	r, err := src.Open(t.Context(), "closed", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	if n, err := r.Read(make([]byte, 10)); n > 0 || err == nil {
		t.Errorf("a closed body gave %d bytes, %v", n, err)
	}
	failures := make(chan error)
	for i := range 16 {
		go func() {
			path := fmt.Sprintf("latest-%d", i)
			got, err := readAll(t.Context(), src, path, 1<<20)
			if err == nil && got != strings.Repeat("/base/"+path, 1000) {
				err = fmt.Errorf("%s: got %.60q", path, got)
			}
			failures <- err
		}()
	}
	for range 16 {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
}
