// Package api is the online signer's doors: an HTTP API, to which anyone may
// propose documents and ask what became of them, and the operator's, over a
// unix socket that only its owner can open.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

const (
	// maxBody is the longest request: a document and its signatures, in
	// base64.
	maxBody = 1 << 20
	// maxAtOnce is how many requests are served at a time; more are told to
	// come back.
	maxAtOnce = 64
	// settle is how long the answer to a proposal waits for its publication.
	settle = 3 * time.Second
)

// A Proposal is what is sent to POST /v1/documents: a document and its
// signature file. JSON has them in base64.
type Proposal struct {
	Document   []byte `json:"document"`
	Signatures []byte `json:"signatures"`
}

// An Answer is what comes back, from there and from GET /v1/documents/DIGEST.
type Answer struct {
	signer.Answer
	Hint string `json:"hint,omitempty"`
}

// Public returns the handler of the HTTP API.
//
//	POST /v1/documents          a Proposal; 200 published, 202 accepted and kept
//	GET  /v1/documents/DIGEST   what became of it; 404 if it was never accepted
//	GET  /healthz               a signer.Health; 503 if clients find an expired
//	                            snapshot and the signer cannot make another, else 200
//
// Errors are an Answer of the state "refused", with status 422, or 400 and
// 413 for a request that cannot be read; 503 means that the service cannot
// take anything now, and 500 a fault, whose text goes to the log alone.
func Public(s *signer.Service, log *slog.Logger) http.Handler {
	p := &public{service: s, log: log, places: make(chan struct{}, maxAtOnce)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/documents", p.submit)
	mux.HandleFunc("GET /v1/documents/{digest}", p.state)
	mux.HandleFunc("GET /healthz", p.health)
	return p.limited(mux)
}

type public struct {
	service *signer.Service
	log     *slog.Logger
	places  chan struct{} // holds a value for each request being served
}

func (p *public) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case p.places <- struct{}{}:
			defer func() { <-p.places }()
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			write(w, http.StatusServiceUnavailable, failure("too many requests at once; come back in a second"))
		}
	})
}

func failure(message string) map[string]string {
	return map[string]string{"state": "failed", "message": message}
}

func (p *public) submit(w http.ResponseWriter, r *http.Request) {
	var in Proposal
	if status, err := read(w, r, maxBody, &in); err != nil {
		write(w, status, failure(err.Error()))
		return
	}
	signed := roster.Signed(in)
	a, err := p.service.Submit(r.Context(), signed)
	if err != nil {
		p.fail(w, digest.Sum(in.Document), err)
		return
	}
	if a.State == signer.Accepted {
		ctx, cancel := context.WithTimeout(r.Context(), settle)
		defer cancel()
		message := a.Message
		if a, err = p.service.Await(ctx, a.Digest); err != nil {
			p.fail(w, digest.Sum(in.Document), err)
			return
		}
		a.Message = message + ": " + a.Message
	}
	p.answer(w, a)
}

func (p *public) state(w http.ResponseWriter, r *http.Request) {
	d, err := digest.Parse(r.PathValue("digest"))
	if err != nil {
		write(w, http.StatusBadRequest, failure(err.Error()))
		return
	}
	a, err := p.service.State(r.Context(), d)
	if err != nil {
		p.fail(w, d, err)
		return
	}
	p.answer(w, a)
}

func (p *public) answer(w http.ResponseWriter, a signer.Answer) {
	status := map[signer.State]int{signer.Published: http.StatusOK, signer.Accepted: http.StatusAccepted, signer.Refused: http.StatusUnprocessableEntity}[a.State]
	write(w, status, Answer{Answer: a})
}

func (p *public) fail(w http.ResponseWriter, d digest.Digest, err error) {
	var refused *roster.Error
	switch {
	case errors.As(err, &refused):
		write(w, http.StatusUnprocessableEntity, Answer{signer.Answer{State: signer.Refused, Digest: d, Message: err.Error()}, refused.Hint()})
	case errors.Is(err, signer.ErrUnknown):
		write(w, http.StatusNotFound, failure(err.Error()))
	case errors.Is(err, signer.ErrNoRoster):
		write(w, http.StatusServiceUnavailable, failure(err.Error()))
	default:
		p.log.Error("a request failed", "error", err)
		write(w, http.StatusInternalServerError, failure("the signer has a fault; its log says which"))
	}
}

func (p *public) health(w http.ResponseWriter, r *http.Request) {
	h, err := p.service.Health(r.Context())
	if err != nil {
		p.fail(w, digest.Digest{}, err)
		return
	}
	status := http.StatusOK
	if h.Expired && h.Trouble != "" {
		status = http.StatusServiceUnavailable
	}
	write(w, status, h)
}

// read reads a JSON request of at most limit bytes, strictly. With an error
// comes the status to answer with.
func read(w http.ResponseWriter, r *http.Request, limit int64, into any) (int, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		return http.StatusRequestEntityTooLarge, fmt.Errorf("the request has more than %d bytes", limit)
	}
	if err != nil {
		return http.StatusBadRequest, fmt.Errorf("reading the request: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return http.StatusBadRequest, fmt.Errorf("the request is not what this path takes: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return http.StatusBadRequest, errors.New("the request goes on after its end")
	}
	return 0, nil
}

func write(w http.ResponseWriter, status int, v any) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, "cannot print the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(append(b, '\n')) // whoever asked may have gone
}
