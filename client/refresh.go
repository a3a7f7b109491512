package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// MaxWalk is how many rosters one refresh walks, and how many it goes back to
// find one that a revocation names.
const MaxWalk = 256

// reload reads the memory and refreshes it. The lock is held.
func (v *View) reload(ctx context.Context) error {
	m, err := load(v.client.dir)
	if err != nil {
		return err
	}
	v.m = m
	v.ahead.dropAll()
	for i, r := range m.chain {
		v.traceRoster(r, i)
	}
	refresh := func() error { return v.refresh(ctx) }
	err = v.ahead.call(ctx, false, refresh)
	if errors.Is(err, roster.ErrNewerRoster) {
		err = v.ahead.call(ctx, false, refresh) // the snapshot was made under a roster that came since: once more
	}
	if err != nil {
		return err
	}
	v.stamp, err = m.stamp()
	return err
}

// refresh does steps 1 to 3: rosters, revocations, snapshot. What can be asked
// for is asked for at once: the next roster and the newest snapshot's number,
// and then the revocations and the snapshot.
func (v *View) refresh(ctx context.Context) error {
	v.ask(roster.RosterPath(v.m.newest().Version()+1), roster.MaxRoster)
	v.ask(roster.LatestPath, roster.MaxLatest)
	if err := v.walk(ctx); err != nil {
		return err
	}
	if err := v.m.newest().Current(v.at); err != nil {
		return err
	}
	v.askOnline()
	v.askSnapshot()
	remembered := len(v.m.online)
	if err := v.askRevocations(ctx, v.onlineKeys()); err != nil {
		return err
	}
	v.trace(roster.LayerRevocation, "online keys", digest.Digest{}, fmt.Sprintf("asked for revocations of all that roster %d lists: %d found now, %d remembered",
		v.m.newest().Version(), len(v.m.online)-remembered, remembered))
	return v.refreshSnapshot(ctx)
}

func (v *View) askOnline() {
	for _, id := range v.onlineKeys() {
		v.ask(roster.RevocationPath(id), roster.MaxRevocation)
	}
}

// askSnapshot asks for what refreshSnapshot will want.
func (v *View) askSnapshot() {
	b, _ := v.peek(roster.LatestPath)
	version, err := parseLatest(b)
	kept := v.m.snapshot
	if err != nil || kept != nil && version < kept.version {
		return // it is refused when its turn comes
	}
	path := roster.SnapshotPath(version)
	v.ask(path, roster.MaxSnapshot)
	if kept == nil || version > kept.version {
		v.ask(roster.SignaturePath(path), roster.MaxSignatureFile)
	}
}

// walk follows the rosters until there is none, and remembers each.
func (v *View) walk(ctx context.Context) error {
	for range MaxWalk {
		r := v.m.newest()
		path := roster.RosterPath(r.Version() + 1)
		doc, err := v.read(ctx, path, roster.MaxRoster)
		if errors.Is(err, roster.ErrAbsent) {
			return nil
		}
		if err != nil {
			return required(path, err)
		}
		v.ask(roster.SignaturePath(path), roster.MaxSignatureFile)
		v.ask(roster.RosterPath(r.Version()+2), roster.MaxRoster)
		asc, err := v.must(ctx, roster.SignaturePath(path), roster.MaxSignatureFile)
		if err != nil {
			return err
		}
		s := roster.Signed{Document: doc, Signatures: asc}
		next, err := r.Succeed(s)
		if err != nil {
			return err
		}
		if err := v.m.addRoster(next, s); err != nil {
			return err
		}
		v.traceRoster(next, len(v.m.chain)-1)
	}
	return &roster.Error{Layer: roster.LayerRoster, Subject: roster.RosterPath(v.m.newest().Version()), Stale: true,
		Problem: fmt.Sprintf("%d rosters followed and there are more", MaxWalk), Do: "run refresh again: those that verified are remembered"}
}

// onlineKeys are those of the newest roster that are not known revoked.
func (v *View) onlineKeys() []pgp.KeyID {
	var ids []pgp.KeyID
	for _, k := range v.m.newest().Root().OnlineKeys {
		if id := k.Key.ID(); v.m.online[id] == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// asked is the answer about one online key.
type asked struct {
	id       pgp.KeyID
	s        roster.Signed
	doc, asc error
}

// askRevocations asks for the revocations of online keys, all at once, and
// remembers those that are valid. One that is there and is not valid does not
// count, and is reported.
func (v *View) askRevocations(ctx context.Context, ids []pgp.KeyID) error {
	answers := make([]asked, len(ids))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, id := range ids {
		g.Go(func() error {
			a := asked{id: id}
			path := roster.RevocationPath(id)
			a.s.Document, a.doc = v.read(ctx, path, roster.MaxRevocation)
			if a.doc == nil {
				a.s.Signatures, a.asc = v.read(ctx, roster.SignaturePath(path), roster.MaxSignatureFile)
			}
			answers[i] = a
			return nil
		})
	}
	_ = g.Wait() // none returns an error
	for _, a := range answers {
		if err := v.takeRevocation(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (v *View) takeRevocation(ctx context.Context, a asked) error {
	path := roster.RevocationPath(a.id)
	if errors.Is(a.doc, roster.ErrAbsent) {
		return nil
	}
	err := errors.Join(a.doc, a.asc)
	if unreadable := (*TooLongError)(nil); err != nil && !errors.As(err, &unreadable) && !errors.Is(err, roster.ErrAbsent) {
		return required(path, err)
	}
	var under *roster.Roster
	if err == nil {
		var fetched error
		under, err, fetched = v.rosterOf(ctx, a.s.Document)
		if fetched != nil {
			return fetched
		}
	}
	var rev *roster.Revocation
	if err == nil {
		rev, err = under.OpenRevocation(a.s, a.id)
	}
	if err != nil {
		v.client.config.Trace(Step{Layer: roster.LayerRevocation, Subject: path, Warning: true,
			Why: fmt.Sprintf("there is a file, but it is no valid revocation, so it does not count: %v", err)})
		return nil
	}
	if err := v.m.addOnline(rev, a.s); err != nil {
		return err
	}
	v.client.config.Trace(Step{Layer: roster.LayerRevocation, Subject: path, Digest: digest.Sum(a.s.Document),
		Why: fmt.Sprintf("the keyholders of roster %d revoke online key %s (%s)", under.Version(), rev.Key(), rev.Reason())})
	return nil
}

// rosterOf returns the roster under which a revocation says it is made, going
// back from the oldest known if need be. bad says why the document cannot be
// one; fetched that an earlier roster could not be had.
func (v *View) rosterOf(ctx context.Context, doc []byte) (r *roster.Roster, bad, fetched error) {
	want, err := roster.RevocationRoster(doc)
	if err != nil {
		return nil, err, nil
	}
	for range MaxWalk {
		if r := v.m.rosterNamed(want); r != nil {
			return r, nil, nil
		}
		if v.m.oldest().Version() == 1 {
			break
		}
		if more, err := v.m.loadEarlier(); more || err != nil {
			if err != nil {
				return nil, nil, err
			}
			continue
		}
		path := roster.RosterPath(v.m.oldest().Version() - 1)
		s, err := roster.FetchSigned(ctx, path, roster.MaxRoster, v.must)
		if err != nil {
			return nil, nil, err
		}
		earlier, err := v.m.openEarlier(s)
		if err != nil {
			return nil, nil, err
		}
		if err := v.m.addEarlier(earlier, s); err != nil {
			return nil, nil, err
		}
	}
	return nil, fmt.Errorf("it names roster %s, which is none of this repository's up to version %d", want, v.m.newest().Version()), nil
}

// latest returns the newest snapshot's number, as the source has it.
func (v *View) latest(ctx context.Context) (uint64, error) {
	b, err := v.must(ctx, roster.LatestPath, roster.MaxLatest)
	if err != nil {
		return 0, err
	}
	return parseLatest(b)
}

func parseLatest(b []byte) (uint64, error) {
	text, ok := strings.CutSuffix(string(b), "\n")
	n, err := strconv.ParseUint(text, 10, 53)
	if !ok || err != nil || n < 1 || strconv.FormatUint(n, 10) != text {
		return 0, &roster.Error{Layer: roster.LayerSnapshot, Subject: roster.LatestPath, Problem: "malformed", Found: fmt.Sprintf("%q", b), Want: "one line with a snapshot's number",
			Do: "it was changed on the server or on the way: try another mirror"}
	}
	return n, nil
}

// refreshSnapshot does step 3. A new snapshot is remembered after all of it
// verified; of the one remembered, the bytes that are kept count.
func (v *View) refreshSnapshot(ctx context.Context) error {
	version, err := v.latest(ctx)
	if err != nil {
		return err
	}
	path, kept := roster.SnapshotPath(version), v.m.snapshot
	if kept != nil && version < kept.version {
		return &roster.Error{Layer: roster.LayerSnapshot, Subject: path, Problem: "older than the snapshot that this client remembers",
			Found: fmt.Sprintf("version %d", version), Want: fmt.Sprintf("at least %d", kept.version),
			Do: "an old state of the index is shown to you: try another mirror or network"}
	}
	var s roster.Signed
	var snap *roster.Snapshot
	if kept != nil && version == kept.version {
		s, snap, err = v.sameSnapshot(ctx, path)
	} else {
		s, snap, err = v.newSnapshot(ctx, path, version)
	}
	if err != nil {
		return err
	}
	if err := v.checkNamedRevoked(ctx, snap); err != nil {
		return err
	}
	// One of those may be of the key that signed, in the packet of a former roster.
	if _, err := v.m.newest().OpenSnapshot(s, version, v.at, v.m.revoked); err != nil {
		return err
	}
	if kept == nil || kept.version != version || !bytes.Equal(kept.signed.Signatures, s.Signatures) {
		if err := v.m.addSnapshot(version, s); err != nil {
			return err
		}
	}
	v.snapshot = snap
	v.client.config.Trace(Step{Layer: roster.LayerSnapshot, Subject: path, Digest: snap.Digest(),
		Why: fmt.Sprintf("signed by a snapshot key of roster %d that is not revoked; issued %s, expires %s; it commits to a map of %d packages",
			v.m.newest().Version(), roster.At(snap.Issued()), roster.At(snap.Expires()), snap.Map().Size)})
	return nil
}

func (v *View) newSnapshot(ctx context.Context, path string, version uint64) (roster.Signed, *roster.Snapshot, error) {
	v.ask(roster.SignaturePath(path), roster.MaxSignatureFile)
	s, err := roster.FetchSigned(ctx, path, roster.MaxSnapshot, v.must)
	if err != nil {
		return s, nil, err
	}
	snap, err := v.m.newest().OpenSnapshot(s, version, v.at, v.m.revoked)
	return s, snap, err
}

// sameSnapshot opens the remembered snapshot again, after a look at whether
// the source has the same bytes. The signature may have been renewed since.
func (v *View) sameSnapshot(ctx context.Context, path string) (roster.Signed, *roster.Snapshot, error) {
	s, version := v.m.snapshot.signed, v.m.snapshot.version
	doc, err := v.must(ctx, path, roster.MaxSnapshot)
	if err != nil {
		return s, nil, err
	}
	if !bytes.Equal(doc, s.Document) {
		return s, nil, &roster.Error{Layer: roster.LayerSnapshot, Subject: path, Problem: "other bytes than the snapshot of this version that this client remembers",
			Found: digest.Sum(doc).String(), Want: digest.Sum(s.Document).String(),
			Do: fmt.Sprintf("two states of the index were signed, or this one was changed: keep the state directory %q as evidence and report it", v.client.config.State)}
	}
	snap, err := v.m.newest().OpenSnapshot(s, version, v.at, v.m.revoked)
	var refused *roster.Error
	if err == nil || errors.As(err, &refused) && refused.Stale {
		return s, snap, err
	}
	renewed, fetchErr := v.must(ctx, roster.SignaturePath(path), roster.MaxSignatureFile)
	if fetchErr != nil {
		return s, nil, err
	}
	s.Signatures = renewed
	snap, err = v.m.newest().OpenSnapshot(s, version, v.at, v.m.revoked)
	return s, snap, err
}

// checkNamedRevoked checks that of each online key that the snapshot names
// revoked a revocation was found, or the roster's.
func (v *View) checkNamedRevoked(ctx context.Context, snap *roster.Snapshot) error {
	var unasked []pgp.KeyID
	for _, id := range snap.Revoked() {
		if !v.revokedOnline(id) && !slices.Contains(v.onlineKeys(), id) {
			unasked = append(unasked, id)
		}
	}
	if err := v.askRevocations(ctx, unasked); err != nil {
		return err
	}
	for _, id := range snap.Revoked() {
		if !v.revokedOnline(id) {
			return &roster.Error{Layer: roster.LayerRevocation, Subject: roster.RevocationPath(id), Stale: true,
				Problem: fmt.Sprintf("snapshot %d names this online key revoked, but no valid revocation of it was found", snap.Version()),
				Do:      "the revocation is withheld from you: try another mirror or network"}
		}
	}
	return nil
}

func (v *View) revokedOnline(id pgp.KeyID) bool {
	if v.m.online[id] != nil {
		return true
	}
	return slices.ContainsFunc(v.m.newest().Root().Revoked, func(k roster.RevokedKey) bool { return k.Key.ID() == id })
}

func (v *View) traceRoster(r *roster.Roster, place int) {
	var by []string
	for _, a := range r.Approvals() {
		by = append(by, strings.Join(a.By(), ", "))
	}
	why := fmt.Sprintf("pinned: you chose this roster by its digest when the state directory was made; it is signed by its keyholders %s", by[len(by)-1])
	if place > 0 {
		why = fmt.Sprintf("approved by keyholders of the roster before it (%s) and by its own (%s)", by[0], by[len(by)-1])
	}
	v.client.config.Trace(Step{Layer: roster.LayerRoster, Subject: roster.RosterPath(r.Version()), Digest: r.Digest(), Why: why})
}
