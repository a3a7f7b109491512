package conduct

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/script"
)

// A trouble is something about a card that stops nothing but its step.
type trouble struct {
	What string // in plain words
	Way  string // what can be done now
}

// A wrongCards says that the readers hold other cards than the one that is
// wanted, alone.
type wrongCards struct {
	want   uint32
	holder string
	found  []uint32
	whose  func(uint32) string
}

func (e *wrongCards) Error() string {
	return fmt.Sprintf("wanted card %d alone, found %v", e.want, e.found)
}

func (e *wrongCards) explain() trouble {
	var names []string
	there := false
	for _, n := range e.found {
		names = append(names, fmt.Sprintf("%d (%s)", n, e.whose(n)))
		there = there || n == e.want
	}
	switch {
	case len(e.found) == 0:
		return trouble{fmt.Sprintf("no card is in any reader; expected card %d of %s.", e.want, e.holder),
			"put the card in, wait until its reader has stopped blinking, and type ready."}
	case there:
		return trouble{fmt.Sprintf("several cards are in readers: %s. Expected card %d of %s alone.", strings.Join(names, ", "), e.want, e.holder),
			"take the others out, and type ready. Nothing was asked of any card."}
	}
	return trouble{fmt.Sprintf("this is the WRONG CARD. Expected: %d of %s. Found: %s.", e.want, e.holder, strings.Join(names, ", ")),
		"take it out, put the right one in, and type ready; or type later for that card first. No PIN was asked for."}
}

const orElse = "; or later, elsewhere or stop."

// explain puts what is wrong with a card into plain words. ok is not set for
// what does not concern a card: that ends the sitting.
func explain(err error, s script.Step) (_ trouble, ok bool) {
	var wrong *wrongCards
	switch {
	case errors.Is(err, ceremony.ErrStopped):
		return trouble{}, false
	case errors.As(err, new(*ceremony.UnwrittenError)):
		return trouble{}, false
	case errors.As(err, &wrong):
		return wrong.explain(), true
	case errors.Is(err, errBlocked), errors.As(err, new(*hsm.BlockedError)):
		return trouble{fmt.Sprintf("the PIN of card %d is BLOCKED; the card signs no more until it is unblocked.", s.Card),
			"unblock it with its PUK at another terminal (ceremony card unblock) and type ready; or later, elsewhere, or stop and hold the ceremony with a spare keyholder."}, true
	case errors.Is(err, errNoKey), errors.As(err, new(*hsm.EmptySlotError)):
		return trouble{fmt.Sprintf("card %d holds no key in slot 9c: it was reset since it was enrolled, or is another card.", s.Card),
			"look whether this is the card of the enrolment. A card that was reset cannot sign this roster: type later or elsewhere, or stop and plan the card's replacement."}, true
	}
	return explainSigning(err, s)
}

// explainSigning explains what can go wrong while a card signs.
func explainSigning(err error, s script.Step) (trouble, bool) {
	var pin *hsm.PINError
	switch {
	case errors.As(err, &pin):
		left := fmt.Sprintf("%d tries are left", pin.Tries)
		if pin.Tries == 1 {
			left = "ONE try is left, and then the card is blocked"
		}
		return trouble{fmt.Sprintf("the PIN was wrong; %s.", left), "find the right PIN before you type it. Type ready to try again" + orElse}, true
	case errors.As(err, new(*hsm.FormError)):
		return trouble{"what was typed can be no PIN; the card has not seen it, and no try was used.", "type ready, and then the PIN" + orElse}, true
	case errors.As(err, new(*hsm.TouchError)):
		return trouble{fmt.Sprintf("nobody touched card %d in time; nothing was signed.", s.Card), "type ready, and touch the metal when it blinks" + orElse}, true
	case errors.As(err, new(*hsm.RemovedError)):
		return trouble{fmt.Sprintf("card %d was pulled out, or has stopped answering, in the middle of a signature.", s.Card),
			"put it back, wait a moment, and type ready: what it signed before stays" + orElse}, true
	case errors.As(err, new(*hsm.NoCardError)), errors.As(err, new(*hsm.ManyCardsError)):
		return trouble{fmt.Sprintf("card %d is not there any more, or another one is.", s.Card), "put card and no other in, and type ready" + orElse}, true
	case errors.As(err, new(*hsm.WrongKeyError)):
		return trouble{fmt.Sprintf("card %d holds ANOTHER KEY than the one that the roster lists for %s.", s.Card, s.Holder),
			"set the card aside and look at it after the ceremony: it was enrolled anew, or swapped. Type later or elsewhere, or stop."}, true
	case errors.As(err, new(*hsm.SignatureError)):
		return trouble{fmt.Sprintf("card %d gave a signature that does not verify; it was thrown away.", s.Card),
			"set the card aside: it is faulty, or another key is in its slot. Type ready to try once more" + orElse}, true
	case errors.As(err, new(*hsm.BusyError)):
		return trouble{"another program holds the card.", "close other programs that use cards, and type ready" + orElse}, true
	case errors.As(err, new(*hsm.ServiceError)):
		return trouble{"the smart card service, pcscd, does not answer.", "start it (systemctl start pcscd) at another terminal, and type ready" + orElse}, true
	}
	var (
		unsupported *hsm.UnsupportedError
		card        *hsm.CardError
	)
	switch {
	case errors.As(err, &unsupported):
		err = unsupported
	case errors.As(err, &card):
		err = card
	default:
		return trouble{}, false
	}
	return trouble{"the card answered: " + err.Error() + ".", "take the card out, put it back, and type ready" + orElse}, true
}
