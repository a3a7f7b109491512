package runbooktest

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/command"
)

func sample(command.Env) *cli.App {
	return &cli.App{Name: "prog", Commands: []*cli.Command{
		{Name: "do", ArgsUsage: "FILE", Flags: []cli.Flag{&cli.StringFlag{Name: "out", Required: true}, &cli.BoolFlag{Name: "now"}},
			Action: func(*cli.Context) error { panic("it was done") }},
		{Name: "group", Subcommands: []*cli.Command{{Name: "list", Action: func(*cli.Context) error { panic("it was done") }}}},
	}}
}

const text = "Type `prog do --out \"a b\" x.json` and prog do nothing.\n" +
	"```\nprog group list # comment\nother prog\n```\n" +
	"`ssh host sudo prog group list`, `prog`, `progs do`, `prog group list | less`\n"

func TestLinesAreFoundInSpansAndBlocks(t *testing.T) {
	var got []string
	for _, l := range find("prog", "f.md", text) {
		got = append(got, strings.Join(l.Args, ","))
		if err := Judge(sample, l); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"prog,do,--out,a b,x.json", "prog,group,list", "prog,group,list", "prog,group,list"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestWrongLinesAreRefused(t *testing.T) {
	for _, line := range []string{"prog dont", "prog do", "prog do x.json", "prog do --out y", "prog do --out y --later x.json", "prog do --out y x.json z.json",
		"prog group", "prog group lost", "prog group list x"} {
		if err := Judge(sample, Line{"f.md", 1, split(line)}); err == nil {
			t.Errorf("%q passed", line)
		}
	}
}
