package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Variables in the environment of a rigged test binary: the check that is to be
// removed, and the file to which the names of checks that refused are added.
const (
	removed = "ROOTWARD_MUTANT"
	traced  = "ROOTWARD_MUTANT_TRACE"
)

// switches is the rest of a rigged package. A check "if cond" has become
// "if mutantOn(id) && (cond) && mutantRefused(id)".
const switches = `package %s

import (
	"os"
	"sync"
)

var (
	mutantID, mutantTrace = os.Getenv(%q), os.Getenv(%q)
	mutantSeen            sync.Map
)

func mutantOn(id string) bool { return mutantID != id }

func mutantRefused(id string) bool {
	if _, seen := mutantSeen.LoadOrStore(id, true); seen || mutantTrace == "" {
		return true
	}
	f, err := os.OpenFile(mutantTrace, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(id + "\n")
		f.Close()
	}
	if err != nil {
		panic(err)
	}
	return true
}
`

// A rig is a test binary of one package in which each check can be removed by
// its name, so that it is built once.
type rig struct {
	binary string
	dir    string // of the package, in which its tests run
	// refusing has, for each check, the tests in which it refused something,
	// the quickest first. No other test can notice that it is gone.
	refusing map[string][]string
	took     map[string]time.Duration // by each test, with every check in place
}

// newRig builds the tests of a package with every check guarded by a switch.
// The files of the package stay as they are: the compiler gets an overlay.
func newRig(ctx context.Context, work, dir string, checks []*check) (*rig, error) {
	replace := make(map[string]string)
	files := make(map[string][]*check)
	for _, c := range checks {
		files[c.file] = append(files[c.file], c)
	}
	name := ""
	for file, guarded := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if name, err = packageOf(file, source); err != nil {
			return nil, err
		}
		if err := overlay(work, replace, file, guard(source, guarded)); err != nil {
			return nil, err
		}
	}
	if err := overlay(work, replace, filepath.Join(dir, "mutant_switch.go"), fmt.Appendf(nil, switches, name, removed, traced)); err != nil {
		return nil, err
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	list := filepath.Join(work, strings.ReplaceAll(dir, "/", "-")+".json")
	if err := os.WriteFile(list, b, 0o600); err != nil {
		return nil, err
	}
	r := &rig{filepath.Join(work, strings.ReplaceAll(dir, "/", "-")+".test"), dir, make(map[string][]string), make(map[string]time.Duration)}
	out, err := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", list, "-o", r.binary, "./"+dir).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("building the tests of %s with switches: %w\n%s", dir, err, out)
	}
	if _, err := os.Stat(r.binary); err != nil {
		return nil, fmt.Errorf("package %s has no tests", dir)
	}
	return r, r.trace(ctx, filepath.Join(work, "trace"))
}

// trace runs each test alone, with every check in place, to learn which checks
// refuse in which tests, and how long each test takes.
func (r *rig) trace(ctx context.Context, file string) error {
	cmd := exec.CommandContext(ctx, r.binary, "-test.list", ".")
	cmd.Dir = r.dir
	list, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("listing the tests of %s: %w", r.dir, err)
	}
	for test := range strings.FieldsSeq(string(list)) {
		if strings.HasPrefix(test, "Benchmark") {
			continue
		}
		start := time.Now()
		if noticed, err := r.run(ctx, test, traced+"="+file); err != nil || noticed != "" {
			return fmt.Errorf("the tests of %s fail with every check in place: %s (%v)", r.dir, noticed, err)
		}
		r.took[test] = time.Since(start)
		refused, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for id := range strings.FieldsSeq(string(refused)) {
			if !slices.Contains(r.refusing[id], test) {
				r.refusing[id] = append(r.refusing[id], test)
			}
		}
		if err := os.RemoveAll(file); err != nil {
			return err
		}
	}
	for _, tests := range r.refusing {
		slices.SortStableFunc(tests, func(a, b string) int { return cmp.Compare(r.took[a], r.took[b]) })
	}
	return nil
}

func packageOf(file string, source []byte) (string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, source, parser.PackageClauseOnly)
	if err != nil {
		return "", err
	}
	return f.Name.Name, nil
}

// overlay has the compiler read other bytes in place of a file.
func overlay(work string, replace map[string]string, file string, b []byte) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	replace[path] = filepath.Join(work, strings.ReplaceAll(file, "/", "-"))
	return os.WriteFile(replace[path], b, 0o600)
}

// guard puts a switch before each check's condition.
func guard(source []byte, checks []*check) []byte {
	checks = slices.Clone(checks)
	slices.SortFunc(checks, func(a, b *check) int { return b.from - a.from })
	out := slices.Clone(source)
	for _, c := range checks {
		out = slices.Concat(out[:c.from], fmt.Appendf(nil, "mutantOn(%q) && (", c.id), out[c.from:c.to], fmt.Appendf(nil, ") && mutantRefused(%q)", c.id), out[c.to:])
	}
	return out
}

var failed = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// try runs tests with a check removed, and returns one that failed; "" if none
// did.
func (r *rig) try(ctx context.Context, c *check) (string, error) {
	for _, test := range r.refusing[c.id] {
		if noticed, err := r.run(ctx, test, removed+"="+c.id); err != nil || noticed != "" {
			return noticed, err
		}
	}
	return "", nil
}

func (r *rig) patience(test string) time.Duration {
	if took, known := r.took[test]; known {
		return 20*took + time.Minute
	}
	return 15 * time.Minute
}

// run runs one test with a variable set, and returns its deepest subtest that
// failed; "" if it passed. A test that takes twenty times as long as it did, and
// a minute, is noticed to be without end.
func (r *rig) run(ctx context.Context, test, variable string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.patience(test))
	defer cancel()
	cmd := exec.CommandContext(ctx, r.binary, "-test.failfast", "-test.run", "^"+test+"$")
	cmd.Dir, cmd.Env = r.dir, append(os.Environ(), variable)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return test + " (it runs without end)", nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return "", nil
	case !errors.As(err, &exit):
		return "", fmt.Errorf("running the tests of %s: %w", r.dir, err)
	}
	deepest := ""
	for _, m := range failed.FindAllStringSubmatch(string(out), -1) {
		if deepest == "" || strings.HasPrefix(m[1], deepest+"/") {
			deepest = m[1]
		}
	}
	if deepest == "" {
		deepest = test + " (it ends in a panic)"
	}
	return deepest, nil
}
