package acts

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// last is the newest published roster, and what it says.
func (w *world) last() (digest.Digest, roster.Root) {
	w.t.Helper()
	v := w.view()
	return v.Roster().Digest(), v.Roster().Root()
}

// view is what a new client sees.
func (w *world) view() *client.View {
	w.t.Helper()
	v, err := w.client("new").refresh()
	must(w.t, err)
	return v
}

// signed is a document with the signatures of cards.
func (w *world) signed(document []byte, cards ...uint32) []byte {
	w.t.Helper()
	var files []*pgp.SignatureFile
	for _, serial := range cards {
		e, err := ceremony.ParseEnrolment(w.read(enrolmentOf(serial)))
		must(w.t, err)
		asc, err := pgp.Sign(rand.Reader, document, e.Key.PublicKey, w.cards[serial].key, w.now)
		must(w.t, err)
		f, err := pgp.ParseSignatures(asc)
		must(w.t, err)
		files = append(files, f)
	}
	asc, err := pgp.Combine(files...)
	must(w.t, err)
	return asc
}

// next is a mirror with a roster after the newest, made outside of any ceremony
// and signed by cards.
func (w *world) next(edit func(*roster.Root), cards ...uint32) mirror {
	w.t.Helper()
	d, r := w.last()
	r.Version, r.Previous, r.Issued, r.Expires = r.Version+1, roster.Ref{Digest: d}, roster.At(w.now), roster.At(w.now.AddDate(1, 0, 0))
	if edit != nil {
		edit(&r)
	}
	draft, err := roster.NewDraft(r)
	must(w.t, err)
	path := roster.RosterPath(r.Version)
	return mirror{forged: map[string][]byte{path: draft.Bytes(), roster.SignaturePath(path): w.signed(draft.Bytes(), cards...)}}
}

func cardsOf(people []string) []uint32 {
	var all []uint32
	for _, p := range people {
		all = append(all, serials[p])
	}
	return all
}

// mayNot wants the people's cards to be too few, or the wrong ones, for the next
// roster, which they would make their own: whoever meets it refuses.
func (w *world) mayNot(people ...string) {
	w.t.Helper()
	_, last := w.last()
	w.refuse(w.next(func(r *roster.Root) {
		r.Keyholders = nil
		for _, name := range people {
			k := w.key(serials[name])
			if slices.ContainsFunc(r.Revoked, func(o roster.RevokedKey) bool { return o.Key.ID() == k.ID() }) {
				continue // no roster can list it
			}
			r.Keyholders = append(r.Keyholders, roster.Keyholder{Name: name, Key: k, Attestation: roster.NoAttestation})
		}
		r.Threshold = len(r.Keyholders)
	}, cardsOf(people)...), roster.LayerRoster, fmt.Sprintf("quorum of roster version %d not met", last.Version))
}

// may wants the people's cards to be enough for the next roster.
func (w *world) may(people ...string) {
	w.t.Helper()
	m := w.next(nil, cardsOf(people)...)
	_, r := w.last()
	for _, name := range clients {
		u := w.client(name).at(m)
		v, err := u.refresh()
		// The roster is taken; that the signer's snapshot names an older one is no matter.
		if err != nil || v.Roster().Version() != r.Version+1 {
			w.t.Fatalf("the %s client refuses a roster that %s signed: %v", name, strings.Join(people, " and "), err)
		}
	}
}

// snapshot is a mirror on which somebody with a pair of online keys has signed a
// snapshot, over the map of an index that they have filled.
func (w *world) snapshot(pair int, version uint64, fill func(*rostertest.Index)) mirror {
	w.t.Helper()
	_, r := w.last()
	return w.snapshotUnder(r.Version, pair, version, fill)
}

// snapshotUnder is the same while no client can tell what the newest roster is.
func (w *world) snapshotUnder(root uint64, pair int, version uint64, fill func(*rostertest.Index)) mirror {
	w.t.Helper()
	x := rostertest.New(w.t)
	x.Repository, x.Countersign, x.Now = repository, online(roster.RoleCountersign, pair), w.now
	fill(x)
	c := roster.SnapshotContent{Repository: repository, Version: version, Issued: roster.At(w.now), Expires: roster.At(w.now.Add(day / 2)), Roster: root, Map: x.Map()}
	doc, err := c.Format()
	must(w.t, err)
	m := mirror{forged: make(map[string][]byte)}
	for path, b := range x.Files {
		if !strings.HasPrefix(path, "root/") && !strings.HasPrefix(path, "snapshots/") {
			m.forged[path] = b
		}
	}
	m.forged[roster.SnapshotPath(version)] = doc
	m.forged[roster.SignaturePath(roster.SnapshotPath(version))] = rostertest.Sign(w.t, doc, online(roster.RoleSnapshot, pair))
	m.forged[roster.LatestPath] = fmt.Appendf(nil, "%d\n", version)
	return m
}

// claimed has the thief claim a name that the root has not met.
func claimed(x *rostertest.Index) {
	x.Claim("claimed", thief)
	x.Release("claimed", wheel("claimed", "1.0"), "owned", thief)
}

// acceptsOf wants a client to be shown a release by a mirror, as that mirror has
// it: what a thief can do until an act ends it.
func (u *user) acceptsOf(m mirror, pkg string, want client.Outcome) {
	u.w.t.Helper()
	tried := u.at(m)
	tried.finds(pkg, "1.0", want)
}
