package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/vcard/room"
	"github.com/rootward/rootward/tools/internal/play"
)

// A keyholder is one of the root's people. The secrets are a rehearsal's.
type keyholder struct {
	name     string
	serial   uint32
	pin, puk string
}

var keyholders = []keyholder{
	{"Alice", 21000001, "482915", "70318264"},
	{"Bob", 21000002, "930472", "55920713"},
	{"Carol", 21000003, "617308", "28460159"},
}

// openRoom starts pcscd with three cards, and has each provisioned.
func (s *stage) openRoom() error {
	dir := s.Path("work", "cards")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	cfg := room.Config{Dir: dir, VcardBinary: filepath.Join(s.Bin, "vcard"), TouchDelay: 50 * time.Millisecond}
	for _, k := range keyholders {
		cfg.Cards = append(cfg.Cards, room.Card{Serial: k.serial, Firmware: "5.7.1"})
	}
	var err error
	if s.room, err = room.Start(s.Ctx, cfg); err != nil {
		return fmt.Errorf("setting up cards and readers: %w", err)
	}
	s.Later(func() { _ = s.room.Close() })
	if err := os.WriteFile(s.Path("ceremonies", "root.pem"), s.room.AttestationRoot(), 0o600); err != nil {
		return err
	}
	for i, k := range keyholders {
		s.in[i] = true
		err := s.Talk(play.Cmd{Program: "ceremony", Env: s.room.Env(), Args: []string{"card", "provision", "--serial", fmt.Sprint(k.serial),
			"--holder", k.name, "--repository", repository, "--out", s.Path("ceremonies", "enrolments")}}, k.provisions)
		if err != nil {
			return err
		}
	}
	return s.only(-1)
}

// provisions is what a keyholder types while a card is provisioned.
func (k keyholder) provisions(question, _ string) (string, bool, error) {
	if strings.Contains(strings.ToLower(question), "puk") {
		return k.puk, true, nil
	}
	if strings.Contains(strings.ToLower(question), "pin") {
		return k.pin, true, nil
	}
	return "", false, fmt.Errorf("the ceremony tool asks what the drill does not know: %q", question)
}

// only has one card in its reader; -1 for none.
func (s *stage) only(card int) error {
	for i := range keyholders {
		var err error
		switch {
		case i == card && !s.in[i]:
			err = s.room.Insert(s.Ctx, i)
		case i != card && s.in[i]:
			err = s.room.Remove(s.Ctx, i)
		}
		if err != nil {
			return err
		}
		s.in[i] = i == card
	}
	return nil
}

// A sitting is one guided ceremony: who is away, and what the people of the room
// did, counted.
type sitting struct {
	*stage
	away                             []string
	screen                           bytes.Buffer
	questions, pages, touches, cards int
}

// conduct leads the people through the ceremony of a plan.
func (s *stage) conduct(plan string, away ...string) (*sitting, error) {
	t := &sitting{stage: s, away: away}
	err := s.Conduct(play.Cmd{Program: "ceremony", Env: s.room.Env(), Args: []string{"conduct", plan}}, &t.screen, t.answer)
	shown := t.screen.String()
	t.pages, t.touches = strings.Count(shown, "\nSTEP "), strings.Count(shown, "!! TOUCH card")
	if e := os.WriteFile(filepath.Join(filepath.Dir(plan), "terminal.txt"), t.screen.Bytes(), 0o600); err == nil {
		err = e
	}
	if err != nil {
		return nil, fmt.Errorf("%w; the end of the terminal:\n%s", err, shown[max(0, len(shown)-2000):])
	}
	return t, nil
}

// human is what the people did, and costs what that costs.
func (t *sitting) human() int { return t.questions + t.touches }

func (t *sitting) costs() []cost {
	return []cost{{"page", t.pages}, {"question", t.questions}, {"touch", t.touches}, {"card", t.cards}}
}

var (
	wordsAsked = regexp.MustCompile(`^Type word (\d+) and word (\d+) of the digest`)
	readyAsked = regexp.MustCompile(`^(\w+): type ready when card (\d+)`)
	pinAsked   = regexp.MustCompile(`^PIN of card (\d+)`)
	rollAsked  = regexp.MustCompile(`^(\w+) \([\w ]+\): type your name`)
)

// answer is what people answer when all goes well.
func (t *sitting) answer(question, before string) (typed string, secret bool, err error) {
	t.questions++
	if m := wordsAsked.FindStringSubmatch(question); m != nil {
		return word(before, m[1]) + " " + word(before, m[2]), false, nil
	}
	if m := pinAsked.FindStringSubmatch(question); m != nil {
		i, err := indexOf(m[1])
		return keyholders[max(i, 0)].pin, true, err
	}
	if m := readyAsked.FindStringSubmatch(question); m != nil {
		for _, who := range t.away {
			if who == m[1] {
				return "elsewhere", false, nil
			}
		}
		t.cards++
		i, err := indexOf(m[2])
		if err == nil {
			err = t.only(i)
		}
		return "ready", false, err
	}
	if m := rollAsked.FindStringSubmatch(question); m != nil {
		for _, who := range t.away {
			if who == m[1] {
				return "absent", false, nil
			}
		}
		return m[1], false, nil
	}
	for _, a := range []struct{ in, answer string }{
		{"Press Enter", ""}, {"Is there another record", "none"}, {"Clock ", time.Now().UTC().Format("2006-01-02 15:04")},
		{"type exception", "exception"}, {"Type yes", "yes"}, {"Type go if", "go"}, {"Type copied", "copied"},
		{"Type seal", "seal"}, {"type agree", "agree"}, {"Type combine", "combine"}, {"Type the path of a new file", "none"},
	} {
		if strings.Contains(question, a.in) {
			return a.answer, false, nil
		}
	}
	if strings.HasPrefix(question, "TAKE CARD") {
		return "out", false, t.only(-1)
	}
	return "", false, fmt.Errorf("the guided run asks what the drill does not know: %q", question)
}

func indexOf(serial string) (int, error) {
	n, err := strconv.ParseUint(serial, 10, 32)
	for i, k := range keyholders {
		if uint64(k.serial) == n {
			return i, err
		}
	}
	return -1, fmt.Errorf("nobody of the drill has card %s", serial)
}

// word reads a word of the draft's digest from the screen.
func word(screen, n string) string {
	screen = screen[max(0, strings.LastIndex(screen, "The digest of the draft:")):]
	m := regexp.MustCompile(`(?m)(?:^| ) *` + n + ` ([a-zA-Z]+)`).FindStringSubmatch(screen)
	if m == nil {
		return "nothing"
	}
	return m[1]
}

// A person has an OpenPGP key of their own: a maintainer, or a witness.
type person struct {
	name    string
	key     *pgp.PublicKey
	private *ecdsa.PrivateKey
	file    string // of the certificate
}

func (s *stage) newPerson(name string) (*person, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	made := time.Now().UTC().Truncate(time.Second)
	key, err := pgp.NewPublicKey(private.Public(), made)
	if err != nil {
		return nil, err
	}
	cert, err := pgp.Certify(rand.Reader, name, key, private, made)
	if err != nil {
		return nil, err
	}
	p := &person{name, key, private, s.Path("people", strings.ToLower(name)+".asc")}
	return p, s.Write(p.file, string(cert))
}

// sign makes the signature file beside a document.
func (p *person) sign(document string, others ...*person) error {
	b, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	var all []*pgp.SignatureFile
	for _, q := range append([]*person{p}, others...) {
		asc, err := pgp.Sign(rand.Reader, b, q.key, q.private, time.Now().UTC().Truncate(time.Second))
		if err != nil {
			return err
		}
		f, err := pgp.ParseSignatures(asc)
		if err != nil {
			return err
		}
		all = append(all, f)
	}
	asc, err := pgp.Combine(all...)
	if err != nil {
		return err
	}
	return os.WriteFile(document+".asc", asc, 0o644)
}
