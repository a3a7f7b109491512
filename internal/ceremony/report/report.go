// Package report writes what a ceremony's record holds as one page that an
// auditor reads from start to end: HTML without scripts, which fetches nothing
// and prints in black and white.
//
// The page is made from what package ceremony found when it examined the record
// (see [ceremony.Examine]); it judges nothing itself. Objections, problems and
// checks that were switched off come first. Everything that comes from outside,
// such as a name or an answer, is escaped for HTML, and what could hide or turn
// the direction of writing is spelt out.
package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/internal/words"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

//go:embed report.html.tmpl
var pageText string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"p": func(v any) string { return command.Printable(fmt.Sprint(v)) },
}).Parse(pageText))

// Write writes the page.
func Write(w io.Writer, a *ceremony.Audit) error {
	if err := page.Execute(w, content(a)); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// A view is what the page shows.
type view struct {
	*ceremony.Audit
	Ceremony, Repository string
	Acts                 []string
	Rehearsal            bool
	Administrator        string
	Version              string
	From, Until          roster.Time
	Roster               spelt
	Transcript           spelt
	Sentences            []string
	Off, Checks          []ceremony.Finding
	Disagreements        []disagreement
	Exceptions, Asked    []row
	Signatures           []row
	Timeline             []row
	Inputs               []input
	Lines                int
}

// A spelt is a digest for eyes and ears.
type spelt struct {
	Hex   string
	Words []string
}

type disagreement struct{ Who, Why, How string }

type input struct{ What, Path, Digest string }

// A row is an entry of the transcript.
type row struct {
	transcript.Entry
	Who   string
	Facts []fact
}

type fact struct{ Name, Value string }

func spell(d digest.Digest) spelt {
	return spelt{d.String(), strings.Split(words.Format(d[:]), "\n")}
}

func content(a *ceremony.Audit) view {
	v := view{Audit: a, Transcript: spell(a.Head), Lines: len(a.Entries)}
	if len(a.Entries) > 0 {
		v.From, v.Until = a.Entries[0].At, a.Entries[len(a.Entries)-1].At
	}
	if a.Plan != nil {
		v.Ceremony, v.Repository, v.Administrator = a.Plan.Ceremony, a.Plan.Repository, a.Plan.Roles.Administrator
		v.Rehearsal = strings.HasPrefix(v.Repository, roster.RehearsalPrefix)
		for _, act := range a.Plan.Acts {
			v.Acts = append(v.Acts, string(act))
		}
	}
	if a.Draft != nil {
		v.draft(a.Draft.Facts)
	}
	for _, w := range a.Witnesses {
		for _, why := range w.Spoken {
			v.Disagreements = append(v.Disagreements, disagreement{w.Name, why, "said in the room, and in the transcript"})
		}
		for _, s := range w.Statements {
			if !s.Agrees() {
				v.Disagreements = append(v.Disagreements, disagreement{w.Name, s.Objection, "signed with key " + s.Key.String()})
			}
		}
	}
	for _, e := range a.Entries {
		v.entry(e)
	}
	return v
}

// draft fills in what the entry of the newest draft says.
func (v *view) draft(facts map[string]any) {
	v.Version = text(facts["version"])
	if d, err := digest.Parse(text(facts["digest"])); err == nil {
		v.Roster = spell(d)
	}
	for _, s := range list(facts["sentences"]) {
		v.Sentences = append(v.Sentences, text(s))
	}
	for _, in := range list(facts["inputs"]) {
		m, _ := in.(map[string]any)
		v.Inputs = append(v.Inputs, input{text(m["what"]), text(m["path"]), text(m["sha256"])})
	}
	for _, c := range list(facts["checks"]) {
		f, ok := finding(c)
		if !ok {
			f = ceremony.Finding{ID: text(c), Rule: "this program cannot read what the record says of the check"}
		}
		if f.SwitchedOff != "" {
			v.Off = append(v.Off, f)
		} else {
			v.Checks = append(v.Checks, f)
		}
	}
}

// finding reads a check's finding as the transcript has it.
func finding(v any) (f ceremony.Finding, ok bool) {
	b, err := json.Marshal(v)
	return f, err == nil && json.Unmarshal(b, &f) == nil
}

// entry sorts an entry into the lists in which it is shown.
func (v *view) entry(e transcript.Entry) {
	r := row{Entry: e, Who: who(e.Facts), Facts: flatten(e)}
	v.Timeline = append(v.Timeline, r)
	switch e.Event {
	case "signed":
		v.Signatures = append(v.Signatures, r)
	case "asked", "challenge", "override", "PIN asked for", "refused answer":
		v.Asked = append(v.Asked, r)
	case "exception", "not signed", "repaired", "stopped", "resumed", "abandoned", "elsewhere":
		v.Exceptions = append(v.Exceptions, r)
	}
	if right, ok := e.Facts["right"].(bool); ok && !right {
		v.Exceptions = append(v.Exceptions, r)
	}
}

// who acted, as far as the entry says.
func who(facts map[string]any) string {
	for _, name := range []string{"holder", "witness", "who", "by"} {
		if s := text(facts[name]); s != "" {
			return s
		}
	}
	return ""
}

// elsewhere are the facts of a draft that have a section of their own.
var elsewhere = []string{"sentences", "checks", "inputs"}

// flatten gives the facts of an entry as lines: what stands within others is
// named by the way to it.
func flatten(e transcript.Entry) []fact {
	var all []fact
	for _, name := range slices.Sorted(maps.Keys(e.Facts)) {
		if e.Event == "drafted" && slices.Contains(elsewhere, name) {
			all = append(all, fact{name, fmt.Sprintf("%d, in a section of their own", len(list(e.Facts[name])))})
			continue
		}
		all = append(all, flat(name, e.Facts[name])...)
	}
	return all
}

func flat(name string, value any) []fact {
	switch v := value.(type) {
	case map[string]any:
		var all []fact
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = append(all, flat(name+" / "+k, v[k])...)
		}
		return all
	case []any:
		var all []fact
		for i, x := range v {
			all = append(all, flat(fmt.Sprintf("%s %d", name, i+1), x)...)
		}
		return all
	}
	return []fact{{name, text(value)}}
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
