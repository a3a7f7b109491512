package main

import (
	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/command"
)

// A program is what the commands share.
type program struct{ env command.Env }

func app(env command.Env) *cli.App {
	p := program{env}
	config := &cli.StringFlag{Name: "config", Usage: "the signer's configuration, a YAML `FILE`", Required: true}
	return &cli.App{
		Name:  "online-signer",
		Usage: "accept proposed documents, countersign through Vault, publish the index",
		Flags: []cli.Flag{config},
		Commands: []*cli.Command{
			{Name: "keys", Usage: "write the public halves of the two Vault keys, for a ceremony", Action: p.keys, Flags: []cli.Flag{
				&cli.StringFlag{Name: "out", Usage: "the `FILE` to write; it must not exist", Required: true},
			}},
			{Name: "serve", Usage: "run the service until it is interrupted", Action: p.serve},
			{Name: "adopt", Usage: "take in the root roster that a ceremony wrote to a directory", ArgsUsage: "DIRECTORY", Action: p.adopt},
			{Name: "revoke", Usage: "publish opened revocations of online keys, at once", ArgsUsage: "DIRECTORY|FILE", Action: p.revoke},
			{Name: "status", Usage: "set a package's status: active, quarantined or removed", ArgsUsage: "PACKAGE STATUS", Action: p.status},
			{Name: "unsigned", Usage: "add a file that was uploaded unsigned to a package without a maintainer list", ArgsUsage: "PACKAGE VERSION FILE", Action: p.unsigned},
			{Name: "yank", Usage: "yank a version, or one file of it; this is final", ArgsUsage: "PACKAGE VERSION [FILE]", Action: p.yank},
			{Name: "snapshot", Usage: "publish a snapshot now", Action: p.snapshot},
			{Name: "show", Usage: "show what the signer knows of a package", ArgsUsage: "PACKAGE", Action: p.show},
		},
	}
}
