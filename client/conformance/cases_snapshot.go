package conformance

import (
	"fmt"
	"strings"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// revocationCases are about online keys. A valid revocation is what refuses
// here, and a revocation with something wrong in it takes nothing away.
func revocationCases() []Case {
	stolen := func(r *Repo) string { return roster.RevocationPath(r.Snapshot.Key.ID()) }
	revoked := func(edit func(r *Repo, o *roster.OnlineRevocation), by ...*rostertest.Signer) func(*Repo) {
		return func(r *Repo) {
			o := roster.OnlineRevocation{Type: "revocation/v1", Repository: r.Repository, Roster: r.Roster.Digest(), Key: key(r.Snapshot), Reason: "stolen", Issued: roster.At(r.Now)}
			if edit != nil {
				edit(r, &o)
			}
			r.PutSigned(stolen(r), Print(o), by...)
		}
	}
	valid := revoked(nil, alice, bob)
	empty := func(what string, wrong func(*Repo)) Case {
		rule, promise, _ := strings.Cut(what, ": ")
		return turned(rule, promise, Refused, Done, func(s *Stage, bad bool) *Result {
			r := s.Open()
			followed(r)
			valid(r)
			if bad {
				wrong(r)
			}
			u := r.User()
			return u.Get()
		})
	}
	cases := []Case{
		empty("REVOKE-1: a revocation for another repository does not count", revoked(func(_ *Repo, o *roster.OnlineRevocation) { o.Repository = "other.example" }, alice, bob)),
		empty("REVOKE-1: a revocation of another key than the path names does not count", revoked(func(_ *Repo, o *roster.OnlineRevocation) { o.Key = key(rostertest.Person("snapshot-9")) }, alice, bob)),
		empty("REVOKE-2: a revocation that names no roster of this repository does not count", revoked(func(_ *Repo, o *roster.OnlineRevocation) { o.Roster = digest.Sum(nil) }, alice, bob)),
		empty("REVOKE-2: a revocation under a roster that had not the key does not count", func(r *Repo) {
			first := r.Roster.Digest()
			r.Snapshot = rostertest.Person("snapshot-2")
			r.Succeed(func(c *roster.Root) { c.OnlineKeys[1].Key = key(r.Snapshot) })
			r.Publish(nil)
			revoked(func(_ *Repo, o *roster.OnlineRevocation) { o.Roster = first }, alice, bob)(r)
		}),
		empty("REVOKE-3: a revocation signed by fewer than M keyholders does not count", revoked(nil, alice)),
		empty("REVOKE-3: a revocation signed by strangers does not count", revoked(nil, mallory, heidi, grace)),
		empty("REVOKE-3: a revocation signed by the online keys does not count", revoked(nil, rostertest.Person("countersign-1"), rostertest.Person("snapshot-1"))),
		empty("REVOKE-3: a bad signature beside enough good ones voids a revocation", func(r *Repo) {
			r.Put(stolen(r)+".asc", joined(r.Files[stolen(r)+".asc"], rostertest.Sign(r.T, []byte("another"), carol)))
		}),
		empty("FETCH-1: a revocation without signatures does not count", func(r *Repo) { delete(r.Files, stolen(r)+".asc") }),
		empty("FETCH-2: a revocation that is too long does not count", func(r *Repo) { r.Put(stolen(r), make([]byte, roster.MaxRevocation+1)) }),
		empty("ENC-2: a revocation that is no document does not count", func(r *Repo) { r.Put(stolen(r), []byte("revoked\n")) }),
		empty("ENC-4: a revocation with an unknown field does not count", func(r *Repo) {
			r.Edit(stolen(r), replace("{\n", "{\n  \"comment\": \"\",\n"), alice, bob)
		}),
		empty("SIG-1: a revocation whose signature file is an HTML page does not count", func(r *Repo) { r.Put(stolen(r)+".asc", []byte("<html>not found</html>\n")) }),
		{"MEM-5: a revocation of an online key is never forgotten, though it is withdrawn", func(s *Stage) {
			r := s.Open()
			followed(r)
			u := r.User()
			u.Get().Want(Done)
			valid(r)
			u.Get().Want(Refused)
			delete(r.Files, stolen(r))
			u.Get().Want(Refused)
			r.Publish(nil)
			u.Get().Want(Refused)
			r.User().Get().Want(Done) // who never saw it
		}},
		{"MEM-5: a change of snapshot_floor makes no client forget a revocation", func(s *Stage) {
			r := s.Open()
			followed(r)
			valid(r)
			u := r.User()
			u.Get().Want(Refused)
			delete(r.Files, stolen(r))
			r.Succeed(func(c *roster.Root) { c.SnapshotFloor = 5 })
			r.Publish(nil)
			u.Get().Want(Refused)
			r.User().Get().Want(Done)
		}},
		{"REVOKE-2: a revocation counts under the roster that it names and under later ones", func(s *Stage) {
			r := s.Open()
			claim(r)
			valid(r)
			r.Succeed(nil)
			r.Succeed(nil)
			r.Publish(nil)
			r.User().Get().Want(Refused)
			u := r.UserFrom(3)
			u.Get().Want(Refused)
			for _, path := range []string{roster.RosterPath(1), rosterTwo, stolen(r)} {
				delete(r.Files, path)
			}
			u.Get().Want(Refused) // all that it needs is kept
		}},
		{"REVOKE-2: a former roster that a revocation names and that is withheld is a lack of freshness", func(s *Stage) {
			r := s.Open()
			claim(r)
			valid(r)
			r.Succeed(nil)
			r.Succeed(nil)
			r.Publish(nil)
			u := r.UserFrom(3)
			one := r.Files[roster.RosterPath(1)]
			delete(r.Files, roster.RosterPath(1))
			u.Get().Want(Stale)
			r.Put(roster.RosterPath(1), one)
			u.Get().Want(Refused)
		}},
		{"STAND-11: a revoked countersign key takes new lists away, and no anchored list", func(s *Stage) {
			r := s.Open()
			anchored(r)
			r.Claim(other, erin)
			r.Release(other, otherWheel, "other\n", erin)
			r.Publish(nil)
			r.User().Get(File{other, otherWheel}).Want(Done)
			r.RevokeOnline(r.Countersign.Key)
			u := r.User()
			u.Get().Want(Done)
			u.Get(File{other, otherWheel}).Want(Refused)
		}},
		{"REVOKE-3: new online keys in the next roster end an emergency", func(s *Stage) {
			r := s.Open()
			anchored(r)
			valid(r)
			u := r.User()
			u.Get().Want(Refused)
			r.Succeed(func(c *roster.Root) { r.ReplaceOnlineKeys(c, "countersign-2", "snapshot-2") })
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		turned("SNAP-9", "a revocation that the snapshot names and that is withheld is a lack of freshness", Done, Stale, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			anchored(r)
			r.RevokeOnline(r.Countersign.Key)
			r.Revoked = []digest.Digest{digest.Digest(r.Countersign.Key.ID())}
			r.Publish(nil)
			if wrong {
				delete(r.Files, roster.RevocationPath(r.Countersign.Key.ID()))
			}
			return r.User().Get()
		}),
		turned("SNAP-9", "a revocation that the snapshot names and that is not valid is a lack of freshness", Done, Stale, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			anchored(r)
			r.RevokeOnline(r.Countersign.Key)
			r.Revoked = []digest.Digest{digest.Digest(r.Countersign.Key.ID())}
			r.Publish(nil)
			if path := roster.RevocationPath(r.Countersign.Key.ID()); wrong {
				r.Put(path+".asc", rostertest.Sign(r.T, r.Files[path], alice))
			}
			return r.User().Get()
		}),
		accepted("SNAP-9", "a key that the snapshot names counts as revoked if the roster revokes it", func(r *Repo) *Result {
			anchored(r)
			former := r.Countersign.Key.ID()
			r.Succeed(func(c *roster.Root) { r.ReplaceOnlineKeys(c, "countersign-2", "snapshot-2") })
			r.Revoked = []digest.Digest{digest.Digest(former)}
			r.Publish(nil)
			return r.User().Get()
		}),
		turned("SNAP-9", "a revocation that the snapshot names takes its own signer's key away, in whatever packet a former roster had it", Done, Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			former := r.Snapshot
			if !wrong {
				former = r.Countersign
			}
			r.RevokeOnline(former.Key)
			r.Snapshot, r.Countersign = r.Snapshot.Repacked(), rostertest.Person("countersign-2")
			r.Succeed(func(c *roster.Root) { c.OnlineKeys[0].Key, c.OnlineKeys[1].Key = key(r.Countersign), key(r.Snapshot) })
			r.Revoked = []digest.Digest{digest.Digest(former.Key.ID())}
			claimed(r)
			return r.User().Get()
		}),
		accepted("SNAP-9", "a revocation of a former roster's key, which the snapshot names, is asked for", func(r *Repo) *Result {
			anchored(r)
			former := r.Countersign.Key
			r.RevokeOnline(former)
			r.Countersign = rostertest.Person("countersign-2")
			r.Succeed(func(c *roster.Root) { c.OnlineKeys[0].Key = key(r.Countersign) })
			r.Revoked = []digest.Digest{digest.Digest(former.ID())}
			r.Publish(nil)
			return r.User().Get().Asked(roster.RevocationPath(former.ID()))
		}),
	}
	return cases
}

// resnap puts an edited snapshot 1 in the place of the one published.
func resnap(edit func(r *Repo, c *roster.SnapshotContent), by ...string) func(*Repo) {
	return func(r *Repo) {
		c := roster.SnapshotContent{Type: "snapshot/v1", Repository: r.Repository, Version: 1, Issued: roster.At(r.Now), Expires: roster.At(r.Now.Add(11 * hr)),
			Roster: r.Roster.Version(), Map: r.PutMap()}
		if edit != nil {
			edit(r, &c)
		}
		who := signers(by...)
		if by == nil {
			who = []*rostertest.Signer{r.Snapshot}
		}
		r.PutSigned(snapshotOne, Print(c), who...)
	}
}

type snap = roster.SnapshotContent

func snapshotCases() []Case {
	var cases []Case
	for _, text := range []string{"", "1", "01\n", "+1\n", "-1\n", " 1\n", "1 \n", "1\r\n", "1\n\n", "1\n2\n", "0\n", "0x1\n", "1.0\n", "one\n", "9007199254740992\n", "99999999999999999999\n", strings.Repeat("0", 17) + "1\n", "\u0661\n", "<html>\n"} {
		cases = append(cases, spoilt("SNAP-1", fmt.Sprintf("latest that reads %q is refused", text), Refused, claimed, func(r *Repo) { r.Put("latest", []byte(text)) }))
	}
	for _, c := range []struct {
		rule, what string
		code       int
		edit       func(*Repo, *snap)
		by         []string
	}{
		{"SNAP-2", "for another repository", Refused, func(_ *Repo, c *snap) { c.Repository = "other.example" }, nil},
		{"SNAP-2", "that says that it is another version", Refused, func(_ *Repo, c *snap) { c.Version = 2 }, nil},
		{"SNAP-2", "made under roster 0", Refused, func(_ *Repo, c *snap) { c.Roster = 0 }, nil},
		{"SNAP-3", "made under a later roster than can be reached", Stale, func(_ *Repo, c *snap) { c.Roster = 3 }, nil},
		{"SNAP-4", "that expires when it is issued", Refused, func(r *Repo, c *snap) { c.Issued = roster.At(r.Now.Add(minute)); c.Expires = c.Issued }, nil},
		{"SNAP-4", "that lives a second longer than the roster allows", Refused, func(_ *Repo, c *snap) { c.Expires = roster.At(c.Issued.Add(24*hr + second)) }, nil},
		{"SNAP-5", "signed by nobody that the roster knows", Refused, nil, []string{"Mallory"}},
		{"SNAP-5", "signed by the countersign key", Refused, nil, []string{"countersign-1"}},
		{"SNAP-5", "signed by a maintainer", Refused, nil, []string{"Dave"}},
		{"SNAP-5", "signed by all keyholders", Refused, nil, []string{"Alice", "Bob", "Carol"}},
		{"SNAP-7", "issued 301 seconds ahead", Refused, func(r *Repo, c *snap) { c.Issued = roster.At(r.Now.Add(301 * second)) }, nil},
		{"SNAP-8", "that expires now", Stale, func(r *Repo, c *snap) { c.Issued = roster.At(r.Now.Add(-hr)); c.Expires = roster.At(r.Now) }, nil},
		{"SNAP-9", "that names a key revoked, of which there is no revocation", Stale, func(r *Repo, c *snap) { c.Revoked = []digest.Digest{digest.Digest(r.Countersign.Key.ID())} }, nil},
		{"SNAP-10", "that names 65 revoked keys", Refused, func(r *Repo, c *snap) {
			for range 65 {
				c.Revoked = append(c.Revoked, digest.Digest(mallory.Key.ID()))
			}
		}, nil},
		{"ENC-5", "whose map has 2^53 leaves", Refused, func(_ *Repo, c *snap) { c.Map.Size = 1 << 53 }, nil},
	} {
		cases = append(cases, spoilt(c.rule, "a snapshot "+c.what+" is not taken", c.code, followed, resnap(c.edit, c.by...)))
	}
	zeros := misprint{"ENC-5", "whose map has a root of zeros", func(s string) string {
		i := strings.Index(s, `"root": "`) + len(`"root": "`)
		return s[:i] + strings.Repeat("0", 64) + s[i+64:]
	}}
	for _, m := range append(few(misprints), zeros) {
		cases = append(cases, spoilt(m.rule, "a snapshot "+m.what+" is refused", Refused, followed, func(r *Repo) { r.Edit(snapshotOne, m.edit, r.Snapshot) }))
	}
	return append(append(cases, snapshotTimes()...), snapshotStories()...)
}

func snapshotTimes() []Case {
	return []Case{
		accepted("SNAP-7", "a snapshot issued 300 seconds ahead is taken", func(r *Repo) *Result {
			claim(r)
			r.Publish(func(c *snap) { c.Issued = roster.At(r.Now.Add(300 * second)) })
			return r.User().Get()
		}),
		accepted("SNAP-8", "a snapshot is taken until a second before it expires", func(r *Repo) *Result {
			claimed(r)
			r.Now = r.Now.Add(12*hr - second)
			return r.User().Get()
		}),
		accepted("SNAP-4", "a snapshot that lives as long as the roster allows is taken", func(r *Repo) *Result {
			claim(r)
			r.Publish(func(c *snap) { c.Expires = roster.At(c.Issued.Add(24 * hr)) })
			return r.User().Get()
		}),
		{"SNAP-8: a remembered snapshot expires like any other", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Get().Want(Done)
			r.Now = r.Now.Add(12 * hr)
			u.Get().Want(Stale)
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		{"SNAP-8: an expired snapshot is not remembered", func(s *Stage) {
			r := s.Open()
			claimed(r)
			old := r.save()
			u := r.User()
			r.Publish(nil)
			u.Now = r.Now.Add(13 * hr)
			u.Get().Want(Stale)
			if u.stateHas(r.Files[latest(r)]) {
				s.Fatalf("the client keeps an expired snapshot")
			}
			old()
			u.Now = r.Now
			u.Get().Want(Done) // the older one: the newer was never taken
		}},
	}
}

func snapshotStories() []Case {
	return []Case{
		spoilt("SNAP-5", "a snapshot by a key whose time has not come is refused", Refused, twoSnapshotKeys, resnap(nil, "snapshot-2")),
		spoilt("SNAP-5", "a snapshot by a key whose time is over is refused", Refused, twoSnapshotKeys, resnap(nil, "snapshot-3")),
		spoilt("SNAP-5", "a snapshot by a key that the roster has revoked is refused", Refused, func(r *Repo) {
			claim(r)
			r.Succeed(func(c *roster.Root) { r.ReplaceOnlineKeys(c, "countersign-2", "snapshot-2") })
			countersign(r)
			r.Publish(nil)
		}, resnap(nil, "snapshot-1")),
		spoilt("SNAP-6", "a snapshot below the roster's floor is refused", Refused, func(r *Repo) {
			claim(r)
			r.Succeed(func(c *roster.Root) { c.SnapshotFloor = 5 })
			r.Publish(nil)
		}, func(r *Repo) {
			doc := strings.Replace(string(r.Files[roster.SnapshotPath(5)]), `"version": 5`, `"version": 4`, 1)
			r.PutSigned(roster.SnapshotPath(4), []byte(doc), r.Snapshot)
			r.Latest(4)
		}),
		{"SNAP-3: a snapshot made under a roster that appears meanwhile is taken", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Get().Want(Done)
			r.Succeed(nil)
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		accepted("SNAP-3", "a snapshot made under an earlier roster than the one reached is taken", func(r *Repo) *Result {
			claimed(r)
			r.Succeed(nil)
			return r.User().Get()
		}),
		{"MEM-1: a snapshot older than the remembered one is refused", func(s *Stage) {
			r := s.Open()
			claimed(r)
			old := r.save()
			u := r.User()
			r.Publish(nil)
			u.Get().Want(Done)
			newer := r.save()
			old()
			u.Get().Want(Refused)
			u.Refresh().Want(Refused)
			r.User().Get().Want(Done) // the older one alone is legal
			newer()
			u.Get().Want(Done)
		}},
		{"MEM-2: another snapshot of the remembered version is refused", func(s *Stage) {
			r := s.Open()
			claimed(r)
			good := r.save()
			u := r.User()
			u.Get().Want(Done)
			resnap(nil)(r)
			u.Refresh().Want(Refused)
			u.KeepsNone(r.changed(good)...)
			r.User().Get().Want(Done) // each alone is legal
			good()
			u.Get().Want(Done)
		}},
		{"MEM-2: the remembered snapshot with a renewed signature is taken", func(s *Stage) {
			r := s.Open()
			anchored(r)
			u := r.User()
			u.Get().Want(Done)
			r.Succeed(func(c *roster.Root) { r.ReplaceOnlineKeys(c, "countersign-2", "snapshot-2") })
			u.Get().Want(Refused)
			path := latest(r)
			r.PutSigned(path, r.Files[path], r.Snapshot)
			u.Get().Want(Done)
			u.Get().Want(Done)
		}},
		{"MEM-1: a snapshot that was refused does not count as the newest", func(s *Stage) {
			r := s.Open()
			claimed(r)
			good := r.save()
			u := r.User()
			u.Get().Want(Done)
			doc := strings.Replace(string(r.Files[snapshotOne]), `"version": 1`, `"version": 9007199254740991`, 1)
			r.PutSigned(roster.SnapshotPath(1<<53-1), []byte(doc), mallory)
			r.Latest(1<<53 - 1)
			u.Get().Want(Refused)
			good()
			u.Get().Want(Done)
		}},
		{"SNAP-1: latest that points to no snapshot is a lack of freshness", func(s *Stage) {
			r := s.Open()
			claimed(r)
			good := r.save()
			u := r.User()
			r.Latest(2)
			u.Get().Want(Stale)
			good()
			u.Get().Want(Done)
		}},
	}
}

// twoSnapshotKeys is claimed under a roster that has a snapshot key for later
// and one of former times.
func twoSnapshotKeys(r *Repo) {
	claim(r)
	r.Succeed(func(c *roster.Root) {
		later, former := c.OnlineKeys[1], c.OnlineKeys[1]
		later.Key, later.NotBefore = key(rostertest.Person("snapshot-2")), roster.At(r.Now.Add(second))
		former.Key, former.Expires = key(rostertest.Person("snapshot-3")), roster.At(r.Now)
		former.NotBefore = roster.At(r.Now.Add(-time.Hour))
		c.OnlineKeys = append(c.OnlineKeys, later, former)
	})
	r.Publish(nil)
}

// countersign renews sample's countersignature.
func countersign(r *Repo, by ...*rostertest.Signer) {
	if by == nil {
		by = []*rostertest.Signer{r.Countersign}
	}
	l := r.Packages[sample].List
	r.Put(roster.CountersignaturePath(roster.ListPath(sample, l.Digest())), rostertest.Sign(r.T, l.Bytes(), by...))
}

// A change of online keys: who stands in the roster, then who signs.
type onlineRotation struct {
	promise  string
	former   []string // key names of the role in roster 2
	now      []string // in roster 3
	by       []string // who signed
	accepted bool
}

var onlineRotations = []onlineRotation{
	{"the key replaced, signed by the new one", []string{"1"}, []string{"2"}, []string{"2"}, true},
	{"the key replaced, with a signature by the former one too", []string{"1"}, []string{"2"}, []string{"1", "2"}, true},
	{"the key replaced, with signatures that nobody needs", []string{"1"}, []string{"2"}, []string{"9", "2", "8"}, true},
	{"the key replaced, signed by the former one alone", []string{"1"}, []string{"2"}, []string{"1"}, false},
	{"the key replaced, signed by strangers", []string{"1"}, []string{"2"}, []string{"3", "4", "5"}, false},
	{"a standby key added, signed by the first", []string{"1"}, []string{"1", "2"}, []string{"1"}, true},
	{"a standby key added, signed by the standby", []string{"1"}, []string{"1", "2"}, []string{"2"}, true},
	{"a standby key dropped, signed by it", []string{"1", "2"}, []string{"1"}, []string{"2"}, false},
	{"both keys replaced, signed by one of the new", []string{"1", "2"}, []string{"3", "4"}, []string{"4"}, true},
	{"both keys replaced, signed by both former ones", []string{"1", "2"}, []string{"3", "4"}, []string{"1", "2"}, false},
}

// onlineRotationCases change the keys of one role, once for each role.
func onlineRotationCases() []Case {
	var cases []Case
	for role, rule := range map[roster.Role]string{roster.RoleSnapshot: "SNAP-5", roster.RoleCountersign: "STAND-11"} {
		names := func(all []string) []*rostertest.Signer {
			var who []*rostertest.Signer
			for _, n := range all {
				who = append(who, rostertest.Person(string(role)+" "+n))
			}
			return who
		}
		give := func(c *roster.Root, all []string) {
			var keys []roster.OnlineKey
			for _, k := range c.OnlineKeys {
				if k.Role != role {
					keys = append(keys, k)
				}
			}
			k := c.OnlineKeys[0]
			k.Role = role
			for _, s := range names(all) {
				k.Key = key(s)
				keys = append(keys, k)
			}
			c.OnlineKeys = keys
		}
		for _, c := range onlineRotations {
			story := func(s *Stage, wrong bool) *Result {
				r := s.Open()
				claim(r)
				r.Succeed(func(root *roster.Root) { give(root, c.former) })
				r.Succeed(func(root *roster.Root) { give(root, c.now) })
				by := names(c.by)
				if !wrong {
					by = append(by, names(c.now)...)
				}
				r.Publish(nil)
				if role == roster.RoleSnapshot {
					r.PutSigned(latest(r), r.Files[latest(r)], by...)
				} else {
					countersign(r, by...)
				}
				return r.User().Get()
			}
			if c.accepted {
				cases = append(cases, Case{fmt.Sprintf("%s: a change of %s keys is accepted: %s", rule, role, c.promise), func(s *Stage) { story(s, true).Want(Done) }})
			} else {
				cases = append(cases, pair(rule, fmt.Sprintf("a change of %s keys is refused: %s", role, c.promise), Refused, story))
			}
		}
	}
	return cases
}
