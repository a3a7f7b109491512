package ceremony

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// MaxRosters is how many rosters a chain may have.
const MaxRosters = 4096

// A Chain is a walk of verified rosters, from the pinned one to the last that
// was there.
type Chain struct {
	Rosters []*roster.Roster
	Signed  []roster.Signed // the exact bytes of each
}

// Last is the newest roster of the chain.
func (c *Chain) Last() *roster.Roster { return c.Rosters[len(c.Rosters)-1] }

// keys returns every key that a roster of the chain lists, in any role.
func (c *Chain) keys() []roster.Key {
	var all []roster.Key
	for _, r := range c.Rosters {
		root := r.Root()
		for _, k := range root.Keyholders {
			all = append(all, k.Key)
		}
		for _, k := range root.OnlineKeys {
			all = append(all, k.Key)
		}
	}
	return all
}

// opened returns the online keys of the chain's rosters whose revocation stands
// beside them and is valid. One that is not is passed over, as clients do.
func (c *Chain) opened(ctx context.Context, fetch roster.Fetch) ([]roster.OnlineKey, error) {
	var all []roster.OnlineKey
	seen := make(map[pgp.KeyID]bool)
	for _, listing := range c.Rosters {
		for _, k := range listing.Root().OnlineKeys {
			id := k.Key.ID()
			if seen[id] {
				continue
			}
			seen[id] = true
			s, err := roster.FetchSigned(ctx, roster.RevocationPath(id), roster.MaxRevocation, fetch)
			if errors.Is(err, roster.ErrAbsent) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if c.revokes(s, id) {
				all = append(all, k)
			}
		}
	}
	return all, nil
}

// revokes reports whether a document revokes the key, under any roster of the
// chain.
func (c *Chain) revokes(s roster.Signed, id pgp.KeyID) bool {
	return slices.ContainsFunc(c.Rosters, func(r *roster.Roster) bool {
		_, err := r.OpenRevocation(s, id)
		return err == nil
	})
}

// EmptyMap is the root of the map that holds no package.
func EmptyMap() digest.Digest {
	root, _, err := tree.Build(nil, nil)
	if err != nil {
		panic(err) // no leaves, nothing to refuse
	}
	return root
}

// Walk reads rosters from a repository and verifies them: from the one with the
// pinned digest, each by the one before, to the last there is. It stops at the
// first version that is absent. Expiry is not judged: only the last must be
// current, and a ceremony is what helps when it is not.
//
// The pin must come from elsewhere than the repository. The error is a
// [*roster.Error] or a [*RefusedError].
func Walk(ctx context.Context, fetch roster.Fetch, pin digest.Digest) (*Chain, error) {
	var c Chain
	for version := uint64(1); version <= MaxRosters; version++ {
		path := roster.RosterPath(version)
		doc, err := fetch(ctx, path, roster.MaxRoster)
		if errors.Is(err, roster.ErrAbsent) {
			break
		}
		if err != nil {
			return nil, err
		}
		asc, err := fetch(ctx, roster.SignaturePath(path), roster.MaxSignatureFile)
		if err != nil { // absent too: a roster without its signatures ends no chain
			return nil, refuse("%s is there without its signatures", path).because(err).do("bring the signature file, or the whole repository, again")
		}
		s := roster.Signed{Document: doc, Signatures: asc}
		if len(c.Rosters) == 0 && digest.Sum(s.Document) != pin {
			continue // before the pinned one
		}
		r, err := c.next(s, pin)
		if err != nil {
			return nil, err
		}
		c.Rosters, c.Signed = append(c.Rosters, r), append(c.Signed, s)
	}
	if len(c.Rosters) == 0 {
		return nil, refuse("no roster there has the pinned digest %s", pin).
			do("compare the pin with the words that were read aloud at the first ceremony")
	}
	return &c, nil
}

// next verifies the roster that comes after those in the chain.
func (c *Chain) next(s roster.Signed, pin digest.Digest) (*roster.Roster, error) {
	if len(c.Rosters) == 0 {
		return roster.Trust(s, pin, EmptyMap())
	}
	return c.Last().Succeed(s)
}

// A Folder is a directory from which documents are read. It cannot be left
// through symbolic links, and what is read is trusted for nothing.
type Folder struct{ root *os.Root }

// OpenFolder opens a directory.
func OpenFolder(dir string) (*Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening folder: %w", err)
	}
	return &Folder{root}, nil
}

// Close lets go of the directory.
func (f *Folder) Close() error { return f.root.Close() }

// Fetch reads a file of at most limit bytes; it is a [roster.Fetch].
func (f *Folder) Fetch(_ context.Context, path string, limit int64) ([]byte, error) {
	file, err := f.root.Open(filepath.FromSlash(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s in %s: %w", path, f.root.Name(), roster.ErrAbsent)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s in %s: %w", path, f.root.Name(), err)
	}
	defer file.Close()
	return readLimited(file, path, limit)
}

func readLimited(r io.Reader, name string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s has more than the %d bytes that it may have", name, limit)
	}
	return b, nil
}

// readFile reads a file that the plan or a person names.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // it names the file
	}
	defer f.Close()
	return readLimited(f, path, limit)
}

// ReadDraft reads a root roster from a file and verifies no signature.
func ReadDraft(file string) (*roster.Draft, error) {
	raw, err := readFile(file, roster.MaxRoster)
	if err != nil {
		return nil, fmt.Errorf("reading a roster: %w", err)
	}
	return roster.ParseDraft(raw)
}

// Report says in lines what each roster of the chain is, and who approved it:
// the keyholders who were counted for the previous roster's threshold, and for
// its own.
func (c *Chain) Report() []string {
	var lines []string
	for i, r := range c.Rosters {
		root := r.Root()
		lines = append(lines, fmt.Sprintf("root roster %d of %s: %s, issued %s, expires %s", root.Version, root.Repository, r.Digest(), root.Issued, root.Expires))
		approvals := r.Approvals()
		own := approvals[len(approvals)-1]
		if i == 0 {
			lines = append(lines, fmt.Sprintf("  pinned; signed by %s (wanted %d of %d)", strings.Join(own.By(), ", "), root.Threshold, len(root.Keyholders)))
			continue
		}
		before := c.Rosters[i-1].Root()
		lines = append(lines, fmt.Sprintf("  approved for roster %d by %s (wanted %d of %d), for its own by %s (wanted %d of %d)", before.Version,
			strings.Join(approvals[0].By(), ", "), before.Threshold, len(before.Keyholders),
			strings.Join(own.By(), ", "), root.Threshold, len(root.Keyholders)))
	}
	return lines
}

// Attestations checks that each attestation which the last roster names is
// beside it, byte for byte. What it proves was checked when the roster was made
// (see [Checks]); roots that a rehearsal trusted are not at hand here.
func (c *Chain) Attestations(ctx context.Context, fetch roster.Fetch) error {
	for _, k := range c.Last().Root().Keyholders {
		if k.Attestation == roster.NoAttestation {
			continue
		}
		named, err := digest.Parse(k.Attestation)
		if err != nil {
			return err
		}
		raw, err := fetch(ctx, roster.AttestationPath(named), roster.MaxAttestation)
		if err != nil {
			return refuse("the attestation of %s's card is not beside the roster", k.Name).because(err)
		}
		if got := digest.Sum(raw); got != named {
			return refuse("the attestation of %s's card has digest %s, wanted %s", k.Name, got, named)
		}
	}
	return nil
}
