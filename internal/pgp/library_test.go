package pgp

import (
	"errors"
	"strings"
	"testing"
)

// go-crypto's reading is a second opinion. Our own parser is the stricter, so
// these refusals are reached here alone.
func TestLibraryRefuses(t *testing.T) {
	p := ed25519Pair(t, 1)
	body := bodyOf(t, p)
	signature := parsed(t, p.sign(t, "document")).signatures[0].body
	v6 := append([]byte{6, 0x67, 0, 0, 0, 27, 0, 0, 0, 32}, body[len(body)-32:]...)
	for name, c := range map[string]struct {
		packet []byte
		want   string
	}{
		"nothing":       {nil, "EOF"},
		"a signature":   {appendFrame(nil, tagSignature, signature), "want a public key"},
		"old header":    {append([]byte{0x98, byte(len(body))}, body...), "prints back"},
		"bytes inside":  {appendFrame(nil, tagPublicKey, append(body[:len(body):len(body)], 0)), "prints back"},
		"version 6 key": {appendFrame(nil, tagPublicKey, v6), "prints back"},
	} {
		if k, err := libraryKey(c.packet); k != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: libraryKey = %v, %v; want an error with %q", name, k, err, c.want)
		}
	}
	for name, body := range map[string][]byte{"nothing": {}, "bytes after": append(signature[:len(signature):len(signature)], 0)} {
		if s, err := librarySignature(body); s != nil || err == nil {
			t.Errorf("%s: librarySignature = %v, %v; want an error", name, s, err)
		}
	}
}

// A panic below becomes an error, and only what the runtime says is shown.
func TestGuarded(t *testing.T) {
	var empty []int
	if err := guarded(func() error { _ = empty[len(empty)]; return nil }); err == nil || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("error is %v, want the runtime's", err)
	}
	if err := guarded(func() error { panic("PIN 123456") }); err == nil || err.Error() != "caught a panic with a string" {
		t.Errorf("error is %v, want only the kind of the panic", err)
	}
	mine := errors.New("mine")
	if err := guarded(func() error { return mine }); err != mine {
		t.Errorf("error is %v, want f's own", err)
	}
	if err := guarded(func() error { return nil }); err != nil {
		t.Errorf("error is %v, want none", err)
	}
}
