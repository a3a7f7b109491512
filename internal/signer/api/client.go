package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/tree"
)

// A Client is the operator's end of the socket. Errors of the service come
// back with their text, hint and exit code.
type Client struct{ http *http.Client }

// Dial returns a client of the service whose socket is at path. Nothing is
// sent yet.
func Dial(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// maxAnswer is the longest answer of the service that is read: an index's
// lines and a list of packages fit.
const maxAnswer = 64 << 20

func (c *Client) do(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("printing a request: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://signer"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return &unreachableError{err}
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return &unreachableError{err}
	}
	if answer.StatusCode != http.StatusOK {
		f := &fault{ExitWith: 1}
		if err := json.Unmarshal(b, f); err != nil || f.Message == "" {
			return fmt.Errorf("the signer answered with status %d and nothing to read", answer.StatusCode)
		}
		return f
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("reading the signer's answer: %w", err)
	}
	return nil
}

// An unreachableError says that no service answers at the socket.
type unreachableError struct{ err error }

func (e *unreachableError) Error() string {
	return "the online signer does not answer: " + e.err.Error()
}

func (e *unreachableError) Unwrap() error { return e.err }

// Hint says what to do.
func (e *unreachableError) Hint() string {
	return "start it with \"online-signer serve\", and run this command as the user that it runs as"
}

// Adopt makes the service adopt what a ceremony wrote to a directory, given
// by its absolute path.
func (c *Client) Adopt(ctx context.Context, directory string) (a signer.Adoption, err error) {
	return a, c.do(ctx, "/v1/adopt", adoptRequest{directory}, &a)
}

// Revoke publishes the opened revocation of an online key.
func (c *Client) Revoke(ctx context.Context, s roster.Signed) (r Revoked, err error) {
	return r, c.do(ctx, "/v1/revoke", Proposal(s), &r)
}

// SetStatus sets a package's status.
func (c *Client) SetStatus(ctx context.Context, name string, status tree.Status) error {
	return c.do(ctx, "/v1/status", statusRequest{name, status}, new(any))
}

// AddUnsigned adds a file that was uploaded unsigned.
func (c *Client) AddUnsigned(ctx context.Context, name, version string, f roster.File) error {
	return c.do(ctx, "/v1/unsigned", unsignedRequest{name, version, f}, new(any))
}

// Yank yanks a version, or one file of it.
func (c *Client) Yank(ctx context.Context, name, version, file string) error {
	return c.do(ctx, "/v1/yank", yankRequest{name, version, file}, new(any))
}

// Snapshot publishes what has changed, and a snapshot, at once.
func (c *Client) Snapshot(ctx context.Context) (h signer.Health, err error) {
	return h, c.do(ctx, "/v1/snapshot", struct{}{}, &h)
}

// Show returns what the service knows of a package.
func (c *Client) Show(ctx context.Context, name string) (p signer.PackageView, err error) {
	return p, c.do(ctx, "/v1/show", name, &p)
}
