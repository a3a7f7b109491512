package transit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/hashicorp/vault/api"
)

// An UnavailableError says that the server could not do its work now: sealed,
// not initialised, away, too slow, overloaded or broken. Nothing is wrong with
// what was asked; ask again later.
type UnavailableError struct {
	Op     string // what was being done
	Reason string // what was found
	Sealed bool   // the server is sealed; a custodian must unseal it
	err    error  // the network's error, if it was one
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("vault is not available (%s): %s", e.Op, e.Reason)
}

// Unwrap returns the network's error or the context's, if it was one.
func (e *UnavailableError) Unwrap() error { return e.err }

// A DeniedError says that the server answered and refused: the login, or what
// the login's policy does not allow. Vault does not tell the two apart from an
// expired token; by the time a caller sees this error, a new login was tried.
type DeniedError struct {
	Op     string // what was being done
	Status int    // the HTTP status; 0 if this package refused the answer
	Reason string // what was found
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("vault denied %s: %s", e.Op, e.Reason)
}

// A KeyError says that the transit key is absent or is not the kind of key
// that may sign here.
type KeyError struct {
	Name    string // the key's name in the transit engine
	Version int    // the version that was asked for
	Reason  string // what was found and wanted
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("transit key %q version %d: %s", e.Name, e.Version, e.Reason)
}

// isUnavailable reports whether err is an UnavailableError.
func isUnavailable(err error) bool {
	var away *UnavailableError
	return errors.As(err, &away)
}

// sort turns an error of the API client into one of this package's. ctx is the
// context of the request, secrets what must not appear in the text.
//
// An ended context of the caller's is returned as it is; a deadline, whoever
// set it, is an UnavailableError.
func (v *Vault) sort(ctx context.Context, op string, err error, secrets ...string) error {
	var key *KeyError
	if errors.As(err, &key) {
		return err
	}
	var answer *api.ResponseError
	if errors.As(err, &answer) {
		return sortAnswer(op, answer, secrets)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", op, context.Canceled)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &UnavailableError{Op: op, Reason: "no answer in time", err: context.DeadlineExceeded}
	}
	return &UnavailableError{Op: op, Reason: scrub(err.Error(), secrets), err: netError(err)}
}

// sortAnswer sorts an HTTP answer that is not a success.
func sortAnswer(op string, a *api.ResponseError, secrets []string) error {
	text := scrub(strings.Join(a.Errors, "; "), secrets)
	reason := fmt.Sprintf("HTTP status %d, %q", a.StatusCode, text)
	switch {
	case a.StatusCode == http.StatusServiceUnavailable:
		sealed := strings.Contains(strings.ToLower(text), "sealed")
		return &UnavailableError{Op: op, Reason: reason, Sealed: sealed}
	case a.StatusCode >= 500, a.StatusCode == http.StatusTooManyRequests,
		a.StatusCode == http.StatusRequestTimeout, a.StatusCode == http.StatusPreconditionFailed:
		return &UnavailableError{Op: op, Reason: reason}
	case a.StatusCode == http.StatusForbidden, a.StatusCode == http.StatusUnauthorized:
		return &DeniedError{Op: op, Status: a.StatusCode, Reason: reason}
	}
	return &answerError{op: op, status: a.StatusCode, reason: reason}
}

// An answerError is an answer that means something only to the one who asked.
type answerError struct {
	op     string
	status int
	reason string
}

func (e *answerError) Error() string { return fmt.Sprintf("vault refused %s: %s", e.op, e.reason) }

// netError returns the part of err that is the network's own, so that callers
// can look at it and at nothing of the API client.
func netError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	return nil
}

// scrub removes secrets from text and clips it.
func scrub(text string, secrets []string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "[withheld]")
		}
	}
	return clip(text)
}

// clip shortens a text from outside to what a log line can bear.
func clip(text string) string {
	const most = 300
	text = strings.ToValidUTF8(text, "?")
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
