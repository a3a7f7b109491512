// Command compromise-table executes the promise of docs/threat-model.md: for
// each set of keys in the wrong hands it tries each attack on the real client
// program, over HTTP, with a client that is new, one that remembers, and one
// that was offline for a year. It prints what was possible and for how long,
// beside what PEP 458 and PEP 480 promise for the same keys.
//
// The thief also stands between the client and the index, and has every file
// that was ever published. The time that passes is the client's --now. What
// was possible is played again until a year on, for a client that is cut off,
// and after each remedy, for one that is not.
//
// It ends with 0 if reality is as promised or better, 1 at a fault, 2 at a
// mistake in the command line, and 1 too if reality is worse.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, time.Now)
	stop()
	os.Exit(code)
}

// options are what the command line says.
type options struct {
	promises, threatModel, client string
	rows, columns, clients        string
	write, verbose                bool
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer, now func() time.Time) int {
	var o options
	f := flag.NewFlagSet("compromise-table", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.promises, "promises", "docs/promises.json", "the `FILE` of the promises")
	f.StringVar(&o.threatModel, "threat-model", "docs/threat-model.md", "the `FILE` with the table made from them")
	f.StringVar(&o.client, "client", "", "play against this `PROGRAM` instead of building cmd/roster")
	f.StringVar(&o.rows, "only", "", "play only these `COMPROMISES`, separated by commas")
	f.StringVar(&o.columns, "attacks", "", "play only these `ATTACKS`, separated by commas")
	f.StringVar(&o.clients, "clients", "", "play only these `CLIENTS`, separated by commas")
	f.BoolVar(&o.write, "write", false, "write the table into the threat model, and play nothing")
	f.BoolVar(&o.verbose, "v", false, "tell each cell: by which way, or what the client said")
	if err := f.Parse(args); err != nil || f.NArg() > 0 {
		return 2
	}
	good, err := o.do(ctx, stdout, now)
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprintln(stderr, "compromise-table:", err)
		return 2
	case err != nil:
		fmt.Fprintln(stderr, "compromise-table: fault:", err)
		return 1
	case !good:
		fmt.Fprintln(stderr, "compromise-table: reality is worse than", o.promises)
		return 1
	}
	return 0
}

var errUsage = errors.New("usage")

func (o options) do(ctx context.Context, stdout io.Writer, now func() time.Time) (good bool, err error) {
	promises, err := loadPromises(o.promises)
	if err != nil {
		return false, err
	}
	if o.write {
		return true, writeDocs(o.threatModel, promises)
	}
	rows, err := choose(compromises, func(c compromise) string { return c.id }, o.rows)
	if err != nil {
		return false, err
	}
	columns, err := choose(attacks, func(a attack) string { return a.id }, o.columns)
	if err != nil {
		return false, err
	}
	users, err := choose(clients, func(c string) string { return c }, o.clients)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "compromise-table")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := o.client
	if program == "" {
		if program, err = buildClient(ctx, dir); err != nil {
			return false, err
		}
	}
	begin := now()
	p, err := newPlayer(ctx, program, dir)
	if err != nil {
		return false, err
	}
	defer p.host.close()
	t := newTally(stdout, promises, columns, len(columns)*len(users))
	t.verbose = o.verbose
	if err := p.play(jobs(rows, columns, users), t.add); err != nil {
		return false, err
	}
	return t.sum(now().Sub(begin), p.host.runs.Load()), nil
}

// choose returns those of all whose ids the words name; all, if there are none.
func choose[T any](all []T, id func(T) string, words string) ([]T, error) {
	if words == "" {
		return all, nil
	}
	var some []T
	for word := range strings.SplitSeq(words, ",") {
		i := slices.IndexFunc(all, func(x T) bool { return id(x) == word })
		if i < 0 {
			var ids []string
			for _, x := range all {
				ids = append(ids, id(x))
			}
			return nil, fmt.Errorf("%w: there is no %q, wanted words of %q", errUsage, word, ids)
		}
		some = append(some, all[i])
	}
	return some, nil
}

// jobs are the cells of those rows, columns and clients.
func jobs(rows []compromise, columns []attack, users []string) []job {
	var all []job
	for _, c := range rows {
		for _, a := range columns {
			for _, client := range users {
				all = append(all, job{c, a, client})
			}
		}
	}
	return all
}
