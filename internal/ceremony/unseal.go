package ceremony

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/roster/digest"
)

// Events in the record of a ceremony that opens or destroys what was sealed.
const (
	eventJudged     = "checked"
	eventBreaking   = "breaking the seal"
	eventUnsealed   = "revocations opened"
	eventDestroying = "destroying"
	eventDestroyed  = "revocations destroyed"
)

// HoldSealed does what a plan of the sealed family says: every check has its
// say, the sentences are shown and the ceremony's name is asked for; then the
// revocations are opened or destroyed (see [OpenSealed] and [DestroySealed]),
// and the plan's record says what was done, with every file's digest, before it
// is done and after. After an interruption it is called again and finishes. It
// returns the files that were opened or destroyed.
func HoldSealed(ctx context.Context, c *Case, desk Desk, at time.Time) (files []SealedFile, err error) {
	if c.Plan.Family() != plan.SealedFamily {
		return nil, refuse("the plan neither opens nor destroys sealed revocations")
	}
	dir := c.path(c.Plan.Outputs.Record)
	if err := c.goesOn(ctx, dir); err != nil {
		return nil, err
	}
	findings := c.Judge()
	if err := Refusal(findings); err != nil {
		return nil, err
	}
	var r *Record
	if c.Record != "" {
		r, err = OpenRecord(ctx, dir, at)
	} else {
		r, err = NewRecord(ctx, dir, Opening{Ceremony: c.Plan.Ceremony, Repository: c.Plan.Repository, Plan: digest.Sum(c.Raw), Program: c.Program}, at, nil)
	}
	if err != nil {
		return nil, err
	}
	c.Record = dir
	defer func() { err = errors.Join(err, r.Close()) }()
	sentences := c.Change()
	if err := r.Note(at, "checks", eventJudged, map[string]any{"checks": findings, "sentences": change.Texts(sentences), "risks": change.Risks(sentences), "act": c.Plan.ActNames()}); err != nil {
		return nil, err
	}
	for _, line := range change.Texts(sentences) {
		desk.Say(line)
	}
	answer, err := desk.Ask("Type the ceremony's name to go on")
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(answer) != c.Plan.Ceremony {
		return nil, refuse("the name that was typed is not %s; nothing was done", c.Plan.Ceremony)
	}
	if c.Plan.Does(plan.OpenRevocations) {
		return c.holdOpening(ctx, r, at)
	}
	return c.holdDestruction(r, at)
}

// goesOn finds out whether the record is that of this very plan, begun before,
// and whether its output is there already.
func (c *Case) goesOn(ctx context.Context, dir string) error {
	if !IsRecord(dir) {
		return nil
	}
	r, err := ReadRecord(dir)
	if err != nil {
		return err
	}
	entries := r.Entries()
	if len(entries) == 0 || fmt.Sprint(entries[0].Facts["plan"]) != digest.Sum(c.Raw).String() {
		return nil // another ceremony's: OUTPUT-FREE refuses
	}
	c.Record = dir
	for _, e := range entries {
		c.made = c.made || e.Event == eventBreaking
		if e.Event == eventUnsealed || e.Event == eventDestroyed {
			return refuse("this was done at %s: the record %q says so", e.At, c.Plan.Outputs.Record)
		}
	}
	out := c.path(c.Plan.Outputs.Published)
	if _, err := os.Lstat(out); !c.made || errors.Is(err, fs.ErrNotExist) {
		c.made = false
		return nil
	}
	return c.reopen(ctx, out) // what an interruption left is whole, or not there
}

func (c *Case) holdOpening(ctx context.Context, r *Record, at time.Time) ([]SealedFile, error) {
	files := c.openFiles()
	facts := map[string]any{"files": files, "keys": c.Plan.Sealed.Open, "reason": c.Plan.Sealed.Reason}
	if err := r.Note(at, "open", eventBreaking, facts); err != nil {
		return nil, err
	}
	if !c.made {
		if _, err := OpenSealed(ctx, c, c.path(c.Plan.Outputs.Published)); err != nil {
			return nil, err
		}
	}
	return files, r.Note(at, "open", eventUnsealed, facts)
}

func (c *Case) holdDestruction(r *Record, at time.Time) ([]SealedFile, error) {
	files := c.Sealed.Files
	if err := r.Note(at, "destroy", eventDestroying, map[string]any{"files": files, "reason": c.Plan.Sealed.Reason, "begun before": c.Sealed.Begun}); err != nil {
		return nil, err
	}
	if _, err := DestroySealed(c); err != nil {
		return nil, err
	}
	return files, r.Note(at, "destroy", eventDestroyed, map[string]any{"directory": c.Plan.Sealed.Directory})
}
