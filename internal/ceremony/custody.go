package ceremony

import (
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/rootward/rootward/hsm"
)

// A Handling is what a holder does to a card outside a ceremony.
type Handling struct {
	Card Custody
	Desk Desk
	At   time.Time
	// Dir is where enrolments are kept, and with them the card's transcript; ""
	// leaves no note.
	Dir string
}

func (h *Handling) note(event string, facts map[string]any) error {
	if facts == nil {
		facts = map[string]any{}
	}
	return noteCard(h.Dir, h.Card.Serial(), h.At, "custody", event, facts)
}

// Change replaces PIN or PUK: it says how many tries are left, asks for the
// current value, and twice for the new one. With one try left, or where the card
// does not say how many, the card's serial number is typed first.
func Change(h Handling, secret hsm.Secret) error {
	if err := h.tries(secret); err != nil {
		return err
	}
	serial := h.Card.Serial()
	current, err := h.Desk.Secret(fmt.Sprintf("Current %s of card %d", secret, serial))
	if err != nil {
		return err
	}
	next, err := h.next(secret)
	if err != nil {
		return err
	}
	if same(current, next) {
		return refuse("the new %s is the current one; the card is as it was", secret)
	}
	set := h.Card.ChangePIN
	if secret == hsm.PUK {
		set = h.Card.ChangePUK
	}
	return h.done(set(current, next), fmt.Sprintf("%s changed", secret))
}

// Unblock sets a new PIN by the PUK, with the same care for the PUK's tries.
func Unblock(h Handling) error {
	if err := h.tries(hsm.PUK); err != nil {
		return err
	}
	puk, err := h.Desk.Secret(fmt.Sprintf("PUK of card %d", h.Card.Serial()))
	if err != nil {
		return err
	}
	next, err := h.next(hsm.PIN)
	if err != nil {
		return err
	}
	if err := h.done(h.Card.Unblock(puk, next), "PIN set by the PUK"); err != nil {
		return err
	}
	h.Desk.Say("The PUK's envelope was opened: seal it again; or, if anybody saw the PUK, change it (ceremony card change-pin --puk).")
	return nil
}

// next asks for a new PIN or PUK twice.
func (h *Handling) next(secret hsm.Secret) (string, error) {
	again := "The new PIN once more"
	if secret == hsm.PUK {
		again = "Write the PUK on its paper now; then type it once more, from the paper"
	}
	return typedTwice(h.Desk, secret, fmt.Sprintf("New %s of card %d (6 to 8 digits)", secret, h.Card.Serial()), again)
}

// done notes how it went, and says it.
func (h *Handling) done(err error, what string) error {
	if err != nil {
		return errors.Join(Judge(err), h.note("not done: "+what, map[string]any{"why": err.Error()}))
	}
	if err := h.note(what, nil); err != nil {
		return err
	}
	state, err := h.Card.Look()
	if err != nil {
		return Judge(err)
	}
	h.Desk.Say(fmt.Sprintf("Card %d: %s. %s", h.Card.Serial(), what, counters(state)))
	return nil
}

func counters(s CardState) string {
	return fmt.Sprintf("PIN tries left: %d. PUK tries left: %s.", s.PINTries, triesOrUnknown(s.PUKTries))
}

// tries says what is left, and stops before a try is risked by mistake.
func (h *Handling) tries(secret hsm.Secret) error {
	state, err := h.Card.Look()
	if err != nil {
		return Judge(err)
	}
	serial := h.Card.Serial()
	h.Desk.Say(fmt.Sprintf("Card %d, firmware %s. %s", serial, h.Card.Firmware(), counters(state)))
	left := state.PINTries
	if secret == hsm.PUK {
		left = state.PUKTries
	}
	switch {
	case left == 0:
		return Judge(&hsm.BlockedError{Place: hsm.Place{Serial: serial}, Secret: secret})
	case left == 1:
		return h.typeSerial(fmt.Sprintf("ONE TRY LEFT: a wrong %s blocks it for good. Type the card's serial number to go on", secret))
	case left < 0:
		return h.typeSerial(fmt.Sprintf("The card does not say how many tries its %s has left; this may be the last. Type the card's serial number to go on", secret))
	}
	return nil
}

// typeSerial wants the number that is printed on the card.
func (h *Handling) typeSerial(prompt string) error {
	answer, err := h.Desk.Ask(prompt)
	if err != nil {
		return err
	}
	if want := fmt.Sprint(h.Card.Serial()); strings.TrimSpace(answer) != want {
		return refuse("what was typed is not the serial number of this card, %s; nothing was done to it", want).do("read the number that is printed on the card")
	}
	return nil
}

// A Retiring is the end of a card's service.
type Retiring struct {
	Handling
	// Chain are the rosters of the repository, verified from a pin; nil where the
	// people say that none lists the card, see NoRoster.
	Chain *Chain
	// NoRoster says that the card's key was never in a roster: before the first
	// ceremony, or when its enrolment failed.
	NoRoster bool
}

// Retire destroys the key on a card, and with it everything else in its PIV
// application. It refuses while the newest roster lists the key, or nothing
// shows that it does not; that the roster is the newest is shown only by its
// not having expired. The serial number is typed back first, and what happens is
// in the card's transcript before and after.
func Retire(r Retiring) error {
	state, err := r.Card.Look()
	if err != nil {
		return Judge(err)
	}
	serial := r.Card.Serial()
	r.Desk.Say(fmt.Sprintf("Card %d, firmware %s. %s", serial, r.Card.Firmware(), counters(state)))
	facts := map[string]any{}
	if state.SlotEmpty {
		r.Desk.Say("Slot " + slot + " is empty.")
	} else if err := r.unneeded(state, facts); err != nil {
		return err
	}
	r.Desk.Say(fmt.Sprintf("This DESTROYS the key on card %d for ever. Nothing brings it back.", serial))
	if err := r.typeSerial("Type the card's serial number to destroy its key"); err != nil {
		return err
	}
	if err := r.note("retiring", facts); err != nil {
		return err
	}
	if err := r.Card.Reset(); err != nil {
		return errors.Join(Judge(err), r.note("not retired", map[string]any{"why": err.Error()}))
	}
	return r.retired()
}

// retired looks whether the key is gone.
func (r *Retiring) retired() error {
	state, err := r.Card.Look()
	if err != nil {
		return Judge(err)
	}
	if !state.SlotEmpty {
		err := refuse("card %d says that slot %s is not empty after its reset", r.Card.Serial(), slot).do("break its chip in front of a witness, and record that")
		return errors.Join(err, r.note("not retired", map[string]any{"why": err.Error()}))
	}
	r.Desk.Say(fmt.Sprintf("Read back: slot %s of card %d is empty.", slot, r.Card.Serial()))
	return r.note("retired", map[string]any{"slot": slot, "empty": true, "PIN as from the factory": state.DefaultPIN.String()})
}

// unneeded refuses if the newest roster lists the card's key, or nothing shows
// that it does not.
func (r *Retiring) unneeded(state CardState, facts map[string]any) error {
	serial := r.Card.Serial()
	if r.NoRoster {
		answer, err := r.Desk.Ask(fmt.Sprintf("NO ROSTER of any repository lists the key on card %d: type NO ROSTER if you are sure", serial))
		if err != nil {
			return err
		}
		if strings.TrimSpace(answer) != "NO ROSTER" {
			return refuse("NO ROSTER was not typed; nothing was done to the card")
		}
		facts["roster"] = "none, the holder says"
		return nil
	}
	if r.Chain == nil {
		return refuse("slot %s of card %d is filled, and nothing shows that no roster needs it", slot, serial).
			do("give the published repository and the pin of its first roster (--published, --pin); or --no-roster for a card that was never in one")
	}
	key, err := r.key(state)
	if err != nil {
		return err
	}
	last := r.Chain.Last()
	if err := last.Current(r.At); err != nil {
		return refuse("the newest roster that was given shows nothing of today").because(err).do("fetch the repository again")
	}
	root := last.Root()
	for _, k := range root.Keyholders {
		if equalKeys(key, k.Key.Public()) {
			return refuse("root roster %d lists the key on card %d as that of %s", root.Version, serial, k.Name).
				do("hold a ceremony that takes the card out first (act card-retired or card-lost)")
		}
	}
	r.Desk.Say(fmt.Sprintf("Root roster %d of %s, in force until %s, does not list the card's key.", root.Version, root.Repository, root.Expires))
	facts["roster"], facts["version"], facts["repository"] = last.Digest().String(), root.Version, root.Repository
	return nil
}

// key finds out which key is on the card: as it says itself, or else as its
// enrolment has it.
func (r *Retiring) key(state CardState) (crypto.PublicKey, error) {
	if k := state.Key; k != nil && k.Public != nil {
		return k.Public, nil
	}
	serial := r.Card.Serial()
	raw, err := readFile(filepath.Join(r.Dir, enrolmentName(serial)), maxEnrolment)
	if errors.Is(err, fs.ErrNotExist) || r.Dir == "" {
		return nil, refuse("card %d does not say which key it holds, and no enrolment of it is at hand", serial).do("name the folder that has its enrolment")
	}
	if err != nil {
		return nil, err
	}
	e, err := ParseEnrolment(raw)
	if err != nil {
		return nil, &RefusedError{Err: err}
	}
	return e.Key.Public(), nil
}
