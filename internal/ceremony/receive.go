package ceremony

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/roster/digest"
)

// Receive begins, in a new folder, the record of a keyholder who signs a draft
// elsewhere. The folder appears whole or not at all, after everything in it was
// checked as every step does: each file with the digest that the transcript of
// the ceremony gives it, and the rosters so far from the plan's pin.
//
// The checks of the plan are not run again: they need what does not cross, such
// as the copy of the public repository. The transcript says so. That the draft
// is the one that everyone else signs, its digest shows, which the keyholder
// hears from the ceremony by another way.
func Receive(ctx context.Context, b *bundle.Bundle, dir string, at time.Time) (err error) {
	drafted, head, err := originOf(b)
	if err != nil {
		return err
	}
	dir = filepath.Clean(dir)
	if _, err := os.Lstat(dir); err == nil {
		return &RefusedError{Err: &durable.ExistsError{Path: dir}, Do: "name a folder that does not exist"}
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".tmp-received-*")
	if err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	r := &Record{Dir: filepath.Join(tmp, "record")}
	if err := b.Extract(r.Dir); err != nil {
		return err
	}
	if r.transcript, err = transcript.Create(r.path(transcriptName)); err != nil {
		return err
	}
	err = errors.Join(r.beginElsewhere(b, drafted, head, at), r.transcript.Close())
	if err != nil {
		return err
	}
	if r, err = ReadRecord(r.Dir); err != nil {
		return err
	}
	if _, err := r.Session(ctx); err != nil {
		return err
	}
	if err := durable.SyncDir(r.Dir); err != nil {
		return err
	}
	if err := os.Rename(r.Dir, dir); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	return durable.SyncDir(filepath.Dir(dir))
}

// beginElsewhere writes the first entries of a record that continues another.
func (r *Record) beginElsewhere(b *bundle.Bundle, drafted transcript.Entry, head digest.Digest, at time.Time) error {
	m := b.Manifest()
	plan, _ := b.File(planName)
	origin, _ := b.File(originName)
	o := Opening{Ceremony: m.Ceremony, Repository: m.Repository, Version: m.Version, Plan: digest.Sum(plan)}
	if err := r.Note(at, "open", eventOpened, o.facts()); err != nil {
		return err
	}
	if err := r.Note(at, "bundle", eventReceived, map[string]any{"kind": string(m.Kind), "bundle": b.Digest().String(), "roster": m.Roster.String(),
		"drafted at": drafted.At.String(), "the ceremony's transcript then": head.String(), "the ceremony's transcript file": digest.Sum(origin).String(),
		"not held": "the checks of the plan: they were run where the draft was made"}); err != nil {
		return err
	}
	return r.Note(at, "bundle", eventDrafted, drafted.Facts)
}

// originOf finds, in a draft's bundle, the entry with which the draft was made,
// and the digest of the transcript then.
func originOf(b *bundle.Bundle) (drafted transcript.Entry, head digest.Digest, err error) {
	m := b.Manifest()
	if m.Kind != bundle.Draft {
		return drafted, head, refuse("the bundle is of kind %q, wanted %q", m.Kind, bundle.Draft)
	}
	raw, ok := b.File(originName)
	if !ok {
		return drafted, head, refuse("the bundle lacks %s", originName).do(again)
	}
	t, err := transcript.Parse(originName, raw)
	if err != nil {
		return drafted, head, err
	}
	if all := t.Entries(); len(all) > 0 {
		drafted = all[len(all)-1]
	}
	if drafted.Event != eventDrafted || drafted.Facts["digest"] != m.Roster.String() ||
		drafted.Facts["ceremony"] != m.Ceremony || drafted.Facts["repository"] != m.Repository {
		return drafted, head, refuse("the transcript in the bundle does not end with the draft that its manifest names (%s)", m.Roster).do(again)
	}
	for _, f := range m.Files {
		if part, _, _ := strings.Cut(f.Path, "/"); f.Path != originName && !slices.Contains(parts, part) || part == signaturesName {
			return drafted, head, refuse("the bundle holds %q, which belongs to no draft", f.Path).do(again)
		}
	}
	return drafted, t.Head(), checkInputs(drafted, func(path string) ([]byte, error) {
		raw, ok := b.File(path)
		if !ok {
			return nil, fs.ErrNotExist
		}
		return raw, nil
	})
}

const again = "have the bundle made again, and compare its digest with the one that was shown there"

// checkInputs wants every input that the transcript names, with its digest.
func checkInputs(drafted transcript.Entry, read func(path string) ([]byte, error)) error {
	for _, in := range inputsOf(drafted) {
		raw, err := read(inputsName + "/" + in.Digest.String())
		if err != nil {
			return refuse("%s (%q) is not there", in.What, in.Path).because(err).do(swapped)
		}
		if digest.Sum(raw) != in.Digest {
			return refuse("%s (%q) has digest %s, wanted %s", in.What, in.Path, digest.Sum(raw), in.Digest).do(swapped)
		}
	}
	return nil
}

// inputsOf are the inputs that the entry of a draft names, without their bytes.
func inputsOf(drafted transcript.Entry) []Input {
	var all []Input
	list, _ := drafted.Facts["inputs"].([]any)
	for _, f := range list {
		in, _ := f.(map[string]any)
		d, err := digest.Parse(fmt.Sprint(in["sha256"]))
		if err != nil {
			continue // a folder that was not made by us has none
		}
		all = append(all, Input{What: fmt.Sprint(in["what"]), Path: fmt.Sprint(in["path"]), Digest: d})
	}
	return all
}
