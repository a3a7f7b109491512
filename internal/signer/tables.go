package signer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// The tables of the store. Digests and key ids are keys in lower-case hex,
// numbers as twenty digits, so that they sort.
const (
	tableMeta        store.Table = "meta"              // what stands once: see the meta keys
	tableRosters     store.Table = "rosters"           // version -> signed: adopted root rosters
	tableAttested    store.Table = "attestations"      // digest -> the card's attestation
	tableAnchor      store.Table = "anchor"            // package -> its line in the newest roster's anchor
	tableRevoked     store.Table = "online-revoked"    // key id -> signed: opened revocations of online keys
	tableDocuments   store.Table = "documents"         // digest -> signed: lists, manifests, key revocations
	tableCounter     store.Table = "countersignatures" // list digest -> countersigned
	tablePackages    store.Table = "packages"          // package -> packageRecord
	tableIndexes     store.Table = "indexes"           // package -> the index's bytes
	tableLists       store.Table = "lists"             // package, list version -> list digest: versions given
	tableKeys        store.Table = "keys"              // key material, package -> "1": whose lists name the key
	tableKeysRevoked store.Table = "keys-revoked"      // key material -> digest of the revocation
	tableProposals   store.Table = "proposals"         // digest -> Proposal
	tableDirty       store.Table = "dirty"             // package -> "1": the leaf does not show its state yet
	tableOutbox      store.Table = "outbox"            // package, path -> "1": documents to be published
	tableLeaves      store.Table = "leaves"            // package -> leaf line: what the map says
	tablePending     store.Table = "pending"           // package -> revision: leaves that no snapshot shows yet
	tableSnapshots   store.Table = "snapshots"         // version -> snapshotRecord
)

// Keys of the table meta.
const (
	metaRepository = "repository"         // the repository that the store is of
	metaPin        = "pin"                // the digest of its first roster
	metaPublished  = "published-roster"   // the newest version whose files are all published
	metaSnapshot   = "published-snapshot" // the newest version that was published
)

var present = []byte("1")

// number writes n so that keys sort by it.
func number(n uint64) string { return fmt.Sprintf("%020d", n) }

// A packageRecord is what the signer knows of a package, beside its index.
type packageRecord struct {
	Status      tree.Status `json:"status"`
	List        roster.Ref  `json:"list"`         // the newest list that stands
	ListVersion uint64      `json:"list_version"` // 0 while unsigned
	Revision    uint64      `json:"revision"`     // raised by each change
	Published   uint64      `json:"published"`    // the newest revision that a published snapshot shows
}

// countersigned is a list's countersignature.
type countersigned struct {
	Key       string `json:"key"` // id of the countersign key
	Signature []byte `json:"signature"`
}

// A view reads the signer's tables.
type view struct{ store.Reader }

// A change writes them.
type change struct {
	view
	w store.Writer
}

func changeOf(w store.Writer) change { return change{view{w}, w} }

// loadJSON reads a record; found is false if there is none.
func loadJSON[T any](v view, t store.Table, key string) (record T, found bool, err error) {
	b, found, err := v.Load(t, key)
	if err != nil || !found {
		return record, false, err
	}
	if err := json.Unmarshal(b, &record); err != nil {
		return record, false, fmt.Errorf("the store's record %q in table %q is damaged: %w", key, t, err)
	}
	return record, true, nil
}

func (c change) storeJSON(t store.Table, key string, record any) error {
	b, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("printing record %q of table %q: %w", key, t, err)
	}
	return c.w.Store(t, key, b)
}

// keys lists the keys of a table that begin with prefix.
func (v view) keys(t store.Table, prefix string) ([]string, error) {
	var all []string
	err := v.Each(t, prefix, func(key string, _ []byte) error {
		all = append(all, key)
		return nil
	})
	return all, err
}

func (c change) deleteAll(t store.Table, prefix string) error {
	keys, err := c.keys(t, prefix)
	for _, k := range keys {
		err = errors.Join(err, c.w.Delete(t, k))
	}
	return err
}

// document returns what is kept under a digest, and checks that it is that.
func (v view) document(d digest.Digest) (roster.Signed, bool, error) {
	s, found, err := loadJSON[roster.Signed](v, tableDocuments, d.String())
	if err == nil && found && digest.Sum(s.Document) != d {
		err = fmt.Errorf("the store's document %s is damaged: it has another digest", d)
	}
	return s, found, err
}

// pkg returns a package's record and index. Without a record the package is
// unknown.
func (v view) pkg(repository, name string) (rec packageRecord, x *roster.Index, found bool, err error) {
	rec, found, err = loadJSON[packageRecord](v, tablePackages, name)
	if err != nil || !found {
		return rec, nil, found, err
	}
	raw, _, err := v.Load(tableIndexes, name)
	if err != nil {
		return rec, nil, true, err
	}
	x, err = roster.ParseIndex(raw, repository, name)
	if err != nil {
		return rec, nil, true, fmt.Errorf("reading the store's index of %s: %w", name, err)
	}
	return rec, x, true, nil
}

// save stores a changed package: its revision rises, and the next pass
// publishes it.
func (c change) save(name string, rec packageRecord, x *roster.Index) (revision uint64, err error) {
	rec.Revision++
	return rec.Revision, errors.Join(
		c.storeJSON(tablePackages, name, rec),
		c.w.Store(tableIndexes, name, x.Bytes()),
		c.w.Store(tableDirty, name, present),
	)
}

// outbox notes that a document of a package is to be published.
func (c change) outbox(name string, paths ...string) error {
	var err error
	for _, p := range paths {
		err = errors.Join(err, c.w.Store(tableOutbox, name+" "+p, present))
	}
	return err
}

// anchored returns the package's line in the newest anchor.
func (v view) anchored(name string) (tree.Leaf, bool, error) { return v.leaf(tableAnchor, name) }

func (v view) leaf(t store.Table, name string) (tree.Leaf, bool, error) {
	line, found, err := v.Load(t, name)
	if err != nil || !found {
		return tree.Leaf{}, false, err
	}
	l, err := tree.ParseLeaf(string(line))
	if err != nil {
		return tree.Leaf{}, false, fmt.Errorf("the store's table %q is damaged: %w", t, err)
	}
	return l, true, nil
}

// leaves reads a whole table of leaf lines, sorted by name.
func (v view) leaves(t store.Table) ([]tree.Leaf, error) {
	var all []tree.Leaf
	err := v.Each(t, "", func(_ string, line []byte) error {
		l, err := tree.ParseLeaf(string(line))
		if err != nil {
			return fmt.Errorf("the store's table %q is damaged: %w", t, err)
		}
		all = append(all, l)
		return nil
	})
	return all, err
}

func (c change) storeLeaf(t store.Table, l tree.Leaf) error {
	return c.w.Store(t, l.Name, []byte(l.String()))
}

// meta returns a number of the table meta, 0 if it is not there.
func (v view) meta(key string) (uint64, error) {
	b, found, err := v.Load(tableMeta, key)
	if err != nil || !found {
		return 0, err
	}
	n, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the store's %q is damaged: %w", key, err)
	}
	return n, nil
}

func (c change) storeMeta(key string, n uint64) error {
	return c.w.Store(tableMeta, key, strconv.AppendUint(nil, n, 10))
}

// lists returns the digests of the lists whose versions were given, newest
// first, and the highest version.
func (v view) lists(name string) (newest []digest.Digest, highest uint64, err error) {
	err = v.Each(tableLists, name+" ", func(key string, value []byte) error {
		d, err := digest.Parse(string(value))
		if err != nil {
			return fmt.Errorf("the store's lists of %s are damaged: %w", name, err)
		}
		if highest, err = strconv.ParseUint(key[len(name)+1:], 10, 64); err != nil {
			return fmt.Errorf("the store's lists of %s are damaged: %w", name, err)
		}
		newest = append([]digest.Digest{d}, newest...)
		return nil
	})
	return newest, highest, err
}

// give notes a list's version as given, and whose keys it names.
func (c change) give(l *roster.List) error {
	d := l.Digest()
	err := c.w.Store(tableLists, l.Package()+" "+number(l.Version()), []byte(d.String()))
	for _, k := range l.Keys() {
		err = errors.Join(err, c.w.Store(tableKeys, k.Material().String()+" "+l.Package(), present))
	}
	return err
}

// packagesOf returns the packages whose lists name the key.
func (v view) packagesOf(k *pgp.PublicKey) ([]string, error) {
	prefix := k.Material().String() + " "
	keys, err := v.keys(tableKeys, prefix)
	for i := range keys {
		keys[i] = strings.TrimPrefix(keys[i], prefix)
	}
	return keys, err
}
