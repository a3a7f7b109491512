package ceremony

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
)

// A Signing is one keyholder's turn.
type Signing struct {
	Card Card
	Desk Desk
	At   time.Time
	Rand io.Reader // for the positions of the words that are asked for

	// Now, if set, takes At's place: a guided turn lasts minutes.
	Now func() time.Time
	// Guided is set by the guided run, which has shown the change already: Sign
	// says little, and what is typed wrong is asked for again, until it is right
	// or [StopWord].
	Guided bool
	// Touch, if set, is called when the card waits to be touched; what it
	// returns is called when the wait is over.
	Touch func() (over func())

	pin       string // once a card has signed with it: asked for once a turn
	confirmed bool   // words and overrides
}

// StopWord is what a person types instead of an answer to stop a guided run.
const StopWord = "stop"

// ErrStopped is the error of a guided step in which somebody typed [StopWord].
var ErrStopped = errors.New("stopped by somebody in the room")

func (t *Signing) at() time.Time {
	if t.Now != nil {
		return t.Now()
	}
	return t.At
}

// Sign has one card sign every document of the draft: the roster, and the
// revocation of each online key. Those who leave with this roster sign that
// alone.
//
// The holder sees the change in sentences and the digest in words, types two of
// the words back, approves each override by its package's name, and only then
// is asked for the PIN. Each signature is verified by the clients' own code
// before it is written. What the card signed already is verified again and
// kept, so that Sign can be repeated after any interruption.
//
// A keyholder signs one draft of a version: Sign refuses if the transcript says
// that this key was asked to sign another that was not abandoned since.
func (s *Session) Sign(ctx context.Context, t Signing) error { return s.SignTurn(ctx, &t) }

// SignTurn is Sign for a turn that may be tried again: after a failure, what
// was confirmed need not be confirmed again; the PIN is asked for again.
func (s *Session) SignTurn(ctx context.Context, t *Signing) error {
	h, err := s.holder(t.Card.Serial())
	if err != nil {
		return err
	}
	if err := s.oneDraft(h); err != nil {
		return err
	}
	todo, err := s.Unsigned(h)
	if err != nil {
		return err
	}
	state, err := t.Card.Look()
	if err != nil {
		return Judge(err)
	}
	if !t.Guided {
		s.show(t.Desk, h, state, todo)
	}
	if len(todo) == 0 {
		t.Desk.Say(fmt.Sprintf("%s has signed everything already.", h.Name))
		return nil
	}
	if !t.confirmed {
		if err := s.confirm(t, h); err != nil {
			return err
		}
		t.confirmed = true
	}
	for _, doc := range todo {
		if err := ctx.Err(); err != nil {
			return err
		}
		if t.Guided {
			t.Desk.Say("Signing: " + s.Called(doc))
		} else {
			t.Desk.Say("Signing " + doc.Path)
		}
		if err := s.signOne(t, h, doc); err != nil {
			t.pin = ""
			return Judge(err)
		}
	}
	return nil
}

// HolderOf finds whose card this is, among those of this ceremony.
func (s *Session) HolderOf(serial uint32) (*Holder, error) { return s.holder(serial) }

// Wants refuses a card that is not one of this ceremony, before it is opened.
func (s *Session) Wants(serial uint32) error {
	_, err := s.holder(serial)
	return err
}

// holder finds whose card this is.
func (s *Session) holder(serial uint32) (*Holder, error) {
	var serials []string
	for i, h := range s.Holders {
		if h.Card == serial {
			return &s.Holders[i], nil
		}
		serials = append(serials, fmt.Sprintf("%d (%s)", h.Card, h.Name))
	}
	return nil, refuse("card %d is not one of this ceremony, wanted one of %s", serial, strings.Join(serials, ", ")).
		do("check whose card this is; nothing was asked of it")
}

// oneDraft refuses if the transcript has this key sign another draft of the
// version, unless that draft was abandoned.
func (s *Session) oneDraft(h *Holder) error {
	other := ""
	for _, e := range s.transcript.Entries() {
		switch {
		case e.Event == eventAbandoned:
			other = ""
		case e.Event == eventSigning && e.Facts["key"] == h.Enrolment.Key.ID().String() &&
			fmt.Sprint(e.Facts["version"]) == fmt.Sprint(s.Plan.Roster.Version) && e.Facts["roster"] != s.Draft.Roster.Digest().String():
			other = fmt.Sprint(e.Facts["roster"])
		}
	}
	if other != "" {
		return refuse("%s has signed another draft of version %d (%s): a keyholder signs one", h.Name, s.Plan.Roster.Version, other).
			do("abandon that draft first, in the room, so that it is destroyed and recorded")
	}
	return nil
}

func (s *Session) signaturePath(h *Holder, doc Document) string {
	return s.path(signaturesName, fmt.Sprint(h.Card), filepath.FromSlash(roster.SignaturePath(doc.Path)))
}

// documentsOf lists what the holder signs: those who leave consent to the roster,
// and have no say in the revocations that are made under it.
func (s *Session) documentsOf(h *Holder) []Document {
	all := s.Draft.Documents()
	if slices.ContainsFunc(s.Draft.Roster.Root().Keyholders, func(k roster.Keyholder) bool { return k.Key.ID() == h.Enrolment.Key.ID() }) {
		return all
	}
	return all[:1]
}

// Unsigned lists the documents that the holder's key has not signed yet, and
// verifies the signatures over the others.
func (s *Session) Unsigned(h *Holder) ([]Document, error) {
	var todo []Document
	for _, doc := range s.documentsOf(h) {
		asc, err := s.signature(h, doc)
		if err != nil {
			return nil, err
		}
		if asc == nil {
			todo = append(todo, doc)
		}
	}
	return todo, nil
}

// signature reads and verifies a signature that is there; nil if there is none.
func (s *Session) signature(h *Holder, doc Document) ([]byte, error) {
	asc, err := readFile(s.signaturePath(h, doc), pgp.MaxSignatureFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := verifyOne(doc, asc, h); err != nil {
		return nil, refuse("the signature by %s over %s in the folder is not one over this draft", h.Name, doc.Path).because(err).do(swapped)
	}
	return asc, nil
}

// verifyOne checks that a file holds exactly the holder's signature over the
// document, by the code with which clients verify.
func verifyOne(doc Document, asc []byte, h *Holder) error {
	file, err := pgp.ParseSignatures(asc)
	if err != nil {
		return err
	}
	ids, err := file.Verify(doc.Raw, []*pgp.PublicKey{h.Enrolment.Key.PublicKey})
	if err != nil {
		return err
	}
	if len(ids) != 1 || file.Len() != 1 {
		return fmt.Errorf("%d signatures, of which %d by key %s, wanted one by it", file.Len(), len(ids), h.Enrolment.Key)
	}
	return nil
}

// show says which card this is and what it is to sign.
func (s *Session) show(desk Desk, h *Holder, state CardState, todo []Document) {
	desk.Say(fmt.Sprintf("Card %d of %s, key %s.", h.Card, h.Name, h.Enrolment.Key))
	desk.Say(fmt.Sprintf("PIN tries left: %d.", state.PINTries))
	for _, line := range s.Draft.Sentences() {
		desk.Say(line)
	}
	for _, line := range change.Digest(s.Draft.Roster.Digest()) {
		desk.Say(line)
	}
	if len(todo) > 0 {
		desk.Say(fmt.Sprintf("To sign: %d documents, with the PIN once and a touch for each.", len(todo)))
	}
	for _, doc := range todo {
		desk.Say(fmt.Sprintf("  %s  %s  %s", doc.Digest(), doc.Path, purpose(doc)))
	}
}

// Called is what people call a document of the draft.
func (s *Session) Called(doc Document) string {
	if doc.Path == s.Draft.Documents()[0].Path {
		return fmt.Sprintf("root roster %d", s.Draft.Roster.Version())
	}
	for _, k := range s.Draft.Roster.Root().OnlineKeys {
		if doc.Path == roster.RevocationPath(k.Key.ID()) {
			return fmt.Sprintf("revocation of online %s key %s (sealed, for an emergency)", k.Role, k.Key)
		}
	}
	return doc.Path
}

func purpose(doc Document) string {
	if strings.HasPrefix(doc.Path, "revocations/") {
		return "(sealed, for an emergency)"
	}
	return "(the root roster)"
}

// note adds an entry about a keyholder's turn.
func (s *Session) note(at time.Time, event string, h *Holder, facts map[string]any) error {
	facts["holder"], facts["card"], facts["key"] = h.Name, h.Card, h.Enrolment.Key.ID().String()
	return s.Note(at, "sign", event, facts)
}

// factsOf are what the transcript says of a document that is signed.
func (s *Session) factsOf(doc Document) map[string]any {
	return map[string]any{"path": doc.Path, "sha256": doc.Digest().String(),
		"version": s.Plan.Roster.Version, "roster": s.Draft.Roster.Digest().String()}
}

// signOne has the card sign one document. That it is about to is in the
// transcript before the card is asked, so that no signature can come into being
// without a trace.
func (s *Session) signOne(t *Signing, h *Holder, doc Document) error {
	if err := s.note(t.at(), eventSigning, h, s.factsOf(doc)); err != nil {
		return err
	}
	asc, err := s.ask(t, h, doc)
	if err != nil {
		e := s.note(t.at(), "not signed", h, map[string]any{"path": doc.Path, "why": err.Error()})
		return errors.Join(err, e)
	}
	if err := verifyOne(doc, asc, h); err != nil {
		return fmt.Errorf("verifying the signature of card %d: %w", h.Card, err)
	}
	path := s.signaturePath(h, doc)
	if err := errors.Join(mkdirs(s.Dir, filepath.Dir(path)), s.watch.at("signature "+doc.Path)); err != nil {
		return err
	}
	if err := durable.WriteNew(path, asc, 0o644); err != nil {
		return err
	}
	if t.Guided {
		t.Desk.Say("Signed and verified.")
	} else {
		t.Desk.Say("Signed and verified: " + doc.Path)
	}
	return s.note(t.at(), eventSigned, h, s.factsOf(doc))
}

// Recount notes the signatures by a holder's card that an interruption kept out
// of the transcript: written and verified, but not said to be.
func (s *Session) Recount(h *Holder, at time.Time) error {
	for _, doc := range s.documentsOf(h) {
		asc, err := s.signature(h, doc)
		if err != nil {
			return err
		}
		if asc == nil || !s.untold(h, doc) {
			continue
		}
		facts := s.factsOf(doc)
		facts["found"] = "the signature was there, whole, after an interruption"
		if err := s.note(at, eventSigned, h, facts); err != nil {
			return err
		}
	}
	return nil
}

// untold reports whether the last that the transcript says of the holder's
// signature over the document is that the card was asked for it.
func (s *Session) untold(h *Holder, doc Document) bool {
	last := ""
	for _, e := range s.transcript.Entries() {
		if e.Facts["key"] == h.Enrolment.Key.ID().String() && e.Facts["sha256"] == doc.Digest().String() {
			last = e.Event
		}
	}
	return last == eventSigning
}

// ask gets the signature from the card.
func (s *Session) ask(t *Signing, h *Holder, doc Document) ([]byte, error) {
	key := h.Enrolment.Key.PublicKey
	typed := ""
	pin := func(tries int) (_ string, err error) {
		if typed = t.pin; typed != "" {
			return typed, nil
		}
		if err := s.note(t.at(), "PIN asked for", h, map[string]any{"tries left": tries}); err != nil {
			return "", err
		}
		if t.Guided {
			typed, err = guidedPIN(t.Desk, h, tries)
		} else {
			typed, err = askPIN(t.Desk, h, tries)
		}
		return typed, err
	}
	over := func() {}
	touch := func() {
		if t.Touch != nil {
			over = t.Touch()
			return
		}
		t.Desk.Say(fmt.Sprintf("TOUCH card %d now.", h.Card))
	}
	signer, err := t.Card.Signer(key.Public(), pin, touch)
	if err != nil {
		return nil, err
	}
	asc, err := pgp.Sign(t.Rand, doc.Raw, key, signer, t.at())
	over()
	if err == nil {
		t.pin = typed // it was the right one
	}
	return asc, err
}

// Signers says who has signed all that they are to sign, and who has not.
func (s *Session) Signers() (signed, missing []string, err error) {
	for i := range s.Holders {
		todo, err := s.Unsigned(&s.Holders[i])
		if err != nil {
			return nil, nil, err
		}
		if len(todo) == 0 {
			signed = append(signed, s.Holders[i].Name)
		} else {
			missing = append(missing, s.Holders[i].Name)
		}
	}
	slices.Sort(signed)
	slices.Sort(missing)
	return signed, missing, nil
}
