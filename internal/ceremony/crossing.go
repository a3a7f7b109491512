package ceremony

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/roster"
)

// What stands in a bundle, and in the folder of a ceremony, about another folder
// of the same ceremony.
const (
	originName = bundle.OriginPath // of the ceremony from which the draft came, up to the draft
	apartName  = "apart"           // transcripts of those who signed elsewhere, by their digests
)

// Events that say what crossed.
const (
	eventReceived  = "received"
	eventCollected = "collected"
	eventBundled   = "bundled"
)

// manifest says of which draft a bundle is.
func (s *Session) manifest(kind bundle.Kind) bundle.Manifest {
	return bundle.Manifest{Kind: kind, Ceremony: s.Plan.Ceremony, Repository: s.Plan.Repository,
		Version: s.Draft.Roster.Version(), Roster: s.Draft.Roster.Digest()}
}

// Bundle makes a bundle of the kind. The same record gives the same bytes: what
// is said of the transcript ends with the draft, or with the last signature.
//
// A draft's bundle has what a keyholder elsewhere needs to review and to sign. A
// bundle of signatures has those that are in the record, each verified. One of
// what is published is refused before the draft was combined, and if it does not
// come out as it was then; what is sealed stays out of it.
func (s *Session) Bundle(ctx context.Context, kind bundle.Kind) (*bundle.Bundle, error) {
	carry := map[bundle.Kind]func(context.Context) (map[string][]byte, error){
		bundle.Draft: s.draftToCarry, bundle.Signatures: s.signaturesToCarry, bundle.Published: s.publishedToCarry,
	}[kind]
	if carry == nil {
		return nil, refuse("there is no bundle of kind %q, wanted one of %q", kind, bundle.Kinds())
	}
	files, err := carry(ctx)
	if err != nil {
		return nil, err
	}
	return bundle.Make(s.manifest(kind), files)
}

// NoteBundle says in the transcript that a bundle was made.
func (s *Session) NoteBundle(at time.Time, b *bundle.Bundle) error {
	return s.Note(at, "bundle", eventBundled, map[string]any{"kind": string(b.Manifest().Kind), "bundle": b.Digest().String(),
		"roster": b.Manifest().Roster.String(), "number of files": len(b.Manifest().Files)})
}

func (s *Session) draftToCarry(ctx context.Context) (map[string][]byte, error) {
	plan, err := readFile(s.path(planName), maxInput)
	if err != nil {
		return nil, fmt.Errorf("reading the record: %w", err)
	}
	files := map[string][]byte{planName: plan}
	for _, part := range []string{enrolmentsName, inputsName, previousName, draftName} {
		folder, err := OpenFolder(s.path(part))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found, err := readAll(ctx, folder)
		if err = errors.Join(err, folder.Close()); err != nil {
			return nil, fmt.Errorf("reading the record: %w", err)
		}
		for path, raw := range found {
			files[part+"/"+path] = raw
		}
	}
	files[originName], err = s.transcriptUpTo(s.current().Number)
	return files, err
}

// transcriptUpTo gives the first n lines of the transcript.
func (s *Session) transcriptUpTo(n int) ([]byte, error) {
	b, err := os.ReadFile(s.path(transcriptName))
	if err != nil {
		return nil, fmt.Errorf("reading the record: %w", err)
	}
	lines := strings.SplitAfter(string(b), "\n")
	if whole := len(lines) - 1; whole < n { // behind the last line feed there is nothing, or a line that is torn
		return nil, fmt.Errorf("the transcript has %d lines, wanted %d", whole, n)
	}
	return []byte(strings.Join(lines[:n], "")), nil
}

func (s *Session) signaturesToCarry(context.Context) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for i := range s.Holders {
		h := &s.Holders[i]
		for _, doc := range s.documentsOf(h) {
			asc, err := s.signature(h, doc)
			if err != nil {
				return nil, err
			}
			if asc != nil {
				files[carriedSignature(h, doc)] = asc
			}
		}
	}
	if len(files) == 0 {
		return nil, refuse("nobody has signed the draft here").do("sign first: ceremony sign --record " + s.Dir + " --serial N")
	}
	last := 0
	for _, e := range s.Entries() {
		if e.Event == eventSigned {
			last = e.Number
		}
	}
	var err error
	files[transcriptName], err = s.transcriptUpTo(last)
	return files, err
}

// carriedSignature is where a bundle has a signature.
func carriedSignature(h *Holder, doc Document) string {
	return fmt.Sprintf("%s/%d/%s", signaturesName, h.Card, roster.SignaturePath(doc.Path))
}

func (s *Session) publishedToCarry(context.Context) (map[string][]byte, error) {
	if !s.Combined() {
		return nil, refuse("the draft was not combined: there is nothing to publish").do("combine first: ceremony combine --record " + s.Dir)
	}
	signed, missing, err := s.Signers()
	if err != nil {
		return nil, err
	}
	all, err := s.output(signed, missing)
	if err != nil {
		return nil, err
	}
	var combined map[string]any
	for _, e := range s.Entries()[s.current().Number:] {
		if e.Event == eventCombined {
			combined, _ = e.Facts["files"].(map[string]any)
		}
	}
	files := make(map[string][]byte)
	for path, d := range outputDigests(all) {
		if combined[path] != d.String() {
			return nil, refuse("%q comes out with digest %s, and was %v when the draft was combined", path, d, combined[path]).
				do("the record holds other signatures than then: publish from the output that combine wrote, and find out why")
		}
	}
	for path, raw := range all {
		if !secluded(path) {
			files[path] = raw
		}
	}
	drafted, err := draftFiles(s.Draft)
	if err != nil {
		return nil, err
	}
	if raw, ok := drafted[anchorName]; ok {
		files[anchorName] = raw
	}
	files[planName], err = readFile(s.path(planName), maxInput) // for the checks that it switches off
	return files, err
}

// ReadRecord reads the folder of a ceremony and changes nothing in it, whoever
// else works there. The record takes no entries, and needs no Close.
func ReadRecord(dir string) (*Record, error) {
	t, err := transcript.Read(filepath.Join(dir, transcriptName))
	if err != nil {
		return nil, err
	}
	return &Record{Dir: dir, transcript: t}, nil
}
