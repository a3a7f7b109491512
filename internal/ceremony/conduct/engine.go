package conduct

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/airgap"
	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/ceremony/script"
	"github.com/rootward/rootward/roster/digest"
)

// A Config is what a guided run needs.
type Config struct {
	PlanFile string
	Desk     Desk
	Cards    Cards
	Now      func() time.Time
	Rand     io.Reader
	// Machine looks at the machine; rehearsal says what counts as usual.
	Machine func(rehearsal bool) Machine
	// Record and Out take the place of the plan's outputs where it names none.
	Record, Out string
	Watch       ceremony.Watch
}

// A Machine is what was found out about the machine.
type Machine struct {
	Program  digest.Digest // of the program that is running; zero if not known
	Lines    []string      // what was tried and seen
	Findings []airgap.Finding
}

// An Outcome is what came of a ceremony that was held to its end.
type Outcome struct {
	Version    uint64
	Digest     digest.Digest // of the roster
	Signed     []string
	Missing    []string
	Record     string
	Published  string
	Transcript digest.Digest
	Disagree   []string // the witnesses who do not agree
}

// Events of the transcript that this package writes.
const (
	eventBegun     = "begun"
	eventAsked     = "asked"
	eventRefused   = "refused answer"
	eventException = "exception"
	eventShown     = "shown"
	eventDone      = "done"
	eventElsewhere = "elsewhere"
	eventStopped   = "stopped"
)

// A StoppedError says that a ceremony was left before its end, and is to be gone
// on with.
type StoppedError struct {
	Step string // at which
	Why  string
	Plan string // the plan's file
	Err  error  // the cause, or nil
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("the ceremony stopped at step %s: %s", e.Step, e.Why)
}

// Unwrap returns the cause.
func (e *StoppedError) Unwrap() error { return e.Err }

// ExitCode is 3: nothing failed, and the ceremony is not done.
func (e *StoppedError) ExitCode() int { return 3 }

// Hint says what to do next.
func (e *StoppedError) Hint() string {
	return "all that was done is in the record; go on with: ceremony conduct " + e.Plan
}

// A run is one sitting of a ceremony.
type run struct {
	Config
	plan    *plan.Plan
	raw     []byte
	folder  string // the record's
	out     string
	steps   []script.Step
	at      int // the step that is held, an index in steps
	record  *ceremony.Record
	kase    *ceremony.Case    // until there is a draft
	session *ceremony.Session // once there is a draft
	program digest.Digest     // that is running, once the machine was looked at
	outcome Outcome
}

// Run holds a ceremony, or goes on with one, to its end.
//
// The error is a [*StoppedError] if it was left; a [*ceremony.RefusedError] or a
// [*ceremony.CheckError] if the plan or its inputs are refused; a
// [*transcript.ClockError] if the clock reads a time before the record's last
// entry; and a [*ceremony.UnwrittenError] if the record cannot be written.
func Run(ctx context.Context, cfg Config) (*Outcome, error) {
	r := &run{Config: cfg}
	if err := r.read(); err != nil {
		return nil, err
	}
	err := r.hold(ctx)
	if errors.Is(err, ceremony.ErrStopped) && r.record != nil {
		id := r.step().ID
		err = errors.Join(&StoppedError{Step: id, Why: "somebody typed " + ceremony.StopWord, Plan: cfg.PlanFile},
			r.note(eventStopped, map[string]any{"why": "somebody typed " + ceremony.StopWord}))
	}
	if r.record != nil {
		err = errors.Join(err, r.record.Close())
	}
	if err != nil {
		return nil, err
	}
	return &r.outcome, nil
}

// read reads the plan, and finds out where the record is.
func (r *run) read() error {
	var err error
	if r.raw, err = readPlan(r.PlanFile); err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	if r.plan, err = plan.Parse(r.raw); err != nil {
		return err
	}
	r.steps = script.Of(r.plan)
	place := func(planned, given, what string) (string, error) {
		switch {
		case planned == "" && given == "":
			return "", &ceremony.RefusedError{Problem: "the plan names no " + what, Do: "name it under outputs in the plan, or with the flag"}
		case planned == "":
			return given, nil
		case filepath.IsAbs(planned):
			return planned, nil
		}
		return filepath.Join(filepath.Dir(r.PlanFile), planned), nil
	}
	if r.folder, err = place(r.plan.Outputs.Record, r.Record, "folder for the record"); err != nil {
		return err
	}
	if r.makes() {
		r.out, err = place(r.plan.Outputs.Published, r.Out, "folder for the output")
	}
	return err
}

// ofRoster reports whether the ceremony makes a roster.
func (r *run) ofRoster() bool { return r.plan.Family() == plan.RosterFamily }

// makes reports whether the ceremony has an output.
func (r *run) makes() bool { return r.ofRoster() || r.plan.Does(plan.OpenRevocations) }

func readPlan(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, plan.MaxPlan+1))
	return b, err // plan.Parse refuses what is too long
}

func (r *run) step() script.Step { return r.steps[min(r.at, len(r.steps)-1)] }

// hold holds the steps that are not done.
func (r *run) hold(ctx context.Context) error {
	resumed := ceremony.IsRecord(r.folder)
	if resumed {
		if err := r.resume(ctx); err != nil {
			return err
		}
		if r.record.Sealed() {
			return r.closed(ctx)
		}
	}
	doing := map[string]func(context.Context) error{
		script.Open: r.open, script.RollCall: r.rollCall, script.Clock: r.clock, script.Machine: r.machine,
		script.Checks: r.checks, script.Draft: r.makeDraft, script.Review: r.review,
		script.Unseal: r.unseal, script.Destroy: r.destroy, script.Abandon: r.abandon,
		script.Combine: r.combine, script.Export: r.export, script.Close: r.close,
	}
	for r.at = 0; r.at < len(r.steps); r.at++ {
		s := r.step()
		if r.done(s.ID) && !s.Again || s.Card != 0 && r.record.Combined() {
			continue
		}
		if s.Card != 0 {
			if err := r.signAll(ctx); err != nil {
				return err
			}
			continue
		}
		if err := r.one(ctx, doing[s.ID]); err != nil {
			return err
		}
	}
	return nil
}

// one holds the step at hand.
func (r *run) one(ctx context.Context, do func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.record != nil {
		if err := r.note(eventBegun, nil); err != nil {
			return err
		}
	}
	if err := do(ctx); err != nil || r.step().ID == script.Close { // the seal is the last entry
		return err
	}
	return r.note(eventDone, nil)
}

// resume opens a record that is there, and says where the ceremony was left.
func (r *run) resume(ctx context.Context) error {
	at := r.Now()
	var err error
	if r.record, err = ceremony.OpenRecord(ctx, r.folder, at); err != nil {
		return err
	}
	r.record.SetWatch(r.Watch)
	if err := r.samePlan(); err != nil || r.record.Sealed() {
		return err
	}
	next := ""
	for _, s := range r.steps {
		if !r.done(s.ID) {
			next = s.ID
			break
		}
	}
	entries := r.record.Entries()
	last := entries[len(entries)-1]
	r.Desk.Say(fmt.Sprintf("Ceremony %s goes on. The last entry of its record is of %s. Clock and machine are looked at again; then comes step %s.", r.plan.Ceremony, last.At, next))
	return r.record.Note(at, "resume", "resumed", map[string]any{"next": next})
}

// samePlan refuses a record that was opened, or drafted, from another plan.
func (r *run) samePlan() error {
	want := digest.Sum(r.raw).String()
	for _, e := range slices.Backward(r.record.Entries()) {
		if e.Event != "opened" && e.Event != "drafted" {
			continue
		}
		if got := e.Facts["plan"]; got != want && !r.abandonedSince(e.Number) {
			return &ceremony.RefusedError{Problem: fmt.Sprintf("the record in %q is of the plan with digest %v, and this one has %s", r.folder, got, want),
				Do: "go on with the plan that the record was opened with, or name another folder"}
		}
		return nil
	}
	return nil
}

func (r *run) abandonedSince(n int) bool {
	for _, e := range r.record.Entries()[n:] {
		if e.Event == "abandoned" {
			return true
		}
	}
	return false
}

// done reports whether the transcript says that the step is done, for the draft
// at hand: what came before an abandoned draft counts no more.
func (r *run) done(id string) bool {
	if r.record == nil {
		return false
	}
	is := false
	for _, e := range r.record.Entries() {
		switch {
		case e.Event == "abandoned":
			is = false
		case e.Event == eventDone && e.Step == id:
			is = true
		}
	}
	return is
}

// note adds an entry about the step at hand.
func (r *run) note(event string, facts map[string]any) error {
	return r.record.Note(r.Now(), r.step().ID, event, facts)
}

// show shows the step at hand, with what its script has to say and compare.
func (r *run) show(lines ...Line) error {
	s := r.step()
	var all []Line
	for _, text := range s.Say {
		all = append(all, Line{Kind: Say, Text: text})
	}
	all = append(all, lines...)
	for _, text := range s.Compare {
		all = append(all, Line{Kind: Compare, Text: text})
	}
	return r.screen(all)
}

// screen shows lines under the header of the step at hand.
func (r *run) screen(lines []Line) error {
	s := r.step()
	return r.Desk.Show(Screen{Step: r.at + 1, Steps: len(r.steps), ID: s.ID, Title: s.Title, Who: s.Who, At: r.Now(), Lines: lines})
}

// A rule says whether an answer is one that the question allows, and how the
// transcript keeps it; problem says in words what is wrong with another.
type rule func(answer string) (kept, problem string)

// oneOf allows some words, in any case.
func oneOf(allowed ...string) rule {
	return func(answer string) (string, string) {
		for _, a := range allowed {
			if strings.EqualFold(answer, a) {
				return a, ""
			}
		}
		return "", fmt.Sprintf("Please type %s.", alternatives(append(allowed, ceremony.StopWord)))
	}
}

func alternatives(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// ask asks until the answer is one that the question allows, or stop. Only such
// an answer is kept in the transcript.
func (r *run) ask(prompt string, allowed rule) (string, error) {
	for {
		typed, err := r.Desk.Ask(prompt)
		if err != nil {
			return "", err
		}
		typed = strings.TrimSpace(typed)
		if strings.EqualFold(typed, ceremony.StopWord) {
			return "", ceremony.ErrStopped
		}
		kept, problem := allowed(typed)
		if problem == "" {
			return kept, r.note(eventAsked, map[string]any{"prompt": prompt, "answer": kept})
		}
		if err := r.note(eventRefused, map[string]any{"prompt": prompt}); err != nil {
			return "", err
		}
		r.Desk.Say(problem)
	}
}

// pause waits until what is shown was read, unless it was not shown.
func (r *run) pause(shown error) error {
	if shown != nil {
		return nil
	}
	typed, err := r.Desk.Ask("Press Enter to go on")
	if err == nil && strings.EqualFold(strings.TrimSpace(typed), ceremony.StopWord) {
		return ceremony.ErrStopped
	}
	return err
}

// exception records that something was not as it should be, and says so.
func (r *run) exception(what string, facts map[string]any) error {
	if facts == nil {
		facts = make(map[string]any)
	}
	facts["what"] = what
	return r.note(eventException, facts)
}

// spelt lays a digest out as hex and as numbered words, four in a row.
func spelt(d digest.Digest) []Line {
	lines := []Line{{Kind: Plain, Text: "  SHA-256 " + d.String(), Keep: true}}
	words := strings.Fields(strings.Join(change.Digest(d)[1:], " "))
	for i := 0; i < len(words); i += 4 {
		row := " "
		for j, w := range words[i:min(i+4, len(words))] {
			row += fmt.Sprintf(" %2d %-14s", i+j+1, w)
		}
		lines = append(lines, Line{Kind: Plain, Text: strings.TrimRight(row, " "), Keep: true})
	}
	return lines
}

func items(kind Kind, texts []string) []Line {
	lines := make([]Line, len(texts))
	for i, t := range texts {
		lines[i] = Line{Kind: kind, Text: t}
	}
	return lines
}
