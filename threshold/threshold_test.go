package threshold

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func key(b byte) Key { return Key{b} }

func three(t *testing.T, m int) Policy {
	t.Helper()
	p, err := New(m, []Person{
		{"Alice", []Key{key(1), key(11)}},
		{"Bob", []Key{key(2)}},
		{"Carol", []Key{key(3)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestApproveCountsPeople(t *testing.T) {
	digest := [32]byte{9}
	for _, c := range []struct {
		name    string
		signers []Key
		revoked []Key
		by      string // "" means refused
	}{
		{"nobody", nil, nil, ""},
		{"one of two", []Key{key(1)}, nil, ""},
		{"one person with two keys is one", []Key{key(1), key(11)}, nil, ""},
		{"one key repeated is one", []Key{key(1), key(1), key(1)}, nil, ""},
		{"strangers do not count", []Key{key(1), key(7), key(8)}, nil, ""},
		{"a revoked key does not count", []Key{key(1), key(2)}, []Key{key(2)}, ""},
		{"two people", []Key{key(3), key(1)}, nil, "Alice Carol"},
		{"a person with one key revoked signs with the other", []Key{key(1), key(11), key(2)}, []Key{key(1)}, "Alice Bob"},
		{"three people", []Key{key(3), key(1), key(2)}, nil, "Alice Bob Carol"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := three(t, 2).Approve(digest, c.signers, func(k Key) bool { return slices.Contains(c.revoked, k) })
			if c.by == "" {
				var short *ShortfallError
				if !errors.As(err, &short) {
					t.Fatalf("got %v, wanted a shortfall", err)
				}
				if a.For(digest) || len(a.By()) != 0 {
					t.Fatal("a refused approval approves something")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(a.By(), " "); got != c.by {
				t.Errorf("approved by %s, wanted %s", got, c.by)
			}
			if !a.For(digest) || a.For([32]byte{8}) {
				t.Error("an approval is for one message only")
			}
		})
	}
}

func TestShortfallSaysWhatToBring(t *testing.T) {
	_, err := three(t, 3).Approve([32]byte{}, []Key{key(2), key(3)}, func(k Key) bool { return k == key(3) })
	want := `signed by 1 of the 3 people required; signatures by revoked keys do not count ("Carol"); could still sign: "Alice"`
	if err == nil || err.Error() != want {
		t.Fatalf("got %v\nwanted %s", err, want)
	}
}

func TestImpossiblePoliciesCannotBeMade(t *testing.T) {
	alice, bob := Person{"Alice", []Key{key(1)}}, Person{"Bob", []Key{key(2)}}
	for name, c := range map[string]struct {
		m      int
		people []Person
		want   string
	}{
		"zero":            {0, []Person{alice, bob}, "threshold is 0"},
		"negative":        {-1, []Person{alice, bob}, "threshold is -1"},
		"above":           {3, []Person{alice, bob}, "threshold is 3"},
		"nobody":          {0, nil, "threshold is 0"},
		"one name twice":  {1, []Person{alice, {"Alice", []Key{key(2)}}}, `two people are named "Alice"`},
		"key with two":    {1, []Person{alice, {"Bob", []Key{key(1)}}}, "one key stands twice"},
		"key twice":       {1, []Person{{"Alice", []Key{key(1), key(1)}}}, "one key stands twice"},
		"without a key":   {1, []Person{alice, {"Bob", nil}}, `"Bob" has no key`},
		"zero of nothing": {1, nil, "threshold is 1"},
	} {
		if _, err := New(c.m, c.people); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, wanted %s", name, err, c.want)
		}
	}
}

func TestZeroPolicyApprovesNothing(t *testing.T) {
	if _, err := (Policy{}).Approve([32]byte{}, []Key{key(1)}, nil); !errors.Is(err, ErrNoPolicy) {
		t.Fatalf("got %v, wanted ErrNoPolicy", err)
	}
}

func TestPolicyKeepsItsOwnKeys(t *testing.T) {
	keys := []Key{key(1)}
	p, err := New(1, []Person{{"Alice", keys}})
	if err != nil {
		t.Fatal(err)
	}
	keys[0] = key(2)
	if _, err := p.Approve([32]byte{}, []Key{key(2)}, nil); err == nil {
		t.Fatal("the caller's slice changed the policy")
	}
}
