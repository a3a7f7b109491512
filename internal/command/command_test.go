package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// testApp is a program with most of what ours have. Its actions print what
// they were given; "fail" returns err.
func testApp(err error) func(Env) *cli.App {
	return func(env Env) *cli.App {
		show := func(c *cli.Context) error {
			fmt.Fprintf(env.Stdout, "%s state=%q package=%q out=%q count=%d quick=%v args=%q\n", c.Command.Name,
				c.String("state"), c.StringSlice("package"), c.String("out"), c.Int("count"), c.Bool("quick"), c.Args().Slice())
			return nil
		}
		get := []cli.Flag{
			&cli.StringSliceFlag{Name: "package", Aliases: []string{"p"}, Required: true},
			&cli.StringFlag{Name: "out"},
			&cli.IntFlag{Name: "count"},
			&cli.BoolFlag{Name: "quick"},
		}
		return &cli.App{
			Name: "prog", Usage: "does things", Version: "1.2",
			Flags: []cli.Flag{&cli.StringFlag{Name: "state", Required: true}},
			Commands: []*cli.Command{
				{Name: "get", Flags: get, Action: show},
				{Name: "init", ArgsUsage: "FILE", Action: show},
				{Name: "sign", ArgsUsage: "FILE [SIGNATURE...]", Flags: get[1:], Action: show},
				{Name: "root", Usage: "root things", Subcommands: []*cli.Command{
					{Name: "show", Aliases: []string{"print"}, ArgsUsage: "[FILE]", Flags: []cli.Flag{&cli.StringFlag{Name: "out"}}, Action: show},
				}},
				{Name: "fail", Action: func(*cli.Context) error { return err }},
				{Name: "panic", Action: func(*cli.Context) error { panic("at the disco\x1b[2J") }},
				{Name: "secret", Hidden: true, Action: show},
			},
		}
	}
}

// run runs testApp with the given line, in which a word ” is empty.
func run(t *testing.T, err error, line string) (code int, stdout, stderr string) {
	t.Helper()
	args := []string{"prog"}
	for _, w := range strings.Fields(line) {
		args = append(args, strings.ReplaceAll(w, "''", ""))
	}
	var out, errs bytes.Buffer
	code = Main(t.Context(), args, Env{Stdout: &out, Stderr: &errs}, testApp(err))
	return code, out.String(), errs.String()
}

// A value is what was typed, spaces and line feeds and all.
func TestValuesAreNotTrimmed(t *testing.T) {
	var out, errs bytes.Buffer
	args := []string{"prog", "--state", " s ", "get", "--package", "a ", "--package", "b\n", "--out", " o"}
	code := Main(t.Context(), args, Env{Stdout: &out, Stderr: &errs}, testApp(nil))
	want := `get state=" s " package=["a " "b\n"] out=" o" count=0 quick=false args=[]` + "\n"
	if code != Done || out.String() != want {
		t.Errorf("exit %d, %q, %q\nwant %q", code, out.String(), errs.String(), want)
	}
}

func TestArgumentsAreUnderstood(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"--state s get --package a", `get state="s" package=["a"] out="" count=0 quick=false args=[]`},
		{"-state s get -package a", `get state="s" package=["a"] out="" count=0 quick=false args=[]`},
		{"get --package a --state s", `get state="s" package=["a"] out="" count=0 quick=false args=[]`},
		{"--state=s get -p a --package=b -p c,d", `get state="s" package=["a" "b" "c,d"] out="" count=0 quick=false args=[]`},
		{"--state s get -p a --quick --count -1", ""},
		{"--state s get -p a --quick --count=-1 --out=--x", `get state="s" package=["a"] out="--x" count=-1 quick=true args=[]`},
		{"--state s get -p a --quick=false", `get state="s" package=["a"] out="" count=0 quick=false args=[]`},
		{"--state '' get -p a", `get state="" package=["a"] out="" count=0 quick=false args=[]`},
		{"--state s get -p a=b --out -", `get state="s" package=["a=b"] out="-" count=0 quick=false args=[]`},
		{"--state s init f", `init state="s" package=[] out="" count=0 quick=false args=["f"]`},
		{"init f --state s", `init state="s" package=[] out="" count=0 quick=false args=["f"]`},
		{"--state s sign f --quick g --out o h", `sign state="s" package=[] out="o" count=0 quick=true args=["f" "g" "h"]`},
		{"--state s sign --out o -- f --quick -- g", `sign state="s" package=[] out="o" count=0 quick=false args=["f" "--quick" "--" "g"]`},
		{"--state s sign help -", `sign state="s" package=[] out="" count=0 quick=false args=["help" "-"]`},
		{"--state s root show", `show state="s" package=[] out="" count=0 quick=false args=[]`},
		{"--state s root print f --out o", `show state="s" package=[] out="o" count=0 quick=false args=["f"]`},
		{"root --state s show", `show state="s" package=[] out="" count=0 quick=false args=[]`},
	} {
		code, stdout, stderr := run(t, nil, c.line)
		if c.want == "" {
			if code != Usage {
				t.Errorf("%s: exit %d, %q; want a usage error", c.line, code, stdout)
			}
			continue
		}
		if code != Done || stdout != c.want+"\n" || stderr != "" {
			t.Errorf("%s: exit %d, %q, %q\nwant %s", c.line, code, stdout, stderr, c.want)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	for _, c := range []struct{ line, want, see string }{
		{"", `prog: the command is missing; want one of: get, init, sign, root, fail, panic`, "prog"},
		{"--state s", `prog: the command is missing`, "prog"},
		{"--state s root", `prog root: the command is missing; want one of: show`, "prog root"},
		{"--state s gte", `unknown command "gte"; want one of: get`, "prog"},
		{"--state s root hide", `unknown command "hide"; want one of: show`, "prog root"},
		{"help nothing", `unknown command "nothing"`, "prog"},
		{"--state s get -p a --bogus", `unknown flag "--bogus" of prog get`, "prog get"},
		{"--state s get -p a --bogus=1", `unknown flag "--bogus" of prog get`, "prog get"},
		{"--state s --package a get", `unknown flag "--package" of prog`, "prog"},
		{"--state s init f --package a", `unknown flag "--package" of prog init`, "prog init"},
		{"--state s init f --bogus", `unknown flag "--bogus" of prog init`, "prog init"},
		{"--state s init f -1", `unknown flag "-1" of prog init`, "prog init"},
		{"--state s get ---package a", `unknown flag "---package"`, "prog get"},
		{"get -p a", `prog get: missing --state`, "prog get"},
		{"get", `prog get: missing --state, --package`, "prog get"},
		{"--state s get", `prog get: missing --package`, "prog get"},
		{"--state s get --package", `flag --package needs a value`, "prog get"},
		{"--state s get --package --quick", `flag --package needs a value; if "--quick" is meant, write --package=--quick`, "prog get"},
		{"--state s get -p a --out b --out c", `flag --out is given twice`, "prog get"},
		{"--state s --state t get -p a", `flag --state is given twice`, "prog"},
		{"--state s get -p a --quick --quick", `flag --quick is given twice`, "prog get"},
		{"--state s get -p a --quick=maybe", `flag --quick is true or false; found "maybe"`, "prog get"},
		{"--state s get -p a --count x", `invalid value "x" for flag -count`, "prog get"},
		{"--state s get -p a b", `prog get: unexpected argument "b"; it takes none`, "prog get"},
		{"--state s init f g", `prog init: unexpected argument "g"; want FILE`, "prog init"},
		{"--state s init", `prog init: found 0 arguments; want FILE`, "prog init"},
		{"--state s sign", `prog sign: found 0 arguments; want FILE [SIGNATURE...]`, "prog sign"},
		{"--state s root show f g", `prog root show: unexpected argument "g"; want [FILE]`, "prog root show"},
	} {
		code, stdout, stderr := run(t, nil, c.line)
		lines := strings.Split(stderr, "\n")
		if code != Usage || stdout != "" || len(lines) != 3 || !strings.HasPrefix(lines[0], "prog: usage: "+c.want) ||
			lines[1] != "prog: hint: see "+c.see+" --help" {
			t.Errorf("%q: exit %d, stdout %q, stderr\n%swant exit 2 and %q", c.line, code, stdout, stderr, c.want)
		}
	}
}

// Help and version are results: standard output, exit 0, whatever else is missing.
func TestHelpAndVersion(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"--help", "COMMANDS:\n   get"},
		{"-h", "prog - does things"},
		{"help", "prog - does things"},
		{"get --help", "prog get [command options]\n"},
		{"--help get", "prog get [command options]\n"},
		{"get -p a --help b c", "prog get [command options]\n"},
		{"help get", "prog get [command options]\n"},
		{"sign -h", "FILE [SIGNATURE...]"},
		{"root --help", "COMMANDS:\n   show"},
		{"root show --help", "prog root show [command options] [FILE]"},
		{"help root show", "prog root show [command options] [FILE]"},
		{"--version", "prog version 1.2\n"},
		{"get -v", "prog version 1.2\n"},
	} {
		code, stdout, stderr := run(t, nil, c.line)
		if code != Done || !strings.Contains(stdout, c.want) || stderr != "" {
			t.Errorf("%s: exit %d, stderr %q, stdout\n%s\nwant %q in it", c.line, code, stderr, stdout, c.want)
		}
	}
	if code, stdout, _ := run(t, nil, "--state s get -p a --help=false"); code != Done || !strings.HasPrefix(stdout, "get state") {
		t.Errorf("--help=false: exit %d, %q", code, stdout)
	}
	if _, stdout, _ := run(t, nil, "--help"); strings.Contains(stdout, "secret") {
		t.Error("a hidden command is shown")
	}
}

// A coded is an error as the layers below make them.
type coded struct {
	code int
	hint string
}

func (c *coded) Error() string { return fmt.Sprintf("coded %d", c.code) }
func (c *coded) ExitCode() int { return c.code }
func (c *coded) Hint() string  { return c.hint }

func TestExitCodes(t *testing.T) {
	foreign := exec.Command("false").Run() // an *exec.ExitError where there is such a program
	for _, c := range []struct {
		err    error
		code   int
		stderr string
	}{
		{nil, Done, ""},
		{errors.New("disk full"), Fault, "prog: fault: disk full\n"},
		{Usagef("package %q", "A"), Usage, "prog: usage: package \"A\"\nprog: hint: see prog fail --help\n"},
		{&coded{3, ""}, Refused, "prog: refused: coded 3\n"},
		{&coded{4, "try later"}, Stale, "prog: stale: coded 4\nprog: hint: try later\n"},
		{fmt.Errorf("opening: %w", &coded{3, "ask"}), Refused, "prog: refused: opening: coded 3\nprog: hint: ask\n"},
		{&coded{2, "say it so"}, Usage, "prog: usage: coded 2\nprog: hint: say it so\n"},
		{&coded{0, ""}, Fault, "prog: fault: coded 0\n"},
		{&coded{5, ""}, Fault, "prog: fault: coded 5\n"},
		{&coded{-1, ""}, Fault, "prog: fault: coded -1\n"},
		{errors.Join(errors.New("a"), &coded{3, ""}), Refused, "prog: refused: a\nprog: refused: coded 3\n"},
		{fmt.Errorf("calling: %w", foreign), Fault, "prog: fault: calling: exit status 1\n"},
		{errors.Join(fmt.Errorf("calling: %w", foreign), &coded{4, ""}), Stale, "prog: stale: calling: exit status 1\nprog: stale: coded 4\n"},
		{context.Canceled, Fault, "prog: fault: context canceled\n"},
		{errors.New("evil \x1b[31m\nprog: hint: trust me\u202e"), Fault, "prog: fault: evil \\x1b[31m\nprog: fault: prog: hint: trust me\\u202e\n"},
	} {
		code, stdout, stderr := run(t, c.err, "--state s fail")
		if code != c.code || stdout != "" || stderr != c.stderr {
			t.Errorf("%v: exit %d, stdout %q, stderr %q; want exit %d, %q", c.err, code, stdout, stderr, c.code, c.stderr)
		}
	}
}

func TestPanicIsAFault(t *testing.T) {
	code, stdout, stderr := run(t, nil, "--state s panic")
	want := "prog: fault: internal error: at the disco\\x1b[2J\nprog: hint: this is a bug; please report it\n"
	if code != Fault || stdout != "" || stderr != want {
		t.Errorf("exit %d, %q, %q; want %q", code, stdout, stderr, want)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestLostResultsAreAFault(t *testing.T) {
	var errs bytes.Buffer
	code := Main(t.Context(), []string{"prog", "--state", "s", "init", "f"}, Env{Stdout: full{}, Stderr: &errs}, testApp(nil))
	if code != Fault || errs.String() != "prog: fault: writing results: no space left\n" {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}

func TestContextReachesTheAction(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "here")
	var got any
	code := Main(ctx, []string{"prog"}, Env{Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}}, func(Env) *cli.App {
		return &cli.App{Name: "prog", Action: func(c *cli.Context) error { got = c.Context.Value(key{}); return nil }}
	})
	if code != Done || got != "here" {
		t.Errorf("exit %d, found %v", code, got)
	}
}

func TestRequiredFlagFromTheEnvironment(t *testing.T) {
	t.Setenv("PROG_TEST_STATE", "env")
	var got string
	Main(t.Context(), []string{"prog"}, Env{Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}}, func(Env) *cli.App {
		return &cli.App{Name: "prog", Flags: []cli.Flag{&cli.StringFlag{Name: "state", Required: true, EnvVars: []string{"PROG_TEST_STATE"}}},
			Action: func(c *cli.Context) error { got = c.String("state"); return nil }}
	})
	if got != "env" {
		t.Errorf("found %q, want env", got)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain, and ünïcode 日本": "plain, and ünïcode 日本",
		"\x1b[2J":               `\x1b[2J`,
		"a\nb\r\tc\x00\x7f":     `a\nb\r\tc\x00\x7f`,
		"\u009b31m":             `\u009b31m`, // C1: what some terminals take for ESC [
		"\u202egnp.exe":         `\u202egnp.exe`,
		"\u2066a\u2069\u200b":   `\u2066a\u2069\u200b`,
		"\ufeff\u00ad":          `\ufeff\u00ad`,
		"\u2028\u00a0":          `\u2028\u00a0`,
		"\xff\xc3":              `\xff\xc3`,
		"\ufffd":                "\ufffd", // the character itself, not a bad byte
		"\U000e0041":            `\U000e0041`,
		`back\slash "quote"`:    `back\slash "quote"`,
		"":                      "",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		p := Printable(s)
		if Printable(p) != p {
			t.Errorf("Printable(%q) = %q, which is not printable", s, p)
		}
	})
}

func FuzzArrange(f *testing.F) {
	f.Add("--state s get -p a -- b --help")
	f.Fuzz(func(t *testing.T, s string) {
		var out, errs bytes.Buffer
		code := Main(t.Context(), append([]string{"prog"}, strings.Split(s, " ")...), Env{Stdout: &out, Stderr: &errs}, testApp(nil))
		if code != Done && (out.Len() > 0 || errs.Len() == 0) || code == Done && errs.Len() > 0 {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", s, code, out.String(), errs.String())
		}
	})
}
