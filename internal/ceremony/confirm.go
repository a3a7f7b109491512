package ceremony

import (
	"fmt"
	"io"
	"strings"

	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/words"
	"github.com/rootward/rootward/roster/digest"
)

// This file has what a keyholder is asked before a card signs.

// confirm asks for two words of the digest, chosen by position, and for each
// override by name. There is no way round it.
func (s *Session) confirm(t *Signing, h *Holder) error {
	if err := s.confirmWords(t, h); err != nil || s.Draft.Anchor == nil {
		return err
	}
	for _, o := range s.Draft.Anchor.Overrides {
		if err := s.approve(t, h, o); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) confirmWords(t *Signing, h *Holder) error {
	c, err := NewChallenge(s.Draft.Roster.Digest(), t.Rand)
	if err != nil {
		return err
	}
	for {
		answer, err := t.Desk.Ask(c.Prompt())
		if err != nil {
			return err
		}
		stop, right := t.stopped(answer), c.Right(answer)
		if err := s.note(t.at(), "challenge", h, map[string]any{"words": c.Positions(), "right": right}); err != nil {
			return err
		}
		switch {
		case right:
			return nil
		case stop:
			return ErrStopped
		case !t.Guided:
			return refuse("these are not word %d and word %d of the digest", c.first+1, c.second+1).
				do("compare the digest with the one that was read aloud, then repeat the step")
		}
		t.Desk.Say(c.Wrong())
	}
}

// approve asks for the approval of one override.
func (s *Session) approve(t *Signing, h *Holder, o change.Name) error {
	for {
		answer, err := t.Desk.Ask(fmt.Sprintf("OVERRIDES the maintainers of %s: %s. Type the package's name to approve", o.Package, o.Why))
		if err != nil {
			return err
		}
		approved := strings.TrimSpace(answer) == o.Package
		stop := !approved && t.stopped(answer)
		if err := s.note(t.at(), "override", h, map[string]any{"package": o.Package, "approved": approved}); err != nil {
			return err
		}
		switch {
		case approved:
			return nil
		case stop:
			return ErrStopped
		case !t.Guided:
			return refuse("%s has not approved the override of %s", h.Name, o.Package).do("abandon this draft and take the override out of the plan")
		}
		t.Desk.Say(fmt.Sprintf("That is not the name %s. Type it to approve, or %s: without this approval nothing is signed.", o.Package, StopWord))
	}
}

func (t *Signing) stopped(answer string) bool {
	return t.Guided && strings.TrimSpace(answer) == StopWord
}

// A Challenge asks for two words of a digest, so that nobody confirms it by
// reflex.
type Challenge struct {
	spelt         []string
	first, second int
}

// NewChallenge draws the positions.
func NewChallenge(d digest.Digest, rand io.Reader) (Challenge, error) {
	first, second, err := twoPositions(rand)
	return Challenge{words.Words(d[:]), first, second}, err
}

// Prompt is the question.
func (c Challenge) Prompt() string {
	return fmt.Sprintf("Type word %d and word %d of the digest", c.first+1, c.second+1)
}

// Positions are those of the two words, counted from 1.
func (c Challenge) Positions() []int { return []int{c.first + 1, c.second + 1} }

// Right reports whether the answer is the two words, in order, in any case.
func (c Challenge) Right(answer string) bool {
	given := strings.Fields(answer)
	return len(given) == 2 && strings.EqualFold(given[0], c.spelt[c.first]) && strings.EqualFold(given[1], c.spelt[c.second])
}

// Wrong is what is said after another answer.
func (c Challenge) Wrong() string {
	return fmt.Sprintf("These are not word %d and word %d. Look at the numbers beside the words and try again, or type %s.", c.first+1, c.second+1, StopWord)
}

// twoPositions draws two different places among the words of a digest.
func twoPositions(rand io.Reader) (first, second int, err error) {
	var b [1]byte
	draw := func() (int, error) {
		_, err := io.ReadFull(rand, b[:])
		return int(b[0]) % digest.Size, err // 256 is a multiple of 32: no bias
	}
	if first, err = draw(); err != nil {
		return 0, 0, fmt.Errorf("drawing a word: %w", err)
	}
	for second = first; second == first; {
		if second, err = draw(); err != nil {
			return 0, 0, fmt.Errorf("drawing a word: %w", err)
		}
	}
	return min(first, second), max(first, second), nil
}

// oneTryLeft is the question before the last try for a PIN. A card's name is
// its holder's.
func oneTryLeft(h *Holder) string {
	return fmt.Sprintf("ONE TRY LEFT: a wrong PIN blocks card %d. Type the card's name, %s, to go on", h.Card, h.Name)
}

// askPIN asks the holder for the PIN; at one try left, only after the card's
// name was typed.
func askPIN(desk Desk, h *Holder, tries int) (string, error) {
	if tries == 1 {
		name, err := desk.Ask(oneTryLeft(h))
		if err != nil {
			return "", err
		}
		if strings.TrimSpace(name) != h.Name {
			return "", refuse("the name that was typed is not %s; the PIN was not asked for", h.Name)
		}
	}
	return desk.Secret(fmt.Sprintf("PIN of card %d (%s), %s left", h.Card, h.Name, triesLeft(tries)))
}

// guidedPIN is askPIN for a guided run: another name is asked for again.
func guidedPIN(desk Desk, h *Holder, tries int) (string, error) {
	for tries == 1 {
		name, err := desk.Ask(oneTryLeft(h))
		if err != nil {
			return "", err
		}
		if name = strings.TrimSpace(name); name == h.Name {
			break
		}
		if name == StopWord {
			return "", ErrStopped
		}
		desk.Say(fmt.Sprintf("That is not %s. The PIN was not asked for. Type the name, or %s.", h.Name, StopWord))
	}
	typed, err := desk.Secret(fmt.Sprintf("PIN of card %d (%s), %s left", h.Card, h.Name, triesLeft(tries)))
	if err == nil && strings.TrimSpace(typed) == StopWord {
		return "", ErrStopped
	}
	return typed, err
}

func triesLeft(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}
