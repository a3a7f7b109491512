package conduct

import (
	"context"
	"errors"
	"fmt"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/script"
)

// Answers to the question whether a card can sign now.
const (
	answerReady     = "ready"
	answerLater     = "later"
	answerElsewhere = "elsewhere"
	answerBrought   = "brought"
)

// signAll holds the keyholders' steps, in the order in which people are ready,
// until each is done or put off to elsewhere. It ends at the last of them.
func (r *run) signAll(ctx context.Context) error {
	if err := r.reopen(ctx); err != nil {
		return err
	}
	if err := r.finishBringing(); err != nil {
		return err
	}
	first, last := r.at, r.at
	for last+1 < len(r.steps) && r.steps[last+1].Card != 0 {
		last++
	}
	var queue []int
	for i := first; i <= last; i++ {
		if !r.done(r.steps[i].ID) {
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		r.at = queue[0]
		if r.done(r.step().ID) { // by signatures that were brought since
			queue = queue[1:]
			continue
		}
		next, err := r.signer(ctx, len(queue) > 1)
		if err != nil {
			return err
		}
		queue = queue[1:]
		if next == answerLater {
			queue = append(queue, r.at)
		}
	}
	r.at = last
	return nil
}

// signer holds one keyholder's step. It returns "" when it is done, or what was
// answered instead.
func (r *run) signer(ctx context.Context, others bool) (string, error) {
	s := r.step()
	h, err := r.session.HolderOf(s.Card)
	if err != nil {
		return "", err
	}
	if err := r.session.Recount(h, r.Now()); err != nil {
		return "", err
	}
	todo, err := r.session.Unsigned(h)
	if err != nil {
		return "", err
	}
	if len(todo) == 0 { // before an interruption, or elsewhere
		r.Desk.Say(fmt.Sprintf("%s has signed everything: %s", s.Holder, "each signature was verified again."))
		return "", r.note(eventDone, map[string]any{"found": "all signatures were there, and were verified again"})
	}
	if err := r.note(eventBegun, nil); err != nil {
		return "", err
	}
	turn := &ceremony.Signing{Desk: r.Desk, Rand: r.Rand, Now: r.Now, Guided: true,
		Touch: func() func() { return r.Desk.Touch(s.Holder, s.Card) }}
	shown := false
	for {
		if !shown {
			if err := r.showTurn(todo); err != nil {
				return "", err
			}
			shown = true
		}
		answer, err := r.ready(others)
		if err != nil {
			return "", err
		}
		if answer == answerBrought {
			if err := r.bring(); err != nil || r.done(s.ID) {
				return "", err
			}
			continue
		}
		if answer != answerReady {
			return answer, r.putOff(ctx, answer)
		}
		err = r.turn(ctx, turn)
		if err == nil {
			return "", r.finish()
		}
		trouble, ok := explain(err, s)
		if !ok {
			return "", err
		}
		if err := r.exception(trouble.What, map[string]any{"error": err.Error(), "card": s.Card}); err != nil {
			return "", err
		}
		r.Desk.Say("")
		r.Desk.Say("NOT DONE: " + trouble.What)
		r.Desk.Say("Way on: " + trouble.Way)
	}
}

// showTurn shows what this card is to sign.
func (r *run) showTurn(todo []ceremony.Document) error {
	lines := []Line{{Kind: Plain, Text: fmt.Sprintf("To sign: %d documents, with the PIN once and a touch for each:", len(todo))}}
	for _, doc := range todo {
		lines = append(lines, Line{Kind: Item, Text: r.session.Called(doc)}, Line{Kind: Plain, Text: "  SHA-256 " + doc.Digest().String(), Keep: true})
	}
	lines = append(lines, Line{Kind: Plain, Text: ""})
	return r.show(append(lines, r.changes()...)...)
}

// ready asks whether the card can sign now.
func (r *run) ready(others bool) (string, error) {
	s := r.step()
	allowed, later := []string{answerReady, answerElsewhere, answerBrought}, ""
	if others {
		allowed, later = append(allowed, answerLater), "later for another card first; "
	}
	return r.ask(fmt.Sprintf("%s: type ready when card %d is in a reader, and no other; %selsewhere if %s signs elsewhere; brought if signatures from there are here as a file",
		s.Holder, s.Card, later, s.Holder), oneOf(allowed...))
}

// putOff records that a keyholder does not sign now.
func (r *run) putOff(ctx context.Context, answer string) error {
	s := r.step()
	if answer == answerElsewhere {
		if err := r.note(eventElsewhere, map[string]any{"holder": s.Holder, "card": s.Card}); err != nil {
			return err
		}
		if err := r.handOut(ctx); err != nil {
			return err
		}
		r.Desk.Say(fmt.Sprintf("%s signs elsewhere. The signatures come back as a file, now or another day: type brought then, here or before the signatures are put together. Whoever waits for them types stop, and starts this command again.", s.Holder))
		return nil
	}
	r.Desk.Say(fmt.Sprintf("Another card first; %s comes again after it.", s.Holder))
	return nil
}

// turn finds the card, says what it is, and has it sign.
func (r *run) turn(ctx context.Context, t *ceremony.Signing) error {
	s := r.step()
	present, err := r.Cards.Present()
	if err != nil {
		return err
	}
	if len(present) != 1 || present[0] != s.Card {
		return &wrongCards{want: s.Card, holder: s.Holder, found: present, whose: r.whose}
	}
	if t.Card, err = r.Cards.Open(s.Card); err != nil {
		return err
	}
	state, err := t.Card.Look()
	if err != nil {
		return err
	}
	found := fmt.Sprintf("Card expected: %d of %s. Card found: %d, firmware %s. PIN tries left: %d.", s.Card, s.Holder, t.Card.Serial(), t.Card.Firmware(), state.PINTries)
	r.Desk.Say(found)
	err = r.note(eventShown, map[string]any{"expected": s.Card, "found": t.Card.Serial(), "firmware": t.Card.Firmware().String(), "PIN tries left": state.PINTries})
	if err != nil {
		return err
	}
	switch {
	case state.PINTries == 0:
		return errBlocked
	case state.SlotEmpty:
		return errNoKey
	}
	return r.session.SignTurn(ctx, t)
}

var (
	errBlocked = errors.New("no try is left for the PIN")
	errNoKey   = errors.New("slot 9c is empty")
)

// whose says whose card it is, as far as this ceremony knows.
func (r *run) whose(serial uint32) string {
	if h, err := r.session.HolderOf(serial); err == nil {
		return h.Name
	}
	return "nobody of this ceremony"
}

// finish verifies all that the card signed once more from the disk, and lets
// the card go.
func (r *run) finish() error {
	s := r.step()
	h, err := r.session.HolderOf(s.Card)
	if err != nil {
		return err
	}
	todo, err := r.session.Unsigned(h)
	if err != nil {
		return err
	}
	if len(todo) > 0 {
		return fmt.Errorf("%d documents are not signed after card %d signed them all", len(todo), s.Card)
	}
	if err := r.note(eventDone, map[string]any{"holder": s.Holder, "card": s.Card}); err != nil {
		return err
	}
	r.Desk.Say(fmt.Sprintf("%s has signed everything; each signature was verified by the clients' own code.", s.Holder))
	return r.release()
}

// release asks for the card to be taken out, and looks whether it was. That it
// is still there holds nothing up: the next card's step wants that one alone.
func (r *run) release() error {
	s := r.step()
	for range 3 {
		_, err := r.ask(fmt.Sprintf("TAKE CARD %d OUT, then type out", s.Card), oneOf("out"))
		if err != nil {
			return err
		}
		present, err := r.Cards.Present()
		if err != nil {
			r.Desk.Say("The readers cannot be looked at now: " + err.Error())
			return nil
		}
		still := false
		for _, n := range present {
			still = still || n == s.Card
		}
		if !still {
			return nil
		}
		r.Desk.Say(fmt.Sprintf("Card %d is still in a reader.", s.Card))
	}
	return r.exception(fmt.Sprintf("card %d was still in a reader when the ceremony went on", s.Card), nil)
}

// waiting lists those of this ceremony's signers whose signatures are not there.
func (r *run) waiting() ([]script.Step, error) {
	var all []script.Step
	for _, s := range r.steps {
		if s.Card == 0 {
			continue
		}
		h, err := r.session.HolderOf(s.Card)
		if err != nil {
			return nil, err
		}
		todo, err := r.session.Unsigned(h)
		if err != nil {
			return nil, err
		}
		if len(todo) > 0 {
			all = append(all, s)
		}
	}
	return all, nil
}
