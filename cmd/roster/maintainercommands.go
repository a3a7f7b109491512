package main

import "github.com/urfave/cli/v2"

func (p program) maintainerCommands() []*cli.Command {
	repository := &cli.StringFlag{Name: "repository", Usage: "the `NAME` of the index; without it, that of --state"}
	out := &cli.StringFlag{Name: "out", Usage: "the `FILE` to write; it must not exist", Required: true}
	return []*cli.Command{
		{
			Name: "list", Usage: "make maintainer lists",
			Subcommands: []*cli.Command{{
				Name: "new", Usage: "write the first or the next maintainer list of a package, for its maintainers to sign",
				Description: "With --state and --url it looks at the index: which list it follows, which lines of the release index it would vouch for, " +
					"which releases would lose their authority. With --repository alone it claims a name unseen.",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "package", Usage: "the `NAME` of the package", Required: true},
					repository,
					&cli.StringSliceFlag{Name: "maintainer", Usage: "a person and a key, `NAME=CERTIFICATE[,FINGERPRINT]`; once for each key"},
					&cli.IntFlag{Name: "threshold", Usage: "how many `PEOPLE` must sign the next list", DefaultText: "none"},
					&cli.IntFlag{Name: "release-threshold", Usage: "how many `PEOPLE` must sign a release", DefaultText: "none"},
					&cli.BoolFlag{Name: "freeze", Usage: "a list without maintainers: no release any more, and only an override by the root succeeds it", DefaultText: "no"},
					&cli.StringFlag{Name: "inherit", Usage: "the `LINES` of the index that it vouches for, whoever signed them: all, none, or numbers such as 1,3; for a next list, beside those that the list before authorised"},
					&cli.Uint64Flag{Name: "version", Usage: "the list's `NUMBER`, if the one above its predecessor's was given away", DefaultText: "one above"},
					out,
				},
				Action: p.newList,
			}},
		},
		{
			Name: "release", Usage: "write the release manifest of one version's files", ArgsUsage: "FILE...",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "package", Usage: "the `NAME` of the package", Required: true},
				&cli.StringFlag{Name: "version", Usage: "the `VERSION` of the release (PEP 440)", Required: true},
				repository, out,
			},
			Action: p.release,
		},
		{
			Name: "revoke-key", Usage: "write the revocation of a maintainer's key, for that key to sign",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "key", Usage: "the key, `CERTIFICATE[,FINGERPRINT]`", Required: true},
				&cli.StringFlag{Name: "reason", Usage: "why, in a few `WORDS` that everybody will read", Required: true},
				repository, out,
			},
			Action: p.revokeKey,
		},
		{
			Name: "show", Usage: "say in sentences what a document says", ArgsUsage: "DOCUMENT",
			Action: p.show,
		},
		{
			Name: "combine", Usage: "put the signatures of several files over one document into one file", ArgsUsage: "FILE...",
			Flags:  []cli.Flag{out},
			Action: p.combine,
		},
		{
			Name: "check", Usage: "say who signed a document", ArgsUsage: "SIGNATURES",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "document", Usage: "the `FILE` that was signed", Required: true},
				&cli.StringSliceFlag{Name: "keys", Usage: "a `FILE` with keys to look for: the list before, a roster, a certificate"},
			},
			Action: p.check,
		},
		{
			Name: "submit", Usage: "send a signed document to the online signer", ArgsUsage: "DOCUMENT",
			Description: "The signatures are beside it in DOCUMENT.asc.",
			Flags:       []cli.Flag{&cli.StringFlag{Name: "to", Usage: "the `URL` of the online signer", Required: true}},
			Action:      p.submit,
		},
	}
}
