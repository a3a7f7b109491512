package ceremony

import (
	"crypto/subtle"
	"fmt"
	"io"
	"strings"

	"github.com/rootward/rootward/hsm"
)

// drawnDigits is the length of a PIN or PUK that is drawn.
const drawnDigits = 8

// secrets gets the new PIN and PUK, typed or drawn, with the PUK on paper, and
// draws the management key. The card is as it was all the while.
func (e *Enrolling) secrets() (Secrets, error) {
	e.Desk.Say("KEPT by the holder: the PIN, in the head; the PUK, on paper, in an envelope apart from the card. It unblocks a blocked PIN.")
	e.Desk.Say("THROWN AWAY: the management key. It will be random and kept by nobody: no key can be made or put on this card again, unless its PIV application is reset, which destroys this one.")
	get := e.typed
	if e.RandomSecrets {
		get = e.drawn
	}
	s, err := get()
	if err != nil {
		return Secrets{}, err
	}
	s.ManagementKey = make([]byte, managementKeySize)
	if _, err := io.ReadFull(e.Rand, s.ManagementKey); err != nil {
		return Secrets{}, fmt.Errorf("drawing a management key: %w", err)
	}
	return s, nil
}

// typed asks for what the holder has chosen.
func (e *Enrolling) typed() (s Secrets, err error) {
	card := fmt.Sprintf("card %d", e.Card.Serial())
	if s.PIN, err = typedTwice(e.Desk, hsm.PIN, "New PIN of "+card+" (6 to 8 digits)", "The new PIN once more"); err != nil {
		return Secrets{}, err
	}
	s.PUK, err = typedTwice(e.Desk, hsm.PUK, "New PUK of "+card+" (6 to 8 digits, not the PIN)", "Write the PUK on its paper now; then type it once more, from the paper")
	return s, err
}

// typings is how often a new PIN or PUK may be typed before the step is refused.
const typings = 3

// typedTwice asks for a new PIN or PUK, and once more for the same. A slip is
// asked about again at once: whoever goes on typing after a refusal would type
// the secret at a shell, which shows it and keeps it.
func typedTwice(desk Desk, secret hsm.Secret, prompt, again string) (string, error) {
	for left := typings; ; {
		value, refused, err := typedOnce(desk, secret, prompt, again)
		if err != nil || refused == nil {
			return value, err
		}
		if left--; left == 0 {
			return "", refused
		}
		desk.Say(fmt.Sprintf("Not taken: %v. Type it anew.", refused))
	}
}

// typedOnce has a new PIN or PUK typed twice; refused says why it is not taken.
func typedOnce(desk Desk, secret hsm.Secret, prompt, again string) (value string, refused, err error) {
	first, err := desk.Secret(prompt)
	if err != nil {
		return "", nil, err
	}
	if err := hsm.CheckDigits(secret, first); err != nil {
		return "", Judge(err), nil
	}
	second, err := desk.Secret(again)
	if err != nil {
		return "", nil, err
	}
	if !same(first, second) {
		return "", refuse("the new %s was not typed the same twice; the card is as it was", secret).do("repeat the step"), nil
	}
	return first, nil, nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// drawn draws PIN and PUK, shows them once, and has them typed back from paper.
func (e *Enrolling) drawn() (s Secrets, err error) {
	if s.PIN, err = drawDigits(e.Rand, hsm.PIN); err != nil {
		return Secrets{}, err
	}
	for s.PUK = s.PIN; s.PUK == s.PIN; {
		if s.PUK, err = drawDigits(e.Rand, hsm.PUK); err != nil {
			return Secrets{}, err
		}
	}
	serial := e.Card.Serial()
	err = disclose(e.Desk, []string{
		fmt.Sprintf("For %s alone to see. Write each on a paper of its own, digit by digit.", e.Holder),
		fmt.Sprintf("PIN of card %d:   %s", serial, grouped(s.PIN)),
		fmt.Sprintf("PUK of card %d:   %s", serial, grouped(s.PUK)),
	})
	if err != nil {
		return Secrets{}, err
	}
	for _, one := range []struct {
		secret hsm.Secret
		value  string
	}{{hsm.PIN, s.PIN}, {hsm.PUK, s.PUK}} {
		back, err := e.Desk.Secret(fmt.Sprintf("Type the %s of card %d, from its paper", one.secret, serial))
		if err != nil {
			return Secrets{}, err
		}
		if !same(strings.ReplaceAll(back, " ", ""), one.value) {
			return Secrets{}, refuse("this is not the %s that was shown; the card is as it was", one.secret).
				do("destroy both papers and repeat the step: others will be drawn")
		}
	}
	e.Desk.Say("The PUK's paper goes into its envelope now. Learn the PIN by heart, and destroy its paper.")
	return s, nil
}

// drawDigits draws a PIN or PUK, each digit as likely as the others.
func drawDigits(rand io.Reader, secret hsm.Secret) (string, error) {
	for range 100 { // weak ones are rare
		var digits []byte
		var b [1]byte
		for len(digits) < drawnDigits {
			if _, err := io.ReadFull(rand, b[:]); err != nil {
				return "", fmt.Errorf("drawing a %s: %w", secret, err)
			}
			if b[0] < 250 { // 256 is no multiple of 10
				digits = append(digits, '0'+b[0]%10)
			}
		}
		if hsm.CheckDigits(secret, string(digits)) == nil {
			return string(digits), nil
		}
	}
	return "", fmt.Errorf("drawing a %s: the source of randomness gives the same again and again", secret)
}

// grouped writes digits in groups of four.
func grouped(s string) string {
	if len(s) <= 4 {
		return s
	}
	return s[:4] + " " + grouped(s[4:])
}

func disclose(desk Desk, lines []string) error {
	if d, ok := desk.(Discloser); ok {
		return d.Disclose(lines)
	}
	for _, line := range lines {
		desk.Say(line)
	}
	return nil
}
