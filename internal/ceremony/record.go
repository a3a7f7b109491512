package ceremony

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// What stands in the folder of a ceremony.
const (
	planName       = "plan.yaml"        // the plan's exact bytes
	enrolmentsName = "enrolments"       // of everyone who may sign, and their cards' attestations
	inputsName     = "inputs"           // the other files that the plan names, by digest
	previousName   = "previous"         // the rosters so far, as in a repository
	draftName      = "draft"            // what is signed, and what is published with it, as in a repository
	anchorName     = "anchor.json"      // in the draft: what changes in the anchor
	signaturesName = "signatures"       // by each card's serial, as in a repository
	abandonedName  = "abandoned"        // plans and inputs of drafts that were destroyed
	transcriptName = "transcript.jsonl" // see package transcript
	lockName       = ".lock"
)

// parts are what belongs to one draft.
var parts = []string{planName, enrolmentsName, inputsName, previousName, draftName, signaturesName}

// lockPatience is how long a step waits for another program to leave the
// ceremony's folder.
const lockPatience = 2 * time.Second

// A Record is the folder of a ceremony, held by one program at a time.
type Record struct {
	Dir        string
	transcript *transcript.Transcript
	lock       *durable.Held
}

// Events of a transcript that later steps look for.
const (
	eventDrafted   = "drafted"
	eventSigning   = "signing"
	eventSigned    = "signed"
	eventCombined  = "combined"
	eventAbandoned = "abandoned"
)

// OpenRecord opens the folder of a ceremony that has begun. The clock must not
// be before the last entry of its transcript.
func OpenRecord(ctx context.Context, dir string, at time.Time) (*Record, error) {
	if _, err := os.Stat(filepath.Join(dir, transcriptName)); errors.Is(err, fs.ErrNotExist) {
		return nil, refuse("%q is not the folder of a ceremony: it has no %s", dir, transcriptName).do("begin with: ceremony draft")
	}
	r := &Record{Dir: dir}
	wait, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	var err error
	if r.lock, err = durable.Lock(wait, r.path(lockName)); err != nil {
		return nil, refuse("the ceremony's folder is in use").because(err).do("wait for the other program, or end it")
	}
	if r.transcript, err = transcript.Open(r.path(transcriptName), at); err != nil {
		return nil, errors.Join(err, r.lock.Release())
	}
	if err := r.transcript.CheckClock(at); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close lets go of the folder.
func (r *Record) Close() error { return errors.Join(r.transcript.Close(), r.lock.Release()) }

func (r *Record) path(elem ...string) string {
	return filepath.Join(append([]string{r.Dir}, elem...)...)
}

// Head is the digest of the transcript so far.
func (r *Record) Head() digest.Digest { return r.transcript.Head() }

// current returns the entry of the draft that is being signed, or nil.
func (r *Record) current() *transcript.Entry {
	var now *transcript.Entry
	for _, e := range r.transcript.Entries() {
		switch e.Event {
		case eventDrafted:
			now = &e
		case eventAbandoned:
			now = nil
		}
	}
	return now
}

// Begin puts a draft with all that it was made of into a new folder, or into
// one whose draft was abandoned. The folder appears whole or not at all.
func Begin(ctx context.Context, dir string, c *Case, d *Draft) error {
	if _, err := os.Stat(filepath.Join(dir, transcriptName)); err == nil {
		return beginAgain(ctx, dir, c, d)
	}
	if _, err := os.Lstat(dir); err == nil {
		return (&RefusedError{Err: &durable.ExistsError{Path: dir}}).do("name a folder that does not exist, or that of a ceremony whose draft was abandoned")
	}
	dir = filepath.Clean(dir)
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".tmp-"+filepath.Base(dir)+"-*")
	if err != nil {
		return fmt.Errorf("making the ceremony's folder: %w", err)
	}
	defer os.RemoveAll(tmp) // gone already if it was renamed
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	files, err := writeParts(tmp, c, d)
	if err != nil {
		return err
	}
	t, err := transcript.Create(filepath.Join(tmp, transcriptName))
	if err != nil {
		return err
	}
	if err := errors.Join(t.Add(c.At, "draft", eventDrafted, draftFacts(c, d, files)), t.Close()); err != nil {
		return err
	}
	if err := durable.SyncDir(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return fmt.Errorf("making the ceremony's folder: %w", err)
	}
	return durable.SyncDir(filepath.Dir(dir))
}

// beginAgain drafts once more in a folder whose draft was abandoned.
func beginAgain(ctx context.Context, dir string, c *Case, d *Draft) (err error) {
	r, err := OpenRecord(ctx, dir, c.At)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if now := r.current(); now != nil {
		return refuse("the ceremony in %q has a draft already (%v)", dir, now.Facts["digest"]).
			do("go on with it, or destroy it first: ceremony abandon --record " + dir)
	}
	for _, part := range parts { // of an earlier attempt that a crash cut short
		if err := os.RemoveAll(r.path(part)); err != nil {
			return err
		}
	}
	files, err := writeParts(dir, c, d)
	if err != nil {
		return err
	}
	return r.transcript.Add(c.At, "draft", eventDrafted, draftFacts(c, d, files))
}

// draftFacts are what the transcript says of a draft.
func draftFacts(c *Case, d *Draft, files map[string]digest.Digest) map[string]any {
	inputs := make([]map[string]any, len(c.Inputs))
	for i, in := range c.Inputs {
		inputs[i] = map[string]any{"what": in.What, "path": in.Path, "sha256": in.Digest.String()}
	}
	facts := map[string]any{
		"ceremony": c.Plan.Ceremony, "act": string(c.Plan.Act), "repository": c.Plan.Repository,
		"version": d.Roster.Version(), "digest": d.Roster.Digest().String(),
		"plan": digest.Sum(c.Raw).String(), "inputs": inputs, "checks": d.Findings,
		"sentences": d.Sentences(), "files": named(files),
	}
	if c.Chain != nil {
		facts["pin"], facts["previous"] = c.Plan.Previous.Pin.String(), c.Chain.Last().Digest().String()
	}
	if departures := c.Plan.Policy.Departures(); len(departures) > 0 {
		facts["policy departs from the default"] = departures
	}
	return facts
}

func named(files map[string]digest.Digest) map[string]string {
	all := make(map[string]string)
	for path, d := range files {
		all[path] = d.String()
	}
	return all
}

// writeParts writes what belongs to a draft below dir, and returns the digests
// of the draft's files by their paths; those of the map are left out, because
// they are named by their digests.
func writeParts(dir string, c *Case, d *Draft) (map[string]digest.Digest, error) {
	files := map[string][]byte{planName: c.Raw}
	for _, h := range c.everybody() {
		for name, raw := range h.Raw {
			files[enrolmentsName+"/"+name] = raw
		}
	}
	for _, in := range c.Inputs {
		files[inputsName+"/"+in.Digest.String()] = in.Raw
	}
	if c.Chain != nil {
		for i, s := range c.Chain.Signed {
			path := previousName + "/" + roster.RosterPath(c.Chain.Rosters[i].Version())
			files[path], files[roster.SignaturePath(path)] = s.Document, s.Signatures
		}
	}
	drafted, err := draftFiles(d)
	if err != nil {
		return nil, err
	}
	digests := make(map[string]digest.Digest)
	for path, raw := range drafted {
		files[draftName+"/"+path] = raw
		if !strings.HasPrefix(path, "map/") {
			digests[path] = digest.Sum(raw)
		}
	}
	return digests, writeFiles(dir, files)
}

// draftFiles are the files of a draft, by their paths in the repository.
func draftFiles(d *Draft) (map[string][]byte, error) {
	files := maps.Clone(d.Files)
	for _, doc := range d.Documents() {
		files[doc.Path] = doc.Raw
	}
	if d.Anchor != nil {
		b, err := json.MarshalIndent(d.Anchor, "", "  ")
		if err != nil {
			return nil, err
		}
		files[anchorName] = append(b, '\n')
	}
	return files, nil
}

// writeFiles writes new files below dir, and brings them and their directories
// to the disk. It is for a dir of which nobody knows yet: what a crash leaves
// half-way is never read.
func writeFiles(dir string, files map[string][]byte) error {
	made := map[string]bool{dir: true}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := makeDirs(filepath.Dir(path), made); err != nil {
			return err
		}
		if err := writeFile(path, files[name]); err != nil {
			return err
		}
	}
	for d := range made {
		if err := durable.SyncDir(d); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// makeDirs makes a directory and those above it, and adds them to made.
func makeDirs(dir string, made map[string]bool) error {
	if made[dir] {
		return nil
	}
	if err := makeDirs(filepath.Dir(dir), made); err != nil {
		return err
	}
	made[dir] = true
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// mkdirs makes dir and those above it, up to base, and brings them to the disk.
func mkdirs(base, dir string) error {
	made := map[string]bool{base: true}
	if err := makeDirs(dir, made); err != nil {
		return err
	}
	for d := range made {
		if err := durable.SyncDir(d); err != nil {
			return err
		}
	}
	return nil
}
