// Command rehearsal gives people a room to rehearse in before they have cards:
// readers with virtual cards behind a pcscd of their own, a Vault server with an
// online signer's two keys, and a shell in which the programs find both. The
// runbook rehearsal.md says what to do with it.
//
//	rehearsal room --dir DIR --card 11223344 --card 22334455 [COMMAND...]
//	rehearsal card 11223344 insert
//
// Everything is kept in DIR, and a later room with the same DIR goes on with it.
// Nothing in it is secret from whoever can read DIR: the cards' keys and Vault's
// unseal shares stand there in the clear. Exit codes: 0 done, 1 fault, 2 usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
)

const (
	exitFault = 1
	exitUsage = 2
)

type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	onUsageError := func(_ *cli.Context, err error, _ bool) error { return usageError{err} }
	app := &cli.App{
		Name: "rehearsal", Usage: "a room to rehearse ceremonies in, with virtual cards and a Vault server",
		Writer: stderr, ErrWriter: stderr, HideVersion: true, HideHelpCommand: true, DisableSliceFlagSeparator: true,
		ExitErrHandler: func(*cli.Context, error) {}, OnUsageError: onUsageError,
		Action: func(c *cli.Context) error { return usagef("no command %q, want room or card", c.Args().First()) },
		Commands: []*cli.Command{
			{
				Name: "room", Usage: "open a room, and a shell (or COMMAND) in it; the room ends with it", ArgsUsage: "[COMMAND...]", OnUsageError: onUsageError,
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "dir", Usage: "keep the room in the directory `DIR`; made if it does not exist"},
					&cli.StringSliceFlag{Name: "card", Usage: "a card with serial `NUMBER`, outside its reader; repeat for each"},
					&cli.StringFlag{Name: "repository", Value: "rehearsal.packages.example", Usage: "the `NAME` of the rehearsed index; begins with rehearsal."},
					&cli.BoolFlag{Name: "without-vault", Usage: "cards alone"},
				},
				Action: func(c *cli.Context) error { return openRoom(c, stderr) },
			},
			{
				Name: "card", Usage: "inside a room: insert a card, pull it, say where it is, or set a fault for its next N chances",
				ArgsUsage: "NUMBER insert|pull|fault NAME N", OnUsageError: onUsageError,
				Action: func(c *cli.Context) error { return orderCard(c.Context, c.Args().Slice(), os.Getenv(cardsVariable)) },
			},
		},
	}
	err := app.RunContext(ctx, args)
	if err == nil {
		return 0
	}
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(stderr, "rehearsal: usage: %v\nrehearsal: hint: rehearsal --help\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "rehearsal: fault: %v\n", strings.TrimSpace(err.Error()))
	return exitFault
}
