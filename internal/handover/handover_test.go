package handover

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

func onlineKeys() OnlineKeys {
	key := func(name string) roster.Key { return roster.Key{PublicKey: rostertest.Person(name).Key} }
	return OnlineKeys{Repository: rostertest.Repository, Keys: []OnlineKey{
		{Role: roster.RoleCountersign, Name: "countersign-1 version 1", Key: key("countersign-1"), Certificate: "armour"},
		{Role: roster.RoleSnapshot, Name: "snapshot-1 version 1", Key: key("snapshot-1"), Certificate: "armour"},
	}}
}

func kept() KeptSnapshot {
	return KeptSnapshot{Repository: rostertest.Repository, Version: 7, Snapshot: digest.Sum([]byte("snapshot")),
		Map: roster.MapRoot{Root: rostertest.EmptyMap(), Size: 3}, KeptAt: roster.At(rostertest.Epoch)}
}

func TestOnlineKeysComeBackAsTheyWent(t *testing.T) {
	b, err := onlineKeys().Format()
	if err != nil {
		t.Fatal(err)
	}
	o, err := ParseOnlineKeys(b)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := o.Format(); err != nil || !bytes.Equal(again, b) {
		t.Fatalf("printed differently (%v):\n%s\n%s", err, b, again)
	}
	if o.Keys[1].Key.ID() != onlineKeys().Keys[1].Key.ID() {
		t.Error("another key came back")
	}
}

func TestOnlineKeysRefused(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*OnlineKeys)
		want string
	}{
		"repository":      {func(o *OnlineKeys) { o.Repository = "X" }, "lower-case DNS name"},
		"no snapshot key": {func(o *OnlineKeys) { o.Keys = o.Keys[:1] }, `no online key with role "snapshot"`},
		"one key twice":   {func(o *OnlineKeys) { o.Keys[1].Key = o.Keys[0].Key }, "stands twice"},
		"an unknown role": {func(o *OnlineKeys) {
			o.Keys = append(o.Keys, OnlineKey{Role: "timestamp", Key: roster.Key{PublicKey: rostertest.Person("other").Key}})
		}, "another role"},
	} {
		o := onlineKeys()
		c.edit(&o)
		b, err := o.Format()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseOnlineKeys(b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, wanted %s", name, err, c.want)
		}
	}
}

func TestHandoverFilesAreStrict(t *testing.T) {
	b, err := kept().Format()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseKeptSnapshot(b); err != nil {
		t.Fatal(err)
	}
	s := string(b)
	for want, other := range map[string]string{
		"file says type":             strings.Replace(s, keptSnapshotType, onlineKeysType, 1),
		`unknown field "more"`:       strings.Replace(s, "{\n", "{\n  \"more\": 1,\n", 1),
		"unexpected EOF":             s[:len(s)-3],
		"does not print back":        strings.Replace(s, "  ", "    ", 1),
		"it does not print":          s + "{}",
		"lacks its version":          strings.Replace(s, `"version": 7`, `"version": 0`, 1),
		"bytes, wanted at most":      s + strings.Repeat(" ", MaxFile),
		"wanted a lower-case DNS na": strings.Replace(s, rostertest.Repository, "Nowhere", 1),
	} {
		if _, err := ParseKeptSnapshot([]byte(other)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, wanted %s", err, want)
		}
	}
	if _, err := (KeptSnapshot{}).Format(); err == nil || !strings.Contains(err.Error(), "printing a handover file") {
		t.Errorf("an empty kept snapshot is printed: %v", err)
	}
}

func TestWaited(t *testing.T) {
	k := kept()
	for name, c := range map[string]struct {
		at   time.Duration
		want string
	}{
		"the period is over":     {48 * time.Hour, ""},
		"a second too early":     {48*time.Hour - time.Second, "wanted a waiting period of 48h0m0s: hold the ceremony from 2026-01-07T09:00:00Z on"},
		"kept in the future":     {-time.Second, "one of the two clocks is wrong"},
		"long after":             {9999 * time.Hour, ""},
		"at once, though wanted": {0, "wanted a waiting period"},
	} {
		err := k.Waited(48*time.Hour, k.KeptAt.Add(c.at))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, wanted %q", name, err, c.want)
		}
	}
	if err := k.Waited(0, k.KeptAt.Time); err != nil {
		t.Errorf("no waiting period: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, format := range []func() ([]byte, error){onlineKeys().Format, kept().Format} {
		b, err := format()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := ParseOnlineKeys(b); err == nil {
			if again, err := o.Format(); err != nil || !bytes.Equal(again, b) {
				t.Fatal("online keys do not print back")
			}
		}
		if k, err := ParseKeptSnapshot(b); err == nil {
			if again, err := k.Format(); err != nil || !bytes.Equal(again, b) {
				t.Fatal("a kept snapshot does not print back")
			}
		}
	})
}
