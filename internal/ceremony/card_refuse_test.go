package ceremony

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rootward/rootward/hsm"
)

// TestAttestWantsACertificate: a card whose attestation is none proves nothing.
func TestAttestWantsACertificate(t *testing.T) {
	p, c := proving(t, nil)
	c.evidence = &hsm.Evidence{Slot: []byte("no certificate"), Device: c.evidence.Device}
	lines, err := p.Attest()
	refusedWith(t, err, "reading the slot's certificate")
	if len(lines) > 0 {
		t.Errorf("said %q of it", lines)
	}
}

// TestBrokenEnrolment: a card is neither retired nor certified by an enrolment
// that is missing or does not read.
func TestBrokenEnrolment(t *testing.T) {
	card := &softCard{t: t, maker: newMaker(t), serial: 77, tries: 3, pin: "271828", key: newKey(t)}
	e := enrolling(t, card)
	refusedWith(t, Certify(e), "reading the enrolment of card 77")
	r, held, _ := retiring(t, newKey(t), "77")
	held.mute = true
	for _, dir := range []string{e.Dir, r.Dir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, enrolmentName(77)), []byte("scribbled over"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	refusedWith(t, Certify(e), "not an enrolment")
	if _, err := os.Stat(filepath.Join(e.Dir, certificateName(77))); err == nil {
		t.Error("a certificate was written")
	}
	refusedWith(t, Retire(r), "not an enrolment")
	if held.key == nil {
		t.Error("the key is gone")
	}
}
