package piv

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rootward/rootward/hsm"
)

func TestSecretsRefuseTheWeak(t *testing.T) {
	good := Secrets{PIN: "271828", PUK: "31415926", ManagementKey: []byte("a key of 24 bytes, yes!!")}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*Secrets)) Secrets {
		s := good
		change(&s)
		return s
	}
	tests := []struct {
		name   string
		s      Secrets
		secret hsm.Secret
	}{
		{"PIN empty", with(func(s *Secrets) { s.PIN = "" }), hsm.PIN},
		{"PIN short", with(func(s *Secrets) { s.PIN = "27182" }), hsm.PIN},
		{"PIN long", with(func(s *Secrets) { s.PIN = "271828182" }), hsm.PIN},
		{"PIN of the factory", with(func(s *Secrets) { s.PIN = "123456" }), hsm.PIN},
		{"PIN of one digit", with(func(s *Secrets) { s.PIN = "777777" }), hsm.PIN},
		{"PIN counts up", with(func(s *Secrets) { s.PIN = "345678" }), hsm.PIN},
		{"PIN counts down", with(func(s *Secrets) { s.PIN = "432109" }), hsm.PIN},
		{"PIN with a letter", with(func(s *Secrets) { s.PIN = "27182a" }), hsm.PIN},
		{"PIN of other digits", with(func(s *Secrets) { s.PIN = "٢٧١" }), hsm.PIN},
		{"PUK of the factory", with(func(s *Secrets) { s.PUK = "12345678" }), hsm.PUK},
		{"PUK is the PIN", with(func(s *Secrets) { s.PUK = s.PIN }), hsm.PUK},
		{"key of the factory", with(func(s *Secrets) { s.ManagementKey = FactorySecrets().ManagementKey }), hsm.ManagementKey},
		{"key short", with(func(s *Secrets) { s.ManagementKey = s.ManagementKey[:16] }), hsm.ManagementKey},
		{"key of one byte", with(func(s *Secrets) { s.ManagementKey = bytes.Repeat([]byte{7}, 24) }), hsm.ManagementKey},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.s.Check()
			var weak *hsm.WeakSecretError
			if !errors.As(err, &weak) || weak.Secret != test.secret {
				t.Fatalf("Check = %v, want a WeakSecretError about the %s", err, test.secret)
			}
			for _, value := range []string{test.s.PIN, test.s.PUK} {
				if len(value) > 4 && strings.Contains(err.Error(), value) {
					t.Errorf("the error %q holds a secret", err)
				}
			}
		})
	}
}

func TestSecretsPrintAsNothing(t *testing.T) {
	s := Secrets{PIN: "271828", PUK: "31415926", ManagementKey: []byte("a key of 24 bytes, yes!!")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, s); strings.Contains(text, "271828") || strings.Contains(text, "a key") {
			t.Errorf("%s prints %q", verb, text)
		}
	}
}
