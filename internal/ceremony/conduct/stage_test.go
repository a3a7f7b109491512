package conduct

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

const rehearsal = "rehearsal.packages.example"

// first is when the first ceremony of these tests is held, second the next.
var (
	first  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	second = first.AddDate(0, 10, 0)
)

// A softCard is a card in memory, whose key stands in a file, so that another
// process has the same card.
type softCard struct {
	serial uint32
	key    *ecdsa.PrivateKey // nil: slot empty
	pin    string
	tries  int
	faults []error // of the next signatures, one each; nil for none
	onSign func()
}

func (c *softCard) Serial() uint32         { return c.serial }
func (c *softCard) Firmware() hsm.Firmware { return hsm.Firmware{Major: 5, Minor: 7, Patch: 1} }
func (c *softCard) place() hsm.Place       { return hsm.Place{Serial: c.serial, Slot: "9c"} }

func (c *softCard) Look() (ceremony.CardState, error) {
	return ceremony.CardState{PINTries: c.tries, PUKTries: -1, SlotEmpty: c.key == nil}, nil
}

func (c *softCard) Provision(_ hsm.Algorithm, s ceremony.Secrets) (crypto.PublicKey, hsm.Evidence, error) {
	var err error
	if c.key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
		return nil, hsm.Evidence{}, err
	}
	c.pin, c.tries = s.PIN, 3
	return c.key.Public(), hsm.Evidence{}, nil
}

func (c *softCard) Signer(pub crypto.PublicKey, pin func(int) (string, error), touch func()) (crypto.Signer, error) {
	if !c.key.PublicKey.Equal(pub) {
		return nil, &hsm.WrongKeyError{Place: c.place(), Detail: "in memory"}
	}
	return &softSigner{c, pin, touch}, nil
}

type softSigner struct {
	card  *softCard
	pin   func(int) (string, error)
	touch func()
}

func (s *softSigner) Public() crypto.PublicKey { return s.card.key.Public() }

// Sign signs as RFC 6979 has it, so that the same act gives the same bytes.
func (s *softSigner) Sign(_ io.Reader, d []byte, o crypto.SignerOpts) ([]byte, error) {
	c := s.card
	if c.tries == 0 {
		return nil, &hsm.BlockedError{Place: c.place(), Secret: hsm.PIN}
	}
	typed, err := s.pin(c.tries)
	if err != nil {
		return nil, err
	}
	if typed != c.pin {
		if c.tries--; c.tries == 0 {
			return nil, &hsm.BlockedError{Place: c.place(), Secret: hsm.PIN}
		}
		return nil, &hsm.PINError{Place: c.place(), Secret: hsm.PIN, Tries: c.tries}
	}
	c.tries = 3
	s.touch()
	if c.onSign != nil {
		c.onSign()
	}
	if len(c.faults) > 0 {
		fault := c.faults[0]
		if c.faults = c.faults[1:]; fault != nil {
			return nil, fault
		}
	}
	return c.key.Sign(nil, d, o)
}

// A reader is where the cards are put.
type reader struct {
	cards map[string]*softCard // by holder
	in    []uint32
}

func (r *reader) Present() ([]uint32, error) { return slices.Clone(r.in), nil }

func (r *reader) Open(serial uint32) (ceremony.Card, error) {
	for _, c := range r.cards {
		if c.serial == serial && slices.Contains(r.in, serial) {
			return c, nil
		}
	}
	return nil, &hsm.NoCardError{Want: serial, Readers: 1, Others: r.in}
}

// A stage is a folder in which ceremonies are held, with cards in memory.
type stage struct {
	t      testing.TB
	dir    string
	reader *reader
}

// everybody has a card on a stage, in this order, from serial 1001 on.
var everybody = []string{"Alice", "Bob", "Carol", "Dave"}

func newStage(t testing.TB) *stage {
	s := &stage{t: t, dir: t.TempDir(), reader: &reader{cards: make(map[string]*softCard)}}
	for i, name := range everybody {
		card := &softCard{serial: uint32(1001 + i)}
		_, err := ceremony.Enrol(ceremony.Enrolling{Card: card, Desk: quiet{}, At: first.Add(-time.Hour), Rand: rand.Reader,
			Holder: name, Repository: rehearsal, Dir: s.path("enrolments"), Algorithm: hsm.P384})
		if err != nil {
			t.Fatalf("enrolling %s: %v", name, err)
		}
		der, err := x509.MarshalECPrivateKey(card.key)
		if err != nil {
			t.Fatal(err)
		}
		s.write("card-"+name, der)
		s.reader.cards[name] = card
	}
	for _, file := range []string{"online-1.json", "online-2.json"} {
		s.online(file)
	}
	return s
}

// stageAt is the stage in a folder that another process has made.
func stageAt(t testing.TB, dir string) *stage {
	s := &stage{t: t, dir: dir, reader: &reader{cards: make(map[string]*softCard)}}
	for i, name := range everybody {
		der, err := os.ReadFile(s.path("card-" + name))
		if err != nil {
			t.Fatal(err)
		}
		key, err := x509.ParseECPrivateKey(der)
		if err != nil {
			t.Fatal(err)
		}
		s.reader.cards[name] = &softCard{serial: uint32(1001 + i), key: key, pin: pin, tries: 3}
	}
	return s
}

// pin is everybody's.
const pin = "271828"

// quiet is the desk at which cards are enrolled.
type quiet struct{}

func (quiet) Say(string)                    {}
func (quiet) Ask(p string) (string, error)  { return "", errors.New("asked " + p) }
func (quiet) Secret(string) (string, error) { return pin, nil }

func (s *stage) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

func (s *stage) write(name string, b []byte) {
	s.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(s.path(name)), 0o755), os.WriteFile(s.path(name), b, 0o644)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) online(file string) {
	s.t.Helper()
	o := handover.OnlineKeys{Repository: rehearsal}
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			s.t.Fatal(err)
		}
		key, err := pgp.NewPublicKey(private.Public(), first.Add(-time.Hour))
		if err != nil {
			s.t.Fatal(err)
		}
		o.Keys = append(o.Keys, handover.OnlineKey{Role: role, Name: file + " " + string(role), Key: roster.Key{PublicKey: key}})
	}
	b, err := o.Format()
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(file, b)
}

// plan writes a plan of the stage's repository, and gives the plan's file.
func (s *stage) plan(acts string, version int, at time.Time, more string, people ...string) string {
	s.t.Helper()
	p := fmt.Sprintf(`ceremony: number-%[1]d
acts: [%[2]s]
repository: %[3]s
roles:
  administrator: Dora
  witnesses: [{name: Walter}, {name: Wanda}]
outputs: {record: record-%[1]d, published: out-%[1]d}
roster:
  version: %[1]d
  issued: %[4]s
  expires: %[5]s
  threshold: 2
  snapshot_lifetime: 24h
  snapshot_floor: 5
online_keys:
  file: online-1.json
  not_before: %[6]s
  expires: %[7]s
cards_without_attestation: [%[8]s]
keyholders:
`, version, acts, rehearsal, roster.At(at), roster.At(at.AddDate(1, 0, 0)), roster.At(first.AddDate(0, 0, -1)), roster.At(first.AddDate(4, 0, 0)), strings.Join(people, ", "))
	for _, name := range people {
		serial := s.reader.cards[name].serial
		p += fmt.Sprintf("  - {name: %s, card: %d, enrolment: enrolments/%d.json}\n", name, serial, serial)
	}
	file := fmt.Sprintf("plan-%d.yaml", version)
	s.write(file, []byte(p+more))
	return s.path(file)
}

func (s *stage) genesis() string {
	return s.plan("genesis", 1, first, "anchor: empty\n", "Alice", "Bob", "Carol")
}

// renewal replaces Alice by Dave, and renews the dates.
func (s *stage) renewal() string {
	s.t.Helper()
	b, err := os.ReadFile(s.path("out-1", "publish", "root", "1.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.plan("renewal, keyholders", 2, second,
		fmt.Sprintf("anchor: keep\nprevious: {directory: out-1/publish, pin: %s}\n", digest.Sum(b)), "Bob", "Carol", "Dave")
}

// A hall is the people of a stage at a console: what they read is in shown, and
// they answer what they are asked.
type hall struct {
	*stage
	shown  bytes.Buffer
	now    time.Time
	tick   time.Duration              // by which the clock goes on with each answer
	answer func(prompt string) string // "" for the usual answer
	err    error                      // of every question, from now on
	asked  int
}

func (s *stage) hall(at time.Time) *hall { return &hall{stage: s, now: at} }

// config is the ceremony of the hall.
func (h *hall) config(plan string) Config {
	return Config{PlanFile: plan, Desk: &Console{In: h, Out: &h.shown}, Cards: h.reader, Rand: rand.Reader,
		Now:     func() time.Time { return h.now },
		Machine: func(bool) Machine { return Machine{Lines: []string{"Nothing was found."}} }}
}

func (h *hall) conduct(plan string) (*Outcome, error) {
	h.t.Helper()
	return Run(h.t.Context(), h.config(plan))
}

func (h *hall) mustConduct(plan string) *Outcome {
	h.t.Helper()
	o, err := h.conduct(plan)
	if err != nil {
		h.t.Fatalf("the ceremony ends with: %v\nthe end of what was shown:\n%s", err, tail(h.shown.String(), 60))
	}
	return o
}

func tail(s string, lines int) string {
	all := strings.Split(s, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// prompt is what was asked last.
func (h *hall) prompt() string {
	all := h.shown.String()
	i := strings.LastIndex(all, "ASK: ")
	return strings.Join(strings.Fields(strings.TrimSuffix(all[i+len("ASK: "):], "> ")), " ")
}

// Line implements [Input]: what a person types is seen on the terminal.
func (h *hall) Line() (string, error) {
	if h.err != nil {
		return "", h.err
	}
	h.now = h.now.Add(h.tick)
	prompt := h.prompt()
	if h.asked++; h.asked > 300 {
		return "", fmt.Errorf("too many questions, the last: %s", prompt)
	}
	answer := ""
	if h.answer != nil {
		answer = h.answer(prompt)
	}
	if answer == "" {
		answer = h.usual(prompt)
	}
	h.shown.WriteString(answer + "\n")
	return answer, h.err
}

// Secret implements [Input].
func (h *hall) Secret() (string, error) {
	h.shown.WriteString("\n")
	if h.err != nil {
		return "", h.err
	}
	if h.answer != nil {
		if a := h.answer(h.prompt()); a != "" {
			return a, nil
		}
	}
	return pin, nil
}

var (
	wordsAsked = regexp.MustCompile(`^Type word (\d+) and word (\d+) of the digest`)
	nameAsked  = regexp.MustCompile(`^(\w+) \([\w ]+\): type your name`)
	cardAsked  = regexp.MustCompile(`: type ready when card (\d+)`)
)

// usual is what people answer when all goes well.
func (h *hall) usual(prompt string) string {
	if m := wordsAsked.FindStringSubmatch(prompt); m != nil {
		return h.word(m[1]) + " " + h.word(m[2])
	}
	if m := nameAsked.FindStringSubmatch(prompt); m != nil {
		return m[1]
	}
	if m := cardAsked.FindStringSubmatch(prompt); m != nil {
		n, _ := strconv.ParseUint(m[1], 10, 32)
		h.reader.in = []uint32{uint32(n)}
		return "ready"
	}
	for begin, answer := range map[string]string{"Is there another record": "none", "Clock ": h.now.Format("2006-01-02 15:04"),
		"Type yes": "yes", "This is the last step": "go", "Type copied": "copied", "Type seal": "seal", "Type combine": "combine",
		"Type the path of a new file": "none"} {
		if strings.HasPrefix(prompt, begin) {
			return answer
		}
	}
	switch {
	case strings.HasPrefix(prompt, "Press Enter"):
		return ""
	case strings.HasPrefix(prompt, "TAKE CARD"):
		h.reader.in = nil
		return "out"
	case strings.Contains(prompt, "type agree"):
		return "agree"
	}
	h.err = fmt.Errorf("nobody knows an answer to %q", prompt)
	return ""
}

// word reads a word of the draft's digest from the screen.
func (h *hall) word(n string) string {
	all := h.shown.String()
	all = all[strings.LastIndex(all, "The digest of the draft:"):]
	m := regexp.MustCompile(`(?m)(?:^| ) *` + n + ` ([a-zA-Z]+)`).FindStringSubmatch(all)
	if m == nil {
		h.err = fmt.Errorf("the screen shows no word %s", n)
		return ""
	}
	return m[1]
}

// entries reads a record's transcript.
func (s *stage) entries(record string) []map[string]any {
	s.t.Helper()
	b, err := os.ReadFile(s.path(record, "transcript.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	var all []map[string]any
	for line := range strings.Lines(string(b)) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// did counts the entries with an event.
func (s *stage) did(record, event string) int {
	s.t.Helper()
	n := 0
	for _, e := range s.entries(record) {
		if e["event"] == event {
			n++
		}
	}
	return n
}
