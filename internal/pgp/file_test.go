package pgp

import (
	"bytes"
	"crypto/elliptic"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func packetOf(t testing.TB, p pair, document string) []byte {
	t.Helper()
	return appendFrame(nil, tagSignature, parsed(t, p.sign(t, document)).signatures[0].body)
}

func keysOf(pairs ...pair) []*PublicKey {
	var keys []*PublicKey
	for _, p := range pairs {
		keys = append(keys, p.PublicKey)
	}
	return keys
}

func TestVerifyReportsWhoSigned(t *testing.T) {
	a, b, c := ed25519Pair(t, 1), ecdsaPair(t, elliptic.P256(), 7), ecdsaPair(t, elliptic.P384(), 7)
	asc, err := Combine(parsed(t, a.sign(t, "document")), parsed(t, b.sign(t, "document")))
	if err != nil {
		t.Fatal(err)
	}
	f := parsed(t, asc)
	both := []KeyID{a.ID(), b.ID()}
	slices.SortFunc(both, func(x, y KeyID) int { return bytes.Compare(x[:], y[:]) })
	for name, row := range map[string]struct {
		keys []*PublicKey
		want []KeyID
	}{
		"both asked for":        {keysOf(a, b), both},
		"in another order":      {keysOf(b, a), both},
		"one more asked for":    {keysOf(c, b, a), both},
		"one asked for":         {keysOf(b), []KeyID{b.ID()}},
		"one asked for twice":   {keysOf(b, b), []KeyID{b.ID()}},
		"another asked for":     {keysOf(c), nil},
		"nobody asked for":      {nil, nil},
		"parsed again, another": {[]*PublicKey{reparsed(t, b)}, []KeyID{b.ID()}},
	} {
		ids, err := f.Verify([]byte("document"), row.keys)
		if err != nil || !slices.Equal(ids, row.want) {
			t.Errorf("%s: Verify = %v, %v; want %v", name, ids, err, row.want)
		}
	}
	if claims := f.Claims(); f.Len() != 2 || len(claims) != 2 || !slices.Contains(claims, a.Fingerprint()) || !slices.Contains(claims, b.Fingerprint()) {
		t.Errorf("Claims = %X, want both fingerprints", claims)
	}
}

func reparsed(t testing.TB, p pair) *PublicKey {
	t.Helper()
	k, err := ParsePublicKey(p.Packet())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A bad signature by a key that was asked for refuses the file, although others
// are good; by a key that was not, it is ignored.
func TestVerifyBadSignature(t *testing.T) {
	a, b := ed25519Pair(t, 1), ecdsaPair(t, elliptic.P256(), 7)
	f := parsed(t, armoured(labelSignature, append(packetOf(t, a, "document"), packetOf(t, b, "another")...)))
	var bad *BadSignatureError
	ids, err := f.Verify([]byte("document"), keysOf(a, b))
	if !errors.As(err, &bad) || bad.Key != b.ID() || bad.Fingerprint != b.Fingerprint() || ids != nil {
		t.Errorf("Verify = %v, %v; want a BadSignatureError that names %s", ids, err, b)
	}
	if err != nil && !strings.Contains(err.Error(), b.String()) {
		t.Errorf("error %q does not name the key", err)
	}
	if ids, err := f.Verify([]byte("document"), keysOf(a)); err != nil || len(ids) != 1 {
		t.Errorf("Verify = %v, %v; want a's id", ids, err)
	}
}

// Nobody signs in another's name: the fingerprint says which key verifies.
func TestVerifyImpostor(t *testing.T) {
	victim, thief := ecdsaPair(t, elliptic.P256(), 7), ecdsaPair(t, elliptic.P256(), 8)
	f := parsed(t, victim.honest().file(t, thief, "document"))
	var bad *BadSignatureError
	if ids, err := f.Verify([]byte("document"), keysOf(victim, thief)); !errors.As(err, &bad) || bad.Key != victim.ID() {
		t.Errorf("Verify = %v, %v; want a BadSignatureError", ids, err)
	}
}

func TestVerifyDuplicates(t *testing.T) {
	a, b := ed25519Pair(t, 1), ecdsaPair(t, elliptic.P256(), 7)
	laterKey, err := NewPublicKey(b.signer.Public(), born.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	later := pair{laterKey, b.signer}
	for name, row := range map[string]struct {
		packets [][]byte
		keys    []*PublicKey
		want    string
	}{
		"one packet twice":          {[][]byte{packetOf(t, a, "document"), packetOf(t, b, "document"), packetOf(t, a, "document")}, keysOf(a, b), "two signatures by key " + a.String()},
		"two signatures by one key": {[][]byte{packetOf(t, b, "document"), packetOf(t, b, "document")}, keysOf(b), "two signatures by key " + b.String()},
		"a good and a bad one":      {[][]byte{packetOf(t, b, "document"), packetOf(t, b, "another")}, keysOf(b), "two signatures by key " + b.String()},
		"one material, two packets": {[][]byte{packetOf(t, b, "document"), packetOf(t, later, "document")}, keysOf(b, later), "the same key material"},
	} {
		f := parsed(t, armoured(labelSignature, slices.Concat(row.packets...)))
		var duplicate *DuplicateSignatureError
		if ids, err := f.Verify([]byte("document"), row.keys); !errors.As(err, &duplicate) || ids != nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: Verify = %v, %v; want a DuplicateSignatureError with %q", name, ids, err, row.want)
		}
	}
	// Only the key that was asked for counts.
	f := parsed(t, armoured(labelSignature, append(packetOf(t, b, "document"), packetOf(t, later, "document")...)))
	if ids, err := f.Verify([]byte("document"), keysOf(later)); err != nil || len(ids) != 1 || ids[0] != later.ID() {
		t.Errorf("Verify = %v, %v; want the key that was asked for", ids, err)
	}
}

// Two keys of one SHA-1 fingerprint can be made on purpose; which of them signed
// could not be told.
func TestVerifyFingerprintCollision(t *testing.T) {
	a, b := ecdsaPair(t, elliptic.P256(), 7), ecdsaPair(t, elliptic.P256(), 8)
	collided := *b.PublicKey
	library := *b.library
	library.Fingerprint = bytes.Clone(a.library.Fingerprint)
	collided.library = &library
	f := parsed(t, a.sign(t, "document"))
	for _, keys := range [][]*PublicKey{{a.PublicKey, &collided}, {&collided, a.PublicKey}} {
		if ids, err := f.Verify([]byte("document"), keys); err == nil || ids != nil || !strings.Contains(err.Error(), "one fingerprint") {
			t.Errorf("Verify = %v, %v; want a refusal", ids, err)
		}
		if _, err := f.Keep(keys); err == nil || !strings.Contains(err.Error(), "one fingerprint") {
			t.Errorf("Keep: error is %v, want a refusal", err)
		}
	}
}

func TestMissingKey(t *testing.T) {
	f := parsed(t, ed25519Pair(t, 1).sign(t, "document"))
	for _, keys := range [][]*PublicKey{{nil}, {{}}} {
		if ids, err := f.Verify([]byte("document"), keys); err == nil || ids != nil {
			t.Errorf("Verify = %v, %v; want an error", ids, err)
		}
	}
}

func TestCaps(t *testing.T) {
	p := ed25519Pair(t, 1)
	packet := packetOf(t, p, "document")
	junk := func(n int) []byte { return armoured(labelSignature, bytes.Repeat(packet, n)) }
	if f, err := ParseSignatures(junk(MaxSignatures)); err != nil || f.Len() != MaxSignatures {
		t.Errorf("%d signatures: %v", MaxSignatures, err)
	}
	if _, err := ParseSignatures(junk(MaxSignatures + 1)); !errors.Is(err, ErrMalformedSignature) || !strings.Contains(err.Error(), "more than 64 signatures") {
		t.Errorf("%d signatures: error is %v, want a refusal", MaxSignatures+1, err)
	}
	if _, err := ParseSignatures(junk(100_000)); !errors.Is(err, ErrMalformedSignature) || !strings.Contains(err.Error(), "want at most 65536") {
		t.Errorf("100,000 signatures: error is %v, want a refusal by size", err)
	}
}

// Packets between the signatures, and headers in other spellings, are refused.
func TestFraming(t *testing.T) {
	p := ed25519Pair(t, 1)
	body := parsed(t, p.sign(t, "document")).signatures[0].body
	packet := appendFrame(nil, tagSignature, body)
	size := byte(len(body))
	header := func(octets ...byte) []byte { return append(octets, body...) }
	for name, row := range map[string]struct {
		data []byte
		want string // "" for accepted
	}{
		"new header":               {packet, ""},
		"old header":               {header(0x88, size), ""},
		"old header, 2 octets":     {header(0x89, 0, size), "shortest form"},
		"old header, 4 octets":     {header(0x8a, 0, 0, 0, size), "shortest form"},
		"old header, indefinite":   {header(0x8b), "indeterminate"},
		"new header, 5 octets":     {header(0xc2, 255, 0, 0, 0, size), "shortest form"},
		"partial":                  {header(0xc2, 224+7), "partial"},
		"old header, cut short":    {[]byte{0x89, 0}, "length is cut short"},
		"old header, 4 GiB":        {header(0x8a, 255, 255, 255, 255), "length is 4294967295"},
		"one byte missing":         {packet[:len(packet)-1], "bytes of body"},
		"one byte more":            {append(slices.Clone(packet), 0), "bit 7 clear"},
		"a marker before":          {append(appendFrame(nil, 10, []byte("PGP")), packet...), "packet 1 has tag 10"},
		"a marker after":           {append(slices.Clone(packet), appendFrame(nil, 10, []byte("PGP"))...), "packet 2 has tag 10"},
		"padding after":            {append(slices.Clone(packet), appendFrame(nil, 21, []byte("x"))...), "packet 2 has tag 21"},
		"a literal packet":         {append(appendFrame(nil, 11, []byte("b\x00\x00\x00\x00\x00document")), packet...), "tag 11"},
		"a one-pass packet":        {append(appendFrame(nil, 4, make([]byte, 13)), packet...), "tag 4"},
		"a key after":              {append(slices.Clone(packet), p.Packet()...), "packet 2 has tag 6"},
		"a compressed packet":      {appendFrame(nil, 8, append([]byte{0}, packet...)), "tag 8"},
		"a bad signature packet":   {append(slices.Clone(packet), 0xc2, 1, 4), "signature 2 of 2"},
		"an empty signature after": {append(slices.Clone(packet), 0xc2, 0), "signature 2 of 2"},
	} {
		f, err := ParseSignatures(armoured(labelSignature, row.data))
		if row.want == "" {
			if err != nil || f.Len() != 1 {
				t.Errorf("%s: %v, want it accepted", name, err)
			}
			continue
		}
		if f != nil || !errors.Is(err, ErrMalformedSignature) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error is %v, want ErrMalformedSignature with %q", name, err, row.want)
		}
	}
}

// A length of two octets, as RSA signatures need, is the shortest in either format.
func TestFramingRSA(t *testing.T) {
	p := rsaPair(t)
	body := parsed(t, p.sign(t, "document")).signatures[0].body
	old := append([]byte{0x89, byte(len(body) >> 8), byte(len(body))}, body...)
	for _, data := range [][]byte{old, appendFrame(nil, tagSignature, body)} {
		if ids, err := parsed(t, armoured(labelSignature, data)).Verify([]byte("document"), keysOf(p)); err != nil || len(ids) != 1 {
			t.Errorf("header %x: Verify = %v, %v; want the signer", data[:3], ids, err)
		}
	}
}

func TestCombine(t *testing.T) {
	a, b, c := ed25519Pair(t, 1), ecdsaPair(t, elliptic.P256(), 7), rsaPair(t)
	fa, fb, fc := parsed(t, a.sign(t, "document")), parsed(t, b.sign(t, "document")), parsed(t, c.sign(t, "document"))
	all, err := Combine(fa, fb, fc)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := parsed(t, all).Verify([]byte("document"), keysOf(a, b, c))
	if err != nil || len(ids) != 3 {
		t.Fatalf("Verify = %v, %v; want three", ids, err)
	}
	claims := parsed(t, all).Claims()
	if !slices.IsSortedFunc(claims, func(x, y [20]byte) int { return bytes.Compare(x[:], y[:]) }) {
		t.Error("signatures are not sorted by fingerprint")
	}
	part, err := Combine(fc, fa)
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string][]*SignatureFile{
		"another order":  {fc, fb, fa},
		"folded":         {fa, fa, fb, fc, fc},
		"combined twice": {parsed(t, part), fb, parsed(t, part), parsed(t, all)},
	} {
		if again, err := Combine(files...); err != nil || !bytes.Equal(again, all) {
			t.Errorf("%s: Combine gives other bytes (%v)", name, err)
		}
	}
	// The old-format header that gpg writes is the same signature.
	body := fa.signatures[0].body
	old := parsed(t, armoured(labelSignature, append([]byte{0x88, byte(len(body))}, body...)))
	if again, err := Combine(old, fa, fb, fc); err != nil || !bytes.Equal(again, all) {
		t.Errorf("old header: Combine gives other bytes (%v)", err)
	}
}

func TestCombineRefuses(t *testing.T) {
	b := ecdsaPair(t, elliptic.P256(), 7)
	fb := parsed(t, b.sign(t, "document"))
	var duplicate *DuplicateSignatureError
	if out, err := Combine(fb, parsed(t, b.sign(t, "document"))); out != nil || !errors.As(err, &duplicate) || duplicate.First != b.Fingerprint() || !strings.Contains(err.Error(), b.String()) {
		t.Errorf("two signatures by one key: error is %v, want a DuplicateSignatureError that names it", err)
	}
	if _, err := Combine(); !errors.Is(err, ErrNoSignature) || errors.Is(err, ErrMalformedSignature) {
		t.Errorf("no file: error is %v, want ErrNoSignature alone", err)
	}
	if _, err := Combine(fb, nil); err == nil {
		t.Error("a missing file is combined")
	}
	var many []*SignatureFile
	for seed := range byte(MaxSignatures + 1) {
		many = append(many, parsed(t, ed25519Pair(t, seed).sign(t, "document")))
	}
	if _, err := Combine(many[:MaxSignatures]...); err != nil {
		t.Errorf("%d signatures: %v", MaxSignatures, err)
	}
	if out, err := Combine(many...); out != nil || !errors.Is(err, ErrMalformedSignature) {
		t.Errorf("%d signatures: error is %v, want ErrMalformedSignature", len(many), err)
	}
}

func TestKeep(t *testing.T) {
	a, b := ed25519Pair(t, 1), ecdsaPair(t, elliptic.P256(), 7)
	alone := parsed(t, a.sign(t, "document"))
	f := parsed(t, armoured(labelSignature, slices.Concat(packetOf(t, b, "1"), packetOf(t, b, "2"), appendFrame(nil, tagSignature, alone.signatures[0].body))))
	want, err := Combine(alone)
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := f.Keep(keysOf(a)); err != nil || !bytes.Equal(kept, want) {
		t.Errorf("Keep = %q, %v; want a's signature alone", kept, err)
	}
	if kept, err := f.Keep(keysOf(rsaPair(t))); kept != nil || !errors.Is(err, ErrNoSignature) || !strings.Contains(err.Error(), "by any of the 1 keys asked for, among 3") {
		t.Errorf("Keep = %q, %v; want ErrNoSignature", kept, err)
	}
	var duplicate *DuplicateSignatureError
	if kept, err := f.Keep(keysOf(a, b)); kept != nil || !errors.As(err, &duplicate) {
		t.Errorf("Keep = %q, %v; want a DuplicateSignatureError", kept, err)
	}
}

func FuzzParseSignatures(f *testing.F) {
	for _, p := range allPairs(f) {
		f.Add(p.sign(f, "document"))
	}
	p := ecdsaPair(f, elliptic.P256(), 7)
	f.Add(p.honest().file(f, p, "document"))
	f.Add([]byte("-----BEGIN PGP SIGNATURE-----\n\n=twTO\n-----END PGP SIGNATURE-----\n"))
	keys := keysOf(rsaPair(f), p, ecdsaPair(f, elliptic.P256(), 12345), ecdsaPair(f, elliptic.P384(), 12345), ed25519Pair(f, 1))
	f.Fuzz(func(t *testing.T, asc []byte) {
		file, err := ParseSignatures(asc)
		if err != nil {
			if file != nil || !errors.Is(err, ErrMalformedSignature) {
				t.Fatalf("a refusal returned %v, %v", file, err)
			}
			return
		}
		if file.Len() == 0 || file.Len() > MaxSignatures || len(file.Claims()) != file.Len() {
			t.Fatalf("%d signatures", file.Len())
		}
		if ids, _ := file.Verify([]byte("never signed"), keys); len(ids) != 0 {
			t.Fatalf("%v signed what they never did", ids)
		}
		out, err := Combine(file)
		if err != nil {
			return
		}
		if again, err := Combine(parsed(t, out)); err != nil || !bytes.Equal(again, out) {
			t.Fatalf("Combine is not stable (%v)", err)
		}
	})
}
