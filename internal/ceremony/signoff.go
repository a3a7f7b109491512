package ceremony

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster/digest"
)

// witnessesName is the folder of the statements that witnesses signed: each with
// its signature and the witness's certificate, named by the statement's digest.
// They say something of the whole transcript, so they stand beside it.
const witnessesName = "witnesses"

// A WitnessSaid is what a witness of the plan has said of a ceremony.
type WitnessSaid struct {
	Name string
	// Certificate is the digest of the witness's certificate in the plan; zero
	// where the plan names none.
	Certificate digest.Digest
	Statements  []SignedStatement // those that disagree first
	Spoken      []string          // reasons to disagree that were given in the room
}

// Disagrees reports whether the witness disagrees, in writing or in the room. An
// agreement that was signed as well does not take that back.
func (w WitnessSaid) Disagrees() bool {
	return len(w.Spoken) > 0 || slices.ContainsFunc(w.Statements, func(s SignedStatement) bool { return !s.Agrees() })
}

// A SignedStatement is a statement whose signature was verified.
type SignedStatement struct {
	transcript.Statement
	Key    *pgp.PublicKey
	Digest digest.Digest // of the text
	// Pinned is set where the plan names the certificate; without that, it is
	// the one that was brought along.
	Pinned bool
}

// lastPlan reads the plan of the newest draft or opening.
func (r *Record) lastPlan() (*plan.Plan, error) {
	want := ""
	for _, e := range r.Entries() {
		if d, ok := e.Facts["plan"].(string); ok && (e.Event == eventOpened || e.Event == eventDrafted) {
			want = d
		}
	}
	places, err := filepath.Glob(r.path(abandonedName, "*", planName))
	if err != nil {
		return nil, err
	}
	for _, path := range append([]string{r.path(planName)}, places...) {
		raw, err := readFile(path, plan.MaxPlan)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the record: %w", err)
		}
		if digest.Sum(raw).String() == want {
			return plan.Parse(raw)
		}
	}
	return nil, refuse("the record holds no plan with digest %q, as its transcript names", want).do("bring the whole folder of the ceremony")
}

// Statement gives the text that a witness of the plan signs: that they agree, or
// with an objection that they do not. The transcript must be sealed.
func (r *Record) Statement(name, objection string) (transcript.Statement, error) {
	if !r.Sealed() {
		return transcript.Statement{}, refuse("the transcript is not sealed: there is no digest yet that stands for the whole").
			do("end the ceremony first: ceremony transcript seal --record " + r.Dir)
	}
	p, err := r.lastPlan()
	if err != nil {
		return transcript.Statement{}, err
	}
	if _, err := witnessOf(p, name); err != nil {
		return transcript.Statement{}, err
	}
	s := transcript.Statement{Repository: p.Repository, Ceremony: p.Ceremony, Transcript: r.Head(), Witness: name, Objection: objection}
	if now := r.current(); now != nil {
		s.Version = p.Roster.Version
		if s.Roster, err = digest.Parse(fmt.Sprint(now.Facts["digest"])); err != nil {
			return transcript.Statement{}, fmt.Errorf("reading the record: %w", err)
		}
	}
	return s, nil
}

func witnessOf(p *plan.Plan, name string) (plan.Witness, error) {
	var names []string
	for _, w := range p.Roles.Witnesses {
		if w.Name == name {
			return w, nil
		}
		names = append(names, w.Name)
	}
	if len(names) == 0 {
		return plan.Witness{}, refuse("the plan names no witness")
	}
	return plan.Witness{}, refuse("the plan names no witness %q, wanted one of %q", name, names)
}

// pinned is the digest of a witness's certificate as the plan has it, or as it
// was when the plan was read; zero where the plan names none.
func (r *Record) pinned(w plan.Witness) digest.Digest {
	if w.Certificate == "" || !w.SHA256.IsZero() {
		return w.SHA256.Digest
	}
	var found digest.Digest
	for _, e := range r.Entries() {
		for _, in := range inputsOf(e) {
			if in.Path == w.Certificate {
				found = in.Digest
			}
		}
	}
	return found
}

// certificateOf reads a witness's certificate from the record's inputs; nil if it
// is not there.
func (r *Record) certificateOf(pinned digest.Digest) []byte {
	raw, err := readFile(r.path(inputsName, pinned.String()), maxInput)
	if err != nil || pinned.IsZero() || digest.Sum(raw) != pinned {
		return nil
	}
	return raw
}

// SignOff verifies a statement and its signature and puts both beside the
// transcript. The statement must be of this sealed transcript and by a witness of
// the plan. The certificate is the plan's; where the plan names none, it is the
// one given, and every report says so. Both a statement that agrees and one that
// does not may be there: a disagreement stays.
func (r *Record) SignOff(text, signature, certificate []byte) (*SignedStatement, error) {
	said, err := r.judgeStatement(text, signature, &certificate)
	if err != nil {
		return nil, err
	}
	name := said.Digest.String()
	if err := mkdirs(r.Dir, r.path(witnessesName)); err != nil {
		return nil, err
	}
	// the text last: a statement is there once its signature is
	for _, f := range []struct {
		end string
		raw []byte
	}{{".cert.asc", certificate}, {".txt.asc", signature}, {".txt", text}} {
		path := r.path(witnessesName, name+f.end)
		if f.end != ".txt" { // of an earlier attempt, or an earlier signature
			err = durable.Replace(path, f.raw, 0o644)
		} else if err = durable.WriteNew(path, f.raw, 0o644); errors.Is(err, fs.ErrExist) {
			err = nil // named by its digest
		}
		if err != nil {
			return nil, err
		}
	}
	return said, nil
}

// judgeStatement verifies a statement, with the plan's certificate where there is
// one; certificate is set to the one that counted.
func (r *Record) judgeStatement(text, signature []byte, certificate *[]byte) (*SignedStatement, error) {
	s, err := transcript.ParseStatement(text)
	if err != nil {
		return nil, (&RefusedError{Err: err}).do("have the witness sign the exact file that ceremony transcript statement wrote")
	}
	want, err := r.Statement(s.Witness, s.Objection)
	if err != nil {
		return nil, err
	}
	if s != want {
		return nil, refuse("the statement is of another ceremony, roster or transcript (%s), wanted %s", s.Transcript, want.Transcript).
			do("have the witness make it anew: ceremony transcript statement --record " + r.Dir)
	}
	p, err := r.lastPlan()
	if err != nil {
		return nil, err
	}
	w, err := witnessOf(p, s.Witness)
	if err != nil {
		return nil, err
	}
	pin := r.pinned(w)
	if planned := r.certificateOf(pin); planned != nil {
		*certificate = planned
	}
	switch {
	case len(*certificate) == 0:
		return nil, refuse("there is no certificate of %s in the record", s.Witness).do("bring it: --certificate FILE")
	case w.Certificate != "" && digest.Sum(*certificate) != pin:
		return nil, refuse("the certificate of %s has digest %s, wanted %s as the plan says", s.Witness, digest.Sum(*certificate), pin)
	}
	key, err := transcript.VerifyStatement(text, signature, *certificate)
	if err != nil {
		return nil, refuse("the statement of %s", s.Witness).because(err).do("have the witness sign it with the key of their certificate: gpg --armor --detach-sign FILE")
	}
	return &SignedStatement{Statement: s, Key: key, Digest: digest.Sum(text), Pinned: w.Certificate != ""}, nil
}

// Said gives what each witness of the plan has said. Statements that do not
// verify are problems, and count for nothing.
func (r *Record) Said() (all []WitnessSaid, problems []string, err error) {
	p, err := r.lastPlan()
	if err != nil {
		return nil, nil, err
	}
	texts, err := filepath.Glob(r.path(witnessesName, "*.txt"))
	if err != nil {
		return nil, nil, err
	}
	said := make(map[string][]SignedStatement)
	for _, path := range texts {
		s, err := r.readStatement(path)
		if err != nil {
			problems = append(problems, fmt.Sprintf("statement %s: %v", filepath.Base(path), err))
			continue
		}
		said[s.Witness] = append(said[s.Witness], *s)
	}
	for _, w := range p.Roles.Witnesses {
		statements := said[w.Name]
		slices.SortFunc(statements, func(a, b SignedStatement) int { // disagreements first
			if a.Agrees() != b.Agrees() {
				return map[bool]int{true: 1, false: -1}[a.Agrees()]
			}
			return strings.Compare(a.Digest.String(), b.Digest.String())
		})
		all = append(all, WitnessSaid{Name: w.Name, Certificate: r.pinned(w), Statements: statements, Spoken: r.spoken(w.Name)})
	}
	return all, problems, nil
}

func (r *Record) readStatement(path string) (*SignedStatement, error) {
	text, err := readFile(path, transcript.MaxStatement)
	if err != nil {
		return nil, err
	}
	if got := digest.Sum(text).String() + ".txt"; got != filepath.Base(path) {
		return nil, fmt.Errorf("it has another digest than its name says")
	}
	base := strings.TrimSuffix(path, ".txt")
	asc, err := readFile(base+".txt.asc", pgp.MaxSignatureFile)
	if err != nil {
		return nil, err
	}
	cert, err := readFile(base+".cert.asc", pgp.MaxCertificate)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return r.judgeStatement(text, asc, &cert)
}

// spoken are a witness's reasons to disagree that the transcript has.
func (r *Record) spoken(name string) []string {
	var all []string
	for _, e := range r.Entries() {
		if e.Event == "exception" && e.Facts["what"] == "I DISAGREE" && e.Facts["witness"] == name {
			all = append(all, fmt.Sprint(e.Facts["reason"]))
		}
	}
	return all
}
