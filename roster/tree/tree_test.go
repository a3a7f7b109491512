package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/roster/digest"
)

// testLeaf makes a leaf whose other fields follow from its name.
func testLeaf(name string) Leaf {
	l := Leaf{Name: name, Status: Active, IndexLength: uint64(len(name)) * 100, Index: digest.Sum([]byte("index " + name))}
	if p := Position(name); p[31]%2 == 0 {
		l.ListVersion = uint64(p[30]) + 1
		l.List = digest.Sum([]byte("list " + name))
	}
	return l
}

// testLeaves makes n leaves, p0 to p<n-1>.
func testLeaves(n int) []Leaf {
	leaves := make([]Leaf, n)
	for i := range leaves {
		leaves[i] = testLeaf(fmt.Sprintf("p%d", i))
	}
	return leaves
}

// leavesWithin makes n leaves whose positions begin with prefix.
func leavesWithin(n int, prefix string) []Leaf {
	var leaves []Leaf
	for i := 0; len(leaves) < n; i++ {
		if name := fmt.Sprintf("w%d", i); strings.HasPrefix(Position(name).String(), prefix) {
			leaves = append(leaves, testLeaf(name))
		}
	}
	slices.SortFunc(leaves, func(a, b Leaf) int { return strings.Compare(a.Name, b.Name) })
	return leaves
}

// A store is a repository in memory.
type store map[digest.Digest][]byte

func (s store) put(file []byte) digest.Digest {
	d := digest.Sum(file)
	s[d] = bytes.Clone(file)
	return d
}

func (s store) fetch(_ context.Context, d digest.Digest, _ int64) ([]byte, error) {
	if b, ok := s[d]; ok {
		return b, nil
	}
	return nil, os.ErrNotExist
}

// build makes the map of leaves and returns its root and files.
func build(t testing.TB, leaves []Leaf) (digest.Digest, store) {
	t.Helper()
	s := store{}
	root, size, err := Build(leaves, func(d digest.Digest, file []byte) error {
		if _, twice := s[d]; twice {
			return fmt.Errorf("file %s is emitted twice", d)
		}
		if got := s.put(file); got != d {
			return fmt.Errorf("file %s is named %s", got, d)
		}
		return nil
	})
	if err != nil || size != uint64(len(leaves)) {
		t.Fatalf("Build: size %d, %v; want %d leaves", size, err, len(leaves))
	}
	return root, s
}

func TestEmptyMap(t *testing.T) {
	root, s := build(t, nil)
	if want := digest.Sum([]byte("map-bucket/v1 -\n")); root != want || len(s) != 1 {
		t.Errorf("root of the empty map is %s with %d files; want %s with one", root, len(s), want)
	}
	if _, found, err := Lookup(t.Context(), root, "anything", s.fetch); found || err != nil {
		t.Errorf("Lookup in the empty map: found %v, %v", found, err)
	}
}

// The file and both roots were computed by another program as well, from the
// description in the package comment (see testdata/README.md).
func TestGolden(t *testing.T) {
	file, err := os.ReadFile("testdata/bucket.txt")
	if err != nil {
		t.Fatal(err)
	}
	root, s := build(t, []Leaf{
		{Name: "requests", Status: Active, ListVersion: 3, List: digest.Sum([]byte("a list")), IndexLength: 512, Index: digest.Sum([]byte("an index"))},
		{Name: "a", Status: Removed, IndexLength: 0, Index: digest.Sum(nil)},
		{Name: "left-pad", Status: Quarantined, ListVersion: MaxNumber, List: digest.Sum([]byte("b list")), IndexLength: MaxNumber, Index: digest.Sum([]byte("b index"))},
	})
	if !bytes.Equal(s[root], file) {
		t.Errorf("the bucket is\n%swant\n%s", s[root], file)
	}
	const small = "bdf960d1a81bb17619e2506b9b76f45c01f151391becef3cae6c834e8f1ee49a"
	if got := root.String(); got != small {
		t.Errorf("root of 3 leaves is %s, want %s", got, small)
	}
	const large = "3058c1d798fd18549a299924a4d66e7ec7c8a881b8c5a6a0e398946e3e183fa7"
	if got, _ := build(t, testLeaves(5000)); got.String() != large {
		t.Errorf("root of 5000 leaves is %s, want %s", got, large)
	}
}

func TestShapeDependsOnLeavesAlone(t *testing.T) {
	leaves := testLeaves(3000)
	want, files := build(t, leaves)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		rnd.Shuffle(len(leaves), func(i, j int) { leaves[i], leaves[j] = leaves[j], leaves[i] })
		before := slices.Clone(leaves)
		got, again := build(t, leaves)
		if got != want || len(again) != len(files) {
			t.Fatalf("another order gives the root %s with %d files; want %s with %d", got, len(again), want, len(files))
		}
		if !slices.Equal(leaves, before) {
			t.Fatal("Build changed its argument")
		}
	}
	if got, _, err := Build(leaves, nil); err != nil || got != want {
		t.Errorf("Build without emit = %s, %v; want %s", got, err, want)
	}
}

func TestRootCoversEveryField(t *testing.T) {
	leaves := testLeaves(100)
	leaves[7] = Leaf{Name: "p7", Status: Active, ListVersion: 1, List: digest.Sum([]byte("l")), IndexLength: 1, Index: digest.Sum([]byte("i"))}
	want, _ := build(t, leaves)
	for field, change := range map[string]func(*Leaf){
		"name":         func(l *Leaf) { l.Name = "p7x" },
		"status":       func(l *Leaf) { l.Status = Removed },
		"list version": func(l *Leaf) { l.ListVersion++ },
		"list":         func(l *Leaf) { l.List[0] ^= 1 },
		"index length": func(l *Leaf) { l.IndexLength++ },
		"index":        func(l *Leaf) { l.Index[31] ^= 1 },
	} {
		changed := slices.Clone(leaves)
		change(&changed[7])
		if got, _ := build(t, changed); got == want {
			t.Errorf("another %s leaves the root as it was", field)
		}
	}
}

func TestBucketSplitsAt65(t *testing.T) {
	root, s := build(t, testLeaves(MaxLines))
	if !bytes.HasPrefix(s[root], []byte("map-bucket/v1 -\n")) || len(s) != 1 {
		t.Errorf("%d leaves make %d files, the root %.20q; want one bucket", MaxLines, len(s), s[root])
	}
	root, s = build(t, testLeaves(MaxLines+1))
	if !bytes.HasPrefix(s[root], []byte("map-node/v1 -\n")) || len(s) != 17 {
		t.Errorf("%d leaves make %d files, the root %.20q; want a node and 16 buckets", MaxLines+1, len(s), s[root])
	}
	// The same one level down, where all leaves share a digit: the other
	// fifteen children are buckets without lines.
	root, s = build(t, leavesWithin(MaxLines+1, "a"))
	n, err := ParseNode("", s[root])
	if err != nil || !bytes.HasPrefix(s[n[10]], []byte("map-node/v1 a\n")) || string(s[n[0]]) != "map-bucket/v1 0\n" {
		t.Errorf("child a is %.20q, child 0 is %q (%v)", s[n[10]], s[n[0]], err)
	}
}

func TestEveryFileIsWithinItsLimit(t *testing.T) {
	long := strings.Repeat("x", 90)
	var leaves []Leaf
	for i := range MaxLines {
		l := testLeaf(fmt.Sprintf("%s%010d", long, i))
		l.Status, l.ListVersion, l.IndexLength = Quarantined, MaxNumber, MaxNumber
		l.List = l.Index
		leaves = append(leaves, l)
	}
	file := AppendBucket(nil, strings.Repeat("f", MaxDepth), leaves)
	if len(file) != MaxFile {
		t.Errorf("the longest bucket has %d bytes, MaxFile is %d", len(file), MaxFile)
	}
	if file := AppendNode(nil, strings.Repeat("f", MaxDepth-1), &Node{}); len(file) > MaxFile {
		t.Errorf("the longest node has %d bytes, MaxFile is %d", len(file), MaxFile)
	}
}

func TestBuildRefuses(t *testing.T) {
	good := testLeaf("good")
	good.ListVersion, good.List = 1, digest.Sum([]byte("list"))
	for what, change := range map[string]func(*Leaf){
		"a name that is not normal":         func(l *Leaf) { l.Name = "Good" },
		"an empty name":                     func(l *Leaf) { l.Name = "" },
		"a name with a line feed":           func(l *Leaf) { l.Name = "a\nb" },
		"a name too long":                   func(l *Leaf) { l.Name = strings.Repeat("a", 101) },
		"an unknown status":                 func(l *Leaf) { l.Status = "fine" },
		"an empty status":                   func(l *Leaf) { l.Status = "" },
		"a list version too large":          func(l *Leaf) { l.ListVersion = MaxNumber + 1 },
		"an index length too large":         func(l *Leaf) { l.IndexLength = MaxNumber + 1 },
		"a list version without a list":     func(l *Leaf) { l.List = digest.Digest{} },
		"a list without a version":          func(l *Leaf) { l.ListVersion = 0 },
		"a leaf without an index digest":    func(l *Leaf) { l.Index = digest.Digest{} },
		"a second leaf of one name":         func(l *Leaf) { l.Name = "p3" },
		"a second leaf, equal to the first": func(l *Leaf) { *l = testLeaf("p3") },
	} {
		l := good
		change(&l)
		emitted := 0
		root, size, err := Build(append(testLeaves(5000), l), func(digest.Digest, []byte) error { emitted++; return nil })
		if err == nil || !root.IsZero() || size != 0 || emitted != 0 {
			t.Errorf("Build with %s = %s, %d, %v after %d files; want an error and no files", what, root, size, err, emitted)
		}
	}
	if err := good.Check(); err != nil {
		t.Errorf("the leaf that the others were made of: %v", err)
	}
}

// The first bad leaf is named, whichever processor comes to it first.
func TestBuildNamesTheFirstBadLeaf(t *testing.T) {
	leaves := testLeaves(5000)
	for _, i := range []int{4999, 2600, 700} {
		leaves[i].Status = "odd"
		if _, _, err := Build(leaves, nil); err == nil || !strings.Contains(err.Error(), "package "+leaves[i].Name+":") {
			t.Errorf("Build = %v; want the error of %s", err, leaves[i].Name)
		}
	}
}

func TestBuildRefusesTooManyNamesInOnePlace(t *testing.T) {
	same := func(string) digest.Digest { return digest.Sum(nil) }
	if _, err := arrange(testLeaves(MaxLines), same); err != nil {
		t.Errorf("%d names in one place: %v", MaxLines, err)
	}
	if _, err := arrange(testLeaves(MaxLines+1), same); err == nil {
		t.Errorf("%d names in one place are accepted", MaxLines+1)
	}
}

func TestBuildReturnsTheErrorOfEmit(t *testing.T) {
	full := errors.New("disk full")
	for n := range 17 { // a node and sixteen buckets
		left := n
		root, size, err := Build(testLeaves(65), func(digest.Digest, []byte) error {
			if left--; left < 0 {
				return full
			}
			return nil
		})
		if !errors.Is(err, full) || !root.IsZero() || size != 0 {
			t.Fatalf("emit failed at file %d: Build = %s, %d, %v", n, root, size, err)
		}
	}
}

// The same where the files are made on several processors: nothing is emitted
// after the error, and nothing hangs.
func TestBuildReturnsTheErrorOfEmitInALargeMap(t *testing.T) {
	leaves := testLeaves(5000)
	_, files := build(t, leaves)
	full := errors.New("disk full")
	for _, n := range []int{1, 2, 200, len(files) - 1, len(files)} {
		calls := 0
		_, _, err := Build(leaves, func(digest.Digest, []byte) error {
			if calls++; calls == n {
				return full
			}
			return nil
		})
		if !errors.Is(err, full) || calls != n {
			t.Errorf("emit failed at file %d of %d: Build = %v after %d", n, len(files), err, calls)
		}
	}
}

// plainly makes the map as the package comment describes it and no cleverer,
// and notes the files in their order.
func plainly(leaves []Leaf, prefix string, files *[]string) digest.Digest {
	var file []byte
	if len(leaves) <= 64 {
		leaves = slices.SortedFunc(slices.Values(leaves), func(a, b Leaf) int { return strings.Compare(a.Name, b.Name) })
		file = AppendBucket(nil, prefix, leaves)
	} else {
		var n Node
		for i := range n {
			at := prefix + fmt.Sprintf("%x", i)
			var some []Leaf
			for _, l := range leaves {
				if strings.HasPrefix(Position(l.Name).String(), at) {
					some = append(some, l)
				}
			}
			n[i] = plainly(some, at, files)
		}
		file = AppendNode(nil, prefix, &n)
	}
	*files = append(*files, string(file))
	return digest.Sum(file)
}

// Large and small, evenly spread and not, on one processor and on several, a
// map is the plain one, and its files come in the plain order.
func TestBuildIsAsPlain(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	uneven := append(leavesWithin(share+1, "a"), leavesWithin(64, "b")...)
	uneven = append(uneven, leavesWithin(65, "c0")...)
	for what, leaves := range map[string][]Leaf{
		"share": testLeaves(share), "share and one": testLeaves(share + 1), "many": testLeaves(5000), "uneven": uneven,
	} {
		var want []string
		root := plainly(leaves, "", &want)
		for _, processors := range []int{1, 3} {
			runtime.GOMAXPROCS(processors)
			var files []string
			got, _, err := Build(leaves, func(_ digest.Digest, file []byte) error {
				files = append(files, string(file))
				return nil
			})
			if err != nil || got != root || !slices.Equal(files, want) {
				t.Errorf("%s, on %d processors: root %s with %d files, %v; want %s with %d, in order", what, processors, got, len(files), err, root, len(want))
			}
		}
	}
}

// Names that begin alike are told apart by what follows, and a name comes
// before its continuations.
func TestBucketSortsNamesThatBeginAlike(t *testing.T) {
	names := []string{"pack", "pack-a", "package", "package-a", "package-b", "package0", "packageab"}
	var leaves []Leaf
	for _, n := range slices.Backward(names) {
		leaves = append(leaves, testLeaf(n))
	}
	root, s := build(t, leaves)
	got, err := ParseBucket("", s[root]) // which refuses another order
	if err != nil || len(got) != len(names) {
		t.Fatalf("the bucket has %d leaves, %v; want %d", len(got), err, len(names))
	}
}

func TestPath(t *testing.T) {
	d := digest.Sum([]byte("abc"))
	if got := Path(d); got != "map/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("Path = %q", got)
	}
}
