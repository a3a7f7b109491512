package vcard

import (
	"context"
	"encoding/hex"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serveOn serves a card on one end of a pipe; the other end is the reader's.
func serveOn(t *testing.T, h host) (net.Conn, <-chan error) {
	t.Helper()
	reader, card := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- h.Serve(t.Context(), card) }()
	t.Cleanup(func() { _ = reader.Close() })
	return reader, done
}

func put(t *testing.T, reader net.Conn, msg string) {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(msg, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := writeMessage(reader, b); err != nil {
		t.Fatal(err)
	}
}

func exchange(t *testing.T, reader net.Conn, msg string) string {
	t.Helper()
	put(t, reader, msg)
	b, err := readMessage(reader)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

func TestServeSpeaksVPCD(t *testing.T) {
	h := newHost(t, Config{})
	reader, done := serveOn(t, h)
	if got := exchange(t, reader, "04"); got != hex.EncodeToString(atr) {
		t.Errorf("answer to reset %s", got)
	}
	exchange(t, reader, "00A4040005A000000308")
	if got := exchange(t, reader, verifyRight); got != "9000" {
		t.Errorf("VERIFY: %s", got)
	}
	for _, control := range []string{"00", "01", "02"} { // no answer, and all forgotten
		put(t, reader, control)
		exchange(t, reader, "00A4040005A000000308")
		if got := exchange(t, reader, verifyAsk); got != "63c3" {
			t.Errorf("after control %s the PIN is still verified: %s", control, got)
		}
		exchange(t, reader, verifyRight)
	}
	_ = reader.Close()
	if err := <-done; err != nil {
		t.Errorf("reader hung up: %v, want no error", err)
	}
}

// pcscd connects to a card only when the checksum is right and T=1 is offered.
func TestATR(t *testing.T) {
	var sum byte
	for _, b := range atr[1:] {
		sum ^= b
	}
	if sum != 0 {
		t.Errorf("answer to reset %x has checksum %02x, want 0", atr, sum)
	}
	if n := int(atr[1] & 0xf); n != 8 || string(atr[len(atr)-9:len(atr)-1]) != "Rehearse" {
		t.Errorf("%d historical bytes in %x", n, atr)
	}
}

func TestPullHangsUp(t *testing.T) {
	h := newHost(t, Config{})
	_, done := serveOn(t, h)
	h.Pull()
	if err := <-done; err != nil {
		t.Error(err)
	}
	_, done = serveOn(t, h)
	if err := <-done; err != nil { // out: hangs up at once
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.AwaitInsert(ctx); err == nil {
		t.Error("AwaitInsert returned while the card is out")
	}
	h.Insert()
	if err := h.AwaitInsert(t.Context()); err != nil {
		t.Error(err)
	}
	reader, _ := serveOn(t, h)
	exchange(t, reader, "04")
}

// The card is pulled while it waits to be touched, and while it signs.
func TestPulledWhileSigning(t *testing.T) {
	waiting := make(chan struct{})
	h := newHost(t, Config{TouchDelay: time.Hour, Wait: func(_ time.Duration, out <-chan struct{}) bool {
		close(waiting)
		<-out
		return false
	}})
	h.admin()
	h.want(0x9000, generate9c)
	h.want(0x9000, verifyRight)
	answer := make(chan []byte)
	go func() { answer <- h.Transmit(signAPDU()) }()
	<-waiting
	h.Pull()
	if a := <-answer; a != nil {
		t.Errorf("pulled while waiting for a touch: answer %x, want none", a)
	}

	h = newHost(t, Config{})
	h.admin()
	h.want(0x9000, generate9c)
	if err := h.SetFault(PullOnSign, 1); err != nil {
		t.Fatal(err)
	}
	h.want(0x9000, verifyRight)
	if a := h.Transmit(signAPDU()); a != nil {
		t.Errorf("pulled while signing: answer %x, want none", a)
	}
	h.Insert()
	h.want(0x9000, verifyRight)
	h.want(0x9000, hex.EncodeToString(signAPDU())) // once only
}

func signAPDU() []byte {
	b, _ := hex.DecodeString("0087149C367C3482008130" + strings.Repeat("11", 48))
	return b
}

func TestFaults(t *testing.T) {
	var waited time.Duration
	h := newHost(t, Config{TouchDelay: time.Second, TouchTimeout: time.Minute,
		Wait: func(d time.Duration, _ <-chan struct{}) bool { waited = d; return true }})
	h.admin()
	h.want(0x9000, generate9c)
	set := func(f Fault, n int) {
		t.Helper()
		if err := h.SetFault(f, n); err != nil {
			t.Fatal(err)
		}
	}
	sign := func(sw int) {
		t.Helper()
		h.want(0x9000, verifyRight)
		h.want(sw, hex.EncodeToString(signAPDU()))
	}
	sign(0x9000)
	if waited != time.Second {
		t.Errorf("waited %v for a touch, want 1s", waited)
	}
	set(WithholdTouch, 1)
	sign(0x6600)
	if waited != time.Minute {
		t.Errorf("waited %v for a withheld touch, want 1m", waited)
	}
	set(WithholdTouch, 0)
	set(RefusePIN, 1)
	h.want(0x63c2, verifyRight)
	sign(0x9000)
	set(NoAttestation, 1)
	h.want(0x6d00, "00F99C0000")
	h.want(0x6a82, "00CB3FFF05 5C035FFF01")
	set(NoMetadata, 1)
	h.want(0x6d00, "00F7009C00")
	set(NoExtensions, 1)
	h.want(0x6d00, "00FD000000")
	h.want(0x9000, "00A4040005A000000308")
	h.want(0x63c3, verifyAsk)
	set(NotPIV, 1)
	h.want(0x6a82, "00A4040005A000000308")
	set(BlockPIN, 1)
	h.want(0x6983, verifyRight)
}

func TestOrders(t *testing.T) {
	h := newHost(t, Config{})
	path := filepath.Join(t.TempDir(), "control")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Control(ctx, l) }()
	order := func(words, want, wantErr string) {
		t.Helper()
		got, err := Order(ctx, path, words)
		if got != want || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("order %q: %q, %v; want %q, %q", words, got, err, want, wantErr)
		}
	}
	order("serial", "11223344", "")
	order("fault block-pin 1", "", "")
	h.want(0x6983, verifyRight)
	order("fault block-pin many", "", `count is "many"`)
	order("fault rust 1", "", `no such fault "rust"`)
	order("dance", "", `no such order "dance"`)
	order("pull", "", "")
	order("await out", "", "")
	order("serial\npull", "", "not one short line")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
