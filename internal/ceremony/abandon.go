package ceremony

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/durable"
)

// Abandon destroys the draft and every signature over it, and records that.
// With M signatures a draft is a roster, so one that nobody wants must not stay
// anywhere; copies outside the folder are for the people to destroy. The
// ceremony's name must be typed. A draft that was combined is refused: it is a
// roster.
//
// The plan and what it named are kept in the folder, under abandoned. A draft
// may then be made anew, and keyholders may sign that.
func (r *Record) Abandon(desk Desk, at time.Time) error {
	now := r.current()
	if now == nil {
		return refuse("the ceremony in %q has no draft to abandon", r.Dir)
	}
	var signed []string
	for _, e := range r.transcript.Entries()[now.Number:] {
		switch e.Event {
		case eventCombined:
			return refuse("the draft was combined at %s: it is a roster, and its output exists", e.At).
				do("destroy every copy of the output by hand, or make a roster that follows it")
		case eventSigning, eventSigned:
			signed = append(signed, fmt.Sprintf("%v: %v %v", e.Facts["holder"], e.Event, e.Facts["path"]))
		}
	}
	name := fmt.Sprint(now.Facts["ceremony"])
	desk.Say(fmt.Sprintf("Draft %v of version %v will be destroyed, and the signatures over it:", now.Facts["digest"], now.Facts["version"]))
	for _, line := range signed {
		desk.Say("  " + line)
	}
	answer, err := desk.Ask("Type the ceremony's name to destroy them")
	if err != nil {
		return err
	}
	if strings.TrimSpace(answer) != name {
		return refuse("the name that was typed is not %s; nothing was destroyed", name)
	}
	if err := r.destroy(fmt.Sprint(now.Facts["digest"])); err != nil {
		return err
	}
	return r.Note(at, "abandon", eventAbandoned, map[string]any{
		"digest": now.Facts["digest"], "version": now.Facts["version"], "ceremony": name, "signatures": signed})
}

// destroy removes draft and signatures, and moves the rest away. It can be
// repeated after an interruption.
func (r *Record) destroy(name string) error {
	for _, part := range []string{signaturesName, draftName} {
		if err := os.RemoveAll(r.path(part)); err != nil {
			return fmt.Errorf("destroying %s: %w", part, err)
		}
	}
	away := r.path(abandonedName, filepath.Base(name))
	if err := mkdirs(r.Dir, away); err != nil {
		return err
	}
	for _, part := range []string{planName, enrolmentsName, inputsName, previousName} {
		err := os.Rename(r.path(part), filepath.Join(away, part))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("moving %s away: %w", part, err)
		}
	}
	if err := durable.SyncDir(away); err != nil {
		return err
	}
	return durable.SyncDir(r.Dir)
}
