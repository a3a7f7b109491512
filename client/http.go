package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rootward/rootward/roster"
)

// Limits of an [HTTPSource]. They keep an attacker who answers slowly, or for
// ever, from holding a client; trust does not depend on them.
const (
	// ConnectTimeout is for the connection, and again for its TLS handshake.
	ConnectTimeout = 15 * time.Second
	// HeaderTimeout is how long an answer may take to begin.
	HeaderTimeout = 30 * time.Second
	// MinRate is how many bytes must arrive in every RateWindow.
	MinRate = 16 << 10
	// RateWindow is how long MinRate bytes may take, or the file's end.
	RateWindow = 30 * time.Second
	// MaxRedirects is how many redirects are followed, each within the scheme.
	MaxRedirects = 3
)

const userAgent = "rootward-client/1"

// An HTTPSource reads a repository over HTTP or HTTPS. Several goroutines may
// use it.
type HTTPSource struct {
	base   *url.URL
	client *http.Client
	window time.Duration
}

// NewHTTPSource returns the source below base, an http or https URL without
// query and fragment. Redirects are followed within one scheme only, bodies
// are taken as they are or coded by gzip where that was asked for, limits are
// for both lengths, and a file that is said to be absent (404, 410) is told
// from all other errors.
func NewHTTPSource(base string) (*HTTPSource, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, errors.New("the URL is malformed") // the error could print a password
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("URL %q has scheme %q, wanted http or https", u.Redacted(), u.Scheme)
	case u.Host == "":
		return nil, fmt.Errorf("URL %q names no host", u.Redacted())
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("URL %q has a query or a fragment, wanted neither", u.Redacted())
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: ConnectTimeout}).DialContext,
		TLSHandshakeTimeout:   ConnectTimeout,
		ResponseHeaderTimeout: HeaderTimeout,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   8,
		MaxConnsPerHost:       8,
		DisableCompression:    true,
		ForceAttemptHTTP2:     true,
	}
	return &HTTPSource{base: u, client: &http.Client{Transport: transport, CheckRedirect: checkRedirect}, window: RateWindow}, nil
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > MaxRedirects {
		return fmt.Errorf("more than %d redirects", MaxRedirects)
	}
	if from := via[0].URL.Scheme; req.URL.Scheme != from {
		return fmt.Errorf("a redirect leads from %s to %.20q", from, req.URL.Scheme)
	}
	return nil
}

// resolve returns the URL of a path. Each segment is escaped, the plus sign
// too: some object stores read it as a space.
func (s *HTTPSource) resolve(path string) *url.URL {
	u := *s.base
	segments := strings.Split(path, "/")
	for i, seg := range segments {
		segments[i] = strings.ReplaceAll(url.PathEscape(seg), "+", "%2B")
	}
	u.RawPath = strings.TrimSuffix(u.EscapedPath(), "/") + "/" + strings.Join(segments, "/")
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + path
	return &u
}

// Open is [Source.Open]. It asks for a body coded by gzip, but for released
// files, which are compressed already, and takes one that is not.
func (s *HTTPSource) Open(ctx context.Context, path string, limit int64) (io.ReadCloser, error) {
	resp, err := s.ask(ctx, path, func(req *http.Request) {
		if !strings.HasPrefix(path, filesDir) {
			req.Header.Set("Accept-Encoding", "gzip")
		}
	})
	if err != nil {
		return nil, err
	}
	zipped, err := checkResponse(resp, path, limit)
	if err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	if !zipped {
		return Cap(resp.Body, path, limit), nil
	}
	body, err := gunzip(Cap(resp.Body, path, codedLimit(limit)))
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", path, err)
	}
	return Cap(body, path, limit), nil
}

// OpenFrom is [Tailer.OpenFrom]: it asks for a range (RFC 9110, section 14).
func (s *HTTPSource) OpenFrom(ctx context.Context, path string, from, length int64) (io.ReadCloser, error) {
	resp, err := s.ask(ctx, path, func(req *http.Request) { req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from)) })
	if err != nil {
		return nil, err
	}
	want := fmt.Sprintf("bytes %d-%d/%d", from, length-1, length)
	switch got := resp.Header.Get("Content-Range"); {
	case resp.StatusCode != http.StatusPartialContent:
		err = fmt.Errorf("asking for a part of %s: answer %d, wanted 206", path, resp.StatusCode)
	case got != want:
		err = fmt.Errorf("asking for a part of %s: the answer has %.60q, wanted %q", path, got, want)
	case coding(resp) != "":
		err = fmt.Errorf("asking for a part of %s: the answer is encoded as %.20q, wanted the file as it is", path, coding(resp))
	}
	if err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	return Cap(resp.Body, path, length-from), nil
}

// ask makes a request, to which more may be added. The body of the answer must
// keep the least rate.
func (s *HTTPSource) ask(ctx context.Context, path string, add func(*http.Request)) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.resolve(path).String(), nil)
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("asking for %s: %w", path, err)
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept-Encoding", "identity")
	if mutable(path) {
		req.Header.Set("Cache-Control", "no-cache")
	}
	add(req)
	resp, err := s.client.Do(req)
	if err != nil {
		cancel(nil)
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the URL, which may hold a password
		}
		return nil, fmt.Errorf("asking for %s: %w", path, err)
	}
	resp.Body = newPaced(resp.Body, ctx, cancel, s.window)
	return resp, nil
}

// filesDir begins the paths of released files.
const filesDir = "files/"

// mutable reports whether what is at a path may change, or may come to be
// there: a cache on the way must ask whether it still has the newest.
func mutable(path string) bool {
	return path == roster.LatestPath || strings.HasSuffix(path, ".asc") || strings.HasPrefix(path, rootDir+"/") || strings.HasPrefix(path, onlineDir+"/")
}

// coding is the content coding of an answer, "" if it has none.
func coding(resp *http.Response) string {
	all := strings.ToLower(strings.Join(resp.Header.Values("Content-Encoding"), ", "))
	if all == "identity" {
		return ""
	}
	return all
}

func checkResponse(resp *http.Response, path string, limit int64) (zipped bool, err error) {
	zipped = coding(resp) == "gzip"
	if zipped {
		limit = codedLimit(limit)
	}
	asked := resp.Request.Header.Get("Accept-Encoding")
	switch {
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can serve again
		return false, fmt.Errorf("asking for %s: answer %d: %w", path, resp.StatusCode, roster.ErrAbsent)
	case resp.StatusCode != http.StatusOK:
		return false, fmt.Errorf("asking for %s: answer %d, wanted 200", path, resp.StatusCode)
	case coding(resp) != "" && coding(resp) != asked:
		return false, fmt.Errorf("asking for %s: the answer is encoded as %.20q, wanted %s", path, coding(resp), asked)
	case resp.ContentLength > limit:
		return false, &TooLongError{path, limit}
	}
	return zipped, nil
}

// errTooSlow is the cause of an answer's end that did not keep MinRate.
var errTooSlow = fmt.Errorf("fewer than %d bytes came in %s", MinRate, RateWindow)

// A paced body must bring MinRate bytes in each window, or end.
type paced struct {
	body   io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	window time.Duration
	chunk  int64 // bytes in this window so far
}

func newPaced(body io.ReadCloser, ctx context.Context, cancel context.CancelCauseFunc, window time.Duration) *paced {
	return &paced{body, ctx, cancel, time.AfterFunc(window, func() { cancel(errTooSlow) }), window, 0}
}

func (p *paced) Read(b []byte) (int, error) {
	n, err := p.body.Read(b)
	if p.chunk += int64(n); p.chunk >= MinRate {
		p.chunk = 0
		p.timer.Reset(p.window)
	}
	if err != nil && err != io.EOF && context.Cause(p.ctx) == errTooSlow {
		err = errTooSlow
	}
	return n, err
}

func (p *paced) Close() error {
	p.timer.Stop()
	err := p.body.Close()
	p.cancel(nil)
	return err
}
