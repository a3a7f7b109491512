package ceremony

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// A Collected says what came of signatures from elsewhere.
type Collected struct {
	New     []string // whose signatures are new
	Already []string // whose signatures were all here
	Signed  []string // who has signed everything now
	Missing []string
	// Short is nil if clients would accept the draft as it is signed now, or
	// says why they would not.
	Short error
}

// Collect takes signatures from a bundle into the record. Each is verified by
// the clients' own code before any is written, and must be over a document of
// this draft by a holder of this ceremony. The transcript of those who signed is
// kept beside. What is here already stays. It can be repeated after an
// interruption.
func (s *Session) Collect(b *bundle.Bundle, at time.Time) (*Collected, error) {
	if err := s.takes(b); err != nil {
		return nil, err
	}
	found, told, err := s.carried(b)
	if err != nil {
		return nil, err
	}
	sum, err := s.keepTold(told)
	if err != nil {
		return nil, err
	}
	isNew := make(map[string]bool)
	for i := range s.Holders {
		h := &s.Holders[i]
		for _, doc := range s.documentsOf(h) {
			asc, ok := found[carriedSignature(h, doc)]
			if !ok {
				continue
			}
			added, err := s.takeOne(h, doc, asc, b, at)
			if err != nil {
				return nil, err
			}
			isNew[h.Name] = isNew[h.Name] || added
		}
	}
	c := &Collected{}
	for _, name := range slices.Sorted(maps.Keys(isNew)) {
		if isNew[name] {
			c.New = append(c.New, name)
		} else {
			c.Already = append(c.Already, name)
		}
	}
	if c.Signed, c.Missing, err = s.Signers(); err != nil {
		return nil, err
	}
	_, c.Short = s.output(c.Signed, c.Missing)
	return c, s.Note(at, "bundle", eventCollected, map[string]any{"bundle": b.Digest().String(), "roster": b.Manifest().Roster.String(),
		"new": c.New, "already": c.Already, "signed": c.Signed, "missing": c.Missing, "their transcript": told.Head().String(), "their transcript file": sum.String()})
}

// takes refuses a bundle that is not of signatures over this draft, and any once
// the draft is a roster or the record is sealed.
func (s *Session) takes(b *bundle.Bundle) error {
	m := b.Manifest()
	mine := s.manifest(bundle.Signatures)
	switch {
	case m.Kind != bundle.Signatures:
		return refuse("the bundle is of kind %q, wanted %q", m.Kind, bundle.Signatures)
	case m.Roster != mine.Roster || m.Version != mine.Version || m.Repository != mine.Repository || m.Ceremony != mine.Ceremony:
		return refuse("the bundle is for another draft: roster %d of %s, %s (ceremony %s); wanted roster %d of %s, %s (ceremony %s)",
			m.Version, m.Repository, m.Roster, m.Ceremony, mine.Version, mine.Repository, mine.Roster, mine.Ceremony).
			do("find out which draft its signers were given: those signatures count for that one alone, and must be destroyed with it")
	case s.Combined():
		return refuse("the draft was combined already, without these signatures").
			do("nothing is wrong with the roster; keep the bundle with the record's papers")
	case s.Sealed():
		return refuse("the record is sealed: it takes no signatures")
	}
	return nil
}

// carried verifies every signature in a bundle, and the transcript beside them.
func (s *Session) carried(b *bundle.Bundle) (map[string][]byte, *transcript.Transcript, error) {
	expected := make(map[string]func([]byte) error)
	var t *transcript.Transcript
	expected[transcriptName] = func(raw []byte) (err error) {
		t, err = transcript.Parse(transcriptName, raw)
		return err
	}
	for i := range s.Holders {
		h := &s.Holders[i]
		for _, doc := range s.documentsOf(h) {
			expected[carriedSignature(h, doc)] = func(asc []byte) error {
				if err := verifyOne(doc, asc, h); err != nil {
					return refuse("the signature by %s over %s in the bundle is not one over this draft", h.Name, doc.Path).because(err).do(again)
				}
				return s.oneDraft(h)
			}
		}
	}
	files := b.Files()
	for path, raw := range files {
		check, ok := expected[path]
		if !ok {
			return nil, nil, refuse("the bundle holds %q, which is no signature that this draft wants", path).
				do("nobody but the plan's keyholders signs; find out whose it is")
		}
		if err := check(raw); err != nil {
			return nil, nil, err
		}
	}
	if t == nil {
		return nil, nil, refuse("the bundle lacks the transcript of those who signed").do(again)
	}
	delete(files, transcriptName)
	return files, t, s.checkTold(t, files)
}

// checkTold wants the transcript of those who signed to speak of this draft and
// of each signature.
func (s *Session) checkTold(t *transcript.Transcript, files map[string][]byte) error {
	drafted := false
	told := make(map[string]bool)
	for _, e := range t.Entries() {
		switch e.Event {
		case eventDrafted:
			drafted = e.Facts["digest"] == s.Draft.Roster.Digest().String()
		case eventAbandoned:
			drafted = false
		case eventSigned:
			told[fmt.Sprintf("%s/%v/%s", signaturesName, e.Facts["card"], roster.SignaturePath(fmt.Sprint(e.Facts["path"])))] = true
		}
	}
	if !drafted {
		return refuse("the transcript in the bundle is not of this draft").do(again)
	}
	for path := range files {
		if !told[path] {
			return refuse("the transcript in the bundle does not speak of %q", path).do(again)
		}
	}
	return nil
}

// keepTold keeps the transcript of those who signed elsewhere, and returns the
// digest of its file.
func (s *Session) keepTold(t *transcript.Transcript) (digest.Digest, error) {
	raw, err := t.Bytes()
	if err != nil {
		return digest.Digest{}, err
	}
	path := s.path(apartName, t.Head().String()+".jsonl")
	if err := mkdirs(s.Dir, filepath.Dir(path)); err != nil {
		return digest.Digest{}, err
	}
	err = durable.WriteNew(path, raw, 0o644)
	if errors.Is(err, fs.ErrExist) { // of an earlier attempt: named by its digest
		err = nil
	}
	return digest.Sum(raw), err
}

// takeOne writes a signature, unless one is there, and notes it.
func (s *Session) takeOne(h *Holder, doc Document, asc []byte, b *bundle.Bundle, at time.Time) (added bool, err error) {
	here, err := s.signature(h, doc)
	if err != nil {
		return false, err
	}
	if here == nil {
		path := s.signaturePath(h, doc)
		if err := errors.Join(mkdirs(s.Dir, filepath.Dir(path)), s.watch.at("signature "+doc.Path)); err != nil {
			return false, err
		}
		if err := durable.WriteNew(path, asc, 0o644); err != nil {
			return false, err
		}
	}
	if s.toldOf(h, doc) {
		return here == nil, nil
	}
	facts := s.factsOf(doc)
	facts["holder"], facts["card"], facts["key"] = h.Name, h.Card, h.Enrolment.Key.ID().String()
	facts["came in bundle"] = b.Digest().String()
	return true, s.Note(at, "bundle", eventSigned, facts)
}

// toldOf reports whether the transcript has the holder's signature over the
// document of the present draft.
func (s *Session) toldOf(h *Holder, doc Document) bool {
	return slices.ContainsFunc(s.Entries()[s.current().Number:], func(e transcript.Entry) bool {
		return e.Event == eventSigned && e.Facts["key"] == h.Enrolment.Key.ID().String() && e.Facts["sha256"] == doc.Digest().String()
	})
}
