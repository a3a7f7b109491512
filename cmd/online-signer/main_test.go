package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"online-signer": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"exitcode": exitCode, "refuses": refuses},
	})
}

// execute runs a program to its end in the script's directory, and leaves what it
// printed for the lines that follow.
func execute(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		ts.Fatalf("%v: %v", args, err)
	}
	if ended == nil {
		return 0
	}
	return ended.ExitCode()
}

// exitCode CODE PROGRAM ARG... wants the program to exit with that code, and
// to print nothing on standard output unless it is 0.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: exitcode CODE PROGRAM ARG...")
	}
	if got := execute(ts, args[1:]); got != want {
		ts.Fatalf("%v exits %d, wanted %d; it says %s", args[1:], got, want, ts.ReadFile("stderr"))
	}
	if out := ts.ReadFile("stdout"); want != 0 && out != "" {
		ts.Fatalf("%v prints %q, wanted nothing on standard output", args[1:], out)
	}
}

// refuses CONFIG WORDS wants serve to call the configuration wrong, in these
// words.
func refuses(ts *testscript.TestScript, neg bool, args []string) {
	exitCode(ts, neg, []string{"2", "online-signer", "serve", "--config", args[0]})
	if said := ts.ReadFile("stderr"); !strings.Contains(said, args[1]) {
		ts.Fatalf("%s: it says %q, wanted the words %q", args[0], said, args[1])
	}
}
