package ceremony

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// A SealedSet is what was in an envelope of revocations that were signed in
// advance, read and verified as far as it verifies.
type SealedSet struct {
	Revocations []SealedRevocation
	Label       bool
	Files       []SealedFile // all of them, sorted by path
	Strange     []string     // paths of what belongs in no envelope
	// Begun is set where the folder was moved away to be destroyed, and was not
	// destroyed whole.
	Begun bool
}

// A SealedFile is a file of the envelope.
type SealedFile struct {
	Path   string        `json:"path"`
	Digest digest.Digest `json:"sha256"`
}

// A SealedRevocation is one of them.
type SealedRevocation struct {
	Path   string // in the repository too
	ID     pgp.KeyID
	Signed roster.Signed
	Under  *roster.Roster   // that it names and verifies under; nil if none
	Key    roster.OnlineKey // zero if Under does not list it
	Reason string           // in the document
	Err    error            // why Under is nil
}

// maxSealed is how many files an envelope may hold.
const maxSealed = 4*roster.MaxOnlineKeys + 1

// doomedSuffix ends the name of a folder that is being destroyed.
const doomedSuffix = ".being-destroyed"

func (c *Case) loadSealed(ctx context.Context) error {
	dir := c.path(c.Plan.Sealed.Directory)
	_, err := os.Lstat(dir)
	if _, begun := os.Lstat(dir + doomedSuffix); errors.Is(err, fs.ErrNotExist) && begun == nil && c.Plan.Does(plan.DestroyRevocations) {
		c.Sealed = &SealedSet{Begun: true}
		return nil
	}
	folder, err := OpenFolder(dir)
	if err != nil {
		return refuse("reading what was sealed").because(err).do("bring the folder that was in the envelope, or correct the plan")
	}
	defer folder.Close()
	c.Sealed = new(SealedSet)
	err = fs.WalkDir(folder.root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if len(c.Sealed.Files) == maxSealed {
			return refuse("the folder %q holds more than %d files, so it is no envelope of ours", c.Plan.Sealed.Directory, maxSealed)
		}
		raw, err := folder.Fetch(ctx, path, roster.MaxSignatureFile)
		if err != nil {
			return err
		}
		c.Sealed.Files = append(c.Sealed.Files, SealedFile{path, digest.Sum(raw)})
		return c.sort(ctx, folder, path, raw)
	})
	return err
}

// sort puts a file of the envelope where it belongs. Signatures are read beside
// their documents.
func (c *Case) sort(ctx context.Context, folder *Folder, path string, raw []byte) error {
	id, isKey := revocationID(path)
	document, isSignature := strings.CutSuffix(path, ".asc")
	_, ofKey := revocationID(document)
	switch {
	case path == labelName:
		c.Sealed.Label = true
	case isSignature && ofKey:
	case isKey:
		asc, err := folder.Fetch(ctx, roster.SignaturePath(path), roster.MaxSignatureFile)
		if err != nil && !errors.Is(err, roster.ErrAbsent) {
			return err
		}
		c.Sealed.Revocations = append(c.Sealed.Revocations, c.Chain.unseal(path, id, roster.Signed{Document: raw, Signatures: asc}))
	default:
		c.Sealed.Strange = append(c.Sealed.Strange, path)
	}
	return nil
}

func revocationID(path string) (pgp.KeyID, bool) {
	d, err := digest.Parse(strings.TrimSuffix(filepath.Base(path), ".json"))
	return pgp.KeyID(d), err == nil && path == roster.RevocationPath(pgp.KeyID(d))
}

// unseal verifies a revocation under the roster that it names.
func (c *Chain) unseal(path string, id pgp.KeyID, s roster.Signed) SealedRevocation {
	r := SealedRevocation{Path: path, ID: id, Signed: s}
	named, err := roster.RevocationRoster(s.Document)
	if err != nil {
		r.Err = err
		return r
	}
	i := slices.IndexFunc(c.Rosters, func(r *roster.Roster) bool { return r.Digest() == named })
	if i < 0 {
		r.Err = fmt.Errorf("it is made under the roster with digest %s, which is not among the rosters so far", named)
		return r
	}
	opened, err := c.Rosters[i].OpenRevocation(s, id)
	if err != nil {
		r.Err = err
		return r
	}
	r.Under, r.Reason = c.Rosters[i], opened.Reason()
	for _, k := range r.Under.Root().OnlineKeys {
		if k.Key.ID() == id {
			r.Key = k
		}
	}
	return r
}

// opens are the revocations that the plan opens, in its order.
func (c *Case) opens() []SealedRevocation {
	var all []SealedRevocation
	for _, id := range c.Plan.Sealed.Open {
		for _, r := range c.Sealed.Revocations {
			if r.ID == pgp.KeyID(id.Digest) {
				all = append(all, r)
			}
		}
	}
	return all
}

// Sentences are the lines of [Case.Change].
func (c *Case) Sentences() []string { return change.Texts(c.Change()) }

// Change says what a plan without a roster does, and how grave that is. Those of
// a roster are the draft's: see [Draft.Change].
func (c *Case) Change() []change.Sentence {
	lines := notices(OffSentences(c.Plan))
	switch p := c.Plan; {
	case p.Does(plan.OpenRevocations):
		var keys []change.SealedKey
		for _, r := range c.opens() {
			keys = append(keys, r.sentence())
		}
		lines = append(lines, change.Opening(c.Chain.Last().Root(), keys, p.Sealed.Reason, c.At)...)
	case p.Does(plan.DestroyRevocations):
		if c.Sealed.Begun {
			return append(lines, change.Sentence{Text: "The destruction of the sealed revocations was BEGUN and is to be finished.", Classes: []change.Class{change.Destroys}})
		}
		var keys []change.SealedKey
		for _, r := range c.Sealed.Revocations {
			keys = append(keys, r.sentence())
		}
		lines = append(lines, change.Destruction(c.Chain.Last().Root(), keys, p.Sealed.Reason)...)
	case p.Does(plan.AbandonDraft):
		lines = append(lines, change.Abandonment(c.Doomed.Version, c.Doomed.Digest, c.Doomed.Signed, p.Abandon.Reason)...)
	}
	return lines
}

func (r SealedRevocation) sentence() change.SealedKey {
	k := change.SealedKey{Role: r.Key.Role, Key: r.Key.Key, Reason: r.Reason}
	if r.Under != nil {
		k.Roster = r.Under.Version()
	}
	return k
}

// An Unsealed set is what was made ready to publish.
type Unsealed struct {
	Files []SealedFile // by their paths in the repository
	Keys  []roster.OnlineKey
}

// OpenSealed writes the revocations that the plan opens to a new folder, in the
// repository's layout, for the operators to publish. Every check has its say
// first, and what was written is read again and verified under the newest
// roster, or the one that it was sealed under, before the folder appears.
// Nothing in the envelope is changed.
//
// The error is a [*CheckError] if a check refuses.
func OpenSealed(ctx context.Context, c *Case, out string) (*Unsealed, error) {
	if !c.Plan.Does(plan.OpenRevocations) {
		return nil, refuse("the plan opens no sealed revocations")
	}
	if err := Refusal(c.Judge()); err != nil {
		return nil, err
	}
	o := Unsealed{Files: c.openFiles()}
	files := make(map[string][]byte)
	for _, r := range c.opens() {
		o.Keys = append(o.Keys, r.Key)
		files[r.Path], files[roster.SignaturePath(r.Path)] = r.Signed.Document, r.Signed.Signatures
	}
	return &o, newOutput(out, files, func(dir string) error { return c.reopen(ctx, dir) })
}

// openFiles are the files that are to be published.
func (c *Case) openFiles() []SealedFile {
	var all []SealedFile
	for _, r := range c.opens() {
		all = append(all, SealedFile{r.Path, digest.Sum(r.Signed.Document)}, SealedFile{roster.SignaturePath(r.Path), digest.Sum(r.Signed.Signatures)})
	}
	return all
}

// reopen verifies what was written.
func (c *Case) reopen(ctx context.Context, dir string) error {
	folder, err := OpenFolder(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	for _, r := range c.opens() {
		s, err := roster.FetchSigned(ctx, r.Path, roster.MaxRevocation, folder.Fetch)
		if err != nil {
			return err
		}
		if again := c.Chain.unseal(r.Path, r.ID, s); again.Err != nil {
			return again.Err
		}
	}
	return nil
}

// newOutput writes files to a folder that appears whole, and only if verify
// agrees to what was written.
func newOutput(out string, files map[string][]byte, verify func(dir string) error) error {
	out = filepath.Clean(out)
	if _, err := os.Lstat(out); err == nil {
		return &RefusedError{Err: &durable.ExistsError{Path: out}, Do: "choose another folder for the output, or move this one away"}
	}
	tmp, err := os.MkdirTemp(filepath.Dir(out), ".tmp-"+filepath.Base(out)+"-*")
	if err != nil {
		return fmt.Errorf("making the output: %w", err)
	}
	defer os.RemoveAll(tmp) // gone already if it was renamed
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	for path, raw := range files {
		name := filepath.Join(tmp, filepath.FromSlash(path))
		if err := mkdirs(tmp, filepath.Dir(name)); err != nil {
			return err
		}
		if err := durable.WriteNew(name, raw, 0o644); err != nil {
			return fmt.Errorf("writing the output: %w", err)
		}
	}
	if err := verify(tmp); err != nil {
		return fmt.Errorf("reading the output again: %w", err)
	}
	if err := os.Rename(tmp, out); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	return durable.SyncDir(filepath.Dir(out))
}

// DestroySealed destroys a superseded envelope's folder. Every check has its say
// first. It returns what the folder held, for the record; after an interruption
// it can be repeated, and returns nothing, because what was there was recorded.
// Other copies, and the medium itself, are for the people to destroy.
func DestroySealed(c *Case) ([]SealedFile, error) {
	if !c.Plan.Does(plan.DestroyRevocations) {
		return nil, refuse("the plan destroys no sealed revocations")
	}
	if err := Refusal(c.Judge()); err != nil {
		return nil, err
	}
	dir := c.path(c.Plan.Sealed.Directory)
	if !c.Sealed.Begun {
		if err := os.Rename(dir, dir+doomedSuffix); err != nil {
			return nil, fmt.Errorf("destroying what was sealed: %w", err)
		}
		if err := durable.SyncDir(filepath.Dir(dir)); err != nil {
			return nil, err
		}
	}
	if err := os.RemoveAll(dir + doomedSuffix); err != nil {
		return nil, fmt.Errorf("destroying what was sealed: %w", err)
	}
	return c.Sealed.Files, durable.SyncDir(filepath.Dir(dir))
}
