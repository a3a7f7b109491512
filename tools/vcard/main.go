// Command vcard is a PIV card in software, for rehearsals and tests: a process
// that stands beside the virtual reader of pcscd as a card lies beside a real
// one. It protects nothing: its keys stand in the clear in its state file.
//
//	vcard ca --ca ca.json --root root.pem
//	vcard serve --state card.json --ca ca.json --serial 11223344 --listen unix:card.sock --control card.ctl
//	vcard order --control card.ctl fault withhold-touch 1
//
// Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 fault,
// 2 usage.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
)

const (
	exitFault = 1
	exitUsage = 2
)

// environment is what the program takes from outside.
type environment struct {
	stdout, stderr io.Writer
	rand           io.Reader
	now            func() time.Time
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, environment{os.Stdout, os.Stderr, rand.Reader, time.Now})
	stop()
	os.Exit(code)
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func run(ctx context.Context, args []string, env environment) int {
	app := &cli.App{
		Name:                      "vcard",
		Usage:                     "a PIV card in software, for rehearsals only",
		Writer:                    env.stderr, // help and usage; results are printed to env.stdout
		ErrWriter:                 env.stderr,
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              onUsageError,
		Action:                    noCommand,
		Commands:                  []*cli.Command{caCommand(env), serveCommand(env), orderCommand(env), loopbackCommand()},
	}
	err := app.RunContext(ctx, args)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(env.stderr, "vcard: usage: %v\nvcard: hint: vcard --help\n", err)
		return exitUsage
	}
	fmt.Fprintf(env.stderr, "vcard: fault: %v\n", err)
	return exitFault
}

func onUsageError(_ *cli.Context, err error, _ bool) error { return usageError{err} }

func noCommand(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("no such command %q, want ca, serve or order", c.Args().First())
	}
	return usagef("no command, want ca, serve or order")
}

// noArguments refuses what stands after the flags, flags after a word included.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("unexpected %q", strings.Join(c.Args().Slice(), " "))
	}
	return nil
}

// required gives a flag's value, or the usage error that it is missing.
func required(c *cli.Context, name string) (string, error) {
	if v := c.String(name); v != "" {
		return v, nil
	}
	return "", usagef("%s wants --%s", c.Command.Name, name)
}
