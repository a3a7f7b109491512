// Package vcard is a PIV card in software, for rehearsals and tests: the card
// edge of NIST SP 800-73-4 part 2 with the extensions of YubiKeys, as far as a
// ceremony uses them, and the protocol by which vpcd, the virtual reader of
// pcscd, talks to a card.
//
// It is a rehearsal object only. Its private keys, PIN, PUK and management key
// stand in the clear in its state, and its attestations lead to a root of its
// own that nobody but a rehearsal trusts.
//
// Real cards lack one thing or another, and a [Card] can be told to lack the
// same: see [Fault]. It has no management applet, no biometrics, no Ed25519 and
// no X25519, and takes an imported RSA key's public exponent to be 65537.
package vcard

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"
)

// Config is what a card is made with. Serial, Firmware and CA matter only to a
// card that its Store does not hold yet.
type Config struct {
	Serial   uint32
	Firmware [3]byte // major, minor, patch
	CA       *CA     // issues the device certificate

	Store Store     // nil: the card forgets everything with the program
	Rand  io.Reader // keys, challenges, certificate numbers

	// Wait waits for a person's finger or for its time-out; it returns early,
	// and false, when the card is pulled out. Nil never waits.
	Wait func(d time.Duration, out <-chan struct{}) bool

	TouchDelay   time.Duration // how long an automatic touch takes
	TouchTimeout time.Duration // how long the card waits for a withheld touch
}

// A Card is a PIV card. Its methods may be called from several goroutines.
type Card struct {
	cfg Config

	mu     sync.Mutex // guards what follows
	s      *state
	faults map[Fault]int
	app    application
	admin  bool // management key proven in this session
	pin    bool // PIN verified in this session
	fresh  bool // PIN verified by the command just before
	waitC  []byte
	chain  command
	answer []byte // waits for GET RESPONSE
	pulled bool   // answer nothing: the card was pulled out

	outMu   sync.Mutex    // guards what follows
	out     chan struct{} // closed while the card is out
	back    chan struct{} // closed while the card is not out
	isOut   bool
	held    bool          // in a reader that has taken note of it
	changed chan struct{} // closed and replaced when held changes
}

type application int

const (
	appNone application = iota
	appPIV
	appOTP
)

// New opens the card that the Store holds, or makes a new one with factory
// secrets: PIN 123456, PUK 12345678, the management key that all YubiKeys leave
// the factory with.
func New(cfg Config) (*Card, error) {
	if cfg.Rand == nil {
		return nil, errors.New("a virtual card needs a source of randomness")
	}
	if cfg.Store == nil {
		cfg.Store = &memory{}
	}
	c := &Card{cfg: cfg, faults: map[Fault]int{}, out: make(chan struct{}), back: make(chan struct{}), changed: make(chan struct{})}
	close(c.back)
	b, err := cfg.Store.Load()
	switch {
	case err == nil:
		c.s, err = parseState(b)
	case errors.Is(err, fs.ErrNotExist):
		c.s, err = newState(cfg)
		if err == nil {
			err = c.save()
		}
	default:
		err = fmt.Errorf("reading the card's state: %w", err)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func newState(cfg Config) (*state, error) {
	if cfg.CA == nil {
		return nil, errors.New("a new virtual card needs a CA for its device certificate")
	}
	if cfg.Serial == 0 {
		return nil, errors.New("a new virtual card needs a serial number other than 0")
	}
	s := &state{Serial: cfg.Serial, Firmware: cfg.Firmware, Slots: map[string]slotKey{}}
	s.factory()
	var err error
	s.Device, s.DeviceKey, err = cfg.CA.device(cfg.Rand, cfg.Serial, cfg.Firmware)
	return s, err
}

// factory sets everything but serial, firmware and device certificate as RESET
// leaves it.
func (s *state) factory() {
	s.PIN = counter{Value: factoryPIN, Max: 3, Left: 3, Default: true}
	s.PUK = counter{Value: factoryPUK, Max: 3, Left: 3, Default: true}
	s.ManagementKey, s.ManagementOld = factoryManagementKey(), true
	s.ManagementAlg = alg3DES
	if s.atLeast(5, 7, 0) {
		s.ManagementAlg = algAES192
	}
	s.Slots, s.Objects = map[string]slotKey{}, map[string][]byte{}
}

func (s *state) atLeast(major, minor, patch byte) bool {
	f := s.Firmware
	if f[0] != major {
		return f[0] > major
	}
	if f[1] != minor {
		return f[1] > minor
	}
	return f[2] >= patch
}

// Serial gives the card's serial number.
func (c *Card) Serial() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s.Serial
}

func (c *Card) save() error {
	b, err := c.s.format()
	if err != nil {
		return err
	}
	return c.cfg.Store.Save(b)
}

// PowerOff forgets what a card keeps only while it has power: the selected
// application, the PIN and management key proven, chained commands.
func (c *Card) PowerOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
	c.app = appNone
}

func (c *Card) forget() {
	c.admin, c.pin, c.fresh = false, false, false
	c.waitC, c.answer, c.chain = nil, nil, command{}
}

// Transmit answers one command APDU. What it changes is in the Store before it
// answers. The answer is nil when the card was pulled out meanwhile.
func (c *Card) Transmit(apdu []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	cmd, ok := parseAPDU(apdu)
	if !ok {
		return formatAnswer(nil, swWrongLength)
	}
	if cmd.instruction == 0xc0 { // GET RESPONSE
		if c.answer == nil {
			return formatAnswer(nil, swConditions)
		}
		return c.next()
	}
	c.answer = nil
	cmd, sw := c.gather(cmd)
	if sw != 0 {
		return formatAnswer(nil, sw)
	}
	data, sw := c.dispatch(cmd)
	if c.pulled {
		c.pulled = false
		return nil
	}
	if sw != swDone {
		return formatAnswer(nil, sw)
	}
	c.answer = data
	return c.next()
}

// gather joins chained commands (ISO/IEC 7816-4, section 5.1.1). It gives a
// status word while more is to come or when the chain is broken.
func (c *Card) gather(cmd command) (command, int) {
	if cmd.class&^0x10 != 0 {
		c.chain = command{}
		return cmd, swUnknownClass
	}
	if len(c.chain.data) > 0 {
		head := c.chain
		if head.instruction != cmd.instruction || head.p1 != cmd.p1 || head.p2 != cmd.p2 ||
			len(head.data)+len(cmd.data) > maxChainedData {
			c.chain = command{}
			return cmd, swChainBroken
		}
		cmd.data = append(head.data, cmd.data...)
	}
	c.chain = command{}
	if cmd.class&0x10 != 0 {
		cmd.data = append([]byte(nil), cmd.data...)
		c.chain = cmd
		return cmd, swDone
	}
	return cmd, 0
}

// next hands out the first or next 256 bytes of the answer.
func (c *Card) next() []byte {
	if len(c.answer) <= maxShortAnswer {
		b := formatAnswer(c.answer, swDone)
		c.answer = nil
		return b
	}
	part := c.answer[:maxShortAnswer]
	c.answer = c.answer[maxShortAnswer:]
	return formatAnswer(part, swMoreData|min(len(c.answer), maxShortAnswer)&0xff)
}

func formatAnswer(data []byte, sw int) []byte {
	b := make([]byte, 0, len(data)+2)
	return append(append(b, data...), byte(sw>>8), byte(sw))
}

// dispatch hands a whole command to the selected application.
func (c *Card) dispatch(cmd command) ([]byte, int) {
	fresh := c.fresh
	c.fresh = false
	if cmd.instruction == 0xa4 {
		return c.selectApplication(cmd)
	}
	if c.app == appOTP && cmd.instruction == 0x01 && cmd.p1 == 0x10 {
		return c.serial(), swDone
	}
	if c.app != appPIV {
		return nil, swUnknownCommand
	}
	switch cmd.instruction {
	case 0x20:
		return nil, c.verify(cmd)
	case 0x24:
		return nil, c.changeReference(cmd)
	case 0x2c:
		return nil, c.resetRetry(cmd)
	case 0x87:
		return c.authenticate(cmd, fresh)
	case 0x47:
		return c.generate(cmd)
	case 0xcb:
		return c.readObject(cmd)
	case 0xdb:
		return nil, c.writeObject(cmd)
	}
	return c.dispatchExtension(cmd)
}

// dispatchExtension answers the commands that YubiKeys add.
func (c *Card) dispatchExtension(cmd command) ([]byte, int) {
	if c.faults[NoExtensions] > 0 {
		return nil, swUnknownCommand
	}
	switch cmd.instruction {
	case 0xfd:
		return append([]byte(nil), c.s.Firmware[:]...), swDone
	case 0xf8:
		if !c.s.atLeast(5, 0, 0) {
			return nil, swUnknownCommand
		}
		return c.serial(), swDone
	case 0xf7:
		return c.metadata(cmd)
	case 0xf9:
		return c.attestation(cmd)
	case 0xfe:
		return nil, c.importKey(cmd)
	case 0xff:
		return nil, c.setManagementKey(cmd)
	case 0xfa:
		return nil, c.setRetries(cmd)
	case 0xfb:
		return nil, c.reset()
	}
	return nil, swUnknownCommand
}

func (c *Card) serial() []byte {
	n := c.s.Serial
	return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}

var (
	aidPIV = []byte{0xa0, 0x00, 0x00, 0x03, 0x08}
	aidOTP = []byte{0xa0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01, 0x01}
)

func (c *Card) selectApplication(cmd command) ([]byte, int) {
	if cmd.p1 != 0x04 {
		return nil, swBadParameter
	}
	switch {
	case c.faults[NotPIV] > 0:
		return nil, swNotFound
	case len(cmd.data) >= len(aidPIV) && string(cmd.data[:len(aidPIV)]) == string(aidPIV):
		c.forget()
		c.app = appPIV
		return tlv(0x61, append(tlv(0x4f, []byte{0, 0, 0x10, 0, 1, 0}), tlv(0x79, tlv(0x4f, aidPIV))...)), swDone
	case string(cmd.data) == string(aidOTP):
		c.forget()
		c.app = appOTP
		return append(append([]byte(nil), c.s.Firmware[:]...), 0, 0, 0), swDone
	}
	return nil, swNotFound
}
