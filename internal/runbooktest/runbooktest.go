// Package runbooktest checks, for tests, that the command lines that texts tell
// people to type are ones that the programs understand: the command is there,
// its flags are, none that it wants is missing, and the number of arguments is
// right. What the values mean, and whether the command does what the text
// says, is not checked.
package runbooktest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/command"
)

// A Line is a command line in a text.
type Line struct {
	File   string
	Number int
	Args   []string // from the program's name on
}

func (l Line) String() string {
	return fmt.Sprintf("%s:%d: %s", l.File, l.Number, strings.Join(l.Args, " "))
}

// Texts are the Markdown files that tell people what to type, in a repository.
func Texts(root string) ([]string, error) {
	runbooks, err := filepath.Glob(filepath.Join(root, "runbooks", "*.md"))
	return append(runbooks, filepath.Join(root, "docs", "maintenance.md"), filepath.Join(root, "docs", "four-questions.md")), err
}

// Lines finds the program's command lines in Markdown files: each line of a
// fenced block, and each code span, that begins with the program's name, or has
// it behind ssh, a host, and sudo.
func Lines(program string, files ...string) ([]Line, error) {
	var all []Line
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all = append(all, find(program, file, string(b))...)
	}
	return all, nil
}

var span = regexp.MustCompile("`([^`]+)`")

func find(program, file, text string) []Line {
	var all []Line
	fenced := false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		codes := []string{line}
		if !fenced {
			codes = nil
			for _, m := range span.FindAllStringSubmatch(line, -1) {
				codes = append(codes, m[1])
			}
		}
		for _, code := range codes {
			args := split(code)
			if len(args) > 2 && args[0] == "ssh" {
				args = args[2:]
			}
			if len(args) > 1 && args[0] == "sudo" {
				args = args[1:]
			}
			if len(args) > 1 && args[0] == program {
				all = append(all, Line{file, i + 1, args})
			}
		}
	}
	return all
}

// split takes a command line apart as a shell does, as far as runbooks go:
// quotes, and an end at a comment, a pipe or a next command.
func split(s string) []string {
	var args []string
	var word strings.Builder
	begun := false
	quote := rune(0)
	end := func() {
		if begun {
			args = append(args, word.String())
		}
		word.Reset()
		begun = false
	}
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, begun = r, true
		case r == ' ' || r == '\t':
			end()
		case r == '|' || r == ';' || r == '>' || r == '&' || r == '#' && !begun:
			end()
			return args
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	end()
	return args
}

// Judge has the program read the command line and do nothing. The error is what
// it would print.
func Judge(build func(command.Env) *cli.App, l Line) error {
	var said bytes.Buffer
	env := command.Env{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &said, Now: func() time.Time { return time.Time{} }, Rand: strings.NewReader("")}
	idle := func(e command.Env) *cli.App {
		app := build(e)
		still(app.Commands)
		return app
	}
	if code := command.Main(context.Background(), l.Args, env, idle); code != command.Done {
		return fmt.Errorf("%s\n%s", l, said.String())
	}
	return nil
}

// still takes the actions away from commands.
func still(commands []*cli.Command) {
	for _, c := range commands {
		if len(c.Subcommands) == 0 {
			c.Action = func(*cli.Context) error { return nil }
		}
		still(c.Subcommands)
	}
}

// A TB is a test.
type TB interface {
	Helper()
	Error(args ...any)
	Fatal(args ...any)
}

// Check judges every command line of the program in the repository's texts, of
// which there must be some. A text in docs may name a command without what it
// wants; in a runbook that is a line that somebody would type.
func Check(t TB, root, program string, build func(command.Env) *cli.App) {
	t.Helper()
	files, err := Texts(root)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := Lines(program, files...)
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) == 0 {
		t.Fatal("no command line of ", program, " was found in ", files)
	}
	for _, l := range lines {
		if mention(l) {
			l.Args = append(l.Args, "--help") // the command is there
		}
		if err := Judge(build, l); err != nil {
			t.Error(err)
		}
	}
}

// mention reports whether a line only names a command, as the texts in docs may.
func mention(l Line) bool {
	return filepath.Base(filepath.Dir(l.File)) == "docs" && !slices.ContainsFunc(l.Args, func(a string) bool { return strings.HasPrefix(a, "-") })
}
