package ceremony

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
)

var blankWord = regexp.MustCompile(plan.Blank + `[a-z0-9-]*`)

// fill puts values in the place of blanks. Every blank must have one, and every
// value a blank.
func fill(t *testing.T, template string, values map[string]string) string {
	t.Helper()
	used := make(map[string]bool)
	filled := blankWord.ReplaceAllStringFunc(template, func(blank string) string {
		name := strings.TrimPrefix(blank, plan.Blank+"-")
		v, ok := values[name]
		if !ok && blank != plan.Blank {
			t.Errorf("no value for the blank %q", blank)
		}
		used[name] = true
		if !ok {
			return blank
		}
		return v
	})
	for name := range values {
		if !used[name] {
			t.Errorf("the template has no blank %q", name)
		}
	}
	return strings.Replace(filled, "begins with "+plan.Blank+";", "is a blank;", 1)
}

// drop takes out the line that begins so.
func drop(t *testing.T, text, begins string) string {
	t.Helper()
	lines := strings.Split(text, "\n")
	n := len(lines)
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(strings.TrimSpace(l), begins) })
	if len(lines) == n {
		t.Errorf("no line begins with %q", begins)
	}
	return strings.Join(lines, "\n")
}

// TestTemplates follows each act's template from its blanks to a plan that
// passes every check, and shows that unedited it fails closed, with each blank
// named.
func TestTemplates(t *testing.T) {
	s := founded(t, rehearsal)
	if _, err := s.chainOfTwo(); err != nil { // lays the second roster down, too
		t.Fatal(err)
	}
	s.write("witness-1.asc", witnessCertificate(t))
	s.write("witness-2.asc", witnessCertificate(t))
	common := map[string]string{"name": "ceremony-9", "program": program.String(), "administrator": "Grace",
		"witness-1": "Heidi", "witness-2": "Ivan", "certificate-1": "witness-1.asc", "certificate-2": "witness-2.asc"}
	dave := map[string]string{"%s": "Dave", "%s-card": "1004"}
	as := func(blank string, who map[string]string) map[string]string {
		all := make(map[string]string)
		for k, v := range who {
			all[fmt.Sprintf(k, blank)] = v
		}
		return all
	}
	join := func(all ...map[string]string) map[string]string {
		one := make(map[string]string)
		for _, m := range all {
			for k, v := range m {
				one[k] = v
			}
		}
		return one
	}
	year := roster.At(second.AddDate(1, 0, 0)).String()
	issued := map[string]string{"issued": roster.At(second).String()}
	online := map[string]string{"online-file": "online-2.json", "online-from": roster.At(second.Add(-time.Hour)).String(), "online-until": year}
	theft := map[string]string{"floor": "6", "theft-reason": "stolen", "theft-at": roster.At(second).String()}
	alice := s.succession("Alice", "Bob", "Carol").Keyholders[0].Enrolment.Key.ID()

	for _, c := range []struct {
		acts   []plan.Act
		values map[string]string
		edit   func(string) string
		at     time.Time
	}{
		{[]plan.Act{plan.Genesis}, join(map[string]string{"repository": rehearsal, "issued": roster.At(first).String(), "expires": roster.At(first.AddDate(1, 0, 0)).String(),
			"online-file": "online-1.json", "online-from": roster.At(first).String(), "online-until": roster.At(first.AddDate(1, 0, 0)).String()},
			as("keyholder-1", map[string]string{"%s": "Alice", "%s-card": "1001"}), as("keyholder-2", map[string]string{"%s": "Bob", "%s-card": "1002"}),
			as("keyholder-3", map[string]string{"%s": "Carol", "%s-card": "1003"})), nil, first},
		{[]plan.Act{plan.Renewal}, join(issued, map[string]string{"expires": year, "online-until": year}), nil, second},
		{[]plan.Act{plan.Keyholders}, join(issued, as("keyholder-new", dave)), nil, second},
		{[]plan.Act{plan.CardLost}, join(issued, as("replaced", map[string]string{"%s": "Alice", "%s-card": "1005"})),
			func(p string) string { return drop(t, p, `- {name: "Alice"`) }, second},
		{[]plan.Act{plan.CardCompromised}, join(issued, as("replaced", map[string]string{"%s": "Alice", "%s-card": "1005"}),
			map[string]string{"compromised-key": alice.String(), "compromised-reason": "stolen", "compromised-at": roster.At(second).String()}),
			func(p string) string { return drop(t, p, `- {name: "Alice"`) }, second},
		{[]plan.Act{plan.CardRetired}, join(issued, as("replaced", map[string]string{"%s": "Alice", "%s-card": "1005"}), as("outgoing", map[string]string{"%s": "Alice", "%s-card": "1001"})),
			func(p string) string { return drop(t, p, `- {name: "Alice"`) }, second},
		{[]plan.Act{plan.OnlineRotation}, join(issued, online), nil, second},
		{[]plan.Act{plan.OnlineTheft}, join(issued, online, theft), nil, second},
		{[]plan.Act{plan.Reanchor}, join(issued, map[string]string{"kept-snapshot": "kept.json", "public-copy": "public"}), nil, second},
		{[]plan.Act{plan.Renewal, plan.CardLost, plan.Reanchor}, join(issued, map[string]string{"expires": year, "online-until": year, "kept-snapshot": "kept.json", "public-copy": "public"},
			as("replaced", map[string]string{"%s": "Alice", "%s-card": "1005"})), func(p string) string { return drop(t, p, `- {name: "Alice"`) }, second},
		{[]plan.Act{plan.OpenRevocations}, map[string]string{"envelope": "out-1/sealed", "reason": "stolen"}, nil, second},
		{[]plan.Act{plan.DestroyRevocations}, map[string]string{"envelope": "out-1/sealed", "reason": "superseded"}, nil, second.Add(time.Hour)},
		{[]plan.Act{plan.AbandonDraft}, map[string]string{"record": "record-9", "draft": s.abandoning().Plan.Abandon.Draft.String(), "reason": "a wrong date"}, nil, second},
	} {
		t.Run(fmt.Sprint(c.acts), func(t *testing.T) {
			dir, pin := "out-1/publish", s.pin
			if c.acts[0] == plan.DestroyRevocations {
				dir = "chain-of-out-2"
			}
			if slices.ContainsFunc(c.acts, func(a plan.Act) bool { return a == plan.CardLost || a == plan.CardCompromised || a == plan.CardRetired }) {
				s.reenrol("Alice", 1005)
			}
			values := join(common, c.values)
			known := s.path(dir)
			if c.acts[0] == plan.Genesis || c.acts[0].Family() == plan.DraftFamily {
				known = ""
			}
			if c.acts[0].Family() == plan.DraftFamily {
				values["repository"] = rehearsal
			}
			template, err := NewPlan(t.Context(), c.acts, known, pin, c.at)
			if err != nil {
				t.Fatal(err)
			}
			s.refusesBlanks(t, string(template), c.at)
			text := fill(t, string(template), values)
			if c.edit != nil {
				text = c.edit(text)
			}
			if c.acts[0].Family() != plan.DraftFamily {
				text = strings.NewReplacer("  record: record\n", "  record: new-record\n").Replace(text)
			}
			if c.acts[0].Family() == plan.RosterFamily {
				text += "attestation_roots: [root.pem]\n"
			}
			k, err := s.load(text, c.at)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			k.Program = program
			p, err := k.Prospect(t.Context(), rand.Reader)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if len(p.Sentences) == 0 {
				t.Error("the plan has no sentences")
			}
		})
	}
}

// refusesBlanks wants an unedited template refused, with each blank named.
func (s *stage) refusesBlanks(t *testing.T, template string, at time.Time) {
	t.Helper()
	_, err := s.load(template, at)
	refusedWith(t, err, "values are to be filled in")
	for i, line := range strings.Split(template, "\n") {
		value, _, _ := strings.Cut(line, "#")
		for _, blank := range blankWord.FindAllString(value, -1) {
			if !strings.Contains(err.Error(), fmt.Sprintf("line %d: ", i+1)) || !strings.Contains(err.Error(), blank) {
				t.Errorf("line %d with the blank %s is not named:\n%v", i+1, blank, err)
			}
		}
	}
}

// reenrol gives somebody another card.
func (s *stage) reenrol(name string, serial uint32) {
	if s.cards[name].serial != serial {
		s.enrol(name, serial)
	}
}

// witnessCertificate is an OpenPGP certificate as a witness exports it.
func witnessCertificate(t *testing.T) []byte {
	t.Helper()
	private := newKey(t)
	key, err := pgp.NewPublicKey(private.Public(), first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := pgp.Certify(rand.Reader, "a witness", key, private, first)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
