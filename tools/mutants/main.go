// Command mutants removes every check of the trust core, one at a time, and
// shows which test notices. A check is an if or a case that ends in a refusal;
// to remove it is to make its condition false. The list of the checks, each
// with its test, is docs/checks.md:
//
//	go run ./tools/mutants                 run them all, and write docs/checks.md
//	go run ./tools/mutants -every 20       run a sample, and write nothing
//	go run ./tools/mutants -list           only list the checks
//
// A check that no test notices is an error, unless equivalent.txt beside this
// file gives the reason why none can.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
)

// packages are the trust core; the tests beside each guard it.
var packages = []string{"threshold", "roster", "roster/tree", "roster/digest", "internal/pgp", "internal/handover", "internal/pypi"}

const document = "docs/checks.md"

func main() {
	every := flag.Int("every", 1, "try every `N`th check only")
	list := flag.Bool("list", false, "list the checks and try none")
	only := flag.String("only", "", "try the checks of one package `DIR` only")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *every, *list, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, every int, list bool, only string) error {
	excused, err := readExcused("tools/mutants/equivalent.txt")
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	t := tally{excused: excused, every: every, list: list}
	start := time.Now()
	for _, dir := range packages {
		checks, err := checksIn(dir)
		if err != nil {
			return err
		}
		t.all = append(t.all, checks...)
		if only == "" || only == dir {
			if err := t.play(ctx, work, dir, checks); err != nil {
				return err
			}
		}
	}
	if list {
		return nil
	}
	fmt.Printf("mutants: %d checks, %d removed, %d not noticed, in %s\n", len(t.all), t.tried, t.alive, time.Since(start).Round(time.Second))
	if t.alive > 0 {
		return fmt.Errorf("%d checks could be removed and no test would fail", t.alive)
	}
	if every == 1 && only == "" {
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

// play removes the checks of one package, or lists them.
func (t *tally) play(ctx context.Context, work, dir string, checks []*check) error {
	if t.list {
		for _, c := range checks {
			fmt.Printf("%s: %s\n", c.id, c.what)
		}
		return nil
	}
	r, err := newRig(ctx, work, dir, checks)
	if err != nil {
		return err
	}
	for i, c := range checks {
		if (i+1)%t.every != 0 {
			continue
		}
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
	b.WriteString("# Checks\n\nEvery check of the trust core, and a test that fails when only that check is removed. Made by `make mutants`, which removes them one by one; do not edit.\n")
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
