package conduct

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/ceremony/script"
	"github.com/rootward/rootward/internal/durable"
)

// Keyholders who are not in the room take the draft with them as one file, and
// send their signatures as another.

// Events about signatures from elsewhere. The first stands in the record before
// any is taken in, the second when all of a bundle are.
const (
	eventCollecting = "collecting"
	eventCollected  = "collected" // by package ceremony
)

// none is the answer where there is no file.
const none = "none"

// oldFile allows a file that is there, or none; newFile one that is not.
func oldFile(answer string) (kept, problem string) {
	if strings.EqualFold(answer, none) {
		return none, ""
	}
	if info, err := os.Stat(answer); err != nil || !info.Mode().IsRegular() {
		return "", "No file has this name. Type its whole path, or none."
	}
	return answer, ""
}

func newFile(answer string) (kept, problem string) {
	if strings.EqualFold(answer, none) {
		return none, ""
	}
	if _, err := os.Lstat(answer); answer == "" || err == nil {
		return "", "That is there already. Type the path of a new file, or none."
	}
	if info, err := os.Stat(filepath.Dir(answer)); err != nil || !info.IsDir() {
		return "", "There is no such folder. Type the path of a new file in a folder that is there, or none."
	}
	return answer, ""
}

// handOut writes the draft for a keyholder who signs elsewhere.
func (r *run) handOut(ctx context.Context) error {
	holder := r.step().Holder
	for {
		file, err := r.ask("Type the path of a new file, to write the draft for "+holder+" into it; or none, if "+holder+" has it", newFile)
		if err != nil || file == none {
			return err
		}
		b, err := r.session.Bundle(ctx, bundle.Draft)
		if err != nil {
			return err
		}
		raw, err := b.Bytes()
		if err != nil {
			return err
		}
		if err := r.session.NoteBundle(r.Now(), b); err != nil {
			return err
		}
		if err := durable.WriteNew(file, raw, 0o644); err != nil {
			r.Desk.Say("NOT WRITTEN: " + err.Error())
			if err := r.exception("the draft could not be written to a file", map[string]any{"file": file, "error": err.Error()}); err != nil {
				return err
			}
			continue
		}
		lines := []Line{{Kind: Plain, Text: fmt.Sprintf("The draft for %s is in %s. The digest of this file, a bundle:", holder, file)}}
		lines = append(lines, spelt(b.Digest())...)
		lines = append(lines, Line{Kind: Compare, Text: fmt.Sprintf("%s, elsewhere: both digests, of the bundle and of the draft, with those that another person reads to you by another way than this file.", holder)})
		err = r.screen(lines)
		return errors.Join(err, r.pause(err))
	}
}

// bring takes in signatures that were made elsewhere, from a file, and says who
// has signed now. A file that is refused changes nothing.
func (r *run) bring() error {
	file, err := r.ask("Type the path of the file with the signatures; or none, if it is not here", oldFile)
	if err != nil || file == none {
		return err
	}
	b, err := openBundle(file)
	if err != nil {
		return r.notTaken(err, nil)
	}
	lines := []Line{{Kind: Plain, Text: "The digest of this file, a bundle:"}}
	lines = append(lines, spelt(b.Digest())...)
	if err := r.screen(append(lines, Line{Kind: Compare, Text: "Whoever spoke with those who signed: with the words that they told you."})); err != nil {
		return err
	}
	facts := map[string]any{"file": file, "bundle": b.Digest().String()}
	if err := r.note(eventCollecting, facts); err != nil {
		return err
	}
	found, err := r.session.Collect(b, r.Now())
	if err != nil {
		return r.notTaken(err, facts)
	}
	r.Desk.Say(fmt.Sprintf("Every signature in the file was verified by the clients' own code. New: %s. Here already: %s.", orNobody(found.New), orNobody(found.Already)))
	r.Desk.Say(fmt.Sprintf("Signed: %s. Not yet: %s.", orNobody(found.Signed), orNobody(found.Missing)))
	return r.foundSigned()
}

func orNobody(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

func openBundle(file string) (*bundle.Bundle, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return bundle.Open(bufio.NewReader(f))
}

// notTaken says why a file is refused; what is wrong with the disk ends the
// sitting.
func (r *run) notTaken(err error, facts map[string]any) error {
	var refused interface{ ExitCode() int }
	if facts != nil && (!errors.As(err, &refused) || refused.ExitCode() != 3) {
		return err
	}
	if facts == nil {
		facts = make(map[string]any)
	}
	facts["error"] = err.Error()
	if err := r.exception("signatures from elsewhere were refused, and nothing of the file was taken", facts); err != nil {
		return err
	}
	r.Desk.Say("NOT TAKEN, nothing of it: " + err.Error())
	if hint := (*ceremony.RefusedError)(nil); errors.As(err, &hint) && hint.Do != "" {
		r.Desk.Say("Way on: " + hint.Do + ".")
	}
	return nil
}

// foundSigned marks the steps as done of all whose signatures are there.
func (r *run) foundSigned() error {
	waiting, err := r.waiting()
	if err != nil {
		return err
	}
	for _, s := range r.steps {
		missing := slices.ContainsFunc(waiting, func(w script.Step) bool { return w.ID == s.ID })
		if s.Card == 0 || missing || r.done(s.ID) {
			continue
		}
		if err := r.record.Note(r.Now(), s.ID, eventDone, map[string]any{"found": "signed elsewhere; all signatures were verified"}); err != nil {
			return err
		}
	}
	return nil
}

// finishBringing has a file brought again that was being taken in when the
// program was interrupted, until all of it is.
func (r *run) finishBringing() error {
	for {
		half := r.halfTaken()
		if half == "" {
			return nil
		}
		r.Desk.Say("The program was interrupted while it took in signatures from elsewhere. It wants that file once more; its bundle has SHA-256 " + half + ".")
		if err := r.bring(); err != nil {
			return err
		}
	}
}

// halfTaken is the digest of a bundle that was begun to be taken in, and neither
// taken nor refused since; "" if there is none.
func (r *run) halfTaken() string {
	var half []string
	for _, e := range r.record.Entries() {
		switch digest, _ := e.Facts["bundle"].(string); e.Event {
		case eventCollecting:
			half = append(half, digest)
		case eventCollected, eventException:
			half = slices.DeleteFunc(half, func(d string) bool { return d == digest })
		case "abandoned":
			half = nil
		}
	}
	if len(half) == 0 {
		return ""
	}
	return half[0]
}
