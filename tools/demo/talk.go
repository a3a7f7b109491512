package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// talk runs a program as a person at its terminal would: whenever it stops
// within a line, that line is a prompt, and answer says what is typed, given
// the prompt and everything printed before. Secrets are not shown.
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

// listen shows what comes out and answers each prompt, until the end.
func (s *stage) listen(out io.Reader, in io.Writer, answer func(prompt, before string) (string, bool, error)) error {
	var before, line bytes.Buffer
	chunk := make([]byte, 4096)
	for {
		n, err := out.Read(chunk)
		for _, b := range chunk[:n] {
			line.WriteByte(b)
			if b == '\n' {
				fmt.Printf("    %s", s.show(line.String()))
				before.Write(line.Bytes())
				line.Reset()
			}
		}
		if err != nil {
			return nil
		}
		if !isPrompt(line.Bytes()) {
			continue
		}
		typed, secret, err := answer(line.String(), before.String())
		if err != nil {
			return err
		}
		shown := typed
		if secret {
			shown = "******"
		}
		fmt.Printf("    %s%s\n", s.show(line.String()), shown)
		before.Write(line.Bytes())
		line.Reset()
		if _, err := io.WriteString(in, typed+"\n"); err != nil {
			return fmt.Errorf("typing an answer: %w", err)
		}
	}
}

// isPrompt says whether a line without an end asks for something.
func isPrompt(line []byte) bool {
	return bytes.HasSuffix(line, []byte(": ")) || bytes.HasSuffix(line, []byte("? "))
}
