package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

const (
	recordFile    = "record"
	recordType    = "package-record/v1"
	maxRecordFile = 64 << 10
)

// A record says what is remembered of one package. Its zero parts are not
// remembered.
type record struct {
	Type        string     `json:"type"`
	Repository  string     `json:"repository"`
	Package     string     `json:"package"`
	Floor       uint64     `json:"floor"` // version of the roster whose snapshot_floor was in force
	IndexLength uint64     `json:"index_length"`
	Index       roster.Ref `json:"index"`
	Chain       []link     `json:"chain"` // lists, from the anchored one or version 1 to the accepted one
}

// A link names a list and its signatures, as they were when it was accepted.
// An anchored list has no signatures here: nobody asks for them.
type link struct {
	List       digest.Digest `json:"list"`
	Signatures roster.Ref    `json:"signatures"`
}

func (r record) format() ([]byte, error) {
	r.Type = recordType
	if r.Chain == nil {
		r.Chain = []link{}
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("printing a package's record: %w", err)
	}
	return append(b, '\n'), nil
}

// A packageMemory is what is remembered of one package: the record and the
// lists of its chain.
type packageMemory struct {
	m      *memory
	dir    string // below the state directory
	record record
	chain  []roster.Signed
}

// loadPackage reads what is remembered of a package: nothing, if it was never
// accepted. What bound only under a former snapshot_floor is forgotten by
// [packageMemory.forget], once the anchored list is known.
func (m *memory) loadPackage(name string) (*packageMemory, error) {
	p := &packageMemory{m: m, dir: packageDir + "/" + digest.Sum([]byte(name)).String(),
		record: record{Repository: m.pin.repository, Package: name, Floor: m.floor}}
	file := p.dir + "/" + recordFile
	b, err := m.dir.read(file, maxRecordFile)
	if errors.Is(err, fs.ErrNotExist) {
		return p, p.sweep()
	}
	if err != nil {
		return nil, err
	}
	if p.record, err = parseRecord(b); err == nil && (p.record.Repository != m.pin.repository || p.record.Package != name) {
		err = fmt.Errorf("it is of package %q of %q, wanted %q of %q", p.record.Package, p.record.Repository, name, m.pin.repository)
	}
	if err != nil {
		return nil, damaged(m.dir.file(file), "it is not this package's record", err)
	}
	for _, l := range p.record.Chain {
		s, err := p.readList(l)
		if err != nil {
			return nil, err
		}
		p.chain = append(p.chain, s)
	}
	return p, p.sweep()
}

func parseRecord(b []byte) (record, error) {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return record{}, err
	}
	again, err := r.format()
	if err != nil || !bytes.Equal(again, b) {
		return record{}, errors.New("it does not print back to the same bytes")
	}
	if len(r.Chain) > roster.MaxSuccessions+1 {
		return record{}, fmt.Errorf("%d lists, wanted at most %d", len(r.Chain), roster.MaxSuccessions+1)
	}
	return r, nil
}

// object is where the file with this digest is.
func (p *packageMemory) object(d digest.Digest) string { return p.dir + "/" + d.String() }

func (p *packageMemory) readList(l link) (s roster.Signed, err error) {
	if s.Document, err = p.readObject(l.List, roster.MaxList); err != nil || l.Signatures.IsZero() {
		return s, err
	}
	s.Signatures, err = p.readObject(l.Signatures.Digest, roster.MaxSignatureFile)
	return s, err
}

func (p *packageMemory) readObject(d digest.Digest, limit int64) ([]byte, error) {
	b, err := p.m.dir.read(p.object(d), limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &StateError{File: p.m.dir.file(p.object(d)), Problem: "it is missing"}
	case err != nil:
		return nil, err
	case digest.Sum(b) != d:
		return nil, &StateError{File: p.m.dir.file(p.object(d)), Problem: fmt.Sprintf("its digest is %s", digest.Sum(b))}
	}
	return b, nil
}

// find returns the place of a list in the remembered chain, or -1.
func (p *packageMemory) find(d digest.Digest) int {
	return slices.IndexFunc(p.record.Chain, func(l link) bool { return l.List == d })
}

// forget drops what a changed snapshot_floor makes void: the index, and the
// lists of a name that the anchor does not hold.
func (p *packageMemory) forget(anchored digest.Digest) {
	if p.record.Floor == p.m.floor {
		return
	}
	p.record.Floor, p.record.IndexLength, p.record.Index = p.m.floor, 0, roster.Ref{}
	if anchored.IsZero() {
		p.record.Chain, p.chain = nil, nil
	}
}

// standing returns the remembered list, if it stands from the newest anchor,
// judged by the lists kept here alone; nil if it does not, or if none is
// remembered.
func (p *packageMemory) standing(anchored digest.Digest) *roster.Standing {
	chain := p.chain
	if !anchored.IsZero() {
		i := p.find(anchored)
		if i < 0 {
			return nil
		}
		chain = chain[i:]
	}
	if len(chain) == 0 {
		return nil
	}
	s, err := p.m.newest().Stands(roster.Lineage{Package: p.record.Package, Anchored: anchored, Chain: chain, Revoked: p.m.revoked})
	if err != nil {
		return nil
	}
	return s
}

// known returns a list kept here.
func (p *packageMemory) known(d digest.Digest) (roster.Signed, bool) {
	i := p.find(d)
	if i < 0 {
		return roster.Signed{}, false
	}
	return p.chain[i], true
}

// keptIndex returns the remembered index, if it is the one with this digest
// and is still whole: it can be fetched again.
func (p *packageMemory) keptIndex(d digest.Digest) ([]byte, bool) {
	if p.record.Index.Digest != d {
		return nil, false
	}
	b, err := p.readObject(d, roster.MaxIndex)
	return b, err == nil
}

// rememberIndex remembers a verified index, beside the list remembered so far.
func (p *packageMemory) rememberIndex(x *roster.Index) error {
	if _, ok := p.keptIndex(x.Digest()); ok {
		return nil
	}
	if err := p.m.dir.write(p.object(x.Digest()), x.Bytes()); err != nil {
		return err
	}
	p.record.IndexLength, p.record.Index = x.Length(), roster.Ref{Digest: x.Digest()}
	return p.store()
}

// rememberChain remembers an accepted list with those that lead to it.
func (p *packageMemory) rememberChain(chain []roster.Signed) error {
	links := make([]link, len(chain))
	for i, s := range chain {
		links[i].List = digest.Sum(s.Document)
		if len(s.Signatures) > 0 {
			links[i].Signatures.Digest = digest.Sum(s.Signatures)
		}
	}
	if slices.Equal(links, p.record.Chain) {
		return nil
	}
	for i, s := range chain {
		if slices.Contains(p.record.Chain, links[i]) {
			continue
		}
		if err := p.m.dir.write(p.object(links[i].List), s.Document); err != nil {
			return err
		}
		if links[i].Signatures.IsZero() {
			continue
		}
		if err := p.m.dir.write(p.object(links[i].Signatures.Digest), s.Signatures); err != nil {
			return err
		}
	}
	p.record.Chain, p.chain = links, chain
	return p.store()
}

// store writes the record, which counts from then on.
func (p *packageMemory) store() error {
	b, err := p.record.format()
	if err != nil {
		return err
	}
	if err := p.m.dir.write(p.dir+"/"+recordFile, b); err != nil {
		return err
	}
	return p.sweep()
}

// sweep removes what the record does not name: what it named before, and what
// a program left that was killed.
func (p *packageMemory) sweep() error {
	keep := map[string]bool{recordFile: true, p.record.Index.String(): true}
	for _, l := range p.record.Chain {
		keep[l.List.String()], keep[l.Signatures.String()] = true, true
	}
	names, err := p.m.dir.names(p.dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if keep[n] {
			continue
		}
		if err := p.m.dir.remove(p.dir + "/" + n); err != nil {
			return err
		}
	}
	return nil
}
