// Command conformance runs the conformance suite against a client:
//
//	conformance [flags] CLIENT
//
// It prints a line for each case and, at the end, "conformance: N passed, N
// failed, N skipped". CLIENT is one program that keeps the protocol of the
// specification, section 10. Cases that it is known to fail stand in a file
// beside it, CLIENT.xfails, one name a line; one of them that passes is a
// failure. The exit code is 0 if no case failed, 1 if one did, and 2 if the
// command line is wrong.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rootward/rootward/client/conformance"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are what the command line says.
type options struct {
	client  string
	known   conformance.Known
	cases   []conformance.Case
	atOnce  int
	quiet   bool
	skipped string // why the worked example is skipped, or ""
}

func run(args []string, stdout, stderr io.Writer) int {
	o, err := read(args, stderr)
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(stderr, "conformance: usage:", err)
		}
		return 2
	}
	failed, err := o.play(stdout)
	if err != nil {
		fmt.Fprintln(stderr, "conformance: fault:", err)
		return 1
	}
	if failed > 0 {
		return 1
	}
	return 0
}

func read(args []string, stderr io.Writer) (*options, error) {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(stderr)
	known := flags.String("known", "", "the `FILE` of known failures (default CLIENT.xfails)")
	example := flags.String("example", "roster/testdata/example", "the `DIRECTORY` of the specification's worked example")
	only := flags.String("run", "", "play only cases whose name matches this `REGEXP`")
	o := &options{}
	flags.IntVar(&o.atOnce, "at-once", 8, "play `N` cases at once")
	flags.BoolVar(&o.quiet, "quiet", false, "print only what failed")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() != 1 || o.atOnce < 1 {
		return nil, fmt.Errorf("found %d arguments and --at-once %d; want one CLIENT, and at least 1 at once", flags.NArg(), o.atOnce)
	}
	var err error
	if o.client, err = program(flags.Arg(0)); err != nil {
		return nil, err
	}
	if *known == "" {
		*known = o.client + ".xfails"
	} else if _, err := os.Stat(*known); err != nil {
		return nil, fmt.Errorf("--known: %w", err)
	}
	if o.known, err = conformance.LoadKnown(*known); err != nil {
		return nil, err
	}
	return o, o.choose(*example, *only)
}

// program finds the client: a path, or a name that is looked up.
func program(name string) (string, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case info.IsDir() || info.Mode()&0o111 == 0:
		return "", fmt.Errorf("client %q cannot be executed", name)
	}
	return path, nil
}

func (o *options) choose(example, only string) error {
	all := conformance.Cases()
	more, err := conformance.ExampleCases(example)
	if errors.Is(err, os.ErrNotExist) {
		o.skipped = "the worked example is not at " + example + ": say --example DIRECTORY"
	} else if err != nil {
		return err
	}
	all = append(all, more...)
	if o.skipped == "" {
		if err := o.known.Unknown(all); err != nil {
			return err
		}
	}
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	for _, c := range all {
		if pattern.MatchString(c.Name) {
			o.cases = append(o.cases, c)
		}
	}
	if len(o.cases) == 0 {
		return fmt.Errorf("--run %q matches no case", only)
	}
	return nil
}

func (o *options) play(stdout io.Writer) (failed int, err error) {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	suite, err := conformance.NewSuite(o.client, dir)
	if err != nil {
		return 0, err
	}
	defer suite.Close()
	passed, known, skipped := 0, 0, 0
	for i, failure := range suite.RunAll(o.cases, o.atOnce) {
		verdict, bad := o.known.Judge(o.cases[i], failure)
		switch {
		case bad:
			failed++
			fmt.Fprintf(stdout, "FAIL  %s\n      %s\n", o.cases[i].Name, strings.ReplaceAll(strings.TrimPrefix(verdict, "FAIL: "), "\n", "\n      "))
			continue
		case failure == "":
			passed++
		default:
			known++
		}
		if !o.quiet {
			fmt.Fprintf(stdout, "%-5s %s\n", verdict, o.cases[i].Name)
		}
	}
	if o.skipped != "" {
		skipped++
		fmt.Fprintf(stdout, "skip  EXAMPLE: %s\n", o.skipped)
	}
	tail := ""
	if known > 0 {
		tail = fmt.Sprintf(", %d known to fail", known)
	}
	fmt.Fprintf(stdout, "conformance: %d passed, %d failed, %d skipped%s\n", passed, failed, skipped, tail)
	return failed, nil
}
