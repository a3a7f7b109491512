package ceremony

import (
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony/transcript"
)

// A reading is what a card says of itself after something was done to it: what
// it confirms, and what it does not say.
type reading struct{ told, untold []string }

// factory notes whether a secret is still the one with which the card came.
func (r *reading) factory(secret hsm.Secret, still hsm.Answer) error {
	switch still {
	case hsm.Yes:
		return fmt.Errorf("the card says that its %s is still the factory's", secret)
	case hsm.No:
		r.told = append(r.told, fmt.Sprintf("the factory's %s is no longer valid", secret))
	default:
		r.untold = append(r.untold, fmt.Sprintf("whether the factory's %s is still valid", secret))
	}
	return nil
}

// key compares what the card says of slot 9c with the enrolment.
func (r *reading) key(state CardState, enrolment *Enrolment) error {
	k := state.Key
	switch {
	case state.SlotEmpty:
		return fmt.Errorf("the card says that slot %s is empty", slot)
	case k == nil || k.Public == nil:
		r.untold = append(r.untold, "which key is in slot "+slot)
	case !equalKeys(k.Public, enrolment.Key.Public()):
		return fmt.Errorf("the card says that slot %s holds another key than the one that it made", slot)
	default:
		r.told = append(r.told, "slot "+slot+" holds the key that was enrolled")
	}
	switch {
	case k == nil || k.PINPolicy == 0 || k.TouchPolicy == 0:
		r.untold = append(r.untold, "the key's PIN and touch policy")
	case k.PINPolicy != hsm.PINAlways || k.TouchPolicy != hsm.TouchAlways:
		return fmt.Errorf("the card says PIN %v and touch %v of its key, wanted always and always", k.PINPolicy, k.TouchPolicy)
	default:
		r.told = append(r.told, "PIN always, touch always")
	}
	return nil
}

func equalKeys(a, b crypto.PublicKey) bool {
	e, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && e.Equal(b)
}

func (r *reading) say(desk Desk) {
	for _, line := range r.told {
		desk.Say("Read back: " + line + ".")
	}
	for _, line := range r.untold {
		desk.Say("NOT read back, because the card does not say: " + line + ".")
	}
}

// readBack asks the card what was done to it, without any secret and without
// using a try, and compares. A card that says otherwise is refused.
func (e *Enrolling) readBack(enrolment *Enrolment) error {
	state, err := e.Card.Look()
	if err != nil {
		return err
	}
	var r reading
	err = errors.Join(r.key(state, enrolment), r.factory(hsm.PIN, state.DefaultPIN), r.factory(hsm.PUK, state.DefaultPUK),
		r.factory(hsm.ManagementKey, state.DefaultManagementKey))
	if err != nil {
		note := noteCard(e.Dir, enrolment.Serial, e.At, "enrol", "read back otherwise", map[string]any{"holder": e.Holder, "why": err.Error()})
		return errors.Join(refuse("card %d", enrolment.Serial).because(err).do("set this card aside: it does not do what it is told"), note)
	}
	r.say(e.Desk)
	return noteCard(e.Dir, enrolment.Serial, e.At, "enrol", "read back", map[string]any{"holder": e.Holder, "told": r.told, "not told": r.untold})
}

// noteCard adds an entry to the transcript of a card, which stands in dir beside
// its enrolment, or begins it. Without a dir nothing is noted.
func noteCard(dir string, serial uint32, at time.Time, step, event string, facts map[string]any) (err error) {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(dir, provisioningName(serial))
	var t *transcript.Transcript
	if _, statErr := os.Stat(path); statErr == nil {
		t, err = transcript.Open(path, at)
	} else {
		t, err = transcript.Create(path)
	}
	if err != nil {
		return err
	}
	facts["card"] = serial
	return errors.Join(t.Add(at, step, event, facts), t.Close())
}
