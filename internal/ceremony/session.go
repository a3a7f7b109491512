package ceremony

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// A Session is what a step finds in a ceremony's folder: the plan, and the
// draft as it was recorded, byte for byte.
type Session struct {
	*Record
	Plan    *plan.Plan
	Draft   *Draft
	Holders []Holder // everyone who may sign
	Chain   *Chain   // nil for genesis
}

// Session reads the draft that is being signed, and checks it with what the
// transcript says of it: a file that was swapped or changed is refused.
func (r *Record) Session(ctx context.Context) (*Session, error) {
	now := r.current()
	if now == nil {
		return nil, refuse("the ceremony in %q has no draft", r.Dir).do("begin with: ceremony draft")
	}
	raw, err := readFile(r.path(planName), plan.MaxPlan)
	if err != nil {
		return nil, fmt.Errorf("reading the record: %w", err)
	}
	if got, want := digest.Sum(raw).String(), now.Facts["plan"]; got != want {
		return nil, refuse("the record's plan has digest %s, wanted %v as the transcript says", got, want).do(swapped)
	}
	s := &Session{Record: r}
	if s.Plan, err = plan.Parse(raw); err != nil {
		return nil, err
	}
	if err := s.readChain(ctx); err != nil {
		return nil, err
	}
	if err := s.readDraft(ctx, now); err != nil {
		return nil, err
	}
	return s, s.readHolders()
}

const swapped = "the folder was changed since the draft was made: stop, find out who changed it, and draft anew"

func (s *Session) readChain(ctx context.Context) error {
	if s.Plan.Does(plan.Genesis) {
		return nil
	}
	folder, err := OpenFolder(s.path(previousName))
	if err != nil {
		return err
	}
	defer folder.Close()
	s.Chain, err = Walk(ctx, folder.Fetch, s.Plan.Previous.Pin.Digest)
	return err
}

// readDraft reads the draft's files, each with the digest that the transcript
// gives it, and no others.
func (s *Session) readDraft(ctx context.Context, now *transcript.Entry) error {
	folder, err := OpenFolder(s.path(draftName))
	if err != nil {
		return err
	}
	defer folder.Close()
	files, err := readAll(ctx, folder)
	if err != nil {
		return err
	}
	wanted, _ := now.Facts["files"].(map[string]any)
	for path, want := range wanted {
		if raw, ok := files[path]; !ok || digest.Sum(raw).String() != want {
			return refuse("draft file %q is not the one that the transcript names (%v)", path, want).do(swapped)
		}
	}
	for path, raw := range files {
		if _, ok := wanted[path]; !ok && path != roster.MapPath(digest.Sum(raw)) {
			return refuse("draft file %q is not in the transcript", path).do(swapped)
		}
	}
	if got, want := mapListing(files, ""), now.Facts[factMap]; got != want {
		return refuse("the draft's map has %s, wanted %v as the transcript says", got, want).do(swapped)
	}
	return s.assemble(files, now)
}

func readAll(ctx context.Context, f *Folder) (map[string][]byte, error) {
	files := make(map[string][]byte)
	err := fs.WalkDir(f.root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files[path], err = f.Fetch(ctx, path, maxInput)
		return err
	})
	return files, err
}

// assemble makes the draft from its files.
func (s *Session) assemble(files map[string][]byte, now *transcript.Entry) error {
	d := &Draft{Files: files, Notices: OffSentences(s.Plan)}
	path := roster.RosterPath(s.Plan.Roster.Version)
	raw, ok := files[path]
	if !ok {
		return refuse("the draft has no %s", path).do(swapped)
	}
	delete(files, path)
	var err error
	if d.Roster, err = roster.ParseDraft(raw); err != nil {
		return err
	}
	if got, want := d.Roster.Digest().String(), now.Facts["digest"]; got != want {
		return refuse("the draft has digest %s, wanted %v as the transcript says", got, want).do(swapped)
	}
	for _, k := range d.Roster.Root().OnlineKeys {
		path := roster.RevocationPath(k.Key.ID())
		raw, ok := files[path]
		if !ok {
			return refuse("the draft has no %s", path).do(swapped)
		}
		delete(files, path)
		d.Revocations = append(d.Revocations, Document{path, raw})
	}
	if s.Chain != nil {
		root := s.Chain.Last().Root()
		d.Previous = &root
	}
	if raw, ok := files[anchorName]; ok {
		delete(files, anchorName)
		d.Anchor = new(change.Anchor)
		if err := json.Unmarshal(raw, d.Anchor); err != nil {
			return fmt.Errorf("reading %s: %w", anchorName, err)
		}
	}
	s.Draft = d
	return nil
}

// readHolders reads the enrolments of everyone who may sign.
func (s *Session) readHolders() error {
	for _, k := range slices.Concat(s.Plan.Keyholders, s.Plan.Outgoing) {
		raw, err := readFile(s.path(enrolmentsName, enrolmentName(k.Card)), maxEnrolment)
		if err != nil {
			return fmt.Errorf("reading the record: %w", err)
		}
		e, err := ParseEnrolment(raw)
		if err != nil {
			return refuse("enrolment of %s", k.Name).because(err)
		}
		s.Holders = append(s.Holders, Holder{Name: k.Name, Card: k.Card, Enrolment: e})
	}
	return s.checkHolders()
}

// checkHolders wants each holder's key where the rosters have it: enrolments
// name cards, the rosters alone say which keys count.
func (s *Session) checkHolders() error {
	for _, h := range s.Holders {
		listed := slices.Clone(s.Draft.Roster.Root().Keyholders)
		if s.Draft.Previous != nil {
			listed = append(listed, s.Draft.Previous.Keyholders...)
		}
		if !slices.ContainsFunc(listed, func(k roster.Keyholder) bool { return k.Key.ID() == h.Enrolment.Key.ID() }) {
			return refuse("the enrolment of %s names a key that no roster at hand lists", h.Name).do(swapped)
		}
	}
	return nil
}
