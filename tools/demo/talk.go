package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// talk runs the ceremony tool as a person at its terminal would: it asks in
// lines that begin with "ceremony: ask:", and answer says what is typed, given
// the question and everything printed before. Secrets are not shown.
func (s *stage) talk(c cmd, answer func(prompt, before string) (typed string, secret bool, err error)) error {
	fmt.Printf("\n  $ %s %s\n", c.program, s.show(quoteAll(c.args)))
	ctx, cancel := context.WithTimeout(s.ctx, 2*time.Minute)
	defer cancel()
	x := exec.CommandContext(ctx, filepath.Join(s.bin, c.program), c.args...)
	x.Env, x.Dir = append(os.Environ(), c.env...), c.dir
	in, err := x.StdinPipe()
	if err != nil {
		return err
	}
	out, w, err := os.Pipe()
	if err != nil {
		return err
	}
	x.Stdout, x.Stderr = w, w
	if err := x.Start(); err != nil {
		return fmt.Errorf("running %s: %w", c.program, err)
	}
	_ = w.Close()
	err = s.listen(out, in, answer)
	_ = in.Close()
	waited := x.Wait()
	if err != nil {
		return err
	}
	if code := x.ProcessState.ExitCode(); code != c.exit {
		return fmt.Errorf("%s %s: exit code %d, wanted %d (%v)", c.program, s.show(quoteAll(c.args)), code, c.exit, waited)
	}
	return nil
}

// listen shows what comes out and answers each question, until the end.
func (s *stage) listen(out io.Reader, in io.Writer, answer func(prompt, before string) (string, bool, error)) error {
	var before strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "ceremony: ask: ") {
			fmt.Printf("    %s\n", s.show(line))
			before.WriteString(line + "\n")
			continue
		}
		typed, secret, err := answer(line, before.String())
		if err != nil {
			return err
		}
		shown := typed
		if secret {
			shown = "******"
		}
		fmt.Printf("    %s%s\n", s.show(line), shown)
		if _, err := io.WriteString(in, typed+"\n"); err != nil {
			return fmt.Errorf("typing an answer: %w", err)
		}
	}
	return lines.Err()
}
