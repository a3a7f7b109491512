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

	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/roster/digest"
)

// An Audit is what the folder of a ceremony shows to somebody who was not there.
type Audit struct {
	Entries   []transcript.Entry
	Head      digest.Digest // of the transcript
	Sealed    bool
	Plan      *plan.Plan
	Draft     *transcript.Entry // with which the newest draft was made; nil if there was none
	Abandoned bool              // and that draft was destroyed
	Witnesses []WitnessSaid
	Files     []AuditedFile
	// Problems are all that is not as the transcript says, in words.
	Problems []string
}

// An AuditedFile is one that the transcript names, or that is there without
// being named.
type AuditedFile struct {
	Path   string // below the record, or below the output
	Output bool
	Digest digest.Digest // as named; zero if it is not
	State  string        // "as named", "MISSING", "CHANGED" or "NOT NAMED"
}

// AsNamed is the state of a file that has the digest which the transcript names.
const AsNamed = "as named"

// Examine reads the folder of a ceremony, and the output if out is not "", and
// checks everything that can be checked from them: the transcript's chain and
// seal, the plan, the draft, every signature, the transcripts that came from
// elsewhere, the digest of every file that the transcript names, that there are
// no others, and the witnesses' statements. It changes nothing.
//
// What it finds wrong stands in Problems; the error says why it could not look.
// A transcript that is no chain is an error, because nothing in it means
// anything. Whether the draft was the right one to sign, no record can show.
func Examine(ctx context.Context, dir, out string) (*Audit, error) {
	r, err := ReadRecord(dir)
	if err != nil {
		return nil, err
	}
	a := &Audit{Entries: r.Entries(), Head: r.Head(), Sealed: r.Sealed()}
	for _, e := range a.Entries {
		switch e.Event {
		case eventDrafted:
			a.Draft, a.Abandoned = &e, false
		case eventAbandoned:
			a.Abandoned = true
		}
	}
	if a.Plan, err = r.lastPlan(); err != nil {
		a.problem("%v", err)
	} else {
		var wrong []string
		if a.Witnesses, wrong, err = r.Said(); err != nil {
			return nil, err
		}
		a.Problems = append(a.Problems, wrong...)
	}
	if !a.Sealed {
		a.problem("the transcript is NOT SEALED: the ceremony was not ended, or its end was cut off")
	}
	if err := r.examineDraft(ctx, a); err != nil {
		return nil, err
	}
	if err := r.examineFiles(a); err != nil {
		return nil, err
	}
	if out != "" {
		if err := examineOutput(a, out); err != nil {
			return nil, err
		}
	}
	for _, f := range a.Files {
		if f.State != AsNamed {
			a.problem("file %s: %s", f.Path, f.State)
		}
	}
	return a, nil
}

func (a *Audit) problem(format string, args ...any) {
	a.Problems = append(a.Problems, fmt.Sprintf(format, args...))
}

// examineDraft opens the draft as every step does, and verifies each signature.
func (r *Record) examineDraft(ctx context.Context, a *Audit) error {
	if a.Draft == nil || a.Abandoned {
		return nil
	}
	s, err := r.Session(ctx)
	if err != nil {
		a.problem("the draft: %v", err)
		return nil
	}
	if _, _, err := s.Signers(); err != nil {
		a.problem("the signatures: %v", err)
	}
	if err := checkInputs(*a.Draft, func(path string) ([]byte, error) { return readFile(r.path(path), maxInput) }); err != nil {
		a.problem("the inputs: %v", err)
	}
	for i := range s.Holders {
		h := &s.Holders[i]
		for _, doc := range s.documentsOf(h) {
			asc, err := s.signature(h, doc)
			if err == nil && s.toldOf(h, doc) != (asc != nil) {
				a.problem("the signature by %s over %s: in the transcript %v, in the folder %v", h.Name, doc.Path, s.toldOf(h, doc), asc != nil)
			}
		}
	}
	if s.Combined() {
		if _, err := s.output(s.everyName(), nil); err != nil {
			a.problem("the roster does not come out of the record: %v", err)
		}
	}
	return nil
}

func (s *Session) everyName() []string {
	names := make([]string, len(s.Holders))
	for i, h := range s.Holders {
		names[i] = h.Name
	}
	return names
}

// examineFiles compares what is in the folder with what the transcript names.
func (r *Record) examineFiles(a *Audit) error {
	named := r.namedFiles(a)
	found := make(map[string]bool)
	err := filepath.WalkDir(r.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(r.Dir, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		found[name] = true
		if want, ok := named[name]; ok {
			return a.compare(path, name, want, false)
		}
		if !r.expected(a, name) {
			a.Files = append(a.Files, AuditedFile{Path: name, State: "NOT NAMED"})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the record: %w", err)
	}
	if a.Draft != nil && !a.Abandoned {
		a.compareMap("record", mapListing(found, draftName+"/"), a.Draft.Facts[factMap])
	}
	for name, want := range named {
		if !found[name] {
			a.Files = append(a.Files, AuditedFile{Path: name, Digest: want, State: "MISSING"})
		}
	}
	slices.SortFunc(a.Files, func(x, y AuditedFile) int { return strings.Compare(x.Path, y.Path) })
	return nil
}

// compareMap wants the files of a map to be those that the transcript lists.
func (a *Audit) compareMap(where, found string, want any) {
	if found != want {
		a.problem("the map in the %s has %s; the transcript says %v", where, found, want)
	}
}

func (a *Audit) compare(path, name string, want digest.Digest, output bool) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	state := AsNamed
	if digest.Sum(b) != want {
		state = "CHANGED"
	}
	a.Files = append(a.Files, AuditedFile{name, output, want, state})
	return nil
}

// namedFiles are the files of the record that the transcript names, by their
// paths: of the present draft, and of those that were abandoned what was kept.
func (r *Record) namedFiles(a *Audit) map[string]digest.Digest {
	named := make(map[string]digest.Digest)
	put := func(path string, d any) {
		if sum, err := digest.Parse(fmt.Sprint(d)); err == nil {
			named[path] = sum
		}
	}
	drafts := make(map[string]transcript.Entry)
	for _, e := range a.Entries {
		switch e.Event {
		case eventDrafted:
			drafts[fmt.Sprint(e.Facts["digest"])] = e
		case eventAbandoned:
			if d, ok := drafts[fmt.Sprint(e.Facts["digest"])]; ok {
				kept := abandonedName + "/" + fmt.Sprint(e.Facts["digest"]) + "/"
				put(kept+planName, d.Facts["plan"])
				for _, in := range inputsOf(d) {
					named[kept+inputsName+"/"+in.Digest.String()] = in.Digest
				}
			}
		case eventCollected:
			put(apartName+"/"+fmt.Sprint(e.Facts["their transcript"])+".jsonl", e.Facts["their transcript file"])
		case eventReceived:
			put(originName, e.Facts["the ceremony's transcript file"])
		}
	}
	if a.Draft == nil || a.Abandoned {
		return named
	}
	put(planName, a.Draft.Facts["plan"])
	for _, in := range inputsOf(*a.Draft) {
		named[inputsName+"/"+in.Digest.String()] = in.Digest
	}
	files, _ := a.Draft.Facts["files"].(map[string]any)
	for path, d := range files {
		put(draftName+"/"+path, d)
	}
	return named
}

// expected reports whether a file that the transcript does not name by its digest
// has its place in the folder all the same, because something else vouches for
// it: the map's files their names, enrolments the inputs, signatures and
// statements their own verification, rosters so far the chain.
func (r *Record) expected(a *Audit, name string) bool {
	part, rest, _ := strings.Cut(name, "/")
	switch part {
	case transcriptName, lockName, previousName, witnessesName:
		return true
	case planName: // before the draft
		return a.Draft == nil && a.Plan != nil
	case abandonedName:
		_, rest, _ = strings.Cut(rest, "/")
		kept, _, _ := strings.Cut(rest, "/")
		return kept == enrolmentsName || kept == previousName
	case draftName:
		b, err := os.ReadFile(r.path(filepath.FromSlash(name)))
		return err == nil && rest == "map/"+digest.Sum(b).String()
	case enrolmentsName:
		return r.expectedEnrolment(a, name)
	case signaturesName:
		return slices.ContainsFunc(a.Entries, func(e transcript.Entry) bool {
			return e.Event == eventSigned && fmt.Sprintf("%v/%v.asc", e.Facts["card"], e.Facts["path"]) == rest
		})
	}
	return false
}

// expectedEnrolment wants an enrolment among the draft's inputs, and an
// attestation to be named by its digest. Certificates and the transcripts of
// provisioning are for people: no step reads them.
func (r *Record) expectedEnrolment(a *Audit, name string) bool {
	if strings.HasSuffix(name, ".cert.asc") || strings.HasSuffix(name, ".transcript.jsonl") {
		return true
	}
	b, err := os.ReadFile(r.path(filepath.FromSlash(name)))
	if err != nil {
		return false
	}
	sum := digest.Sum(b)
	if strings.HasSuffix(name, ".pem") {
		return name == enrolmentsName+"/"+sum.String()+".pem"
	}
	return a.Draft != nil && slices.ContainsFunc(inputsOf(*a.Draft), func(in Input) bool { return in.Digest == sum })
}

// examineOutput compares the ceremony's output with what combine noted.
func examineOutput(a *Audit, out string) error {
	var files map[string]any
	var listing any
	for _, e := range a.Entries {
		switch e.Event {
		case eventCombined:
			files, _ = e.Facts["files"].(map[string]any)
			listing = e.Facts[factMap]
		case eventAbandoned:
			files = nil
		}
	}
	if files == nil {
		a.problem("there is an output, and the transcript does not say that the draft was combined")
		return nil
	}
	found := make(map[string]bool)
	err := filepath.WalkDir(out, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(out, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		found[name] = true
		if want, err := digest.Parse(fmt.Sprint(files[name])); err == nil {
			return a.compare(path, name, want, true)
		}
		if want, ok := strings.CutPrefix(name, PublishName+"/map/"); ok {
			b, err := os.ReadFile(path)
			if err != nil || digest.Sum(b).String() == want {
				return err
			}
		}
		a.Files = append(a.Files, AuditedFile{Path: name, Output: true, State: "NOT NAMED"})
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the output: %w", err)
	}
	a.compareMap("output", mapListing(found, PublishName+"/"), listing)
	for name, d := range files {
		if !found[name] && !secluded(name) {
			want, _ := digest.Parse(fmt.Sprint(d))
			a.Files = append(a.Files, AuditedFile{name, true, want, "MISSING"})
		}
	}
	return nil
}

// An Accepted names the witnesses whose objection, or whose silence, those who
// read the record have answered.
type Accepted struct{ Disagreement, Silence []string }

// Refusal returns nil if the record stands: no problems, and each witness of the
// plan agrees in a signed statement.
//
// A disagreement refuses, so that whoever publishes on success alone has to stop
// at it; and so does a missing statement, because otherwise taking a disagreement
// out of the folder would turn it into success. Each is accepted for one witness
// by name, never for all.
func (a *Audit) Refusal(ok Accepted) error {
	problems := slices.Clone(a.Problems)
	for _, w := range a.Witnesses {
		if w.Disagrees() && !slices.Contains(ok.Disagreement, w.Name) {
			problems = append(problems, fmt.Sprintf("witness %s DISAGREES", w.Name))
		}
		if len(w.Statements) == 0 && !slices.Contains(ok.Silence, w.Name) {
			problems = append(problems, fmt.Sprintf("witness %s has signed no statement", w.Name))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return (&RefusedError{Err: errors.New(strings.Join(problems, "\n"))}).
		do("publish nothing before each is answered; a disagreement that was answered: --with-disagreement NAME, a statement that will not come: --without-statement NAME")
}
