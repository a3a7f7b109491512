package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// naiveEnv makes the test's own program a client that looks at hashes and
// never at a signature.
const naiveEnv = "COMPROMISE_TABLE_NAIVE_CLIENT"

func naive(args []string) error {
	at := func(flag string) string {
		if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
			return args[i+1]
		}
		return ""
	}
	if slices.Contains(args, "init") {
		return os.MkdirAll(at("--state"), 0o700)
	}
	name, file := at("--package"), at("--file")
	fetch := func(ctx context.Context, path string, _ int64) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at("--url")+"/"+path, nil)
		if err != nil {
			return nil, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: answer %d", path, resp.StatusCode)
		}
		return io.ReadAll(resp.Body)
	}
	sum, err := naiveSum(context.Background(), name, file, fetch)
	if err != nil {
		return err
	}
	b, err := fetch(context.Background(), roster.FilePath(sum, file), 0)
	if err == nil && digest.Sum(b) != sum {
		err = fmt.Errorf("%s: other bytes", file)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(at("--out"), b, 0o600)
}

// naiveSum finds the file's digest in the newest index that the server shows.
func naiveSum(ctx context.Context, name, file string, fetch roster.Fetch) (digest.Digest, error) {
	latest, err := fetch(ctx, roster.LatestPath, 0)
	if err != nil {
		return digest.Digest{}, err
	}
	doc, err := fetch(ctx, "snapshots/"+strings.TrimSpace(string(latest))+".json", 0)
	if err != nil {
		return digest.Digest{}, err
	}
	var snapshot struct{ Map struct{ Root string } }
	if err := json.Unmarshal(doc, &snapshot); err != nil {
		return digest.Digest{}, err
	}
	root, err := digest.Parse(snapshot.Map.Root)
	if err != nil {
		return digest.Digest{}, err
	}
	leaf, found, err := roster.Lookup(ctx, root, name, fetch)
	if err != nil || !found {
		return digest.Digest{}, fmt.Errorf("%s: %t, %w", name, found, err)
	}
	raw, err := fetch(ctx, roster.IndexPath(name, leaf.Index), 0)
	if err != nil {
		return digest.Digest{}, err
	}
	x, err := roster.ParseIndex(raw, rostertest.Repository, name)
	if err != nil {
		return digest.Digest{}, err
	}
	for _, l := range x.Lines() {
		if l.File == file {
			return l.Digest, nil
		}
		if l.Kind != roster.LineManifest {
			continue
		}
		raw, err := fetch(ctx, roster.ManifestPath(name, l.Digest), 0)
		if err != nil {
			return digest.Digest{}, err
		}
		m, err := roster.ParseManifest(raw)
		if err != nil {
			return digest.Digest{}, err
		}
		for _, f := range m.Content().Files {
			if f.Name == file {
				return f.SHA256, nil
			}
		}
	}
	return digest.Digest{}, fmt.Errorf("no line names %s", file)
}
