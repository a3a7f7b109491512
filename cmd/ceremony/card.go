package main

import (
	"crypto"
	"math"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/hsm/piv"
	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/command"
)

// cards finds cards. [pivCards] are the real ones.
type cards interface {
	Open(serial uint32) (ceremony.Card, error)
}

type pivCards struct{}

// Open finds the card with the serial number.
func (pivCards) Open(serial uint32) (ceremony.Card, error) {
	c, err := piv.Open(serial)
	if err != nil {
		return nil, err
	}
	return pivCard{c}, nil
}

// A pivCard is a PIV card as package ceremony wants it.
type pivCard struct{ *piv.Card }

// Look implements [ceremony.Card].
func (c pivCard) Look() (ceremony.CardState, error) {
	s, err := c.Inspect()
	return ceremony.CardState{PINTries: s.PINTries, PUKTries: s.PUKTries, SlotEmpty: s.Key == nil && !s.Certificate,
		DefaultPIN: s.DefaultPIN, DefaultPUK: s.DefaultPUK, DefaultManagementKey: s.DefaultManagementKey,
		ManagementKeyAlgorithm: s.ManagementKeyAlgorithm, Key: s.Key}, err
}

// Provision implements [ceremony.Card].
func (c pivCard) Provision(a hsm.Algorithm, s ceremony.Secrets) (crypto.PublicKey, hsm.Evidence, error) {
	return c.Card.Provision(a, piv.Secrets(s))
}

// oneCard names the card of a command that takes the only one there is.
var oneCard = &cli.StringFlag{Name: "serial", Usage: "the card's serial number `N`; may be left out where there is one card"}

func (t *tool) cardCommand() *cli.Command {
	out := &cli.StringFlag{Name: "out", Usage: "where enrolments are kept, `DIR`", Required: true}
	return &cli.Command{Name: "card", Usage: "looks at cards and provisions them", Subcommands: append([]*cli.Command{
		{Name: "list", Usage: "lists the PIV cards that are in readers", Action: t.cardList},
		{Name: "inspect", Usage: "says what a card tells of itself without any secret", Flags: []cli.Flag{oneCard}, Action: t.cardInspect},
		{Name: "provision", Usage: "makes a card a keyholder's: new PIN, PUK and management key, and an attested key in slot 9c",
			Flags: []cli.Flag{oneCard, out,
				&cli.StringFlag{Name: "holder", Usage: "the keyholder's `NAME`", Required: true},
				&cli.StringFlag{Name: "repository", Usage: "the index, a DNS `NAME`", Required: true},
				&cli.StringFlag{Name: "algorithm", Usage: "P-384, P-256, RSA-3072 or RSA-4096, as `NAME`", Value: string(hsm.P384)},
				&cli.BoolFlag{Name: "random-secrets", Usage: "draw PIN and PUK, and show them once, to be written on paper"},
			}, Action: t.cardProvision},
		{Name: "certify", Usage: "has an enrolled card certify itself for gpg, where provisioning was interrupted before that",
			Flags: []cli.Flag{oneCard, out}, Action: t.cardCertify},
	}, t.custodyCommands()...)}
}

// serialOf reads --serial; 0 where it may be left out and is.
func serialOf(c *cli.Context) (uint32, error) {
	if !c.IsSet("serial") {
		return 0, nil
	}
	n, err := strconv.ParseUint(c.String("serial"), 10, 32)
	if err != nil || n == 0 {
		return 0, command.Usagef("flag --serial is %q, wanted a number from 1 to %d", c.String("serial"), uint32(math.MaxUint32))
	}
	return uint32(n), nil
}

func (t *tool) cardList(*cli.Context) error {
	all, err := piv.List()
	if err != nil {
		return ceremony.Judge(err)
	}
	for _, c := range all {
		t.result("%d  firmware %s  %s", c.Serial, c.Firmware, c.Reader)
	}
	if len(all) == 0 {
		t.desk.Say("No PIV card is in any reader. Insert one, wait until its reader blinks, and repeat.")
	}
	return nil
}

func (t *tool) cardInspect(c *cli.Context) error {
	serial, err := serialOf(c)
	if err != nil {
		return err
	}
	card, err := piv.Open(serial)
	if err != nil {
		return ceremony.Judge(err)
	}
	s, err := card.Inspect()
	if err != nil {
		return ceremony.Judge(err)
	}
	t.result("card %d, firmware %s (as it claims), in reader %s", s.Serial, s.Firmware, s.Reader)
	t.result("PIN tries left: %d", s.PINTries)
	if s.PUKTries >= 0 {
		t.result("PUK tries left: %d", s.PUKTries)
	} else {
		t.result("PUK tries left: the card does not say")
	}
	t.result("as it left the factory: PIN %v, PUK %v, management key %v", s.DefaultPIN, s.DefaultPUK, s.DefaultManagementKey)
	if s.ManagementKeyAlgorithm != "" {
		t.result("management key: %s", s.ManagementKeyAlgorithm)
	}
	t.inspectSlot(s)
	return nil
}

func (t *tool) inspectSlot(s piv.State) {
	if s.Key == nil {
		t.result("slot %s: no key", piv.Slot)
		return
	}
	kind := "a key of which the card does not say more"
	a, err := hsm.AlgorithmOf(s.Key.Public)
	if err == nil {
		kind = string(a) + " key"
	}
	t.result("slot %s: %s, PIN %v, touch %v, generated on the card: %v", piv.Slot, kind, s.Key.PINPolicy, s.Key.TouchPolicy, s.Key.Generated)
	for _, adv := range hsm.Advisories(s.Firmware, a) {
		t.result("advisory %s, by the firmware that the card claims: %s (%s)", adv.ID, adv.Warning, adv.URL)
	}
}

func (t *tool) enrolling(c *cli.Context) (ceremony.Enrolling, error) {
	serial, err := serialOf(c)
	if err != nil {
		return ceremony.Enrolling{}, err
	}
	card, err := t.cards.Open(serial)
	if err != nil {
		return ceremony.Enrolling{}, ceremony.Judge(err)
	}
	return ceremony.Enrolling{Card: card, Desk: t.desk, At: t.Now(), Rand: t.Rand, Dir: c.String("out"),
		Holder: c.String("holder"), Repository: c.String("repository"), Algorithm: hsm.Algorithm(c.String("algorithm")),
		RandomSecrets: c.Bool("random-secrets")}, nil
}

func (t *tool) cardProvision(c *cli.Context) error {
	discloser, err := t.discloser(c)
	if err != nil {
		return err
	}
	e, err := t.enrolling(c)
	if err != nil {
		return err
	}
	e.Desk = discloser
	enrolment, err := ceremony.Enrol(e)
	if enrolment != nil {
		t.result("card %d of %s: key %s", enrolment.Serial, enrolment.Holder, enrolment.Key)
		t.result("attestation %s", enrolment.Attesting)
	}
	return err
}

func (t *tool) cardCertify(c *cli.Context) error {
	e, err := t.enrolling(c)
	if err != nil {
		return err
	}
	if err := ceremony.Certify(e); err != nil {
		return err
	}
	t.result("card %d certified itself", e.Card.Serial())
	return nil
}
