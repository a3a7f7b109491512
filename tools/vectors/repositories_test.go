package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// published is a repository as a step shows it.
type published map[string]string

func (p published) Open(_ context.Context, path string, limit int64) (io.ReadCloser, error) {
	text, ok := p[path]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, roster.ErrAbsent)
	}
	return client.Cap(io.NopCloser(bytes.NewReader([]byte(text))), path, limit), nil
}

// Our own client ends each command of each story as the story says.
func TestOurOwnClientAgrees(t *testing.T) {
	var start published
	decode(t, must(os.ReadFile(filepath.Join(written, baseFile))), &start)
	exits := make(map[int]int)
	for _, v := range load(t) {
		if v.Kind != "repository" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			var s script
			decode(t, v.content, &s)
			now := make(published)
			for path, text := range start {
				now[path] = text
			}
			dir := t.TempDir()
			state := ""
			for i, st := range s.Steps {
				for path, text := range st.Put {
					now[path] = text
				}
				for _, path := range st.Remove {
					delete(now, path)
				}
				if st.Fresh {
					state = filepath.Join(dir, strconv.Itoa(i))
				}
				out, err := play(t.Context(), st, state, filepath.Join(dir, fmt.Sprintf("out-%d", i)), now)
				if got := exit(err); got != st.Exit {
					t.Fatalf("step %d (%s): exit %d (%v), wanted %d", i+1, st.Why, got, err, st.Exit)
				}
				if err == nil && st.Out != nil && out != *st.Out || (out != "") != (st.Out != nil) {
					t.Errorf("step %d (%s): wrote %q, wanted %v", i+1, st.Why, out, st.Out)
				}
				if err != nil {
					t.Logf("%s, step %d (%s): %v", v.Rule, i+1, st.Why, err)
				}
				exits[st.Exit]++
			}
		})
	}
	if exits[0] == 0 || exits[3] == 0 || exits[4] == 0 {
		t.Errorf("commands that ended with each exit code: %v", exits)
	}
}

func decode(t *testing.T, b []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func exit(err error) int {
	var coded interface{ ExitCode() int }
	switch {
	case err == nil:
		return 0
	case errors.As(err, &coded):
		return coded.ExitCode()
	}
	return 1
}

// play does one command and returns what it wrote.
func play(ctx context.Context, st step, state, out string, p published) (string, error) {
	if st.Run[0] == "init" {
		_, err := client.Init(ctx, state, roster.Signed{Document: []byte(p[st.Run[1]]), Signatures: []byte(p[st.Run[1]+".asc"])}, digest.Digest{})
		return "", err
	}
	policy := client.DefaultPolicy()
	if st.Accept != "" {
		policy = must(client.ParsePolicy(st.Accept))
	}
	c, err := client.Open(client.Config{State: state, Source: p, Accept: policy})
	if err != nil {
		return "", err
	}
	view, err := c.Refresh(ctx, must(time.Parse(time.RFC3339, st.Now)))
	if err != nil || st.Run[0] == "refresh" {
		return "", err
	}
	a, err := view.Authorise(ctx, st.Run[1], st.Run[2])
	if err != nil {
		return "", err
	}
	if _, err := view.Download(ctx, a, out); err != nil {
		return "", err
	}
	b, err := os.ReadFile(out)
	return string(b), err
}
