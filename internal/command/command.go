// Package command has the manners at the terminal that Rootward's programs
// share: where output goes, what the exit codes mean, and how arguments are
// read.
//
// Results go to standard output and nothing else does. All other words go to
// standard error, each line with the program's name and a level in front:
//
//	roster: refused: package example: list version 4 does not stand
//	roster: hint: ask its maintainers, or wait for the next anchor
//
// The exit codes are [Done], [Fault], [Usage], [Refused] and [Stale].
//
// The package wraps urfave/cli, which left to itself prints usage mistakes on
// standard output, exits 0 when the command is missing and 3 when it is
// unknown, takes no flag after an argument, and splits values at commas. Here
// arguments are read before cli sees them, by these rules:
//
//   - flags may stand anywhere up to "--", those of an outer command too
//   - a flag that is no slice may be given once; a slice flag takes one value
//     each time, commas and all
//   - a value that begins with '-' is written --flag=-value
//   - the arguments are those of the command's ArgsUsage: "FILE [SIGNATURE...]"
//     wants one or more; with an empty ArgsUsage there are none
//   - a command that has commands of its own runs nothing itself
//
// Whatever breaks a rule is a usage error, and no action runs.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// The exit codes of every program.
const (
	Done    = 0 // it did what it was asked
	Fault   = 1 // a disk, a bug, a system that does not answer
	Usage   = 2 // it was called in a way that it does not understand
	Refused = 3 // it understood, and will not
	Stale   = 4 // freshness cannot be established: no network, files withheld, something expired
)

// An Env is all that a program has of the world outside, beside files and the
// network. Only main fills it from the system; tests fill it as they like.
type Env struct {
	Stdin  io.Reader
	Stdout io.Writer // results alone
	Stderr io.Writer
	Now    func() time.Time // read once for each request
	Rand   io.Reader
}

// Main runs a program and returns its exit code; main is little more than
//
//	os.Exit(command.Main(ctx, os.Args, env, app))
//
// build makes the program from the Env that it is to use, in which a failed
// write to Stdout is noticed: results that did not get out are a fault.
// args[0] is ignored; the program's name is that of the app. ctx is what
// actions find in their cli.Context.
//
// An error of an action is printed, and gives the exit code: that of the first
// error in its tree with a method ExitCode() int that returns 1 to 4, or else
// [Fault]. The first with a method Hint() string adds a hint. A panic of the
// action is a fault, and its stack is not shown; a panic in another goroutine
// still ends the program, which no wrapper can prevent.
func Main(ctx context.Context, args []string, env Env, build func(Env) *cli.App) (code int) {
	out := &writer{to: env.Stdout}
	env.Stdout = out
	name := "program"
	defer func() {
		if p := recover(); p != nil {
			Say(env.Stderr, name, "fault", fmt.Sprintf("internal error: %v", p))
			Say(env.Stderr, name, "hint", "this is a bug; please report it")
			code = Fault
		}
	}()
	app := build(env)
	name = app.Name
	line, err := arrange(app, args)
	if err == nil {
		prepare(app, env, line.help)
		err = app.RunContext(ctx, line.args)
	}
	if err == nil && out.err != nil {
		err = fmt.Errorf("writing results: %w", out.err)
	}
	return finish(env.Stderr, name, line.path, err)
}

// prepare sets what cli must not do by itself.
func prepare(app *cli.App, env Env, help bool) {
	app.Reader, app.Writer, app.ErrWriter = env.Stdin, env.Stderr, env.Stderr
	if help { // or the version; then that is the result
		app.Writer = env.Stdout
	}
	app.ExitErrHandler = func(*cli.Context, error) {} // cli would call os.Exit
	app.HideHelpCommand = true
	app.EnableBashCompletion = false
	app.UseShortOptionHandling = false
	app.DisableSliceFlagSeparator = true
	app.Suggest = false
	app.DefaultCommand = ""
	app.OnUsageError = onUsageError
	keepSpace(app.Flags)
	prepareCommands(app.Commands)
}

// keepSpace has repeated flags take their values as they were given: cli would
// trim them, and write to another path than the one that was named.
func keepSpace(flags []cli.Flag) {
	for _, f := range flags {
		if s, ok := f.(*cli.StringSliceFlag); ok {
			s.KeepSpace = true
		}
	}
}

func prepareCommands(commands []*cli.Command) {
	for _, c := range commands {
		c.HideHelpCommand = true // or it would take "help" for an argument
		c.UseShortOptionHandling = false
		c.OnUsageError = onUsageError
		keepSpace(c.Flags)
		if len(c.Subcommands) == 0 && c.CustomHelpTemplate == "" {
			c.CustomHelpTemplate = cli.CommandHelpTemplate // or it would be shown as a group
		}
		prepareCommands(c.Subcommands)
	}
}

// onUsageError is called with a value that a flag cannot read.
func onUsageError(_ *cli.Context, err error, _ bool) error { return Usagef("%w", err) }

// finish prints err, if any, and returns its exit code.
func finish(stderr io.Writer, name, path string, err error) int {
	if err == nil {
		return Done
	}
	code := exitCode(err)
	level := map[int]string{Fault: "fault", Usage: "usage", Refused: "refused", Stale: "stale"}[code]
	Say(stderr, name, level, err.Error())
	hint := ""
	if h := (interface{ Hint() string })(nil); errors.As(err, &h) {
		hint = h.Hint()
	}
	if hint == "" && code == Usage {
		hint = fmt.Sprintf("see %s --help", path)
	}
	if hint != "" {
		Say(stderr, name, "hint", hint)
	}
	return code
}

// exitCode returns the first exit code from 1 to 4 in the tree of err, or
// Fault. An error of another program's run has its code, which means something
// else, and is passed over.
func exitCode(err error) int {
	for err != nil {
		if c, ok := err.(interface{ ExitCode() int }); ok {
			if _, foreign := err.(*exec.ExitError); !foreign && Fault <= c.ExitCode() && c.ExitCode() <= Stale {
				return c.ExitCode()
			}
		}
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				if c := exitCode(e); c != Fault {
					return c
				}
			}
			return Fault
		}
		err = errors.Unwrap(err)
	}
	return Fault
}

// Usagef makes an error for a program that was called wrongly. It takes what
// fmt.Errorf takes.
func Usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }
func (e *usageError) ExitCode() int { return Usage }

// Say prints a message for people: each line of it with the program's name and
// a level ("refused", "hint", "note", ...) in front, and made [Printable]. So
// no string from outside that a message quotes can pass for a line of ours.
func Say(w io.Writer, program, level, message string) {
	for line := range strings.SplitSeq(strings.TrimRight(message, "\n"), "\n") {
		fmt.Fprintf(w, "%s: %s: %s\n", program, level, Printable(line))
	}
}

// Printable returns s with everything escaped, as in Go source, that could
// move a terminal's cursor, change its colours or the direction of writing, or
// hide: control and format characters, line ends, spaces other than ' ', what
// Unicode has not assigned, and bytes that are no UTF-8. The result is one
// line. It is for people to read, and cannot be undone: a backslash stays as
// it is.
func Printable(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if strconv.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			b.WriteString(s[:size])
		} else {
			q := strconv.QuoteToASCII(s[:size])
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[size:]
	}
	return b.String()
}

// A writer remembers the first error of writing.
type writer struct {
	to  io.Writer
	err error
}

func (w *writer) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}
