package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rootward/rootward/roster"
)

// A Source has a repository's files. Nothing that it returns is trusted.
type Source interface {
	// Open returns a reader of the file at a path of the repository (see
	// package roster). Reading more than limit bytes is a [*TooLongError],
	// from Open or from Read. That there is no such file is an error that
	// wraps roster.ErrAbsent; any other error means that the source cannot
	// be asked.
	Open(ctx context.Context, path string, limit int64) (io.ReadCloser, error)
}

// A Tailer is a source that can leave out what is known of a file already.
type Tailer interface {
	// OpenFrom returns a reader of a file's bytes from an offset on, of which
	// length is the whole length. An error, whatever it is, says no more than
	// that the part cannot be had so. Nothing that it returns is trusted.
	OpenFrom(ctx context.Context, path string, from, length int64) (io.ReadCloser, error)
}

// A TooLongError says that a file is longer than it may be. No more was read.
type TooLongError struct {
	Path  string
	Limit int64 // bytes
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("file %q is longer than %d bytes", e.Path, e.Limit)
}

// capped makes the reading of more than limit bytes an error.
type capped struct {
	io.ReadCloser
	path        string
	limit, left int64
}

// Cap returns r, whose reading ends with a [*TooLongError] once it has given
// limit bytes and has more.
func Cap(r io.ReadCloser, path string, limit int64) io.ReadCloser {
	return &capped{r, path, limit, limit}
}

func (c *capped) Read(p []byte) (int, error) {
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.ReadCloser.Read(p)
	if int64(n) > c.left {
		return int(c.left), &TooLongError{c.path, c.limit}
	}
	c.left -= int64(n)
	return n, err
}

// read returns a whole file of the source.
func read(ctx context.Context, src Source, path string, limit int64) ([]byte, error) {
	r, err := src.Open(ctx, path, limit)
	if err != nil {
		return nil, err
	}
	return readAll(r)
}

func readAll(r io.ReadCloser) ([]byte, error) {
	b, err := io.ReadAll(r)
	if closing := r.Close(); err == nil {
		err = closing
	}
	return b, err
}

// required says what it means that a file which must be there was not had:
// one that is too long is refused, and otherwise freshness cannot be
// established, because the file is withheld or the source cannot be asked.
func required(path string, err error) error {
	var tooLong *TooLongError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted while fetching %s: %w", path, err)
	case errors.As(err, &tooLong):
		return &roster.Error{Layer: layerOf(path), Subject: path, Problem: "too long", Err: err,
			Do: "it was changed on the server or on the way: try another mirror"}
	case errors.Is(err, roster.ErrAbsent):
		return &roster.Error{Layer: layerOf(path), Subject: path, Problem: "a file that must be there is withheld", Err: err, Stale: true,
			Do: "the server or a mirror lacks it: try another mirror, or again later"}
	}
	return &roster.Error{Layer: layerOf(path), Subject: path, Problem: "cannot be fetched", Err: err, Stale: true,
		Do: "check the network and the URL, try another mirror, or again later"}
}

// layers say to which layer the files below a repository's directory belong.
var layers = map[string]roster.Layer{
	"root": roster.LayerRoster, "revocations": roster.LayerRevocation, "key-revocations": roster.LayerRevocation,
	"snapshots": roster.LayerSnapshot, "latest": roster.LayerSnapshot, "map": roster.LayerMap, "indexes": roster.LayerIndex,
	"lists": roster.LayerList, "releases": roster.LayerManifest, "files": roster.LayerFile,
}

func layerOf(path string) roster.Layer {
	first, _, _ := strings.Cut(path, "/")
	return layers[first]
}
