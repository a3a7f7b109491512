package conduct

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/airgap"
	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/script"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// open begins the record, before anything else, unless another beside it has a
// draft of the same version, and asks for others elsewhere.
func (r *run) open(ctx context.Context) error {
	if r.record == nil || r.needsOpening() {
		if r.record != nil { // of an abandoned draft
			if err := r.record.Close(); err != nil {
				return err
			}
			r.record = nil
		}
		if _, err := os.Lstat(r.out); r.makes() && err == nil {
			return &ceremony.RefusedError{Problem: fmt.Sprintf("the output %q exists already", r.out), Do: "an output must not exist when the ceremony begins: move it away, or correct the plan"}
		}
		var err error
		o := ceremony.Opening{Ceremony: r.plan.Ceremony, Repository: r.plan.Repository, Version: r.plan.Roster.Version,
			Plan: digest.Sum(r.raw), Room: true, Program: r.Machine(r.rehearsal()).Program}
		if r.record, err = ceremony.NewRecord(ctx, r.folder, o, r.Now(), r.Watch); err != nil {
			return err
		}
		if err := r.note(eventBegun, nil); err != nil {
			return err
		}
	}
	lines := spelt(digest.Sum(r.raw))
	if !r.rehearsal() {
		lines = append(lines, Line{Kind: Warning, Text: "This is NO REHEARSAL: what is done here is for " + r.plan.Repository + "."})
	}
	if err := r.show(lines...); err != nil {
		return err
	}
	if _, err := r.ask("Type yes if this is the digest of the plan that was reviewed", oneOf("yes")); err != nil || !r.ofRoster() {
		return err
	}
	return r.otherRecords()
}

// needsOpening reports whether a draft was abandoned since the record was opened.
func (r *run) needsOpening() bool {
	for _, e := range slices.Backward(r.record.Entries()) {
		switch e.Event {
		case "opened":
			return false
		case "abandoned":
			return true
		}
	}
	return true
}

func (r *run) rehearsal() bool {
	return strings.HasPrefix(r.plan.Repository, roster.RehearsalPrefix)
}

// otherRecords asks people for records of the same version elsewhere.
func (r *run) otherRecords() error {
	for {
		answer, err := r.ask(fmt.Sprintf("Is there another record, anywhere, for root roster %d? Type none, or its folder", r.plan.Roster.Version), func(a string) (string, string) {
			switch {
			case strings.EqualFold(a, "none"):
				return "none", ""
			case a != "" && ceremony.IsRecord(a):
				return a, ""
			}
			return "", "Type none; or, if there is one, the folder of that record, brought to this machine."
		})
		if err != nil || answer == "none" {
			return err
		}
		if err := ceremony.NoDraftIn(answer, r.plan.Repository, r.plan.Roster.Version); err != nil {
			return err
		}
	}
}

// rollCall calls each name.
func (r *run) rollCall(context.Context) error {
	people := script.People(r.plan)
	var lines []Line
	for _, p := range people {
		lines = append(lines, Line{Kind: Item, Text: p.String()})
	}
	if err := r.show(lines...); err != nil {
		return err
	}
	for _, p := range people {
		_, err := r.ask(fmt.Sprintf("%s: type your name if you are here, or absent", p), oneOf(p.Name, "absent"))
		if err != nil {
			return err
		}
	}
	return nil
}

// clocks is how many clocks besides the machine's are read.
const clocks = 2

// clock compares the machine's clock with others, and with the previous roster.
// It goes on only when they agree, as closely as the plan's policy says.
func (r *run) clock(context.Context) error {
	within := r.plan.Policy.ClockTolerance.D
	for {
		now := r.Now()
		if err := r.show(Line{Kind: Plain, Text: "This machine reads " + now.UTC().Format("Monday, 2 January 2006, 15:04 UTC") + ". Clocks may differ from it by " + within.String() + "."}); err != nil {
			return err
		}
		findings := airgap.CheckClock(now, r.artefacts())
		var apart []string
		for i := range clocks {
			read, at, err := r.readClock(i)
			if err != nil {
				return err
			}
			d := at.Sub(read.At).Abs().Round(time.Second)
			apart = append(apart, d.String())
			if d > within {
				findings = append(findings, differs(at, read, d, within))
			}
		}
		if err := r.note(eventShown, map[string]any{"clocks differ by": apart, "clock_tolerance": within.String()}); err != nil {
			return err
		}
		if len(findings) == 0 {
			return nil
		}
		for _, f := range findings {
			r.Desk.Say(f.Sentence)
			if err := r.exception(f.Sentence, map[string]any{"id": f.ID}); err != nil {
				return err
			}
		}
		if _, err := r.ask("The clocks do not agree. Set the one that is wrong, then type the word again", oneOf("again")); err != nil {
			return err
		}
	}
}

// differs is what is found where a clock and the machine's are too far apart.
func differs(now time.Time, read airgap.Stamp, by, within time.Duration) airgap.Finding {
	utc := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	return airgap.Finding{ID: "CLOCK-PEOPLE", Class: airgap.Exception,
		Sentence: fmt.Sprintf("The clock reads %s, but %s says %s: they differ by %s, and the plan allows %s.", utc(now), read.Who, utc(read.At), by, within)}
}

// readClock asks for one clock's time, and gives the machine's when it was
// answered. The clock stands for its minute, so the machine's seconds are given
// to it.
func (r *run) readClock(i int) (read airgap.Stamp, at time.Time, err error) {
	var minute time.Time
	prompt := fmt.Sprintf("Clock %d: what does it show, in UTC? (such as %s)", i+1, "2026-11-23 09:41")
	_, err = r.ask(prompt, func(a string) (string, string) {
		t, err := time.Parse("2006-01-02 15:04", a)
		if err != nil {
			return "", "That is not a date and a time such as 2026-11-23 09:41."
		}
		minute = t
		return a, ""
	})
	at = r.Now().UTC()
	return airgap.Stamp{Who: fmt.Sprintf("clock %d", i+1), At: minute.Add(at.Sub(at.Truncate(time.Minute)))}, at, err
}

// artefacts are what cannot be from the future: the record's own last entry is
// compared with each new one anyway.
func (r *run) artefacts() []airgap.Stamp {
	if r.session == nil || r.session.Draft.Previous == nil {
		return nil
	}
	p := r.session.Draft.Previous
	return []airgap.Stamp{{Who: fmt.Sprintf("root roster %d", p.Version), At: p.Issued.Time}}
}

// machine shows what is known of the machine. In a ceremony that is no
// rehearsal, what is refused is refused; what is an exception people decide, and
// the record has it.
func (r *run) machine(context.Context) error {
	for {
		m := r.Machine(r.rehearsal())
		r.program = m.Program
		worst := airgap.Worst(m.Findings)
		ids := make([]string, len(m.Findings))
		lines := items(Item, m.Lines)
		for i, f := range m.Findings {
			ids[i] = f.ID
			kind := Warning
			if f.Class == airgap.Notice {
				kind = Item
			}
			lines = append(lines, Line{Kind: kind, Text: f.Sentence + " To do: " + f.Do + "."})
		}
		match, program := r.comparePrograms(m.Program)
		if err := r.show(append(lines, program...)...); err != nil {
			return err
		}
		err := r.note(eventShown, map[string]any{"machine": m.Lines, "findings": m.Findings, "program": m.Program.String(), "program as planned": match})
		if err != nil {
			return err
		}
		again, err := r.acceptMachine(worst, match, ids)
		if err != nil || !again {
			return err
		}
	}
}

// acceptMachine asks what is to be done about the findings; again is set when the
// machine is to be looked at again.
func (r *run) acceptMachine(worst airgap.Class, match bool, ids []string) (again bool, err error) {
	answer := ""
	switch {
	case !match || worst == airgap.Refused:
		answer, err = r.ask("This machine, or this program, is NOT the one for this ceremony. Put it right, and type the word again", oneOf("again"))
	case worst == airgap.Exception:
		answer, err = r.ask("Put right what the lines with !! name, and type the word again; or, if all agree to go on as it is, type exception", oneOf("again", "exception"))
	default:
		_, err = r.ask("Type yes if the digests are the same and the machine is as it should be", oneOf("yes"))
	}
	if err != nil || answer != "exception" {
		return answer == "again", err
	}
	if err := r.exception("the machine is not as it should be, and all agreed to go on", map[string]any{"findings": ids}); err != nil {
		return false, err
	}
	if r.plan.Program.IsZero() {
		return false, nil
	}
	_, err = r.ask("Type yes if the digests of the program are the same; that is no exception", oneOf("yes"))
	return false, err
}

// comparePrograms compares the program's digest with the plan's, which a rehearsal's may
// leave out.
func (r *run) comparePrograms(is digest.Digest) (match bool, lines []Line) {
	want := r.plan.Program.Digest
	lines = append(lines, Line{Kind: Plain, Text: "The digest of this program:"})
	lines = append(lines, spelt(is)...)
	switch {
	case want.IsZero():
		return r.rehearsal(), append(lines, Line{Kind: Warning, Text: "The plan does not say which program it should be; only a rehearsal may do so."})
	case want == is:
		return true, append(lines, Line{Kind: Plain, Text: "It is the one that the plan names."})
	}
	return false, append(lines, Line{Kind: Warning, Text: "The plan names ANOTHER program: " + want.String()})
}
