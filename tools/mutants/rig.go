package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// variable names, in the environment of a rigged test binary, the check that
// is to be removed.
const variable = "ROOTWARD_MUTANT"

// A rig is a test binary of one package in which each check can be removed by
// its name, so that it is built once.
type rig struct {
	binary string
	dir    string // of the package, in which its tests run
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
	switches := fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar mutantID = os.Getenv(%q)\n\nfunc mutantOn(id string) bool { return mutantID != id }\n", name, variable)
	if err := overlay(work, replace, filepath.Join(dir, "mutant_switch.go"), []byte(switches)); err != nil {
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
	r := &rig{filepath.Join(work, strings.ReplaceAll(dir, "/", "-")+".test"), dir}
	out, err := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", list, "-o", r.binary, "./"+dir).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("building the tests of %s with switches: %w\n%s", dir, err, out)
	}
	if noticed, err := r.try(ctx, &check{id: "none"}); err != nil || noticed != "" {
		return nil, fmt.Errorf("the tests of %s fail with every check in place: %s (%v)", dir, noticed, err)
	}
	return r, nil
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
		out = slices.Concat(out[:c.from], []byte(fmt.Sprintf("mutantOn(%q) && (", c.id)), out[c.from:c.to], []byte(")"), out[c.to:])
	}
	return out
}

var failed = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// try runs the tests with a check removed, and returns one that failed; "" if
// all passed.
func (r *rig) try(ctx context.Context, c *check) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.binary, "-test.failfast")
	cmd.Dir, cmd.Env = r.dir, append(os.Environ(), variable+"="+c.id)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "(the tests run without end)", nil
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
		deepest = "(the tests end in a panic)"
	}
	return deepest, nil
}
