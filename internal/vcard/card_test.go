package vcard

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/hsm"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func newCA(t testing.TB) *CA {
	t.Helper()
	ca, err := NewCA(rand.Reader, noon)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// A host talks to a card as a reader does.
type host struct {
	t testing.TB
	*Card
}

func newHost(t testing.TB, cfg Config) host {
	t.Helper()
	if cfg.CA == nil {
		cfg.CA = newCA(t)
	}
	cfg.Rand = rand.Reader
	if cfg.Serial == 0 {
		cfg.Serial, cfg.Firmware = 11223344, [3]byte{5, 7, 1}
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := host{t, c}
	h.want(0x9000, "00A4040005A000000308")
	return h
}

// send sends one APDU in hex and gives the answer.
func (h host) send(apdu string) ([]byte, int) {
	h.t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(apdu, " ", ""))
	if err != nil {
		h.t.Fatal(err)
	}
	a := h.Transmit(b)
	if len(a) < 2 {
		h.t.Fatalf("%s: answer %x", apdu, a)
	}
	n := len(a) - 2
	return a[:n], int(a[n])<<8 | int(a[n+1])
}

// want sends one APDU and checks the status word.
func (h host) want(sw int, apdu string) []byte {
	h.t.Helper()
	b, got := h.send(apdu)
	if got != sw {
		h.t.Errorf("%.40s: status %04x, want %04x", apdu, got, sw)
	}
	return b
}

const (
	verifyRight = "0020008008 313233343536FFFF"
	verifyWrong = "0020008008 393939393939FFFF"
	verifyAsk   = "0020008000"
	changePUK   = "0024008110 3939393939393939 3132333435363739"
	generate9c  = "0047009C0B AC09 800114 AA0103 AB0102"
)

// admin proves the factory's management key.
func (h host) admin() {
	h.t.Helper()
	alg := byte(alg3DES)
	if h.s.ManagementAlg != 0 {
		alg = h.s.ManagementAlg
	}
	block, err := managementCipher(alg, h.s.ManagementKey)
	if err != nil {
		h.t.Fatal(err)
	}
	name := hex.EncodeToString([]byte{alg})
	b := h.want(0x9000, "0087"+name+"9B047C028000")
	if len(b) != 4+block.BlockSize() {
		h.t.Fatalf("witness is %x", b)
	}
	witness := make([]byte, block.BlockSize())
	block.Decrypt(witness, b[4:])
	body := tlv(0x7c, append(tlv(0x80, witness), tlv(0x81, make([]byte, block.BlockSize()))...))
	h.want(0x9000, "0087"+name+"9B"+hex.EncodeToString(append([]byte{byte(len(body))}, body...)))
}

func TestIdentity(t *testing.T) {
	h := newHost(t, Config{})
	if v := h.want(0x9000, "00FD000000"); hex.EncodeToString(v) != "050701" {
		t.Errorf("version %x, want 050701", v)
	}
	if n := h.want(0x9000, "00F8000000"); hex.EncodeToString(n) != "00ab4130" {
		t.Errorf("serial %x, want 00ab4130", n)
	}
	h.want(0x6a82, "00A4040003112233")
	h.want(0x6d00, "0099000000")
	h.want(0x6e00, "80FD000000")
	h.want(0x6700, "00FD00000501")

	old := newHost(t, Config{Serial: 7, Firmware: [3]byte{4, 3, 5}})
	old.want(0x6d00, "00F8000000")
	old.want(0x6d00, "00F7009B00")
	old.want(0x9000, "00A4040008A000000527200101")
	if n := old.want(0x9000, "0001100000"); hex.EncodeToString(n) != "00000007" {
		t.Errorf("serial by the OTP application %x, want 7", n)
	}
	old.want(0x6d00, verifyAsk) // not while another application is selected
}

func TestPINCounter(t *testing.T) {
	store := &memory{}
	h := newHost(t, Config{Store: store})
	h.want(0x63c3, verifyAsk)
	h.want(0x63c2, verifyWrong)
	if !bytes.Contains(store.b, []byte(`"left": 2`)) {
		t.Error("the try was not kept before the card answered")
	}
	h.want(0x9000, verifyRight)
	h.want(0x9000, verifyAsk)
	h.want(0x9000, "0020FF8000") // log out
	h.want(0x63c3, verifyAsk)
	h.want(0x6a88, "0020009600") // no fingerprints
}

func TestPINBlocksAndUnblocks(t *testing.T) {
	h := newHost(t, Config{})
	h.want(0x63c2, verifyWrong)
	h.want(0x63c1, verifyWrong)
	h.want(0x6983, verifyWrong)
	h.want(0x6983, verifyRight)
	h.want(0x6985, "00FB000000") // the PUK is not blocked: no reset
	h.want(0x63c2, "002C008010 3939393939393939 323731383238FFFF")
	h.want(0x6985, "002C008010 3132333435363738 3237FFFFFFFFFFFF") // 2 characters are no PIN
	h.want(0x9000, "002C008010 3132333435363738 323731383238FFFF")
	h.want(0x9000, "0020008008 323731383238FFFF")
	h.want(0x9000, "00A4040005A000000308") // selecting again forgets the PIN
	h.want(0x63c3, verifyAsk)
}

func TestResetNeedsBothBlocked(t *testing.T) {
	h := newHost(t, Config{})
	h.admin()
	h.want(0x9000, generate9c)
	for range 3 {
		h.send(verifyWrong)
		h.send(changePUK)
	}
	h.want(0x9000, "00FB000000")
	h.want(0x63c3, verifyAsk)
	h.want(0x6a88, "00F7009C00")
	h.want(0x6982, generate9c) // the management key must be proven again
}

func TestSetRetries(t *testing.T) {
	h := newHost(t, Config{})
	h.want(0x9000, "0024008010 313233343536FFFF 323731383238FFFF")
	h.admin()
	h.want(0x6982, "00FA050400") // wants the PIN too
	h.want(0x9000, "0020008008 323731383238FFFF")
	h.want(0x9000, "00FA050400")
	h.want(0x63c5, verifyAsk)
	h.want(0x9000, verifyRight) // the factory's again
}

func TestSignWantsPINEachTime(t *testing.T) {
	h := newHost(t, Config{})
	h.want(0x6982, generate9c)
	h.admin()
	b := h.want(0x9000, generate9c)
	fields, _ := parseTLVs(b)
	body, _ := find(fields, 0x7f49)
	inner, _ := parseTLVs(body)
	point, _ := find(inner, 0x86)
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P384(), point)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha512.Sum384([]byte("hello"))
	sign := "0087149C36 7C34 8200 8130" + hex.EncodeToString(digest[:])
	h.want(0x6982, sign)
	h.want(0x9000, verifyRight)
	answer, _ := find(mustTLV(t, h.want(0x9000, sign)), 0x7c)
	sig, _ := find(mustTLV(t, answer), 0x82)
	if !ecdsa.VerifyASN1(pub, digest[:], sig) {
		t.Error("signature does not verify")
	}
	h.want(0x6982, sign) // PIN always
	h.want(0x9000, verifyRight)
	h.want(0x9000, "00FD000000")
	h.want(0x6982, sign) // something came between
	h.want(0x9000, verifyRight)
	h.want(0x6a80, "0087119C36 7C34 8200 8130"+hex.EncodeToString(digest[:])) // P-256 in a slot of P-384
	h.want(0x6a88, "0087119A36 7C34 8200 8130"+hex.EncodeToString(digest[:])) // empty slot
}

func mustTLV(t *testing.T, b []byte) []object {
	t.Helper()
	all, ok := parseTLVs(b)
	if !ok {
		t.Fatalf("%x is not BER-TLV", b)
	}
	return all
}

func TestRSASignsRaw(t *testing.T) {
	h := newHost(t, Config{})
	h.admin()
	h.whole("0047009C0B AC09 800107 AA0103 AB0101")
	_, key, ok := h.key(slotSign)
	if !ok {
		t.Fatal("no key")
	}
	pub := key.Public().(*rsa.PublicKey)
	digest := sha256.Sum256([]byte("hello"))
	prefix, _ := hex.DecodeString("3031300d060960864801650304020105000420")
	block := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 256-3-len(prefix)-32)...)
	block = append(append(append(block, 0), prefix...), digest[:]...)
	body := tlv(0x7c, append([]byte{0x82, 0}, tlv(0x81, block)...))
	h.want(0x9000, verifyRight)
	h.want(0x9000, "1087079CFF"+hex.EncodeToString(body[:255]))
	first, sw := h.send("0087079C" + hex.EncodeToString(append([]byte{byte(len(body) - 255)}, body[255:]...)))
	if sw>>8 != 0x61 {
		t.Fatalf("status %04x, want 61xx", sw)
	}
	answer := append(first, h.want(0x9000, "00C0000000")...)
	inner, _ := find(mustTLV(t, answer), 0x7c)
	sig, _ := find(mustTLV(t, inner), 0x82)
	if err := rsa.VerifyPKCS1v15(pub, 5, digest[:], sig); err != nil {
		t.Error(err)
	}
	h.want(0x6985, "00C0000000") // nothing waits any more
}

func TestAttestation(t *testing.T) {
	for _, firmware := range [][3]byte{{5, 7, 1}, {4, 3, 5}} {
		ca := newCA(t)
		h := newHost(t, Config{Serial: 5, Firmware: firmware, CA: ca})
		h.want(0x6a80, "00F99C0000")
		h.admin()
		h.want(0x9000, generate9c)
		slot := h.whole("00F99C0000")
		object, _ := find(mustTLV(t, h.whole("00CB3FFF05 5C035FFF01")), 0x53)
		device, _ := find(mustTLV(t, object), 0x70)
		_, key, _ := h.key(slotSign)
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca.Root())
		a, err := hsm.CheckAttestation(hsm.Evidence{Slot: slot, Device: device}, roots, key.Public(), noon)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.RequireRootPolicy(); err != nil || a.Serial() != 5 || a.Firmware().Major != firmware[0] {
			t.Errorf("attested %v, card %d firmware %v", err, a.Serial(), a.Firmware())
		}
	}
}

// whole sends a command and collects its whole answer.
func (h host) whole(apdu string) []byte {
	h.t.Helper()
	b, sw := h.send(apdu)
	for sw>>8 == 0x61 {
		var more []byte
		more, sw = h.send("00C0000000")
		b = append(b, more...)
	}
	if sw != 0x9000 {
		h.t.Errorf("%s: status %04x", apdu, sw)
	}
	return b
}

func TestImportedKeyIsNotAttested(t *testing.T) {
	h := newHost(t, Config{})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	order := "00FE119C28 0620" + hex.EncodeToString(d) + "AA0103 AB0101"
	h.want(0x6982, order)
	h.admin()
	h.want(0x9000, order)
	if m := h.want(0x9000, "00F7009C00"); !bytes.Contains(m, []byte{3, 1, 2}) {
		t.Errorf("metadata %x does not say imported", m)
	}
	h.want(0x6a80, "00F99C0000")
}

func TestManagementKey(t *testing.T) {
	h := newHost(t, Config{})
	set := func(alg string) string { return "00FFFFFF1B " + alg + "9B18" + strings.Repeat("ab", 24) }
	h.want(0x6982, set("0A"))
	h.want(0x6a80, "0087039B047C028000") // 3DES, but the key is AES
	h.want(0x9000, "00870A9B047C028000")
	wrong := append([]byte{0x7c, 36, 0x80, 16}, make([]byte, 16)...)
	wrong = append(append(wrong, 0x81, 16), make([]byte, 16)...)
	h.want(0x6982, "00870A9B26"+hex.EncodeToString(wrong))
	h.want(0x6a80, "00870A9B26"+hex.EncodeToString(wrong)) // the witness is used up
	h.admin()
	h.want(0x9000, set("0A"))
	h.admin() // with the new one
	h.want(0x6a80, "00FFFFFF1A 0A9B18"+strings.Repeat("ab", 23))

	only := newHost(t, Config{})
	if err := only.SetFault(Only3DES, 1); err != nil {
		t.Fatal(err)
	}
	only.admin()
	only.want(0x6a80, set("0A"))
	only.want(0x9000, set("03"))
}

func TestObjects(t *testing.T) {
	h := newHost(t, Config{})
	h.want(0x6a82, "00CB3FFF05 5C035FC10A")
	h.want(0x6982, "00DB3FFF08 5C035FC10A 530101")
	h.admin()
	value := strings.Repeat("5A", 300)
	object := "5C035FC10A 5382012C" + value
	object = strings.ReplaceAll(object, " ", "")
	h.want(0x9000, "10DB3FFFFF"+object[:510])
	h.want(0x9000, "00DB3FFF"+hex.EncodeToString([]byte{byte(len(object)/2 - 255)})+object[510:])
	if got := hex.EncodeToString(h.whole("00CB3FFF05 5C035FC10A")); got != strings.ToLower("5382012C"+value) {
		t.Errorf("object reads %.20s..., %d digits", got, len(got))
	}
	h.want(0x9000, "00DB3FFF07 5C035FC10A 5300")
	h.want(0x6a82, "00CB3FFF05 5C035FC10A")
	h.want(0x6982, "00CB3FFF05 5C035FC109") // wants the PIN
	h.want(0x9000, "10DB3FFF01 5C")
	h.want(0x6883, "00CB3FFF01 5C") // another command within a chain
}

func TestStateOutlivesPower(t *testing.T) {
	file := File(filepath.Join(t.TempDir(), "card.json"))
	ca := newCA(t)
	h := newHost(t, Config{Store: file, CA: ca})
	h.admin()
	h.want(0x9000, generate9c)
	h.want(0x63c2, verifyWrong)
	again := newHost(t, Config{Store: file, Serial: 99}) // serial and CA matter no more
	again.want(0x63c2, verifyAsk)
	if m := again.want(0x9000, "00F7009C00"); len(m) < 90 {
		t.Errorf("metadata of the kept key is %x", m)
	}
	if again.Serial() != 11223344 {
		t.Errorf("serial %d, want that of the kept card", again.Serial())
	}
	again.want(0x6982, generate9c) // but nobody is authenticated
	info, err := os.Stat(string(file))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("state file: %v, %v; want mode 600", info.Mode(), err)
	}
}

// A card whose state cannot be kept does nothing and says so.
func TestFullDisk(t *testing.T) {
	store := &fullDisk{}
	h := newHost(t, Config{Store: store})
	store.full = true
	h.want(0x6f00, verifyRight)
	h.want(0x6f00, verifyRight)
}

type fullDisk struct{ full bool }

func (f *fullDisk) Load() ([]byte, error) { return nil, fs.ErrNotExist }

func (f *fullDisk) Save([]byte) error {
	if f.full {
		return errors.New("no space left")
	}
	return nil
}

func TestNewRefuses(t *testing.T) {
	ca := newCA(t)
	for name, cfg := range map[string]Config{
		"no randomness": {Serial: 1, CA: ca},
		"no serial":     {Rand: rand.Reader, CA: ca},
		"no CA":         {Rand: rand.Reader, Serial: 1},
		"bad state":     {Rand: rand.Reader, Serial: 1, CA: ca, Store: &memory{b: []byte("{}")}},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: a card", name)
		}
	}
}

func TestCAPrintsBack(t *testing.T) {
	ca := newCA(t)
	b, err := ca.Format()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseCA(b)
	if err != nil || !bytes.Equal(again.Root(), ca.Root()) {
		t.Errorf("CA does not parse back: %v", err)
	}
}

// Nothing that a host sends makes the card panic, and every answer has a status.
func FuzzTransmit(f *testing.F) {
	for _, apdu := range []string{"00A4040005A000000308", verifyRight, changePUK, generate9c, "00CB3FFF055C035FC10A",
		"0087149C047C028200", "00F7009B00", "00F99C0000", "00FE119C03060101", "00FFFFFF040A9B0101", "00C0000000", "00CB3FFF0000055C035FC10A"} {
		b, err := hex.DecodeString(strings.ReplaceAll(apdu, " ", ""))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b)
	}
	ca := newCA(f)
	f.Fuzz(func(t *testing.T, first, second []byte) {
		h := newHost(t, Config{CA: ca})
		h.Card.admin = true // so that commands behind the management key are reached
		h.want(0x9000, verifyRight)
		for _, apdu := range [][]byte{first, second} {
			if a := h.Transmit(apdu); len(a) < 2 {
				t.Errorf("answer %x to %x has no status", a, apdu)
			}
		}
	})
}
