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
	recordType = "package-record/v1"
	// maxRecord is the longest first line of a package's file, maxPackageFile
	// the longest such file.
	maxRecord      = 64 << 10
	maxPackageFile = maxRecord + roster.MaxIndex + (roster.MaxSuccessions+1)*(roster.MaxList+roster.MaxSignatureFile)
)

// A record says what is remembered of one package: it is the first line of the
// package's file, and what it names stands behind it. Its zero parts are not
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
	List             digest.Digest `json:"list"`
	ListLength       uint64        `json:"list_length"`
	Signatures       roster.Ref    `json:"signatures"`
	SignaturesLength uint64        `json:"signatures_length"`
}

func linkOf(s roster.Signed) link {
	l := link{List: digest.Sum(s.Document), ListLength: uint64(len(s.Document))}
	if len(s.Signatures) > 0 {
		l.Signatures.Digest, l.SignaturesLength = digest.Sum(s.Signatures), uint64(len(s.Signatures))
	}
	return l
}

func (r record) format() ([]byte, error) {
	r.Type = recordType
	if r.Chain == nil {
		r.Chain = []link{}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("printing a package's record: %w", err)
	}
	return append(b, '\n'), nil
}

// A packageMemory is what is remembered of one package: the record, the index
// and the lists of its chain.
type packageMemory struct {
	m       *memory
	file    string // below the state directory
	record  record
	index   []byte // what record.Index names
	chain   []roster.Signed
	changed bool // since it was read or written
}

// loadPackage reads what is remembered of a package: nothing, if it was never
// asked for. What bound only under a former snapshot_floor is forgotten by
// [packageMemory.forget], once the anchored list is known.
func (m *memory) loadPackage(name string) (*packageMemory, error) {
	p := &packageMemory{m: m, file: packageDir + "/" + digest.Sum([]byte(name)).String(),
		record: record{Repository: m.pin.repository, Package: name, Floor: m.floor}}
	b, err := m.dir.read(p.file, maxPackageFile)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	if err = p.parse(b); err == nil && (p.record.Repository != m.pin.repository || p.record.Package != name) {
		err = fmt.Errorf("it is of package %q of %q, wanted %q of %q", p.record.Package, p.record.Repository, name, m.pin.repository)
	}
	if err != nil {
		return nil, damaged(m.dir.file(p.file), "it is not what is remembered of this package", err)
	}
	return p, nil
}

// parse reads a package's file.
func (p *packageMemory) parse(b []byte) (err error) {
	end := bytes.IndexByte(b[:min(len(b), maxRecord)], '\n') + 1
	if p.record, err = parseRecord(b[:end]); err != nil {
		return err
	}
	rest := b[end:]
	part := func(d digest.Digest, length uint64) (part []byte) {
		switch {
		case err != nil || d.IsZero() && length == 0:
			return nil
		case length > uint64(len(rest)):
			err = fmt.Errorf("it ends within what it names as %s", d)
			return nil
		}
		part, rest = rest[:length:length], rest[length:]
		if got := digest.Sum(part); got != d {
			err = fmt.Errorf("a part of it has digest %s, wanted %s", got, d)
		}
		return part
	}
	p.index = part(p.record.Index.Digest, p.record.IndexLength)
	for _, l := range p.record.Chain {
		p.chain = append(p.chain, roster.Signed{Document: part(l.List, l.ListLength), Signatures: part(l.Signatures.Digest, l.SignaturesLength)})
	}
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes too many at its end", len(rest))
	}
	return err
}

func parseRecord(b []byte) (record, error) {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return record{}, fmt.Errorf("reading its first line: %w", err)
	}
	again, err := r.format()
	if err != nil || !bytes.Equal(again, b) {
		return record{}, errors.New("its first line does not print back to the same bytes")
	}
	if len(r.Chain) > roster.MaxSuccessions+1 {
		return record{}, fmt.Errorf("%d lists, wanted at most %d", len(r.Chain), roster.MaxSuccessions+1)
	}
	return r, nil
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
	p.record.Floor, p.record.IndexLength, p.record.Index, p.index = p.m.floor, 0, roster.Ref{}, nil
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

// keptIndex returns the remembered index, if it is the one with this digest.
func (p *packageMemory) keptIndex(d digest.Digest) ([]byte, bool) {
	return p.index, len(p.index) > 0 && p.record.Index.Digest == d
}

// rememberIndex remembers a verified index, beside the list remembered so far.
// It is on the disk after [packageMemory.store].
func (p *packageMemory) rememberIndex(x *roster.Index) {
	if _, ok := p.keptIndex(x.Digest()); ok {
		return
	}
	p.record.IndexLength, p.record.Index, p.index = x.Length(), roster.Ref{Digest: x.Digest()}, x.Bytes()
	p.changed = true
}

// rememberChain remembers an accepted list with those that lead to it, on the
// disk after [packageMemory.store].
func (p *packageMemory) rememberChain(chain []roster.Signed) {
	links := make([]link, len(chain))
	for i, s := range chain {
		links[i] = linkOf(s)
	}
	if slices.Equal(links, p.record.Chain) {
		return
	}
	p.record.Chain, p.chain, p.changed = links, chain, true
}

// store writes what is remembered now in one step, if anything changed.
func (p *packageMemory) store() error {
	if !p.changed {
		return nil
	}
	b, err := p.record.format()
	if err != nil {
		return err
	}
	b = append(b, p.index...)
	for _, s := range p.chain {
		b = append(append(b, s.Document...), s.Signatures...)
	}
	if err := p.m.dir.write(p.file, b); err != nil {
		return err
	}
	p.changed = false
	return nil
}
