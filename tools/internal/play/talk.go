package play

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// An Answer is what somebody types at a question, given all that was printed
// before it.
type Answer func(question, before string) (typed string, secret bool, err error)

// Talk runs the ceremony tool as a person at its terminal would: it asks in
// lines that begin with "ceremony: ask:". Secrets are not shown.
func (s *Stage) Talk(c Cmd, answer Answer) error {
	s.typed(c)
	return s.converse(c, func(out io.Reader, in io.Writer) error { return s.listen(out, in, answer) })
}

// Conduct runs a guided ceremony, which asks on pages: a question begins with
// "ASK: " and ends where a line begins with "> ". What is printed goes to screen.
func (s *Stage) Conduct(c Cmd, screen io.Writer, answer Answer) error {
	s.typed(c)
	return s.converse(c, func(out io.Reader, in io.Writer) error { return pages(out, in, screen, answer) })
}

// converse runs a program with pipes in the place of a terminal.
func (s *Stage) converse(c Cmd, listen func(out io.Reader, in io.Writer) error) error {
	ctx, cancel := context.WithTimeout(s.Ctx, 2*time.Minute)
	defer cancel()
	x := s.prepare(ctx, c)
	in, err := x.StdinPipe()
	if err != nil {
		return err
	}
	out, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	x.Stdout, x.Stderr = w, w
	if err := x.Start(); err != nil {
		return fmt.Errorf("running %s: %w", c.Program, err)
	}
	_ = w.Close()
	err = listen(out, in)
	_ = in.Close()
	if err != nil {
		_ = x.Process.Kill()
	}
	waited := x.Wait()
	if err != nil {
		return err
	}
	if err := s.exited(c, x); err != nil {
		return fmt.Errorf("%w (%v)", err, waited)
	}
	return nil
}

// listen shows what comes out and answers each question, until the end.
func (s *Stage) listen(out io.Reader, in io.Writer, answer Answer) error {
	var before strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "ceremony: ask: ") {
			fmt.Fprintf(s.Out, "    %s\n", s.Show(line))
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
		fmt.Fprintf(s.Out, "    %s%s\n", s.Show(line), shown)
		if _, err := io.WriteString(in, typed+"\n"); err != nil {
			return fmt.Errorf("typing an answer: %w", err)
		}
	}
	return lines.Err()
}

// pages answers the questions of a guided ceremony, until the end.
func pages(out io.Reader, in io.Writer, screen io.Writer, answer Answer) error {
	var all bytes.Buffer
	r := bufio.NewReader(out)
	for {
		b, err := r.ReadByte()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		all.WriteByte(b)
		if _, err := screen.Write([]byte{b}); err != nil {
			return err
		}
		if !bytes.HasSuffix(all.Bytes(), []byte("\n> ")) {
			continue
		}
		text := all.String()
		i := max(strings.LastIndex(text, "ASK: "), 0)
		question := strings.Join(strings.Fields(strings.TrimSuffix(strings.TrimPrefix(text[i:], "ASK: "), "> ")), " ")
		typed, secret, err := answer(question, text[:i])
		if err != nil {
			return err
		}
		if _, err := io.WriteString(in, typed+"\n"); err != nil {
			return fmt.Errorf("typing an answer: %w", err)
		}
		if secret {
			typed = ""
		}
		all.WriteString("\n") // what is typed into a pipe is not echoed
		if _, err := io.WriteString(screen, typed+"\n"); err != nil {
			return err
		}
	}
}
