// Command mutants removes every check of the trust core, one at a time, and
// shows which test notices. A check is an if or a case that ends in a refusal;
// to remove it is to make its condition false. The list of the checks, each
// with its test, is docs/checks.md:
//
//	go run ./tools/mutants                 run them all, and write docs/checks.md
//	go run ./tools/mutants -every 20       run a sample, and compare it with docs/checks.md
//	go run ./tools/mutants -list           only list the checks
//
// A check that no test notices is an error, unless docs/checks.md gives the
// reason why nothing can (see equivalent.txt beside this file).
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

// packages are the trust core, and the tests that guard each.
var packages = []struct{ dir, tests string }{
	{"threshold", "./threshold"},
	{"roster", "./roster"},
	{"roster/tree", "./roster/tree"},
	{"roster/digest", "./roster/digest"},
	{"internal/pgp", "./internal/pgp"},
	{"internal/handover", "./internal/handover"},
	{"internal/pypi", "./internal/pypi"},
}

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
	var all []*check
	for _, p := range packages {
		checks, err := checksIn(p.dir, p.tests)
		if err != nil {
			return err
		}
		all = append(all, checks...)
	}
	if list {
		for _, c := range all {
			fmt.Printf("%s: %s\n", c.id, c.what)
		}
		return nil
	}
	start, tried, alive := time.Now(), 0, 0
	for i, c := range all {
		if (i+1)%every != 0 || only != "" && !strings.HasPrefix(c.id, only+"/") {
			continue
		}
		tried++
		if c.noticed, err = c.try(ctx); err != nil {
			return err
		}
		switch why := excused[c.id]; {
		case c.noticed == "" && why == "":
			alive++
			fmt.Printf("NOT NOTICED %s:%d %s: %s\n", c.file, c.line, c.id, c.what)
		case c.noticed == "":
			fmt.Printf("equivalent  %s: %s\n", c.id, why)
			c.noticed = "(" + why + ")"
		case why != "":
			alive++
			fmt.Printf("EXCUSED, but noticed by %s: %s: take it out of equivalent.txt\n", c.noticed, c.id)
		default:
			fmt.Printf("noticed     %s: %s\n", c.id, c.noticed)
		}
	}
	fmt.Printf("mutants: %d checks, %d removed, %d not noticed, in %s\n", len(all), tried, alive, time.Since(start).Round(time.Second))
	if alive > 0 {
		return fmt.Errorf("%d checks could be removed and no test would fail", alive)
	}
	if every == 1 && only == "" {
		return os.WriteFile(document, []byte(format(all)), 0o644)
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
