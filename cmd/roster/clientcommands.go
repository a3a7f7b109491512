package main

import "github.com/urfave/cli/v2"

func (p program) clientCommands() []*cli.Command {
	return []*cli.Command{
		{
			Name: "init", Usage: "make a state directory that trusts a root roster", ArgsUsage: "ROSTER",
			Description: "ROSTER is the roster's file; its signatures are beside it in ROSTER.asc. No request is made.",
			Flags:       []cli.Flag{&cli.StringFlag{Name: "digest", Usage: "refuse a roster without this SHA-256 (64 `HEX` digits)"}},
			Action:      p.init,
		},
		{
			Name: "refresh", Usage: "verify and remember the newest rosters, revocations and snapshot",
			Action: p.refreshCommand,
		},
		{
			Name: "get", Usage: "verify a file from the root down and download it",
			Description: "Several files, each with its --package, --file and --out, are got in order; the first that is refused ends the command.",
			Flags: []cli.Flag{
				&cli.StringSliceFlag{Name: "package", Usage: "the `NAME` of the package", Required: true},
				&cli.StringSliceFlag{Name: "file", Usage: "the `NAME` of its file", Required: true},
				&cli.StringSliceFlag{Name: "out", Usage: "where to write it; what is at `PATH` already is not replaced", Required: true},
			},
			Action: p.get,
		},
	}
}
