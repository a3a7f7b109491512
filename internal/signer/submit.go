package signer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// A State says what became of a proposed document.
type State string

// The states.
const (
	Accepted  State = "accepted"  // checked and kept; it waits to be signed and published
	Published State = "published" // a published snapshot shows it
	Refused   State = "refused"   // it does not count; the message says why
)

// An Answer says what became of a proposed document.
type Answer struct {
	State   State         `json:"state"`
	Digest  digest.Digest `json:"digest"` // of the document
	Message string        `json:"message"`
	// Notes are what the submitter should know: lines newly inherited,
	// releases that lose their authority, keys that return.
	Notes []string `json:"notes,omitempty"`
}

// A proposalRecord is what the store keeps of an accepted document.
type proposalRecord struct {
	Kind     string            `json:"kind"`
	Packages map[string]uint64 `json:"packages"` // the revisions that it made
	Notes    []string          `json:"notes,omitempty"`
	Refused  string            `json:"refused,omitempty"` // why it counts no more
}

// The types of documents that are proposed.
const (
	kindList       = "maintainer-list/v1"
	kindManifest   = "release-manifest/v1"
	kindRevocation = "key-revocation/v1"
)

// A decision is what accepting a document would do to the state.
type decision struct {
	digest  digest.Digest // of the document to answer for
	message string
	nothing bool // there is nothing to do: it was accepted before
	// apply writes, and returns the packages' new revisions.
	apply func(change) (map[string]uint64, error)
}

// Submit judges a document by the client's own rules against the newest
// roster and the present state of its package, and keeps it if it passes:
// when Submit has returned an Answer, no crash loses it. It is published by
// the next pass; the answer's state says only whether that has happened
// already. To submit a document again is to ask for its state, and may add
// signatures to it.
//
// The error is a [*roster.Error] if the document is refused, [ErrNoRoster],
// or a fault.
func (s *Service) Submit(ctx context.Context, signed roster.Signed) (Answer, error) {
	kind, judge, err := s.recognise(signed)
	if err != nil {
		return Answer{}, err
	}
	r, err := s.current()
	if err != nil {
		return Answer{}, err
	}
	// Judged once without the lock that updates hold, so that whoever sends
	// what is refused holds nobody up.
	var notes []string
	err = s.Store.View(ctx, func(tx store.Reader) error {
		d, err := judge(ctx, view{tx}, r)
		if err == nil && kind == kindList && !d.nothing {
			notes, err = view{tx}.effects(ctx, r, signed)
		}
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	var d decision
	err = s.Store.Update(ctx, func(w store.Writer) (err error) {
		d, err = s.accept(ctx, changeOf(w), kind, judge, notes)
		return err
	})
	if errors.Is(err, errNothing) {
		err = nil
	}
	if err != nil {
		return Answer{}, err
	}
	if !d.nothing {
		s.Log.Info("accepted a document", "kind", kind, "digest", d.digest.String(), "what", d.message)
		s.kick()
	}
	a, err := s.State(ctx, d.digest)
	a.Message = d.message
	return a, err
}

// errNothing ends an update that has nothing to write.
var errNothing = errors.New("nothing to do")

// A judge reads the state and decides.
type judge func(context.Context, view, *roster.Roster) (decision, error)

// accept judges a document again, now that nothing else can change the state,
// and carries the decision out.
func (s *Service) accept(ctx context.Context, c change, kind string, judge judge, notes []string) (decision, error) {
	r, err := s.current()
	if err != nil {
		return decision{}, err
	}
	d, err := judge(ctx, c.view, r)
	if err != nil {
		return d, err
	}
	if d.nothing {
		return d, errNothing
	}
	revisions, err := d.apply(c)
	if err != nil {
		return d, err
	}
	return d, c.storeJSON(tableProposals, d.digest.String(), proposalRecord{Kind: kind, Packages: revisions, Notes: notes})
}

// recognise reads a document's type and parses the document.
func (s *Service) recognise(signed roster.Signed) (string, judge, error) {
	var head struct {
		Type string `json:"type"`
	}
	if len(signed.Document) > maxDocument || len(signed.Signatures) > roster.MaxSignatureFile {
		return "", nil, refusal("", "proposal", fmt.Sprintf("document of %d bytes with signatures of %d, wanted at most %d and %d",
			len(signed.Document), len(signed.Signatures), maxDocument, roster.MaxSignatureFile))
	}
	if err := json.Unmarshal(signed.Document, &head); err != nil {
		return "", nil, refusal("", "proposal", fmt.Sprintf("the document is not JSON: %v", err))
	}
	switch head.Type {
	case kindList:
		l, err := roster.ParseList(signed.Document)
		return head.Type, s.judgeList(l, signed), err
	case kindManifest:
		m, err := roster.ParseManifest(signed.Document)
		return head.Type, s.judgeManifest(m, signed), err
	case kindRevocation:
		k, err := roster.OpenKeyRevocation(signed, s.Repository)
		return head.Type, s.judgeKeyRevocation(k, signed), err
	}
	return "", nil, refusal("", "proposal", fmt.Sprintf("document of type %.60q, wanted %q, %q or %q", head.Type, kindList, kindManifest, kindRevocation))
}

// maxDocument is the longest document that may be proposed.
const maxDocument = max(roster.MaxList, roster.MaxManifest, roster.MaxRevocation)

// State says what became of a document. The error wraps [ErrUnknown] if it was
// never accepted here.
func (s *Service) State(ctx context.Context, d digest.Digest) (Answer, error) {
	a := Answer{Digest: d}
	err := s.Store.View(ctx, func(tx store.Reader) error {
		v := view{tx}
		p, found, err := loadJSON[proposalRecord](v, tableProposals, d.String())
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("document %s: %w", d, ErrUnknown)
		}
		a.State, a.Message, a.Notes = Published, "a published snapshot shows it", p.Notes
		if p.Refused != "" {
			a.State, a.Message = Refused, p.Refused
			return nil
		}
		for name, revision := range p.Packages {
			rec, found, err := loadJSON[packageRecord](v, tablePackages, name)
			if err != nil {
				return err
			}
			if !found || rec.Published < revision {
				a.State, a.Message = Accepted, "it waits to be signed and published"
			}
		}
		return nil
	})
	return a, err
}

// ErrUnknown says that the service has no such document or package.
var ErrUnknown = errors.New("not known to this signer")

// Await waits until a document is no longer merely accepted, or ctx ends, and
// says what became of it.
func (s *Service) Await(ctx context.Context, d digest.Digest) (Answer, error) {
	for {
		s.mu.RLock()
		done := s.done
		s.mu.RUnlock()
		a, err := s.State(context.WithoutCancel(ctx), d)
		if err != nil || a.State != Accepted {
			return a, err
		}
		select {
		case <-ctx.Done():
			return a, nil
		case <-done:
		}
	}
}

// refusal makes the error for a document that is refused by a rule which only
// the signer knows.
func refusal(layer roster.Layer, subject, problem string) *roster.Error {
	if layer == "" {
		layer = "proposal"
		subject = ""
	}
	return &roster.Error{Layer: layer, Subject: subject, Problem: problem}
}

// refused reports whether err means that what was judged does not count, and
// not that the judging failed.
func refused(err error) bool {
	var r *roster.Error
	return errors.As(err, &r) || errors.Is(err, roster.ErrAbsent)
}

// markFallen notes on the proposals of lists that they no longer stand.
func (c change) markFallen(why map[digest.Digest]error) error {
	for d, reason := range why {
		p, found, err := loadJSON[proposalRecord](c.view, tableProposals, d.String())
		if err != nil || !found || p.Refused != "" {
			if err != nil {
				return err
			}
			continue
		}
		p.Refused = "it no longer stands: " + reason.Error()
		if err := c.storeJSON(tableProposals, d.String(), p); err != nil {
			return err
		}
	}
	return nil
}

// hasLine returns the line of an index that names a digest.
func hasLine(x *roster.Index, kind roster.LineKind, d digest.Digest) bool {
	return slices.ContainsFunc(x.Lines(), func(l roster.Line) bool { return l.Kind == kind && l.Digest == d })
}
