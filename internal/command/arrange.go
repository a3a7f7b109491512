package command

import (
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// A line is a command line that has been read.
type line struct {
	args []string // what cli is given instead
	path string   // the command that it names
	help bool     // it asks for the help or the version, and nothing else counts
}

// arrange reads a command line by the rules of the package comment and writes
// it anew in the one order that cli understands: each command's flags behind
// its name, as --name=value, and then "--" and the arguments. The line's path
// is set beside an error too.
func arrange(app *cli.App, args []string) (line, error) {
	r := newReader(app)
	if len(args) > 0 {
		args = args[1:]
	}
	err := r.read(args)
	if err == nil && r.only == "" {
		err = r.check()
	}
	if r.only == "--help" {
		r.unburden(app)
	}
	return line{r.write(), r.path(), r.only != ""}, err
}

// A level is the program, or a command within it, with the flags given to it.
type level struct {
	name      string
	command   *cli.Command // nil for the program
	flags     []cli.Flag
	commands  []*cli.Command
	argsUsage string
	given     []string        // --name=value, in order
	seen      map[string]bool // by first name
}

// A reader reads one command line.
type reader struct {
	levels []*level // the program, and each command named so far
	rest   []string // the arguments
	only   string   // --help or --version, if that is among the flags
}

func newReader(app *cli.App) *reader {
	flags := append([]cli.Flag{cli.HelpFlag}, app.Flags...)
	if app.Version != "" && !app.HideVersion {
		flags = append(flags, cli.VersionFlag)
	}
	return &reader{levels: []*level{{name: app.Name, flags: flags, commands: app.Commands,
		argsUsage: app.ArgsUsage, seen: map[string]bool{}}}}
}

// here returns the innermost level.
func (r *reader) here() *level { return r.levels[len(r.levels)-1] }

func (r *reader) path() string {
	var names []string
	for _, l := range r.levels {
		names = append(names, l.name)
	}
	return strings.Join(names, " ")
}

func (r *reader) read(args []string) error {
	if len(args) > 0 && args[0] == "help" && len(r.here().commands) > 0 {
		args = append(args[1:len(args):len(args)], "--help") // help command ...
	}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			for _, a := range args {
				if err := r.word(a); err != nil {
					return err
				}
			}
			return nil
		case len(arg) > 1 && arg[0] == '-':
			used, err := r.flag(arg, args)
			if err != nil {
				return err
			}
			args = args[used:]
		default:
			if err := r.word(arg); err != nil {
				return err
			}
		}
	}
	return nil
}

// word takes an argument that is no flag: the name of a command, as long as
// there are commands to choose from.
func (r *reader) word(arg string) error {
	l := r.here()
	if len(l.commands) == 0 {
		r.rest = append(r.rest, arg)
		return nil
	}
	for _, c := range l.commands {
		if c.HasName(arg) {
			r.levels = append(r.levels, &level{name: c.Name, command: c, flags: append([]cli.Flag{cli.HelpFlag}, c.Flags...),
				commands: c.Subcommands, argsUsage: c.ArgsUsage, seen: map[string]bool{}})
			return nil
		}
	}
	return Usagef("unknown command %q; want one of: %s", arg, names(l.commands))
}

// flag takes a flag, and returns how many of the arguments that follow it
// belong to it.
func (r *reader) flag(arg string, next []string) (used int, err error) {
	name, value, hasValue := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
	l, f := r.find(name)
	if f == nil {
		return 0, Usagef("unknown flag %q of %s", strings.TrimSuffix(arg, "="+value), r.path())
	}
	first := f.Names()[0]
	doc, _ := f.(cli.DocGenerationFlag)
	switch {
	case doc == nil || !doc.TakesValue():
		if !hasValue {
			value = "true"
		} else if _, err := strconv.ParseBool(value); err != nil {
			return 0, Usagef("flag --%s is true or false; found %q", first, value)
		}
	case !hasValue && len(next) == 0:
		return 0, Usagef("flag --%s needs a value", first)
	case !hasValue && len(next[0]) > 1 && next[0][0] == '-':
		return 0, Usagef("flag --%s needs a value; if %q is meant, write --%s=%s", first, next[0], first, next[0])
	case !hasValue:
		value, used = next[0], 1
	}
	slice, _ := f.(cli.DocGenerationSliceFlag)
	if l.seen[first] && (slice == nil || !slice.IsSliceFlag()) {
		return 0, Usagef("flag --%s is given twice", first)
	}
	l.seen[first] = true
	l.given = append(l.given, "--"+first+"="+value)
	if f == cli.HelpFlag || f == cli.VersionFlag {
		if yes, _ := strconv.ParseBool(value); yes {
			r.only = "--" + first
		}
	}
	return used, nil
}

// find returns the flag of that name, of the innermost command that has one.
func (r *reader) find(name string) (*level, cli.Flag) {
	for i := len(r.levels) - 1; i >= 0; i-- {
		for _, f := range r.levels[i].flags {
			for _, n := range f.Names() {
				if n == name {
					return r.levels[i], f
				}
			}
		}
	}
	return nil, nil
}

// check refuses a line on which something is missing or too much.
func (r *reader) check() error {
	l := r.here()
	if len(l.commands) > 0 {
		return Usagef("%s: the command is missing; want one of: %s", r.path(), names(l.commands))
	}
	var missing []string
	for _, l := range r.levels {
		for _, f := range l.flags {
			if q, ok := f.(cli.RequiredFlag); ok && q.IsRequired() && !l.seen[f.Names()[0]] && !fromEnvironment(f) {
				missing = append(missing, "--"+f.Names()[0])
			}
		}
	}
	if missing != nil {
		return Usagef("%s: missing %s", r.path(), strings.Join(missing, ", "))
	}
	least, most := arity(l.argsUsage)
	switch n := len(r.rest); {
	case n < least:
		return Usagef("%s: found %d arguments; want %s", r.path(), n, l.argsUsage)
	case most >= 0 && n > most && most == 0:
		return Usagef("%s: unexpected argument %q; it takes none", r.path(), r.rest[0])
	case most >= 0 && n > most:
		return Usagef("%s: unexpected argument %q; want %s", r.path(), r.rest[most], l.argsUsage)
	}
	return nil
}

// fromEnvironment reports whether a variable gives the flag its value.
func fromEnvironment(f cli.Flag) bool {
	if doc, ok := f.(cli.DocGenerationFlag); ok {
		for _, name := range doc.GetEnvVars() {
			if _, ok := os.LookupEnv(name); ok {
				return true
			}
		}
	}
	return false
}

// arity reads an ArgsUsage: words such as FILE, [FILE], FILE... or [FILE...].
// It returns the least and the greatest number of arguments; the greatest is
// -1 if there is none.
func arity(usage string) (least, most int) {
	for word := range strings.FieldsSeq(usage) {
		if !strings.HasPrefix(word, "[") {
			least++
		}
		if strings.Contains(word, "...") {
			most = -1
		}
		if most >= 0 {
			most++
		}
	}
	return least, most
}

// write returns the line in cli's order.
func (r *reader) write() []string {
	if r.only == "--version" {
		return []string{r.levels[0].name, r.only}
	}
	var args []string
	for _, l := range r.levels {
		args = append(args, l.name)
		if r.only == "" {
			args = append(args, l.given...)
		}
	}
	switch {
	case r.only != "":
		args = append(args, r.only)
	case len(r.rest) > 0:
		args = append(append(args, "--"), r.rest...)
	}
	return args
}

// unburden takes the flags from the outer commands, because cli would rather
// complain that they miss a flag than show the help of the innermost.
func (r *reader) unburden(app *cli.App) {
	for _, l := range r.levels[:len(r.levels)-1] {
		if l.command == nil {
			app.Flags = nil
		} else {
			l.command.Flags = nil
		}
	}
}

// names lists the commands that are not hidden.
func names(commands []*cli.Command) string {
	var list []string
	for _, c := range commands {
		if !c.Hidden {
			list = append(list, c.Name)
		}
	}
	return strings.Join(list, ", ")
}
