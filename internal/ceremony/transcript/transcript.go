// Package transcript has the record of one ceremony: a file of JSON lines to
// which entries are only added. Each entry holds the SHA-256 of the line before
// it, so that nothing can be changed, taken out or put in without changing all
// that follows; and each is on the disk before [Transcript.Add] returns.
//
// A chain alone cannot show that its end was cut off: the digest of the last
// line ([Transcript.Head]) is what people read aloud and sign. [Transcript.Seal]
// adds the last entry that there will be; witnesses then say of that digest what
// they saw (see [Statement]).
//
// No secret belongs in a transcript, nor anything from which one could be
// guessed; the package cannot know what is one, so its callers never pass any.
package transcript

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// MaxLine is the longest entry, in bytes, its line feed included.
const MaxLine = 1 << 20

// EventSealed is the event of the last entry, after which there is none.
const EventSealed = "sealed"

// An Entry is one line.
type Entry struct {
	Number   int         `json:"n"` // 1 for the first
	Previous roster.Ref  `json:"previous"`
	At       roster.Time `json:"at"`
	Step     string      `json:"step"`  // the command, such as "sign"
	Event    string      `json:"event"` // what happened, such as "signed"
	// Facts are what there is to know about it, by name.
	Facts map[string]any `json:"facts,omitempty"`
}

// A Transcript is an open one. Its methods must not be called from several
// goroutines at once; [Open]'s callers hold a lock on the ceremony's folder.
type Transcript struct {
	path    string
	file    *os.File // nil: read only
	entries []Entry
	head    digest.Digest
}

// A ClockError says that the clock reads a time before the last entry's.
type ClockError struct{ Clock, Last roster.Time }

func (e *ClockError) Error() string {
	return fmt.Sprintf("clock reads %s but the last transcript entry is %s", e.Clock, e.Last)
}

// ExitCode is 3: refused.
func (e *ClockError) ExitCode() int { return 3 }

// Hint says what to do next.
func (e *ClockError) Hint() string {
	return "compare the clock with two others in the room, set it, and repeat the step"
}

// A BrokenError says that a transcript is not one unbroken chain.
type BrokenError struct {
	Path    string
	Line    int
	Problem string
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("transcript %q line %d: %s", e.Path, e.Line, e.Problem)
}

// ExitCode is 3: refused.
func (e *BrokenError) ExitCode() int { return 3 }

// Hint says what to do next.
func (e *BrokenError) Hint() string {
	return "the transcript was changed: compare it with its printed digests, and stop the ceremony"
}

// A SealedError says that a transcript was sealed, so that nothing is added.
type SealedError struct {
	Path string
	At   roster.Time
	Head digest.Digest
}

func (e *SealedError) Error() string {
	return fmt.Sprintf("transcript %q was sealed at %s with digest %s: nothing can be added", e.Path, e.At, e.Head)
}

// ExitCode is 3: refused.
func (e *SealedError) ExitCode() int { return 3 }

// Hint says what to do next.
func (e *SealedError) Hint() string {
	return "what happens after a ceremony is closed belongs into another record, or into a witness's statement"
}

// Create begins a transcript at a path where there is none.
func Create(path string) (*Transcript, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("beginning the transcript: %w", err)
	}
	if err := durable.SyncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Transcript{path: path, file: f}, nil
}

// Open reads a transcript, checks its chain, and opens it for more. A last line
// that a crash cut short was never acknowledged: it is cut off, and an entry
// says so. The error may be a [*BrokenError].
func Open(path string, at time.Time) (*Transcript, error) {
	t, torn, err := load(path)
	if err != nil {
		return nil, err
	}
	if t.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return nil, fmt.Errorf("opening the transcript: %w", err)
	}
	if len(torn) == 0 {
		return t, nil
	}
	if t.Sealed() { // no crash of ours can have left that
		return nil, errors.Join(&BrokenError{path, len(t.entries) + 1, "there is something after the entry that seals it"}, t.file.Close())
	}
	info, err := t.file.Stat()
	if err == nil {
		err = t.file.Truncate(info.Size() - int64(len(torn)))
	}
	if err == nil {
		err = t.Add(at, "transcript", "repaired", map[string]any{"bytes cut off": len(torn), "their digest": digest.Sum(torn).String()})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("repairing the transcript: %w", err), t.file.Close())
	}
	return t, nil
}

// Read reads a transcript and checks its chain, without opening it for more. A
// last line that was cut short is left out, unless the one before it seals the
// transcript: then it is refused.
func Read(path string) (*Transcript, error) {
	t, torn, err := load(path)
	if err == nil && len(torn) > 0 && t.Sealed() {
		return nil, &BrokenError{path, len(t.entries) + 1, "there is something after the entry that seals it"}
	}
	return t, err
}

// Parse checks the chain of a transcript that stands in memory; name is what
// errors call it. A last line that was cut short is refused.
func Parse(name string, b []byte) (*Transcript, error) {
	t, torn, err := parse(name, b)
	if err == nil && len(torn) > 0 {
		return nil, &BrokenError{name, len(t.entries) + 1, "the line has no end"}
	}
	return t, err
}

func load(path string) (*Transcript, []byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("%q is no ceremony's folder: it has no transcript: %w", filepath.Dir(path), err)
		}
		return nil, nil, fmt.Errorf("reading the transcript: %w", err)
	}
	return parse(path, b)
}

// parse returns also what follows the last line feed.
func parse(path string, b []byte) (*Transcript, []byte, error) {
	t := &Transcript{path: path}
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return t, b, nil
		}
		if err := t.take(b[:end+1]); err != nil {
			return nil, nil, err
		}
		b = b[end+1:]
	}
	return t, nil, nil
}

// take adds a line that was read.
func (t *Transcript) take(line []byte) error {
	bad := func(format string, args ...any) error {
		return &BrokenError{t.path, len(t.entries) + 1, fmt.Sprintf(format, args...)}
	}
	if t.Sealed() {
		return bad("it stands after the entry that seals the transcript")
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	var e Entry
	if err := dec.Decode(&e); err != nil {
		return bad("not an entry: %v", err)
	}
	if again, err := format(e); err != nil || !bytes.Equal(again, line) {
		return bad("it does not print back to the same bytes")
	}
	if e.Number != len(t.entries)+1 {
		return bad("it says that it is entry %d", e.Number)
	}
	if e.Previous.Digest != t.head {
		return bad("it follows a line with digest %q, found %q", e.Previous, roster.Ref{Digest: t.head})
	}
	if n := len(t.entries); n > 0 && e.At.Before(t.entries[n-1].At.Time) {
		return bad("it says %s, which is before the line above it", e.At)
	}
	t.entries, t.head = append(t.entries, e), digest.Sum(line)
	return nil
}

func format(e Entry) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(e)
	return b.Bytes(), err
}

// normal prints an entry as it will print once it was read: what its facts hold
// becomes maps, whose keys are sorted.
func normal(e Entry) ([]byte, error) {
	line, err := format(e)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	var again Entry
	if err := dec.Decode(&again); err != nil {
		return nil, err
	}
	return format(again)
}

// Add writes an entry, and returns when it is on the disk. A clock before the
// last entry's is refused with a [*ClockError], and any entry after the seal
// with a [*SealedError].
func (t *Transcript) Add(at time.Time, step, event string, facts map[string]any) error {
	e := Entry{Number: len(t.entries) + 1, Previous: roster.Ref{Digest: t.head}, At: roster.At(at), Step: step, Event: event, Facts: facts}
	if err := t.open(); err != nil {
		return err
	}
	if err := t.CheckClock(at); err != nil {
		return err
	}
	line, err := normal(e)
	if err != nil {
		return fmt.Errorf("writing the transcript: %w", err)
	}
	if len(line) > MaxLine {
		return fmt.Errorf("writing the transcript: an entry of %d bytes, wanted at most %d", len(line), MaxLine)
	}
	if _, err := t.file.Write(line); err != nil {
		return fmt.Errorf("writing the transcript: %w", err)
	}
	if err := t.file.Sync(); err != nil {
		return fmt.Errorf("writing the transcript: %w", err)
	}
	return t.take(line)
}

// Seal adds the last entry, with the event [EventSealed]. [Transcript.Head] is
// then the digest of the whole, for people to compare and witnesses to sign.
func (t *Transcript) Seal(at time.Time, step string, facts map[string]any) error {
	return t.Add(at, step, EventSealed, facts)
}

// Sealed reports whether the last entry is in.
func (t *Transcript) Sealed() bool {
	return len(t.entries) > 0 && t.entries[len(t.entries)-1].Event == EventSealed
}

// open refuses with a [*SealedError] once the transcript is sealed.
func (t *Transcript) open() error {
	if !t.Sealed() {
		return nil
	}
	return &SealedError{t.path, t.entries[len(t.entries)-1].At, t.head}
}

// CheckClock refuses a time before that of the last entry, with a
// [*ClockError].
func (t *Transcript) CheckClock(at time.Time) error {
	if n := len(t.entries); n > 0 && roster.At(at).Before(t.entries[n-1].At.Time) {
		return &ClockError{roster.At(at), t.entries[n-1].At}
	}
	return nil
}

// Entries returns the entries so far. The facts of those that were read have
// numbers as json.Number.
func (t *Transcript) Entries() []Entry { return append([]Entry(nil), t.entries...) }

// Bytes prints the entries: the exact bytes of the file.
func (t *Transcript) Bytes() ([]byte, error) {
	var b bytes.Buffer
	for _, e := range t.entries {
		line, err := format(e)
		if err != nil {
			return nil, err
		}
		b.Write(line)
	}
	return b.Bytes(), nil
}

// Head is the digest of the last line, and so of the whole transcript; zero
// while there is none.
func (t *Transcript) Head() digest.Digest { return t.head }

// Close closes the file.
func (t *Transcript) Close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}
