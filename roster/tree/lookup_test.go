package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/roster/digest"
)

func TestLookupFindsEveryLeaf(t *testing.T) {
	for _, n := range []int{1, 64, 65, 2000} {
		leaves := testLeaves(n)
		root, s := build(t, leaves)
		for _, want := range leaves {
			got, found, err := Lookup(t.Context(), root, want.Name, s.fetch)
			if err != nil || !found || got != want {
				t.Fatalf("of %d: Lookup(%s) = %v, %v, %v; want %v", n, want.Name, got, found, err, want)
			}
		}
	}
}

func TestLookupProvesAbsence(t *testing.T) {
	root, s := build(t, testLeaves(2000))
	for i := range 500 {
		name := fmt.Sprintf("absent-%d", i)
		got, found, err := Lookup(t.Context(), root, name, s.fetch)
		if err != nil || found || got != (Leaf{}) {
			t.Fatalf("Lookup(%s) = %v, %v, %v; want proven absence", name, got, found, err)
		}
	}
	if _, _, err := Lookup(t.Context(), root, "Not_Normal", s.fetch); err == nil {
		t.Error("a name that is not normal is looked up, and would be absent always")
	}
}

func TestWalkVisitsEveryLeafOnce(t *testing.T) {
	leaves := testLeaves(2000)
	root, s := build(t, leaves)
	var seen []Leaf
	err := Walk(t.Context(), root, s.fetch, func(l Leaf) error { seen = append(seen, l); return nil })
	if err != nil {
		t.Fatal(err)
	}
	byName := func(a, b Leaf) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(leaves, byName)
	slices.SortFunc(seen, byName)
	if !slices.Equal(seen, leaves) {
		t.Errorf("Walk visited %d leaves, other than the %d of the map", len(seen), len(leaves))
	}
	enough := errors.New("enough")
	if err := Walk(t.Context(), root, s.fetch, func(Leaf) error { return enough }); err != enough {
		t.Errorf("Walk returns %v for an error of visit", err)
	}
}

// A hidden file is a fault of the fetch: neither an absence nor a corruption.
func TestHiddenFile(t *testing.T) {
	root, s := build(t, testLeaves(65))
	fetch := func(ctx context.Context, d digest.Digest, limit int64) ([]byte, error) {
		if d != root {
			return nil, os.ErrNotExist
		}
		return s.fetch(ctx, d, limit)
	}
	_, found, err := Lookup(t.Context(), root, "p0", fetch)
	var corrupt *CorruptError
	if found || !errors.Is(err, os.ErrNotExist) || errors.As(err, &corrupt) {
		t.Errorf("Lookup = %v, %v; want the error of fetch", found, err)
	}
	if err := Walk(t.Context(), root, fetch, func(Leaf) error { return nil }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Walk = %v; want the error of fetch", err)
	}
}

func TestCancelledLookup(t *testing.T) {
	root, s := build(t, testLeaves(65))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Lookup(ctx, root, "p0", s.fetch); !errors.Is(err, context.Canceled) {
		t.Errorf("Lookup = %v, want context.Canceled", err)
	}
}

func TestFetchIsGivenTheLimit(t *testing.T) {
	root, s := build(t, nil)
	var got int64
	_, _, _ = Lookup(t.Context(), root, "p0", func(ctx context.Context, d digest.Digest, limit int64) ([]byte, error) {
		got = limit
		return s.fetch(ctx, d, limit)
	})
	if got != int64(MaxFile) {
		t.Errorf("limit is %d, want %d", got, MaxFile)
	}
}

// bothRefuse asks Lookup(name) and Walk for the map at root and wants both to
// refuse it as corrupt, the message to hold part, and the error to name the
// file and the prefix.
func bothRefuse(t *testing.T, fetch Fetch, root, file digest.Digest, prefix, name, part string) {
	t.Helper()
	leaf, found, lookup := Lookup(t.Context(), root, name, fetch)
	if found || leaf != (Leaf{}) {
		t.Errorf("Lookup returned %v, %v beside its error", leaf, found)
	}
	walked := Walk(t.Context(), root, fetch, func(Leaf) error { return nil })
	for who, err := range map[string]error{"Lookup": lookup, "Walk": walked} {
		var c *CorruptError
		if !errors.As(err, &c) || c.File != file || c.Prefix != prefix || !strings.Contains(c.Error(), part) {
			t.Errorf("%s = %v; want a CorruptError for file %s, prefix %q, with %q", who, err, file, prefix, part)
		}
	}
}

func TestAnotherFileIsRefused(t *testing.T) {
	root, _ := build(t, testLeaves(3))
	other, s := build(t, testLeaves(4)) // well-formed, but not what root names
	fetch := func(context.Context, digest.Digest, int64) ([]byte, error) { return s[other], nil }
	bothRefuse(t, fetch, root, root, "", "p0", "found digest "+other.String())
}

func TestEveryChangedByteIsRefused(t *testing.T) {
	root, s := build(t, testLeaves(3))
	file := s[root]
	for i := range file {
		changed := bytes.Clone(file)
		changed[i] ^= 1
		for _, b := range [][]byte{changed, file[:i]} {
			_, found, err := Lookup(t.Context(), root, "p0", func(context.Context, digest.Digest, int64) ([]byte, error) { return b, nil })
			var c *CorruptError
			if found || !errors.As(err, &c) {
				t.Fatalf("byte %d of %d: found %v, %v", i, len(b), found, err)
			}
		}
	}
}

func TestFileOverTheLimitIsRefused(t *testing.T) {
	s := store{}
	root := s.put(bytes.Repeat([]byte("x"), MaxFile+1))
	bothRefuse(t, s.fetch, root, root, "", "p0", "want at most")
}

// A map whose maker commits to malformed buckets: the digests are right, the
// content is not.
func TestMalformedBucketIsRefused(t *testing.T) {
	a, b := testLeaf("a"), testLeaf("b")
	signed := Leaf{Name: "s", Status: Active, ListVersion: 7, List: digest.Sum([]byte("l")), IndexLength: 42, Index: digest.Sum([]byte("i"))}
	line := signed.String()
	bucket := func(lines ...string) string { return "map-bucket/v1 -\n" + strings.Join(lines, "\n") + "\n" }
	if _, err := ParseBucket("", []byte(bucket(a.String(), b.String(), line))); err != nil {
		t.Fatalf("the bucket that the others were made of: %v", err)
	}
	for what, c := range map[string]struct{ file, part string }{
		"empty file":             {"", "first line"},
		"no first line":          {line + "\n", "first line"},
		"another kind":           {strings.Replace(bucket(line), "map-bucket", "map-leaves", 1), "first line"},
		"another version":        {strings.Replace(bucket(line), "/v1", "/v2", 1), "first line"},
		"another prefix":         {strings.Replace(bucket(line), "v1 -", "v1 0", 1), "first line"},
		"empty prefix":           {strings.Replace(bucket(line), "v1 -", "v1 ", 1), "first line"},
		"CR LF":                  {strings.Replace(bucket(line), "\n", "\r\n", 1), "first line"},
		"header without LF":      {"map-bucket/v1 -", "first line"},
		"last line without LF":   {strings.TrimSuffix(bucket(line), "\n"), "line feed"},
		"empty line":             {bucket(a.String(), "", b.String()), "6"},
		"unsorted":               {bucket(b.String(), a.String()), "sorted"},
		"one name twice":         {bucket(a.String(), a.String()), "sorted"},
		"five fields":            {bucket(strings.TrimPrefix(line, "s ")), "6"},
		"seven fields":           {bucket(line + " x"), "6"},
		"two spaces":             {bucket(strings.Replace(line, " ", "  ", 1)), "6"},
		"tab":                    {bucket(strings.Replace(line, " ", "\t", 1)), "6"},
		"trailing CR":            {bucket(line + "\r"), "digest"},
		"name not normal":        {bucket(strings.Replace(line, "s", "S", 1)), "normal form"},
		"unknown status":         {bucket(strings.Replace(line, "active", "activ", 1)), "status"},
		"status in capitals":     {bucket(strings.Replace(line, "active", "Active", 1)), "status"},
		"leading zero":           {bucket(strings.Replace(line, " 7 ", " 07 ", 1)), "leading zeros"},
		"plus sign":              {bucket(strings.Replace(line, " 7 ", " +7 ", 1)), "decimal"},
		"negative":               {bucket(strings.Replace(line, " 7 ", " -7 ", 1)), "decimal"},
		"hex version":            {bucket(strings.Replace(line, " 7 ", " 0x7 ", 1)), "leading zeros"},
		"no version":             {bucket(strings.Replace(line, " 7 ", " - ", 1)), "decimal"},
		"version 2^53":           {bucket(strings.Replace(line, " 7 ", " 9007199254740992 ", 1)), "list version"},
		"version over 2^64":      {bucket(strings.Replace(line, " 7 ", " 18446744073709551623 ", 1)), "list version"},
		"version 0 with list":    {bucket(strings.Replace(line, " 7 ", " 0 ", 1)), "list version"},
		"version without list":   {bucket(strings.Replace(line, signed.List.String(), "-", 1)), "without a list"},
		"short list digest":      {bucket(strings.Replace(line, signed.List.String(), signed.List.String()[1:], 1)), "list digest"},
		"list digest upper case": {bucket(strings.Replace(line, signed.List.String(), strings.ToUpper(signed.List.String()), 1)), "list digest"},
		"list digest zero":       {bucket(strings.Replace(line, signed.List.String(), strings.Repeat("0", 64), 1)), "all zeros"},
		"length leading zero":    {bucket(strings.Replace(line, " 42 ", " 042 ", 1)), "index length"},
		"length 2^53":            {bucket(strings.Replace(line, " 42 ", " 9007199254740992 ", 1)), "index length"},
		"no index digest":        {bucket(strings.Replace(line, signed.Index.String(), "-", 1)), "index digest"},
		"index digest zero":      {bucket(strings.Replace(line, signed.Index.String(), strings.Repeat("0", 64), 1)), "all zeros"},
		"line too long":          {bucket(strings.Repeat("a", MaxLine)), "bytes"},
	} {
		t.Run(what, func(t *testing.T) {
			s := store{}
			root := s.put([]byte(c.file))
			bothRefuse(t, s.fetch, root, root, "", "s", c.part)
		})
	}
}

func TestBucketThatShouldHaveSplitIsRefused(t *testing.T) {
	leaves := testLeaves(MaxLines + 1)
	slices.SortFunc(leaves, func(a, b Leaf) int { return strings.Compare(a.Name, b.Name) })
	s := store{}
	file := AppendBucket(nil, "", leaves)
	if len(file) > MaxFile {
		t.Fatalf("the file has %d bytes and is refused for that", len(file))
	}
	root := s.put(file)
	bothRefuse(t, s.fetch, root, root, "", "p0", "split")
}

// replaceChild makes the map of leaves over child a of the root, with file in
// the place of child a.
func replaceChild(t *testing.T, leaves []Leaf, file []byte) (root, child digest.Digest, s store) {
	t.Helper()
	old, s := build(t, leaves)
	n, err := ParseNode("", s[old])
	if err != nil {
		t.Fatal(err)
	}
	child = s.put(file)
	n[10] = child
	return s.put(AppendNode(nil, "", n)), child, s
}

func TestLineOutsideThePrefixIsRefused(t *testing.T) {
	within, outside := leavesWithin(65, "a"), leavesWithin(1, "b")
	root, child, s := replaceChild(t, within, AppendBucket(nil, "a", outside))
	bothRefuse(t, s.fetch, root, child, "a", within[0].Name, "within the prefix")
}

// A bucket cannot stand in another's place: its first line says where it is.
func TestFileOfAnotherPrefixIsRefused(t *testing.T) {
	within := leavesWithin(65, "a")
	for _, file := range [][]byte{AppendBucket(nil, "b", nil), AppendBucket(nil, "", nil), AppendBucket(nil, "aa", nil),
		AppendNode(nil, "b", &Node{0: digest.Sum(nil)}), AppendNode(nil, "", &Node{0: digest.Sum(nil)})} {
		root, child, s := replaceChild(t, within, file)
		bothRefuse(t, s.fetch, root, child, "a", within[0].Name, "first line")
	}
}

func TestMalformedNodeIsRefused(t *testing.T) {
	root, s := build(t, testLeaves(65))
	good := string(s[root])
	children := strings.Split(strings.TrimSuffix(strings.TrimPrefix(good, "map-node/v1 -\n"), "\n"), "\n")
	for what, c := range map[string]struct{ file, part string }{
		"another version":   {strings.Replace(good, "/v1", "/v2", 1), "first line"},
		"fifteen children":  {"map-node/v1 -\n" + strings.Join(children[:15], "\n") + "\n", "16 lines"},
		"17 children":       {good + children[0] + "\n", "16 lines"},
		"no children":       {"map-node/v1 -\n", "16 lines"},
		"no last line feed": {strings.TrimSuffix(good, "\n"), "16 lines"},
		"a space for LF":    {strings.TrimSuffix(good, "\n") + " ", "line feed"},
		"upper case":        {strings.Replace(good, children[3], strings.ToUpper(children[3]), 1), "child 3"},
		"zero digest":       {strings.Replace(good, children[15], strings.Repeat("0", 64), 1), "child f"},
	} {
		t.Run(what, func(t *testing.T) {
			root := s.put([]byte(c.file))
			bothRefuse(t, s.fetch, root, root, "", "p0", c.part)
		})
	}
}

// A node over 64 lines or fewer is a second shape for the same lines. Lookup
// cannot see it; Walk does.
func TestNodeThatShouldBeABucketIsRefused(t *testing.T) {
	leaves := testLeaves(MaxLines)
	s := store{}
	var n Node
	for i := range n {
		var child []Leaf
		for _, l := range leaves {
			if digit(Position(l.Name), 0) == byte(i) {
				child = append(child, l)
			}
		}
		slices.SortFunc(child, func(a, b Leaf) int { return strings.Compare(a.Name, b.Name) })
		n[i] = s.put(AppendBucket(nil, digits[i:i+1], child))
	}
	root := s.put(AppendNode(nil, "", &n))
	err := Walk(t.Context(), root, s.fetch, func(Leaf) error { return nil })
	var c *CorruptError
	if !errors.As(err, &c) || c.File != root || !strings.Contains(err.Error(), "a node over 64 lines") {
		t.Errorf("Walk = %v; want a CorruptError for the root", err)
	}
}

func TestEndlessMapIsRefused(t *testing.T) {
	path := Position("p0").String()
	s := store{}
	d := digest.Sum([]byte("further down"))
	var last digest.Digest
	for depth := MaxDepth; depth >= 0; depth-- {
		n := Node{}
		for i := range n {
			n[i] = d
		}
		d = s.put(AppendNode(nil, path[:depth], &n))
		if depth == MaxDepth {
			last = d
		}
	}
	fetches := 0
	_, _, err := Lookup(t.Context(), d, "p0", func(ctx context.Context, d digest.Digest, limit int64) ([]byte, error) {
		fetches++
		return s.fetch(ctx, d, limit)
	})
	var c *CorruptError
	if !errors.As(err, &c) || c.File != last || fetches != MaxDepth+1 || !strings.Contains(err.Error(), "ends after 16 digits") {
		t.Errorf("Lookup = %v after %d fetches; want the node at depth %d refused", err, fetches, MaxDepth)
	}
}

func TestParseRefusesAPrefixThatIsNone(t *testing.T) {
	for _, prefix := range []string{"A", "g", "-", strings.Repeat("0", MaxDepth+1)} {
		if _, err := ParseBucket(prefix, AppendBucket(nil, prefix, nil)); err == nil {
			t.Errorf("ParseBucket takes the prefix %q", prefix)
		}
		if _, err := ParseNode(prefix, AppendNode(nil, prefix, &Node{})); err == nil {
			t.Errorf("ParseNode takes the prefix %q", prefix)
		}
	}
}

func FuzzParseLeaf(f *testing.F) {
	for _, l := range testLeaves(4) {
		f.Add(l.String())
	}
	f.Add("a active 0 - 0 " + digest.Sum(nil).String())
	f.Fuzz(func(t *testing.T, line string) {
		l, err := ParseLeaf(line)
		if err != nil {
			if l != (Leaf{}) {
				t.Error("a leaf returned beside an error")
			}
			return
		}
		if l.String() != line {
			t.Errorf("accepted %q, printed %q", line, l)
		}
		if err := l.Check(); err != nil {
			t.Errorf("accepted %q: %v", line, err)
		}
	})
}

func FuzzParseBucket(f *testing.F) {
	f.Add("", AppendBucket(nil, "", nil))
	f.Add("", AppendBucket(nil, "", testLeaves(2)))
	f.Add("a", AppendBucket(nil, "a", leavesWithin(2, "a")))
	f.Fuzz(func(t *testing.T, prefix string, b []byte) {
		leaves, err := ParseBucket(prefix, b)
		if err != nil {
			if leaves != nil {
				t.Error("leaves returned beside an error")
			}
			return
		}
		if got := AppendBucket(nil, prefix, leaves); !bytes.Equal(got, b) {
			t.Errorf("accepted %q, printed %q", b, got)
		}
		if len(leaves) > MaxLines || len(b) > MaxFile {
			t.Errorf("accepted %d lines, %d bytes", len(leaves), len(b))
		}
	})
}

func FuzzParseNode(f *testing.F) {
	root, s := build(f, testLeaves(65))
	f.Add("", s[root])
	f.Add("4f", bytes.Replace(s[root], []byte("v1 -"), []byte("v1 4f"), 1))
	f.Fuzz(func(t *testing.T, prefix string, b []byte) {
		n, err := ParseNode(prefix, b)
		if err != nil {
			if n != nil {
				t.Error("a node returned beside an error")
			}
			return
		}
		if got := AppendNode(nil, prefix, n); !bytes.Equal(got, b) {
			t.Errorf("accepted %q, printed %q", b, got)
		}
	})
}
