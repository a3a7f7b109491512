package ceremony

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// What stands in a ceremony's output.
const (
	PublishName      = "publish"      // for the public repository, in its layout
	SealedName       = "sealed"       // the revocations signed in advance, for an envelope
	StopName         = "stop"         // those of the pair in use once more, for the envelope that is opened in an emergency
	CertificatesName = "certificates" // by which people's gpg knows the signers
	labelName        = "label.txt"
)

// A Result says what a ceremony has made.
type Result struct {
	Roster      *roster.Roster
	Signed      []string // who signed
	Missing     []string // who could have signed too
	Revocations int
	Transcript  digest.Digest // of the transcript, after this step
}

// Combine puts the signatures of everyone together, verifies the result by the
// clients' own code, and writes it to a new folder, which appears whole or not
// at all, after what was written was read again and verified again. Too few
// signatures are refused, and the error names who is missing.
//
// An output that is there already is refused, unless it is this one to the last
// byte and the transcript has not heard of it: then it was written just before
// an interruption, and is verified and noted.
func (s *Session) Combine(ctx context.Context, out string, at time.Time) (*Result, error) {
	if s.Sealed() {
		return nil, refuse("the record in %q is sealed: nothing is added to it any more", s.Dir).do("use the output that was written then")
	}
	_, err := os.Lstat(out)
	there := err == nil
	exists := &RefusedError{Err: &durable.ExistsError{Path: out}, Do: "choose another folder for the output, or move this one away"}
	if there && s.Combined() {
		return nil, exists
	}
	signed, missing, err := s.Signers()
	if err != nil {
		return nil, err
	}
	files, err := s.output(signed, missing)
	if err != nil {
		return nil, err
	}
	switch {
	case !there:
		if err := s.writeOutput(ctx, out, files); err != nil {
			return nil, err
		}
	case !s.sameOutput(ctx, out, files):
		return nil, exists
	}
	verified, err := s.reread(ctx, out)
	if err != nil {
		return nil, fmt.Errorf("reading the output again: %w", err)
	}
	facts := map[string]any{
		"digest": verified.Digest().String(), "version": verified.Version(), "signed": signed, "missing": missing,
		"files": named(outputDigests(files)), factMap: mapListing(files, PublishName+"/"),
	}
	if there {
		facts["found"] = "the output was there, whole, after an interruption"
	}
	err = s.Note(at, "combine", eventCombined, facts)
	return &Result{verified, signed, missing, len(s.Draft.Revocations), s.Head()}, err
}

// writeOutput writes the output to a folder beside, reads and verifies it, and
// gives it its name.
func (s *Session) writeOutput(ctx context.Context, out string, files map[string][]byte) error {
	if err := clearHalves(out); err != nil {
		return fmt.Errorf("removing what an interrupted output left: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(filepath.Clean(out)), ".tmp-"+filepath.Base(out)+"-*")
	if err != nil {
		return fmt.Errorf("making the output: %w", err)
	}
	defer os.RemoveAll(tmp) // gone already if it was renamed
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := writeFiles(tmp, files, s.watch); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	if _, err := s.reread(ctx, tmp); err != nil {
		return fmt.Errorf("reading the output again: %w", err)
	}
	if err := s.watch.at("the output's name"); err != nil {
		return err
	}
	if err := os.Rename(tmp, out); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	return durable.SyncDir(filepath.Dir(filepath.Clean(out)))
}

// clearHalves removes the folders beside out in which outputs were interrupted:
// revocations that are to be sealed may stand there, in nobody's bag.
func clearHalves(out string) error {
	above := filepath.Dir(filepath.Clean(out))
	entries, err := os.ReadDir(above)
	if err != nil {
		return err
	}
	for _, e := range entries {
		number, ours := strings.CutPrefix(e.Name(), ".tmp-"+filepath.Base(out)+"-")
		if !ours || !e.IsDir() || number == "" || strings.Trim(number, "0123456789") != "" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(above, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// sameOutput reports whether a folder holds exactly the files.
func (s *Session) sameOutput(ctx context.Context, out string, files map[string][]byte) bool {
	folder, err := OpenFolder(out)
	if err != nil {
		return false
	}
	defer folder.Close()
	found, err := readAll(ctx, folder)
	return err == nil && maps.EqualFunc(found, files, bytes.Equal)
}

// outputDigests are those of the files that are not named by theirs.
func outputDigests(files map[string][]byte) map[string]digest.Digest {
	all := make(map[string]digest.Digest)
	for path, raw := range files {
		if !strings.HasPrefix(path, PublishName+"/map/") {
			all[path] = digest.Sum(raw)
		}
	}
	return all
}

// output makes the files of the output, each document verified.
func (s *Session) output(signed, missing []string) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for path, raw := range s.Draft.Files {
		files[PublishName+"/"+path] = raw
	}
	combined := make([]roster.Signed, 0, 1+len(s.Draft.Revocations))
	for i, doc := range s.Draft.Documents() {
		asc, err := s.merge(doc)
		if err != nil {
			return nil, s.short(err, signed, missing)
		}
		combined = append(combined, roster.Signed{Document: doc.Raw, Signatures: asc})
		dir := SealedName
		if i == 0 {
			dir = PublishName
		}
		files[dir+"/"+doc.Path], files[dir+"/"+roster.SignaturePath(doc.Path)] = doc.Raw, asc
		if i > 0 && !s.standsBy(i-1) {
			name := StopName + "/" + path.Base(doc.Path)
			files[name], files[roster.SignaturePath(name)] = doc.Raw, asc
		}
	}
	verified, err := s.verify(combined[0], combined[1:])
	if err != nil {
		return nil, s.short(err, signed, missing)
	}
	files[SealedName+"/"+labelName] = []byte(s.label(verified))
	return files, s.certificates(files)
}

// merge puts everyone's signatures over a document into one file.
func (s *Session) merge(doc Document) ([]byte, error) {
	var all []*pgp.SignatureFile
	for i := range s.Holders {
		asc, err := s.signature(&s.Holders[i], doc)
		if err != nil {
			return nil, err
		}
		if asc == nil {
			continue
		}
		file, err := pgp.ParseSignatures(asc)
		if err != nil {
			return nil, err
		}
		all = append(all, file)
	}
	return pgp.Combine(all...)
}

// short adds to a refusal who has signed everything and who is missing.
func (s *Session) short(err error, signed, missing []string) error {
	if len(missing) == 0 {
		return err
	}
	who := "nobody"
	if len(signed) > 0 {
		who = strings.Join(signed, ", ")
	}
	return refuse("signed by %s, missing %s", who, strings.Join(missing, ", ")).because(err).
		do("have the missing keyholders sign: ceremony sign --record " + s.Dir + " --serial N")
}

// verify is what clients do: the roster by its predecessor, or at genesis by
// its digest, and each revocation under it.
func (s *Session) verify(signed roster.Signed, revocations []roster.Signed) (*roster.Roster, error) {
	var r *roster.Roster
	var err error
	if s.Chain == nil {
		r, err = roster.Trust(signed, s.Draft.Roster.Digest(), EmptyMap())
	} else {
		r, err = s.Chain.Last().Succeed(signed)
	}
	if err != nil {
		return nil, err
	}
	keys := r.Root().OnlineKeys
	if len(revocations) != len(keys) {
		return nil, fmt.Errorf("%d revocations for %d online keys", len(revocations), len(keys))
	}
	for i, k := range keys {
		if _, err := r.OpenRevocation(revocations[i], k.Key.ID()); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// standsBy reports whether the online key at a place of the roster is of the pair
// that stands by.
func (s *Session) standsBy(i int) bool {
	ids, _ := s.current().Facts[factStandby].([]any)
	return slices.Contains(ids, any(s.Draft.Roster.Root().OnlineKeys[i].Key.ID().String()))
}

// secluded reports whether a file of the output lies in an envelope.
func secluded(name string) bool {
	return strings.HasPrefix(name, SealedName+"/") || strings.HasPrefix(name, StopName+"/")
}

// reread verifies what stands in the folder of the output.
func (s *Session) reread(ctx context.Context, dir string) (*roster.Roster, error) {
	folder, err := OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	docs := s.Draft.Documents()
	read := make([]roster.Signed, len(docs))
	for i, doc := range docs {
		sub := SealedName
		if i == 0 {
			sub = PublishName
		}
		if read[i], err = roster.FetchSigned(ctx, sub+"/"+doc.Path, roster.MaxRoster, folder.Fetch); err != nil {
			return nil, err
		}
	}
	for path, raw := range s.Draft.Files {
		again, err := folder.Fetch(ctx, PublishName+"/"+path, maxInput)
		if err != nil {
			return nil, err
		}
		if digest.Sum(again) != digest.Sum(raw) {
			return nil, fmt.Errorf("%s does not read as it was written", path)
		}
	}
	return s.verify(read[0], read[1:])
}

// label is what is printed for the envelope of the sealed revocations.
func (s *Session) label(r *roster.Roster) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SEALED: revocations of the online keys of %s\n", r.Repository())
	fmt.Fprintf(&b, "Ceremony %s, root roster %d, issued %s, expires %s.\n\n", s.Plan.Ceremony, r.Version(), r.Root().Issued, r.Root().Expires)
	fmt.Fprintf(&b, "Open it when an online key may be in the wrong hands. Publish the files below in\nthe repository's folder revocations/: clients refuse the keys at once, for good.\n")
	fmt.Fprintf(&b, "Destroy it once a newer root roster is public.\n\nRoot roster %d:\n", r.Version())
	for _, line := range change.Digest(r.Digest()) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	for i, doc := range s.Draft.Revocations {
		k := r.Root().OnlineKeys[i]
		fmt.Fprintf(&b, "\nOnline %s key %s\n  %s\n", k.Role, k.Key, doc.Path)
		if s.standsBy(i) {
			fmt.Fprintf(&b, "  STANDS BY: leave it out unless this key too may be in the wrong hands.\n")
		}
		for _, line := range change.Digest(doc.Digest()) {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	return b.String()
}

// certificates adds those that the record holds: each card's, and each online
// key's.
func (s *Session) certificates(files map[string][]byte) error {
	for _, h := range s.Holders {
		name := certificateName(h.Card)
		b, err := readFile(s.path(enrolmentsName, name), maxInput)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		files[CertificatesName+"/"+name] = b
	}
	online, err := s.onlineKeys()
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(online)) {
		if c := online[id].Certificate; c != "" {
			files[CertificatesName+"/"+id+".cert.asc"] = []byte(c)
		}
	}
	return nil
}

// onlineKeys reads the handover files in the record, by the keys' ids.
func (s *Session) onlineKeys() (map[string]handover.OnlineKey, error) {
	all := make(map[string]handover.OnlineKey)
	facts, _ := s.current().Facts["inputs"].([]any)
	for _, f := range facts {
		in, _ := f.(map[string]any)
		if in["what"] != "online keys" {
			continue
		}
		name, err := digest.Parse(fmt.Sprint(in["sha256"]))
		if err != nil {
			return nil, fmt.Errorf("reading the record: %w", err)
		}
		b, err := readFile(s.path(inputsName, name.String()), maxInput)
		if err != nil {
			return nil, fmt.Errorf("reading the record: %w", err)
		}
		if digest.Sum(b) != name {
			return nil, refuse("input %s in the record was changed", name).do(swapped)
		}
		o, err := handover.ParseOnlineKeys(b)
		if err != nil {
			return nil, err
		}
		for _, k := range o.Keys {
			all[k.Key.ID().String()] = k
		}
	}
	return all, nil
}
