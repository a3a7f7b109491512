package acts

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/conduct"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/words"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// program stands for the ceremony program, whose digest a plan names.
var program = digest.Sum([]byte("the ceremony program"))

// values are put in the place of a template's blanks.
type values map[string]string

// join puts maps together.
func join(all ...values) values {
	one := make(values)
	for _, m := range all {
		maps.Copy(one, m)
	}
	return one
}

// A holding says how a ceremony is held.
type holding struct {
	acts   string // as the plan lists them
	values values
	edit   func(plan string) string // once the blanks are filled in
	absent []string                 // keyholders who do not sign
	answer func(prompt string) string
}

// A held is a ceremony that was held.
type held struct {
	*conduct.Outcome
	plan, out, record string
	room              *room
}

// issued are the values that every roster's plan wants.
func (w *world) issued() values { return values{"issued": roster.At(w.now).String()} }

// person fills in a keyholder's line.
func person(blank, name string) values {
	serial := fmt.Sprint(serials[name])
	return values{blank: strings.TrimSuffix(name, " again"), blank + "-card": serial}
}

// first is the ceremony of genesis.
func (w *world) first() holding {
	until := roster.At(w.now.AddDate(1, 0, 0)).String()
	return holding{acts: "genesis", values: join(w.issued(), values{"repository": repository, "expires": until,
		"online-file": "online-1.json", "online-from": roster.At(w.now).String(), "online-until": until},
		person("keyholder-1", "Alice"), person("keyholder-2", "Bob"), person("keyholder-3", "Carol")),
		edit: func(p string) string {
			return p + fmt.Sprintf("standby_keys: {file: online-2.json, not_before: %s, expires: %s}\n", roster.At(w.now), roster.At(w.now.AddDate(2, 0, 0)))
		}}
}

var blank = regexp.MustCompile(plan.Blank + `-([a-z0-9-]+)`)

// fill fills in a template's blanks. Each must have a value, and each value a
// blank.
func fill(t testing.TB, template string, with values) string {
	t.Helper()
	used := make(map[string]bool)
	filled := blank.ReplaceAllStringFunc(template, func(b string) string {
		name := blank.FindStringSubmatch(b)[1]
		v, ok := with[name]
		if !ok {
			t.Errorf("no value for the blank %q", name)
		}
		used[name] = true
		return v
	})
	for name := range with {
		if !used[name] {
			t.Errorf("the template has no blank %q", name)
		}
	}
	return filled
}

// drop takes out the lines that begin so; there must be one.
func drop(t testing.TB, text string, begins ...string) string {
	t.Helper()
	for _, b := range begins {
		lines := strings.SplitAfter(text, "\n")
		n := len(lines)
		lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(strings.TrimSpace(l), b) })
		if len(lines) == n {
			t.Errorf("no line of the plan begins with %q", b)
		}
		text = strings.Join(lines, "")
	}
	return text
}

// replace changes a text that must be there.
func replace(t testing.TB, text, from, to string) string {
	t.Helper()
	if !strings.Contains(text, from) {
		t.Errorf("the plan has no %q", from)
	}
	return strings.ReplaceAll(text, from, to)
}

// planned writes the plan of the next ceremony, from its template.
func (w *world) planned(c holding) *held {
	w.t.Helper()
	var acts []plan.Act
	for a := range strings.SplitSeq(c.acts, ", ") {
		acts = append(acts, plan.Act(a))
	}
	dir := w.path("www")
	if acts[0] == plan.Genesis || acts[0] == plan.AbandonDraft {
		dir = ""
	}
	template, err := ceremony.NewPlan(w.t.Context(), acts, dir, w.pin, w.now)
	must(w.t, err)
	w.held++
	h := &held{plan: w.path(fmt.Sprintf("plan-%d.yaml", w.held)), record: w.path(fmt.Sprintf("record-%d", w.held)), out: w.path(fmt.Sprintf("out-%d", w.held))}
	text := fill(w.t, string(template), join(c.values, values{"name": fmt.Sprintf("number-%d", w.held), "program": program.String(), "administrator": "Grace",
		"witness-1": "Heidi", "witness-2": "Ivan", "certificate-1": "Heidi.asc", "certificate-2": "Ivan.asc"}))
	if acts[0].Family() == plan.RosterFamily {
		text += "attestation_roots: [root.pem]\n"
	}
	if !strings.Contains(text, "\noutputs:") {
		text += "outputs:\n  record: record\n"
	}
	text = replace(w.t, text, "\n  record: record\n", "\n  record: "+filepath.Base(h.record)+"\n")
	text = strings.ReplaceAll(text, "\n  published: published\n", "\n  published: "+filepath.Base(h.out)+"\n")
	if c.edit != nil {
		text = c.edit(text)
	}
	must(w.t, os.WriteFile(h.plan, []byte(text), 0o644))
	return h
}

// hold holds a ceremony to its end.
func (w *world) hold(c holding) *held {
	w.t.Helper()
	h := w.planned(c)
	if err := w.conduct(h, c); err != nil {
		text, _ := os.ReadFile(h.plan)
		w.t.Fatalf("the ceremony (%s) ends with: %v\n%s\nthe plan:\n%s", c.acts, err, tail(h.room.said.String()), text)
	}
	return h
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

// conduct holds a ceremony, or goes on with it.
func (w *world) conduct(h *held, c holding) (err error) {
	w.t.Helper()
	h.room = &room{holding: c, now: w.now, reader: &reader{cards: w.cards}}
	h.Outcome, err = conduct.Run(w.t.Context(), conduct.Config{PlanFile: h.plan, Desk: h.room, Cards: h.room.reader, Rand: rand.Reader,
		Now:     func() time.Time { return w.now },
		Machine: func(bool) conduct.Machine { return conduct.Machine{Program: program} }})
	return err
}

// A room is where people read what is shown and answer what they are asked.
type room struct {
	holding
	now    time.Time
	reader *reader
	said   strings.Builder
	asked  []string
	heard  digest.Digest // of the draft, by telephone; zero where the screen is read
}

func (r *room) Say(line string) { r.said.WriteString(line + "\n") }

func (r *room) Show(s conduct.Screen) error {
	for _, l := range s.Lines {
		r.Say(l.Text)
	}
	return nil
}

func (r *room) Touch(string, uint32) func() { return func() {} }

func (r *room) Secret(string) (string, error) { return pin, nil }

var (
	wordsAsked = regexp.MustCompile(`^Type word (\d+) and word (\d+) of the digest`)
	nameAsked  = regexp.MustCompile(`^(\w+) \([\w ]+\): type your name`)
	cardAsked  = regexp.MustCompile(`^(\w+): type ready when card (\d+)`)
	override   = regexp.MustCompile(`^OVERRIDES the maintainers of ([a-z0-9-]+):`)
	nameTyped  = regexp.MustCompile(`^Type the ceremony's name(?:, | to destroy them)([\w-]*)`)
)

// Ask answers as people do when all goes well, but for what the holding says.
func (r *room) Ask(prompt string) (string, error) {
	r.asked = append(r.asked, prompt)
	if r.answer != nil {
		if a := r.answer(prompt); a != "" {
			return a, nil
		}
	}
	if m := wordsAsked.FindStringSubmatch(prompt); m != nil {
		return r.word(m[1]) + " " + r.word(m[2]), nil
	}
	if m := nameAsked.FindStringSubmatch(prompt); m != nil {
		return m[1], nil
	}
	if m := override.FindStringSubmatch(prompt); m != nil {
		return m[1], nil
	}
	if m := nameTyped.FindStringSubmatch(prompt); m != nil && m[1] != "" {
		return m[1], nil
	}
	if m := cardAsked.FindStringSubmatch(prompt); m != nil {
		if slices.Contains(r.absent, m[1]) {
			return "elsewhere", nil
		}
		n, err := strconv.ParseUint(m[2], 10, 32)
		r.reader.in = []uint32{uint32(n)}
		return "ready", err
	}
	if strings.HasPrefix(prompt, "TAKE CARD") {
		r.reader.in = nil
	}
	for _, a := range []struct{ begins, answer string }{
		{"Is there another record", "none"}, {"Clock ", r.now.Format("2006-01-02 15:04")}, {"Type yes", "yes"}, {"This is the last step", "go"},
		{"Type copied", "copied"}, {"Type seal", "seal"}, {"Type combine", "combine"}, {"Press Enter", ""}, {"TAKE CARD", "out"},
		{"Type the path of a new file", "none"}, {"Heidi (witness): type agree", "agree"}, {"Ivan (witness): type agree", "agree"}, {"Type destroyed", "destroyed"},
	} {
		if strings.HasPrefix(prompt, a.begins) {
			return a.answer, nil
		}
	}
	return "", errors.New("nobody knows an answer to: " + prompt)
}

// word reads a word of the draft's digest from the screen.
func (r *room) word(n string) string {
	if i, err := strconv.Atoi(n); err == nil && !r.heard.IsZero() {
		return words.Words(r.heard[:])[i-1]
	}
	all := r.said.String()
	all = all[strings.LastIndex(all, "The digest of the draft:"):]
	m := regexp.MustCompile(`(?m)(?:^| ) *` + n + ` ([a-zA-Z]+)`).FindStringSubmatch(all)
	if m == nil {
		return "nothing"
	}
	return m[1]
}

// hears wants a sentence to have been shown before anybody signed.
func (h *held) hears(t testing.TB, text string) {
	t.Helper()
	if !strings.Contains(h.room.said.String(), text) {
		t.Errorf("nobody heard %q in\n%s", text, h.room.said.String())
	}
}

// stopped wants a ceremony to have ended before its end, with the words.
func stopped(t testing.TB, err error, words string) {
	t.Helper()
	var exit interface{ ExitCode() int }
	if err == nil || !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(err.Error(), words) {
		t.Fatalf("the ceremony ends with: %v\nwant a refusal with %q", err, words)
	}
}
