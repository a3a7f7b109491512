package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/term"

	"github.com/rootward/rootward/internal/command"
)

// maxAnswer is the longest line that is read as an answer, in bytes.
const maxAnswer = 1024

// A desk is where people read and type: standard error and standard input. It
// reads no further than the line that it was asked for, so that a secret typed
// ahead stays in the terminal.
type desk struct {
	in  io.Reader
	out io.Writer
}

// Say implements [ceremony.Desk].
func (d *desk) Say(line string) { command.Say(d.out, name, "note", line) }

// Ask implements [ceremony.Desk].
func (d *desk) Ask(prompt string) (string, error) {
	d.prompt(prompt)
	return d.line()
}

// Secret implements [ceremony.Desk].
func (d *desk) Secret(prompt string) (string, error) {
	d.prompt(prompt)
	return d.secret()
}

// secret reads a line of which nothing is shown.
func (d *desk) secret() (string, error) {
	file, ok := d.terminal()
	if !ok {
		return d.line()
	}
	defer fmt.Fprintln(d.out)
	defer keepEcho(file)()
	b, err := term.ReadPassword(int(file.Fd()))
	return string(b), err
}

// prompt shows a question, on a line of its own unless a person types behind it.
func (d *desk) prompt(prompt string) {
	end := "\n"
	if _, ok := d.terminal(); ok {
		end = ""
	}
	fmt.Fprintf(d.out, "%s: ask: %s: %s", name, command.Printable(prompt), end)
}

func (d *desk) terminal() (*os.File, bool) {
	file, ok := d.in.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}

// keepEcho sees to it that an interrupt while a secret is typed leaves the
// terminal as it was. The returned function ends the watch.
func keepEcho(file *os.File) func() {
	before, err := term.GetState(int(file.Fd()))
	if err != nil {
		return func() {}
	}
	interrupted, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(interrupted, os.Interrupt)
	go func() {
		select {
		case <-interrupted:
			_ = term.Restore(int(file.Fd()), before)
			os.Exit(command.Fault)
		case <-done:
		}
	}()
	return func() {
		signal.Stop(interrupted)
		close(done)
	}
}

var errInputEnded = errors.New("the input ended where an answer was wanted")

// line reads one line, without its end.
func (d *desk) line() (string, error) {
	var line []byte
	var b [1]byte
	for {
		n, err := d.in.Read(b[:])
		switch {
		case n == 1 && b[0] == '\n':
			return string(line), nil
		case n == 1 && len(line) == maxAnswer:
			return "", fmt.Errorf("the answer has more than %d bytes", maxAnswer)
		case n == 1:
			line = append(line, b[0])
		case errors.Is(err, io.EOF):
			return "", errInputEnded
		case err != nil:
			return "", fmt.Errorf("reading an answer: %w", err)
		}
	}
}
