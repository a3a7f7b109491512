// Command mutants removes every check of the trust core, of the client, the online
// signer, the cards and the ceremony, one at a time, and shows which test notices. A check is an if or
// a case that ends in a refusal; to remove it is to make its condition false. The
// list of the checks, each with its test, is docs/checks.md:
//
//	go run ./tools/mutants                 run them all, and write docs/checks.md
//	go run ./tools/mutants -every 20       run a sample, and write nothing
//	go run ./tools/mutants -only client    run those of one package
//	go run ./tools/mutants -list           only list the checks
//
// A check that is removed makes a difference only where it refuses. So each test
// runs once alone, to learn which checks refuse in it, and without a check only
// those tests run in which it did, the quickest first, until one fails.
//
// A check that no test notices is an error, unless equivalent.txt beside this
// file gives the reason why none can.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// packages are the trust core, which is pure, and then what uses it with disk and
// network at hand; the tests beside each guard it.
var (
	pure = []string{"threshold", "roster", "roster/tree", "roster/digest", "internal/pgp", "internal/handover", "internal/pypi",
		"internal/ceremony/plan"}
	packages = slices.Concat(pure, []string{"client", "internal/signer", "internal/signer/publish", "internal/signer/store", "internal/signer/config", "internal/signer/api", "hsm",
		"internal/ceremony/conduct", "internal/ceremony/transcript", "internal/ceremony/bundle", "internal/ceremony"})
)

const document = "docs/checks.md"

func main() {
	every := flag.Int("every", 1, "try every `N`th check only")
	list := flag.Bool("list", false, "list the checks and try none")
	skip := flag.String("skip", "", "leave the package `DIR` and those below it out")
	only := flag.String("only", "", "try the checks of one package `DIR` only")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *every < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if *skip != "" {
		packages = slices.DeleteFunc(packages, func(dir string) bool { return dir == *skip || strings.HasPrefix(dir, *skip+"/") })
	}
	if err := run(ctx, *every, *list, *only, *skip == ""); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, every int, list bool, only string, whole bool) error {
	excused, err := readExcused("tools/mutants/equivalent.txt")
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if only != "" && !slices.Contains(packages, only) {
		return fmt.Errorf("package %q is not one of %q", only, packages)
	}
	t := tally{excused: excused, every: every, list: list}
	start := time.Now()
	for _, dir := range packages {
		checks, err := checksIn(dir, slices.Contains(pure, dir))
		if err != nil {
			return err
		}
		first := len(t.all)
		t.all = append(t.all, checks...)
		if only == "" || only == dir {
			if err := t.play(ctx, work, dir, checks, t.sample(first, checks)); err != nil {
				return err
			}
		}
	}
	if list {
		return nil
	}
	for id := range excused {
		if whole && !slices.ContainsFunc(t.all, func(c *check) bool { return c.id == id }) {
			t.alive++
			fmt.Printf("EXCUSED, but no check has this name: %s: take it out of equivalent.txt\n", id)
		}
	}
	if t.tried == 0 {
		return errors.New("no check was removed: nothing has been shown")
	}
	fmt.Printf("mutants: %d checks, %d removed, %d not noticed, in %s\n", len(t.all), t.tried, t.alive, time.Since(start).Round(time.Second))
	if t.alive > 0 {
		return fmt.Errorf("%d checks could be removed and no test would fail, or are excused wrongly", t.alive)
	}
	if every == 1 && only == "" && whole {
		return os.WriteFile(document, []byte(format(t.all)), 0o644)
	}
	return nil
}

// A tally counts what was tried.
type tally struct {
	excused      map[string]string
	every        int
	list         bool
	all          []*check
	tried, alive int
}

// sample returns every Nth of all checks, as far as they are among checks, of
// which the first is the one after so many others.
func (t *tally) sample(others int, checks []*check) []*check {
	var some []*check
	for i, c := range checks {
		if (others+i)%t.every == 0 {
			some = append(some, c)
		}
	}
	return some
}

// play removes some of the checks of one package, or lists them all.
func (t *tally) play(ctx context.Context, work, dir string, checks, some []*check) error {
	if t.list {
		for _, c := range checks {
			fmt.Printf("%s: %s\n", c.id, c.what)
		}
		return nil
	}
	if len(some) == 0 {
		return nil
	}
	r, err := newRig(ctx, work, dir, checks)
	if err != nil {
		return err
	}
	for _, c := range some {
		t.tried++
		if c.noticed, err = r.try(ctx, c); err != nil {
			return err
		}
		switch why := t.excused[c.id]; {
		case c.noticed == "" && why == "":
			t.alive++
			fmt.Printf("NOT NOTICED %s:%d %s: %s\n", c.file, c.line, c.id, c.what)
		case c.noticed == "":
			c.noticed = "none: " + why
		case why != "":
			t.alive++
			fmt.Printf("EXCUSED, but noticed by %s: %s: take it out of equivalent.txt\n", c.noticed, c.id)
		}
	}
	return nil
}

// readExcused reads lines "id: reason".
func readExcused(name string) (map[string]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := make(map[string]string)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		id, why, ok := strings.Cut(lines.Text(), ": ")
		if ok && !strings.HasPrefix(id, "#") {
			all[id] = why
		}
	}
	return all, nil
}

// format prints docs/checks.md.
func format(all []*check) string {
	var b strings.Builder
	b.WriteString("# Checks\n\nEvery check of the trust core, of the client and of the online signer, and a test that fails when only that check is removed. Made by `make mutants`, which removes them one by one; do not edit.\n")
	dir := ""
	for _, c := range all {
		if c.dir != dir {
			dir = c.dir
			fmt.Fprintf(&b, "\n## %s\n\n| check | what it refuses | test |\n| --- | --- | --- |\n", dir)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.TrimPrefix(c.id, dir+"/"), strings.ReplaceAll(c.what, "|", "\\|"), c.noticed)
	}
	return b.String()
}
