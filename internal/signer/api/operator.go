package api

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"

	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/tree"
)

// What the operator sends. Each answer is JSON too.
type (
	adoptRequest  struct{ Directory string }
	statusRequest struct {
		Package string
		Status  tree.Status
	}
	unsignedRequest struct {
		Package, Version string
		File             roster.File
	}
	yankRequest struct{ Package, Version, File string }
)

// A fault is how an error crosses the socket, so that the command at the
// other end speaks and exits as if it had come from there.
type fault struct {
	Message  string `json:"message"`
	Advice   string `json:"hint,omitempty"`
	ExitWith int    `json:"exit"`
}

func (f *fault) Error() string { return f.Message }

// Hint says what to do.
func (f *fault) Hint() string { return f.Advice }

// ExitCode is that of the error itself, or 1.
func (f *fault) ExitCode() int { return f.ExitWith }

func faultOf(err error) *fault {
	f := &fault{Message: err.Error(), ExitWith: 1}
	var code interface{ ExitCode() int }
	var hint interface{ Hint() string }
	switch {
	case errors.As(err, &code):
		f.ExitWith = code.ExitCode()
	case errors.Is(err, signer.ErrUnknown), errors.Is(err, signer.ErrNoRoster):
		f.ExitWith = 3
	}
	if errors.As(err, &hint) {
		f.Advice = hint.Hint()
	}
	return f
}

// Operator returns the handler of the operator's API, for a socket that only
// the operator can open: it asks nobody who they are. A directory to adopt
// is read by the service, where the service runs.
func Operator(s *signer.Service, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	handle(mux, log, "POST /v1/adopt", func(r *http.Request, in adoptRequest) (any, error) {
		root, err := os.OpenRoot(in.Directory)
		if err != nil {
			return nil, fmt.Errorf("adopting: %w", err)
		}
		defer root.Close()
		return s.Adopt(r.Context(), root.FS())
	})
	handle(mux, log, "POST /v1/revoke", func(r *http.Request, in Proposal) (any, error) {
		key, err := s.PublishRevocation(r.Context(), roster.Signed(in))
		if err != nil {
			return nil, err
		}
		return Revoked{Key: key.ID().String(), Fingerprint: key.String()}, nil
	})
	handle(mux, log, "POST /v1/status", func(r *http.Request, in statusRequest) (any, error) {
		return nil, s.SetStatus(r.Context(), in.Package, in.Status)
	})
	handle(mux, log, "POST /v1/unsigned", func(r *http.Request, in unsignedRequest) (any, error) {
		return nil, s.AddUnsigned(r.Context(), in.Package, in.Version, in.File)
	})
	handle(mux, log, "POST /v1/yank", func(r *http.Request, in yankRequest) (any, error) {
		return nil, s.Yank(r.Context(), in.Package, in.Version, in.File)
	})
	handle(mux, log, "POST /v1/snapshot", func(r *http.Request, _ struct{}) (any, error) {
		if err := s.Publish(r.Context(), true); err != nil {
			return nil, err
		}
		return s.Health(r.Context())
	})
	handle(mux, log, "POST /v1/show", func(r *http.Request, in string) (any, error) {
		return s.Show(r.Context(), in)
	})
	return mux
}

// A Revoked is the answer to an opened revocation.
type Revoked struct {
	Key         string `json:"key"` // its id
	Fingerprint string `json:"fingerprint"`
}

func handle[In any](mux *http.ServeMux, log *slog.Logger, pattern string, do func(*http.Request, In) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		var in In
		if status, err := read(w, r, maxBody, &in); err != nil {
			write(w, status, &fault{Message: err.Error(), ExitWith: 2})
			return
		}
		out, err := do(r, in)
		if err == nil {
			write(w, http.StatusOK, out)
			return
		}
		f := faultOf(err)
		if f.ExitWith == 1 && !errors.Is(err, fs.ErrNotExist) {
			log.Error("an act of the operator failed", "act", pattern, "error", err)
		}
		write(w, http.StatusUnprocessableEntity, f)
	})
}
