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
	"strconv"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/ceremony/change"
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
	watch      Watch
	failed     error // of an entry that could not be written: none may follow
}

// A Watch is called with a few words before each file and each entry that goes
// to the disk, and after each entry. Its error stops the step as a failing disk
// would; tests end the program there. A nil Watch watches nothing.
type Watch func(what string) error

func (w Watch) at(what string) error {
	if w == nil {
		return nil
	}
	return w(what)
}

// Events of a transcript that later steps look for.
const (
	eventOpened    = "opened"
	eventDrafted   = "drafted"
	eventSigning   = "signing"
	eventSigned    = "signed"
	eventCombined  = "combined"
	eventAbandoned = "abandoned"
)

// An Opening says how the record of a ceremony, or of its next draft, begins.
type Opening struct {
	Ceremony   string
	Repository string
	Version    uint64        // of the roster that is to come; 0 where there is none
	Plan       digest.Digest // of the plan's exact bytes
	// Room is set where the steps of the room are held with it: roll call,
	// clocks, machine, checks, review, close (see package conduct). Without
	// them the transcript says that they were not held.
	Room    bool
	Program digest.Digest // of the program that writes the record; zero if not known
}

func (o Opening) facts() map[string]any {
	f := map[string]any{"ceremony": o.Ceremony, "repository": o.Repository, "plan": o.Plan.String(), "room": o.Room}
	if o.Version > 0 {
		f["version"] = o.Version
	}
	if !o.Program.IsZero() {
		f["program"] = o.Program.String()
	}
	if !o.Room {
		f["not held"] = "roll call, clocks, machine, review and close: the steps were made by separate commands"
	}
	return f
}

// OpenRecord opens the folder of a ceremony that has begun. The clock must not
// be before the last entry of its transcript.
func OpenRecord(ctx context.Context, dir string, at time.Time) (*Record, error) {
	if !IsRecord(dir) {
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

// IsRecord reports whether a ceremony has begun in the folder.
func IsRecord(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, transcriptName))
	return err == nil
}

// NewRecord begins the record of a ceremony: a new folder, which appears whole
// or not at all, or the folder of a ceremony that has no draft, where another
// opening is noted. A draft of the same version beside refuses it: see [NoRival].
func NewRecord(ctx context.Context, dir string, o Opening, at time.Time, w Watch) (*Record, error) {
	if o.Version > 0 {
		if err := NoRival(dir, o.Repository, o.Version); err != nil {
			return nil, err
		}
	}
	if IsRecord(dir) {
		r, err := OpenRecord(ctx, dir, at)
		if err != nil {
			return nil, err
		}
		r.watch = w
		if err = r.noDraft(); err == nil {
			err = r.Note(at, "open", eventOpened, o.facts())
		}
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		return r, nil
	}
	if _, err := os.Lstat(dir); err == nil {
		return nil, (&RefusedError{Err: &durable.ExistsError{Path: dir}}).do("name a folder that does not exist, or that of a ceremony whose draft was abandoned")
	}
	if err := newFolder(filepath.Clean(dir), o, at, w); err != nil {
		return nil, fmt.Errorf("making the ceremony's folder: %w", err)
	}
	r, err := OpenRecord(ctx, dir, at)
	if err == nil {
		r.watch = w
	}
	return r, err
}

// newFolder makes the folder with the first entry of its transcript.
func newFolder(dir string, o Opening, at time.Time, w Watch) error {
	if err := w.at("the ceremony's folder"); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".tmp-"+filepath.Base(dir)+"-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // gone already if it was renamed
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	t, err := transcript.Create(filepath.Join(tmp, transcriptName))
	if err != nil {
		return err
	}
	if err := errors.Join(t.Add(at, "open", eventOpened, o.facts()), t.Close(), durable.SyncDir(tmp), w.at("the folder's name")); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}

// Close lets go of the folder.
func (r *Record) Close() error { return errors.Join(r.transcript.Close(), r.lock.Release()) }

func (r *Record) path(elem ...string) string {
	return filepath.Join(append([]string{r.Dir}, elem...)...)
}

// Head is the digest of the transcript so far.
func (r *Record) Head() digest.Digest { return r.transcript.Head() }

// Entries returns the transcript so far.
func (r *Record) Entries() []transcript.Entry { return r.transcript.Entries() }

// SetWatch has w called before and after what is written from now on.
func (r *Record) SetWatch(w Watch) { r.watch = w }

// Note adds an entry to the transcript; it is on the disk when Note returns. No
// secret belongs in the facts, nor anything from which one could be guessed.
// After an entry that could not be written, Note writes no more: the next
// [OpenRecord] finds out what is there.
func (r *Record) Note(at time.Time, step, event string, facts map[string]any) error {
	if r.failed != nil {
		return r.failed
	}
	if err := r.transcript.CheckClock(at); err != nil {
		return err
	}
	err := r.watch.at("entry " + event)
	if err == nil {
		err = r.transcript.Add(at, step, event, facts)
	}
	if err == nil {
		err = r.watch.at("entry " + event + " written")
	}
	if err != nil {
		r.failed = &UnwrittenError{r.Dir, err}
		return r.failed
	}
	return nil
}

// An UnwrittenError says that the record could not be written: the disk is full
// or fails. What was written before is whole.
type UnwrittenError struct {
	Dir string
	Err error
}

func (e *UnwrittenError) Error() string {
	return fmt.Sprintf("the record %q cannot be written: %v", e.Dir, e.Err)
}

// Unwrap returns the cause.
func (e *UnwrittenError) Unwrap() error { return e.Err }

// Hint says what to do next.
func (e *UnwrittenError) Hint() string {
	return "make room on the disk, then repeat the command: it goes on after the last entry that is whole"
}

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

// HasDraft reports whether a draft was made and not abandoned since.
func (r *Record) HasDraft() bool { return r.current() != nil }

// Combined reports whether the draft was combined: it is a roster then.
func (r *Record) Combined() bool {
	now := r.current()
	return now != nil && slices.ContainsFunc(r.transcript.Entries()[now.Number:], func(e transcript.Entry) bool { return e.Event == eventCombined })
}

// noDraft refuses if there is a draft that was not abandoned.
func (r *Record) noDraft() error {
	if now := r.current(); now != nil {
		return refuse("the ceremony in %q has a draft already (%v)", r.Dir, now.Facts["digest"]).
			do("go on with it, or destroy it first: ceremony abandon --record " + r.Dir)
	}
	return nil
}

// Begin begins a record without the room's steps and puts a draft into it; dir
// is a new folder, or one whose draft was abandoned.
func Begin(ctx context.Context, dir string, c *Case, d *Draft) (err error) {
	o := Opening{Ceremony: c.Plan.Ceremony, Repository: c.Plan.Repository, Version: c.Plan.Roster.Version, Plan: digest.Sum(c.Raw)}
	r, err := NewRecord(ctx, dir, o, c.At, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return r.Draft(c, d, c.At)
}

// Draft puts a draft with all that it was made of into the record. It can be
// repeated after an interruption, until the transcript says that it is there.
func (r *Record) Draft(c *Case, d *Draft, at time.Time) error {
	if err := errors.Join(r.noDraft(), NoRival(r.Dir, c.Plan.Repository, c.Plan.Roster.Version)); err != nil {
		return err
	}
	for _, part := range parts { // of an earlier attempt that a crash cut short
		if err := os.RemoveAll(r.path(part)); err != nil {
			return err
		}
	}
	files, err := r.writeParts(c, d)
	if err != nil {
		return err
	}
	return r.Note(at, "draft", eventDrafted, draftFacts(c, d, files))
}

// draftFacts are what the transcript says of a draft.
func draftFacts(c *Case, d *Draft, files map[string]digest.Digest) map[string]any {
	inputs := make([]map[string]any, len(c.Inputs))
	for i, in := range c.Inputs {
		inputs[i] = map[string]any{"what": in.What, "path": in.Path, "sha256": in.Digest.String()}
	}
	facts := map[string]any{
		"ceremony": c.Plan.Ceremony, "acts": c.Plan.Acts, "repository": c.Plan.Repository,
		"version": d.Roster.Version(), "digest": d.Roster.Digest().String(),
		"plan": digest.Sum(c.Raw).String(), "inputs": inputs, "checks": d.Findings,
		"sentences": d.Sentences(), "risks": change.Risks(d.Change()), "files": named(files), factMap: mapListing(d.Files, ""),
	}
	var standby []string
	for _, o := range c.Online {
		if o.Standby {
			standby = append(standby, o.Key.ID().String())
		}
	}
	if len(standby) > 0 {
		facts[factStandby] = standby
	}
	if c.Chain != nil {
		facts["pin"], facts["previous"] = c.Plan.Previous.Pin.String(), c.Chain.Last().Digest().String()
	}
	if departures := c.Plan.Policy.Departures(); len(departures) > 0 {
		facts["policy departs from the default"] = departures
	}
	return facts
}

// factStandby is the fact that says which online keys are of the pair that stands
// by: a roster does not tell the pairs apart.
const factStandby = "standby keys"

// factMap is the fact that says which files of a map there are: each is named by
// its digest, so the digest of their names stands for all.
const factMap = "map"

// mapListing says which files of a map stand below dir.
func mapListing[V any](files map[string]V, dir string) string {
	var names []string
	for path := range files {
		if name, ok := strings.CutPrefix(path, dir+"map/"); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return fmt.Sprintf("%d files, their names %s", len(names), digest.Sum([]byte(strings.Join(names, "\n"))))
}

func named(files map[string]digest.Digest) map[string]string {
	all := make(map[string]string)
	for path, d := range files {
		all[path] = d.String()
	}
	return all
}

// writeParts writes what belongs to a draft, and returns the digests of the
// draft's files by their paths; those of the map are left out, because they are
// named by their digests.
func (r *Record) writeParts(c *Case, d *Draft) (map[string]digest.Digest, error) {
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
	return digests, writeFiles(r.Dir, files, r.watch)
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
func writeFiles(dir string, files map[string][]byte, w Watch) error {
	made := map[string]bool{filepath.Clean(dir): true}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.at("file " + name); err != nil {
			return err
		}
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
	above := filepath.Dir(dir)
	if made[dir] || above == dir { // "." and "/" are there
		return nil
	}
	if err := makeDirs(above, made); err != nil {
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
	made := map[string]bool{filepath.Clean(base): true}
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

// Sealed reports whether the transcript has its last entry.
func (r *Record) Sealed() bool { return r.transcript.Sealed() }

// Seal writes the last entry of the transcript. [Record.Head] is then the digest
// of the whole.
func (r *Record) Seal(at time.Time, step string, facts map[string]any) error {
	return r.Note(at, step, transcript.EventSealed, facts)
}

// A Drafted is what a record says of its draft.
type Drafted struct {
	Ceremony, Repository string
	Version              uint64
	Digest               string // of the roster
	Combined             bool   // it is a roster
}

// DraftIn reads what the record in a folder says of its draft: nil if there is
// none, or if it was abandoned. It neither locks nor changes the folder.
func DraftIn(dir string) (*Drafted, error) {
	t, err := transcript.Read(filepath.Join(dir, transcriptName))
	if err != nil {
		return nil, err
	}
	r := &Record{Dir: dir, transcript: t}
	now := r.current()
	if now == nil {
		return nil, nil
	}
	version, err := strconv.ParseUint(fmt.Sprint(now.Facts["version"]), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading the version of the draft in %q: %w", dir, err)
	}
	return &Drafted{Ceremony: fmt.Sprint(now.Facts["ceremony"]), Repository: fmt.Sprint(now.Facts["repository"]),
		Version: version, Digest: fmt.Sprint(now.Facts["digest"]), Combined: r.Combined()}, nil
}
