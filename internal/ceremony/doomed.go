package ceremony

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/roster/digest"
)

// A DoomedDraft is what the record of a ceremony says of the draft that a plan
// abandons.
type DoomedDraft struct {
	Digest     digest.Digest // zero if the record has no draft
	Version    uint64
	Repository string
	Signed     int    // signatures that were asked for or given
	Combined   string // when, or ""
}

// loadDoomed reads the transcript of the ceremony whose draft is abandoned.
func (c *Case) loadDoomed(context.Context) error {
	dir := c.path(c.Plan.Abandon.Record)
	t, err := transcript.Read(filepath.Join(dir, transcriptName))
	if err != nil {
		return refuse("reading the record %q of the draft to be abandoned", c.Plan.Abandon.Record).because(err)
	}
	c.Doomed = new(DoomedDraft)
	for _, e := range t.Entries() {
		switch e.Event {
		case eventDrafted:
			*c.Doomed = DoomedDraft{Repository: fmt.Sprint(e.Facts["repository"])}
			if c.Doomed.Digest, err = digest.Parse(fmt.Sprint(e.Facts["digest"])); err != nil {
				return fmt.Errorf("reading the record: %w", err)
			}
			if _, err := fmt.Sscan(fmt.Sprint(e.Facts["version"]), &c.Doomed.Version); err != nil {
				return fmt.Errorf("reading the record: version: %w", err)
			}
		case eventAbandoned:
			c.Doomed = new(DoomedDraft)
		case eventSigning:
			c.Doomed.Signed++
		case eventCombined:
			c.Doomed.Combined = fmt.Sprint(e.At)
		}
	}
	return nil
}

// AbandonPlanned destroys the draft that a plan names, as [Record.Abandon] does:
// every check has its say first, the ceremony's name is asked for, and the
// record of that ceremony says that it was done.
func AbandonPlanned(ctx context.Context, c *Case, desk Desk, at time.Time) error {
	if !c.Plan.Does(plan.AbandonDraft) {
		return refuse("the plan abandons no draft")
	}
	if err := Refusal(c.Judge()); err != nil {
		return err
	}
	r, err := OpenRecord(ctx, c.path(c.Plan.Abandon.Record), at)
	if err != nil {
		return err
	}
	defer r.Close()
	now := r.current()
	if now == nil || fmt.Sprint(now.Facts["digest"]) != c.Plan.Abandon.Draft.String() {
		return refuse("the draft in %q changed since the plan was checked", c.Plan.Abandon.Record)
	}
	for _, line := range c.Sentences() {
		desk.Say(line)
	}
	return r.Abandon(desk, at)
}
