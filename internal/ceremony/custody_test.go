package ceremony

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/roster"
)

// A typist types what a test says, in this order, and keeps what was disclosed.
type typist struct {
	paper
	types     []string
	disclosed []string
	fromPaper bool // types what was disclosed, as it stands there
}

func (p *typist) Ask(prompt string) (string, error) { return p.Secret(prompt) }

func (p *typist) Secret(prompt string) (string, error) {
	p.asked = append(p.asked, prompt)
	if p.fromPaper && len(p.types) == 0 && len(p.disclosed) > 0 {
		for _, line := range p.disclosed[1:] {
			_, digits, _ := strings.Cut(line, ":")
			p.types = append(p.types, strings.TrimSpace(digits))
		}
		p.disclosed = nil
	}
	if len(p.types) == 0 {
		return "", errors.New("nothing more to type at " + prompt)
	}
	typed := p.types[0]
	p.types = p.types[1:]
	return typed, nil
}

func (p *typist) Disclose(lines []string) error {
	p.disclosed = append(p.disclosed, lines...)
	return nil
}

func wantEvents(t *testing.T, tr *transcript.Transcript, want ...string) {
	t.Helper()
	var got []string
	for _, e := range tr.Entries() {
		got = append(got, e.Event)
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("transcript has %q, want %q", got, want)
	}
}

// A heldCard is a card in memory that tells all of itself, and can be handled.
type heldCard struct {
	*softCard
	puk      string
	pukTries int // -1: not said
	mute     bool
	evidence *hsm.Evidence
	after    func(*CardState) // what it says otherwise
	reset    error
}

func (c *heldCard) Look() (CardState, error) {
	s, err := c.softCard.Look()
	s.PUKTries = c.pukTries
	if !c.mute {
		s.DefaultPIN, s.DefaultPUK, s.DefaultManagementKey = hsm.No, hsm.No, hsm.No
		if c.key != nil {
			s.Key = &hsm.KeyState{Public: c.key.Public(), PINPolicy: hsm.PINAlways, TouchPolicy: hsm.TouchAlways, Generated: hsm.Yes}
		}
	}
	if c.after != nil {
		c.after(&s)
	}
	return s, err
}

func (c *heldCard) Evidence() (hsm.Evidence, error) {
	if c.evidence == nil {
		return hsm.Evidence{}, &hsm.UnsupportedError{Place: hsm.Place{Serial: c.serial}, What: "attestation"}
	}
	return *c.evidence, nil
}

func (c *heldCard) judge(secret hsm.Secret, given, right string, tries *int) error {
	switch {
	case *tries == 0:
		return &hsm.BlockedError{Place: hsm.Place{Serial: c.serial}, Secret: secret}
	case given == right:
		return nil
	}
	if *tries--; *tries == 0 {
		return &hsm.BlockedError{Place: hsm.Place{Serial: c.serial}, Secret: secret}
	}
	return &hsm.PINError{Place: hsm.Place{Serial: c.serial}, Secret: secret, Tries: *tries}
}

func (c *heldCard) ChangePIN(current, next string) error {
	if err := c.judge(hsm.PIN, current, c.pin, &c.tries); err != nil {
		return err
	}
	c.pin = next
	return nil
}

func (c *heldCard) ChangePUK(current, next string) error {
	if err := c.judge(hsm.PUK, current, c.puk, &c.pukTries); err != nil {
		return err
	}
	c.puk = next
	return nil
}

func (c *heldCard) Unblock(puk, next string) error {
	if err := c.judge(hsm.PUK, puk, c.puk, &c.pukTries); err != nil {
		return err
	}
	c.pin, c.tries = next, 3
	return nil
}

func (c *heldCard) Reset() error {
	if c.reset == nil {
		c.key = nil
	}
	return c.reset
}

func newHeldCard(t *testing.T) *heldCard {
	return &heldCard{softCard: &softCard{t: t, maker: newMaker(t), serial: 77, tries: 3, pin: "271828", key: newKey(t)}, puk: "31415926", pukTries: 3}
}

func handling(t *testing.T, c *heldCard, types ...string) (Handling, *typist) {
	desk := &typist{types: types}
	return Handling{Card: c, Desk: desk, At: first, Dir: filepath.Join(t.TempDir(), "enrolments")}, desk
}

func (h Handling) events(t *testing.T) *transcript.Transcript {
	t.Helper()
	tr, err := transcript.Read(filepath.Join(h.Dir, "77.transcript.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestEnrolDrawsSecrets: PIN and PUK are shown once, typed back from paper, and
// stand nowhere else.
func TestEnrolDrawsSecrets(t *testing.T) {
	c := newHeldCard(t)
	c.key = nil
	e := enrolling(t, c)
	desk := &typist{fromPaper: true}
	e.Desk, e.RandomSecrets = desk, true
	if _, err := Enrol(e); err != nil {
		t.Fatal(err)
	}
	if len(c.pin) != 8 || hsm.CheckDigits(hsm.PIN, c.pin) != nil {
		t.Errorf("the PIN drawn is %q, want eight digits that are not weak", c.pin)
	}
	for _, want := range []string{"Read back: slot 9c holds the key that was enrolled.", "Read back: the factory's PUK is no longer valid.", "Read back: PIN always, touch always."} {
		if !desk.heard(want) {
			t.Errorf("nobody said %q", want)
		}
	}
	if desk.heard(c.pin) || desk.heard(grouped(c.pin)) {
		t.Error("the PIN was said, and not disclosed")
	}
	files, _ := filepath.Glob(filepath.Join(e.Dir, "*"))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f, ".jsonl") && (bytes.Contains(b, []byte(c.pin)) || bytes.Contains(b, []byte(grouped(c.pin)))) {
			t.Errorf("%s holds the PIN", f)
		}
	}
}

// TestEnrolWantsDrawnSecretsFromPaper: what was written wrongly is found out
// while the card is as it was.
func TestEnrolWantsDrawnSecretsFromPaper(t *testing.T) {
	c := newHeldCard(t)
	c.key, c.pin = nil, ""
	e := enrolling(t, c)
	e.Desk, e.RandomSecrets = &typist{types: []string{"00000000"}}, true
	_, err := Enrol(e)
	refusedWith(t, err, "this is not the PIN that was shown")
	if c.key != nil || c.pin != "" {
		t.Error("the card was changed")
	}
}

// TestDrawDigits: digits are drawn without a bias, and weak ones again.
func TestDrawDigits(t *testing.T) {
	weakFirst := append([]byte{250, 255, 7, 7, 7, 7, 7, 7, 7, 7}, 12, 27, 31, 48, 55, 66, 199, 249)
	got, err := drawDigits(bytes.NewReader(weakFirst), hsm.PIN)
	if err != nil || got != "27185699" {
		t.Errorf("drew %q, %v; want 27185699: 250 and above left out, then eight sevens too", got, err)
	}
	if _, err := drawDigits(bytes.NewReader(nil), hsm.PIN); !errors.Is(err, io.EOF) {
		t.Errorf("without randomness: %v", err)
	}
	if got, err := drawDigits(zeros{}, hsm.PUK); err == nil {
		t.Errorf("from a source that is broken: drew %q", got)
	}
	counts := map[rune]int{}
	for range 500 {
		s, err := drawDigits(rand.Reader, hsm.PIN)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range s {
			counts[c]++
		}
	}
	for c := '0'; c <= '9'; c++ { // 400 of each, with a deviation of 19
		if counts[c] < 280 || counts[c] > 520 {
			t.Errorf("of 4000 digits %d are %c", counts[c], c)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestReadBackRefuses lists what a card says that was not done.
func TestReadBackRefuses(t *testing.T) {
	other := newKey(t)
	for text, after := range map[string]func(*CardState){
		"its PIN is still the factory's":            func(s *CardState) { s.DefaultPIN = hsm.Yes },
		"its PUK is still the factory's":            func(s *CardState) { s.DefaultPUK = hsm.Yes },
		"its management key is still the factory's": func(s *CardState) { s.DefaultManagementKey = hsm.Yes },
		"holds another key than the one":            func(s *CardState) { s.Key.Public = other.Public() },
		"slot 9c is empty":                          func(s *CardState) { s.SlotEmpty = true },
		"says PIN once and touch always":            func(s *CardState) { s.Key.PINPolicy = hsm.PINOnce },
	} {
		c := newHeldCard(t)
		c.key = nil
		e := enrolling(t, c)
		e.Desk = &paper{pin: "271828"}
		c.after = func(s *CardState) {
			if c.key != nil { // after it was provisioned
				after(s)
			}
		}
		_, err := Enrol(e)
		refusedWith(t, err, text)
		tr := Handling{Dir: e.Dir}.events(t)
		wantEvents(t, tr, "slot seen empty", "PUK on paper", "enrolled", "read back otherwise")
	}
}

func TestChange(t *testing.T) {
	c := newHeldCard(t)
	h, desk := handling(t, c, "271828", "141421", "141421")
	if err := Change(h, hsm.PIN); err != nil || c.pin != "141421" {
		t.Fatalf("PIN is %s, %v", c.pin, err)
	}
	if !desk.heard("PIN tries left: 3. PUK tries left: 3.") || !desk.heard("Card 77: PIN changed.") {
		t.Errorf("said %q", desk.said)
	}
	desk.types = []string{"31415926", "26457513", "26457513"}
	if err := Change(h, hsm.PUK); err != nil || c.puk != "26457513" {
		t.Fatalf("PUK is %s, %v", c.puk, err)
	}
	desk.types = []string{"999999", "161803", "161803"}
	refusedWith(t, Change(h, hsm.PIN), "PIN refused, 2 tries left")
	desk.types = []string{"141421", "141421", "141421"}
	refusedWith(t, Change(h, hsm.PIN), "the new PIN is the current one")
	desk.types = []string{"141421", "777777", "777777", "777777"}
	refusedWith(t, Change(h, hsm.PIN), "one digit repeated")
	wantEvents(t, h.events(t), "PIN changed", "PUK changed", "not done: PIN changed")
}

// TestLastTry: with one try left, or nobody knows how many, the card's number is
// typed before any PIN.
func TestLastTry(t *testing.T) {
	c := newHeldCard(t)
	c.tries = 1
	h, desk := handling(t, c, "78")
	refusedWith(t, Change(h, hsm.PIN), "not the serial number of this card, 77")
	if len(desk.asked) != 1 || !strings.HasPrefix(desk.asked[0], "ONE TRY LEFT") {
		t.Errorf("asked %q, want the serial number alone", desk.asked)
	}
	desk.types = []string{"77", "271828", "141421", "141421"}
	if err := Change(h, hsm.PIN); err != nil {
		t.Error(err)
	}
	c.pukTries = -1
	desk.types, desk.asked = []string{"77"}, nil
	if err := Unblock(h); err == nil || !strings.Contains(desk.asked[0], "does not say how many tries its PUK has left") {
		t.Errorf("asked %q, %v", desk.asked, err)
	}
	c.pukTries, desk.asked = 0, nil
	refusedWith(t, Unblock(h), "PUK is blocked")
	if len(desk.asked) != 0 {
		t.Errorf("asked %q of a blocked PUK", desk.asked)
	}
}

func TestUnblock(t *testing.T) {
	c := newHeldCard(t)
	c.tries = 0
	h, desk := handling(t, c, "31415926", "141421", "141421")
	if err := Unblock(h); err != nil || c.pin != "141421" || c.tries != 3 {
		t.Fatalf("PIN is %s, %d tries, %v", c.pin, c.tries, err)
	}
	if !desk.heard("The PUK's envelope was opened") {
		t.Errorf("said %q", desk.said)
	}
	desk.types = []string{"00000001", "161803", "161803"}
	refusedWith(t, Unblock(h), "PUK refused, 2 tries left")
	wantEvents(t, h.events(t), "PIN set by the PUK", "not done: PIN set by the PUK")
}

// retiring is a card that the second roster, of Bob, Carol and Dave, has or has
// not.
func retiring(t *testing.T, key *ecdsa.PrivateKey, types ...string) (Retiring, *heldCard, *typist) {
	t.Helper()
	s := founded(t, rehearsal)
	folder, err := OpenFolder(s.path("out-1", "publish"))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	chain, err := Walk(t.Context(), folder.Fetch, s.pin)
	if err != nil {
		t.Fatal(err)
	}
	c := newHeldCard(t)
	if c.key = key; key == nil {
		c.key = s.cards["Alice"].key
	}
	h, desk := handling(t, c, types...)
	return Retiring{Handling: h, Chain: chain}, c, desk
}

func TestRetire(t *testing.T) {
	r, c, desk := retiring(t, newKey(t), "77")
	if err := Retire(r); err != nil {
		t.Fatal(err)
	}
	if c.key != nil || !desk.heard("Root roster 1 of "+rehearsal) || !desk.heard("Read back: slot 9c of card 77 is empty.") {
		t.Errorf("said %q", desk.said)
	}
	tr := r.events(t)
	wantEvents(t, tr, "retiring", "retired")
	if f := tr.Entries()[0].Facts; f["roster"] != r.Chain.Last().Digest().String() {
		t.Errorf("the transcript names the roster %v", f["roster"])
	}
}

// TestRetireRefuses lists why a card keeps its key.
func TestRetireRefuses(t *testing.T) {
	for text, turn := range map[string]func(*Retiring, *heldCard, *typist){
		"lists the key on card 77 as that of Alice": func(r *Retiring, c *heldCard, _ *typist) {
			k := r.Chain.Last().Root().Keyholders[0]
			c.after = func(s *CardState) { s.Key.Public = k.Key.Public() }
		},
		"nothing shows that no roster needs it":          func(r *Retiring, _ *heldCard, _ *typist) { r.Chain = nil },
		"shows nothing of today":                         func(r *Retiring, _ *heldCard, _ *typist) { r.At = first.AddDate(3, 0, 0) },
		"does not say which key it holds":                func(_ *Retiring, c *heldCard, _ *typist) { c.mute = true },
		"not the serial number of this card, 77":         func(_ *Retiring, _ *heldCard, d *typist) { d.types = []string{"78"} },
		"NO ROSTER was not typed":                        func(r *Retiring, _ *heldCard, d *typist) { r.Chain, r.NoRoster, d.types = nil, true, []string{"yes"} },
		"not empty after its reset":                      func(_ *Retiring, c *heldCard, _ *typist) { c.after = func(s *CardState) { s.SlotEmpty = false } },
		"counts no wrong PIN, it says each time that 3 ": func(_ *Retiring, c *heldCard, _ *typist) { c.reset = &hsm.CountError{Secret: hsm.PIN, Tries: 3} },
	} {
		r, c, desk := retiring(t, newKey(t), "77")
		turn(&r, c, desk)
		err := Retire(r)
		refusedWith(t, err, text)
		if c.key == nil && !strings.Contains(text, "after its reset") {
			t.Errorf("%s: the key is gone", text)
		}
	}
}

// TestRetireBeforeGenesis: a card that no roster ever listed, and one whose key
// only its enrolment tells.
func TestRetireBeforeGenesis(t *testing.T) {
	r, c, _ := retiring(t, newKey(t), "NO ROSTER", "77")
	r.Chain, r.NoRoster = nil, true
	if err := Retire(r); err != nil || c.key != nil {
		t.Errorf("key %v, %v; want none", c.key, err)
	}
	r, c, _ = retiring(t, newKey(t), "77")
	c.mute = true
	e := Enrolment{Repository: rehearsal, Holder: "Alice", Serial: 77, Firmware: "5.7.1", Slot: "9c",
		Key: packet(t, c.key.Public()), Attesting: roster.NoAttestation, Enrolled: roster.At(first)}
	b, err := e.Format()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(r.Dir, 0o755), os.WriteFile(filepath.Join(r.Dir, "77.json"), b, 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := Retire(r); err != nil || c.key != nil {
		t.Errorf("with its enrolment: key %v, %v; want none", c.key, err)
	}
}

func proving(t *testing.T, turn func(*attesting)) (Proving, *heldCard) {
	t.Helper()
	c := newHeldCard(t)
	a := usual(77)
	if turn != nil {
		turn(&a)
	}
	e := c.maker.attest(t, c.key.Public(), a)
	c.evidence = &e
	roots := x509.NewCertPool()
	roots.AddCert(c.maker.root)
	return Proving{Card: c, Roots: roots, MinimumFirmware: hsm.Firmware{Major: 5, Minor: 7}, At: first}, c
}

func TestAttest(t *testing.T) {
	p, c := proving(t, nil)
	p.Roster = &roster.Root{Version: 4, Repository: rehearsal, Keyholders: []roster.Keyholder{{Name: "Alice", Key: packet(t, c.key.Public())}}}
	lines, err := p.Attest()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(lines, "\n")
	for _, want := range []string{"attested by card 77, firmware 5.7.1", "slot 9c: P-384 key, generated on the card, PIN always, touch always",
		`the chain ends with "Maker"`, "no advisory that this program knows concerns firmware 5.7.1", "root roster 4 lists it as the key of Alice"} {
		if !strings.Contains(all, want) {
			t.Errorf("nobody said %q in\n%s", want, all)
		}
	}
}

// TestAttestRefuses: what was proven all the same is said.
func TestAttestRefuses(t *testing.T) {
	for text, c := range map[string]struct {
		attesting func(*attesting)
		turn      func(*Proving, *heldCard)
		lines     bool
	}{
		"card 77 proves nothing: card 77: the card does not support attestation": {turn: func(_ *Proving, c *heldCard) { c.evidence = nil }},
		"leads to no trusted root": {turn: func(p *Proving, _ *heldCard) { p.Roots = hsm.YubicoRoots() }},
		"it is of card 78":         {attesting: func(a *attesting) { a.serial = 78 }, lines: true},
		`key is in slot "9a"`:      {attesting: func(a *attesting) { a.slot = "9a" }, lines: true},
		"touch policy is never":    {attesting: func(a *attesting) { a.policy[1] = 1 }, lines: true},
		"YSA-2024-03": {attesting: func(a *attesting) { a.firmware = [3]byte{5, 4, 3} },
			turn: func(p *Proving, _ *heldCard) { p.MinimumFirmware = hsm.Firmware{} }, lines: true},
		"firmware is 5.7.1, want at least 5.8.0": {turn: func(p *Proving, _ *heldCard) { p.MinimumFirmware = hsm.Firmware{Major: 5, Minor: 8} }, lines: true},
		"another key than the one that the card says": {turn: func(_ *Proving, c *heldCard) {
			other := newKey(t)
			c.after = func(s *CardState) { s.Key.Public = crypto.PublicKey(other.Public()) }
		}, lines: true},
		"does not list the key on card 77": {turn: func(p *Proving, _ *heldCard) { p.Roster = &roster.Root{Version: 4} }, lines: true},
	} {
		p, card := proving(t, c.attesting)
		if c.turn != nil {
			c.turn(&p, card)
		}
		lines, err := p.Attest()
		refusedWith(t, err, text)
		if (len(lines) > 0) != c.lines {
			t.Errorf("%s: said %q", text, lines)
		}
	}
	p, _ := proving(t, func(a *attesting) { a.firmware = [3]byte{5, 4, 3} })
	p.MinimumFirmware, p.AcceptedAdvisories = hsm.Firmware{Major: 5}, []string{"YSA-2024-03"}
	if lines, err := p.Attest(); err != nil || !strings.Contains(strings.Join(lines, "\n"), "ADVISORY YSA-2024-03, accepted") {
		t.Errorf("said %q, %v; want the advisory named", lines, err)
	}
}
