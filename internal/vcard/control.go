package vcard

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

const maxOrder = 256 // bytes of one order

// Control takes orders for the card from l, a Unix socket, until ctx ends; it
// closes l. An order is one line: "fault NAME N"; "pull"; "insert"; "await in",
// which waits until the reader has taken note of the card, or "await
// out", until none has the card; "serial". The answer is one line: "ok", "ok
// SERIAL", or "error: " and a sentence. Whoever can open the socket commands the
// card.
func (c *Card) Control(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("waiting for orders: %w", err)
		}
		go c.takeOrder(ctx, conn)
	}
}

func (c *Card) takeOrder(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	line, err := bufio.NewReaderSize(conn, maxOrder).ReadSlice('\n')
	if err != nil {
		return
	}
	answer, err := c.Obey(ctx, strings.TrimSpace(string(line)))
	if err != nil {
		answer = "error: " + err.Error()
	}
	_, _ = fmt.Fprintln(conn, answer)
}

// Obey carries out one order and gives the answer's line.
func (c *Card) Obey(ctx context.Context, order string) (string, error) {
	words := strings.Fields(order)
	switch {
	case len(words) == 3 && words[0] == "fault":
		f, err := ParseFault(words[1])
		if err != nil {
			return "", err
		}
		n, err := strconv.Atoi(words[2])
		if err != nil || n < 0 {
			return "", fmt.Errorf("count is %q, want a number from 0", words[2])
		}
		return "ok", c.SetFault(f, n)
	case order == "pull":
		c.Pull()
		return "ok", nil
	case order == "insert":
		c.Insert()
		return "ok", nil
	case order == "await in":
		return "ok", c.await(ctx, true)
	case order == "await out":
		return "ok", c.await(ctx, false)
	case order == "serial":
		return fmt.Sprintf("ok %d", c.Serial()), nil
	}
	return "", fmt.Errorf("no such order %q, want fault NAME N, pull, insert, await in, await out or serial", order)
}

// Order sends one order to the card that listens on the Unix socket path and
// gives its answer without "ok".
func Order(ctx context.Context, path, order string) (string, error) {
	if len(order) >= maxOrder || strings.ContainsRune(order, '\n') {
		return "", fmt.Errorf("order %q is not one short line", order)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return "", fmt.Errorf("ordering a virtual card: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := fmt.Fprintln(conn, order); err != nil {
		return "", fmt.Errorf("ordering a virtual card: %w", err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("ordering a virtual card: %w", err)
	}
	line = strings.TrimSpace(line)
	if sentence, bad := strings.CutPrefix(line, "error: "); bad {
		return "", errors.New(sentence)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "ok")), nil
}
