package status

import (
	"context"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

var update = flag.Bool("update", false, "write what the tests find as what they want")

// walk opens all rosters of an index.
func walk(t *testing.T, x *rostertest.Index) []*roster.Roster {
	t.Helper()
	first, err := roster.Trust(x.Signed(roster.RosterPath(1)), x.Pin(), rostertest.EmptyMap())
	if err != nil {
		t.Fatal(err)
	}
	all := []*roster.Roster{first}
	for v := uint64(2); v <= x.Roster.Version(); v++ {
		next, err := all[len(all)-1].Succeed(x.Signed(roster.RosterPath(v)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, next)
	}
	return all
}

// second is an index after its second ceremony, of 2 of 3, a month after the
// first. The roster and its online keys count for a year.
func second(t *testing.T, edit func(*roster.Root)) *rostertest.Index {
	t.Helper()
	x := rostertest.New(t)
	x.Now = x.Now.AddDate(0, 1, 0)
	x.Succeed(func(r *roster.Root) {
		rostertest.SetKeyholders(r, rostertest.People("Bob", "Carol", "Dave")...)
		r.Expires = roster.At(x.Now.AddDate(1, 0, 0))
		for i := range r.OnlineKeys {
			r.OnlineKeys[i].Expires = r.Expires
		}
		if edit != nil {
			edit(r)
		}
	})
	return x
}

// input is all there is to know ten days after the second ceremony.
func input(t *testing.T, x *rostertest.Index) Input {
	return Input{Rosters: walk(t, x), At: x.Now.Add(10 * day)}
}

func ids(actions []Action) []string {
	all := make([]string, len(actions))
	for i, a := range actions {
		all[i] = a.ID
	}
	return all
}

func equal[T comparable](t *testing.T, what string, got []T, want ...T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs from what was found; -update writes it:\n%s", file, got)
	}
}

func TestAllIsWell(t *testing.T) {
	s := Of(input(t, second(t, nil)), Usual())
	equal(t, "problems", s.Problems)
	equal(t, "critical", s.Critical)
	equal(t, "losses", s.Losses, true, false, false)
	equal(t, "actions", ids(s.Actions), "keep", "ceremony", "renew")
	if want := s.Issued.Add(90 * day); !s.Actions[1].By.Equal(want) {
		t.Errorf("the ceremony is due %v, want %v", s.Actions[1].By, want)
	}
	if want := s.Actions[1].By.Add(-7 * day); !s.Actions[0].By.Equal(want) {
		t.Errorf("the snapshot is kept by %v, want %v", s.Actions[0].By, want)
	}
	if want := s.Expires.Add(-7 * day); !s.Actions[2].By.Equal(want) {
		t.Errorf("the renewal is due %v, want %v", s.Actions[2].By, want)
	}
	for _, a := range s.Acts {
		equal(t, "without", a.Without)
	}
	equal(t, "sealed", s.Sealed, Sealed{1, 2, false}, Sealed{2, 2, true})
}

// A roster that lives shorter than the usual rhythm is renewed before it ends.
func TestRoutineIsNeverAfterTheLatestDate(t *testing.T) {
	x := second(t, func(r *roster.Root) { r.Expires = roster.At(r.Issued.AddDate(0, 0, 40)) })
	s := Of(input(t, x), Usual())
	for _, a := range s.Actions {
		if a.ID == "ceremony" && !a.By.Equal(s.Expires.Add(-7*day)) {
			t.Errorf("the ceremony is due %v, want a week before %v", a.By, s.Expires)
		}
	}
}

func TestWhoCanBeLost(t *testing.T) {
	x := second(t, nil)
	for _, v := range []struct {
		what     string
		away     []string
		critical []string
		losses   []bool
		roster   []string // without whom acts on a roster cannot reach the threshold
		lost     []string // and those on one card that is lost
		retired  []string
		problem  string
		action   string
	}{
		{"all there", nil, nil, []bool{true, false, false}, nil, nil, nil, "", ""},
		{"one away", []string{"Carol"}, []string{"Bob", "Dave"}, []bool{false, false}, nil, []string{"Bob", "Dave"}, []string{"Carol"}, "", "critical"},
		{"two away", []string{"Carol", "Bob"}, nil, []bool{false}, []string{"Bob", "Carol", "Dave"}, []string{"Bob", "Carol", "Dave"}, []string{"Bob", "Carol", "Dave"},
			"1 keyholders can sign, wanted 2", "below"},
	} {
		t.Run(v.what, func(t *testing.T) {
			in := input(t, x)
			in.Away = v.away
			s := Of(in, Usual())
			equal(t, "critical", s.Critical, v.critical...)
			equal(t, "losses", s.Losses, v.losses...)
			equal(t, "roster", s.Acts[0].Without, v.roster...)
			equal(t, "lost", s.Acts[1].Without, v.lost...)
			equal(t, "retired", s.Acts[2].Without, v.retired...)
			equal(t, "sealed acts", s.Acts[3].Without)
			if got := strings.Join(s.Problems, "; "); (v.problem == "") != (got == "") || !strings.Contains(got, v.problem) {
				t.Errorf("problems %q, want %q", got, v.problem)
			}
			if got := s.Actions[0].ID; v.action != "" && got != v.action {
				t.Errorf("first action %q, want %q", got, v.action)
			}
		})
	}
}

// Every act that a plan can list is in the table of those that can reach the
// threshold, but for genesis.
func TestEveryActIsInTheTable(t *testing.T) {
	s := Of(input(t, second(t, nil)), Usual())
	var all []plan.Act
	for _, r := range s.Acts {
		all = append(all, r.Acts...)
	}
	for _, a := range plan.Acts {
		if a != plan.Genesis && !slices.Contains(all, a) {
			t.Errorf("%s is missing", a)
		}
	}
}

func TestExpired(t *testing.T) {
	in := input(t, second(t, nil))
	expires := in.Rosters[1].Root().Expires.Time
	in.At = expires.Add(-time.Second)
	if s := Of(in, Usual()); len(s.Problems) > 0 {
		t.Errorf("a second before: %q", s.Problems)
	}
	in.At = expires
	s := Of(in, Usual())
	if len(s.Problems) == 0 || !strings.Contains(s.Problems[0], "expired") {
		t.Errorf("problems %q, want that it is expired", s.Problems)
	}
	if !slices.ContainsFunc(s.Actions, func(a Action) bool { return a.ID == "expired" && a.By.Equal(in.At) }) {
		t.Errorf("actions %v, want a renewal now", ids(s.Actions))
	}
}

// A clock before the roster is named; it may be the roster that is early.
func TestClockBeforeTheRoster(t *testing.T) {
	in := input(t, second(t, nil))
	issued := in.Rosters[1].Root().Issued.Time
	for _, v := range []struct {
		at    time.Time
		named bool
	}{{issued.Add(-time.Second), true}, {issued, false}} {
		in.At = v.at
		if got := strings.Contains(strings.Join(Of(in, Usual()).Lines(), "\n"), "AFTER THIS CLOCK"); got != v.named {
			t.Errorf("at %v: named %v, want %v", v.at, got, v.named)
		}
	}
}

func TestOnlineWindows(t *testing.T) {
	ends := func(role roster.Role, days int) func(*roster.Root) {
		return func(r *roster.Root) {
			for i := range r.OnlineKeys {
				if r.OnlineKeys[i].Role == role {
					r.OnlineKeys[i].Expires = roster.At(r.Issued.AddDate(0, 0, days))
				}
			}
		}
	}
	s := Of(input(t, second(t, ends(roster.RoleSnapshot, 60))), Usual())
	equal(t, "problems", s.Problems)
	if !slices.Contains(ids(s.Actions), "rotate-snapshot") || slices.Contains(ids(s.Actions), "rotate-countersign") {
		t.Errorf("actions %v, want rotate-snapshot alone", ids(s.Actions))
	}
	s = Of(input(t, second(t, ends(roster.RoleCountersign, 10))), Usual())
	equal(t, "problems", s.Problems, "no online countersign key counts now")
	equal(t, "first", ids(s.Actions)[:1], "rotate")

	standby := second(t, func(r *roster.Root) { // from the day on which the other ends
		ends(roster.RoleSnapshot, 60)(r)
		r.OnlineKeys = append(r.OnlineKeys, roster.OnlineKey{Role: roster.RoleSnapshot, Key: roster.Key{PublicKey: rostertest.Person("standby").Key},
			NotBefore: roster.At(r.Issued.AddDate(0, 0, 60)), Expires: r.Expires})
	})
	if s = Of(input(t, standby), Usual()); slices.Contains(ids(s.Actions), "rotate-snapshot") {
		t.Errorf("actions %v, want none for a role that is covered without a gap", ids(s.Actions))
	}
}

// An opened revocation is found beside the rosters, and only a valid one.
func TestOpened(t *testing.T) {
	x := second(t, nil)
	x.RevokeOnline(x.Snapshot.Key)
	in := input(t, x)
	var err error
	if in.Opened, err = Opened(context.Background(), in.Rosters, x.Fetch); err != nil {
		t.Fatal(err)
	}
	s := Of(in, Usual())
	got := strings.Join(s.Problems, "; ")
	if !strings.Contains(got, "no online snapshot key counts now") || !strings.Contains(got, "is public, and no newer roster") {
		t.Errorf("problems %q", got)
	}
	equal(t, "first", ids(s.Actions)[:1], "theft")

	path := roster.SignaturePath(roster.RevocationPath(x.Snapshot.Key.ID()))
	x.Put(path, rostertest.Sign(t, x.Files[roster.RevocationPath(x.Snapshot.Key.ID())], rostertest.Person("Mallory")))
	opened, err := Opened(context.Background(), in.Rosters, x.Fetch)
	if err != nil || opened[x.Snapshot.Key.ID()] {
		t.Errorf("a revocation that nobody may sign: %v, %v; want it passed over", opened, err)
	}
}

// page is the whole status, of a root with one of everything.
func TestPage(t *testing.T) {
	in := input(t, second(t, nil))
	since := in.Rosters[1].Root().Issued.Time
	in.Cards = []Card{
		{Holder: "Bob", Proof: Attested, Serial: 11223344, Firmware: hsm.Firmware{Major: 5, Minor: 4, Patch: 3}, Algorithm: hsm.P256, Version: 1, Since: rostertest.Epoch.Add(day),
			Advisories: hsm.Advisories(hsm.Firmware{Major: 5, Minor: 4, Patch: 3}, hsm.P256)},
		{Holder: "Carol", Proof: Claimed, Serial: 22334455, Firmware: hsm.Firmware{Major: 5, Minor: 4, Patch: 3}, Algorithm: hsm.P256, Version: 1, Since: rostertest.Epoch.Add(day)},
		{Holder: "Dave", Proof: Missing, Algorithm: hsm.P256, Version: 2, Since: since},
	}
	in.Away = []string{"Carol"}
	in.Opened = map[pgp.KeyID]bool{in.Rosters[1].Root().OnlineKeys[0].Key.ID(): true}
	golden(t, "testdata/status.txt", strings.Join(Of(in, Usual()).Lines(), "\n")+"\n")
}
