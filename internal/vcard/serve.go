package vcard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// atr is the answer to reset: T=1 offered, the historical bytes say "Rehearse".
var atr = withCheck([]byte{0x3b, 0xf8, 0x13, 0x00, 0x00, 0x81, 0x31, 0xfe, 0x15, 'R', 'e', 'h', 'e', 'a', 'r', 's', 'e'})

// withCheck appends TCK, the exclusive or of all bytes but the first (ISO/IEC
// 7816-3, section 8.2.5).
func withCheck(b []byte) []byte {
	var x byte
	for _, v := range b[1:] {
		x ^= v
	}
	return append(b, x)
}

// Control bytes of vpcd's protocol: every message is two bytes of length, big
// end first, and the payload; a payload of one byte is one of these.
const (
	vpcdOff   = 0x00
	vpcdOn    = 0x01
	vpcdReset = 0x02
	vpcdATR   = 0x04
)

// Serve speaks vpcd's protocol on conn until it is closed, ctx ends, or the card
// is pulled out; it closes conn. It returns nil when the peer hung up.
func (c *Card) Serve(ctx context.Context, conn io.ReadWriteCloser) error {
	out, isOut := c.gone()
	if isOut {
		return conn.Close()
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-out:
		case <-ctx.Done():
		case <-done:
		}
		_ = conn.Close()
	}()
	defer c.hold(false)
	defer c.PowerOff()
	powered, resets := false, 0
	for {
		msg, err := readMessage(conn)
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
				return nil
			}
			return fmt.Errorf("reading from the reader: %w", err)
		}
		// pcscd powers a card that it finds, asks for its answer to reset, takes
		// note of the card, and asks again in its next round: then it has the card.
		switch {
		case len(msg) == 1 && msg[0] == vpcdOn:
			powered = true
		case len(msg) == 1 && msg[0] == vpcdATR && powered:
			resets++
		}
		c.hold(resets >= 2)
		answer, pulled := c.answerMessage(msg)
		if pulled {
			return nil
		}
		if answer == nil {
			continue
		}
		if err := writeMessage(conn, answer); err != nil {
			return nil // the reader hung up; the card did its work
		}
	}
}

func (c *Card) answerMessage(msg []byte) (answer []byte, pulled bool) {
	if len(msg) != 1 {
		answer = c.Transmit(msg)
		return answer, answer == nil
	}
	switch msg[0] {
	case vpcdOff, vpcdOn, vpcdReset:
		c.PowerOff()
	case vpcdATR:
		return atr, false
	}
	return nil, false
}

func readMessage(r io.Reader) ([]byte, error) {
	var n [2]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(n[:]))
	if _, err := io.ReadFull(r, msg); err != nil {
		return nil, err
	}
	return msg, nil
}

func writeMessage(w io.Writer, msg []byte) error {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(msg)))
	_, err := w.Write(append(b, msg...))
	return err
}

// Listen serves one connection after the other from l, as a card stays in one
// reader at a time, until ctx ends; it closes l. While the card is out, each
// connection is closed at once, which vpcd takes for an empty reader.
func (c *Card) Listen(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("waiting for a reader: %w", err)
		}
		if err := c.Serve(ctx, conn); err != nil && ctx.Err() == nil {
			return err
		}
	}
}
