package pgp

import (
	"crypto/elliptic"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	_ "crypto/sha1"
)

// The spellings that stock tools use are accepted.
func TestSignatureAccepted(t *testing.T) {
	p := ecdsaPair(t, elliptic.P256(), 7)
	for name, edit := range map[string]func(*forgery){
		"as gpg writes it":        func(f *forgery) {},
		"nothing unhashed":        func(f *forgery) { f.unhashed = nil },
		"SHA-384":                 func(f *forgery) { f.hash = 9 },
		"SHA-512":                 func(f *forgery) { f.hash = 10 },
		"critical date":           func(f *forgery) { f.hashed = slices.Concat(p.subIssuer(), sub(subCreationTime|critical, 1, 2, 3, 4)) },
		"issuer key id hashed":    func(f *forgery) { f.hashed = append(f.hashed, p.subKeyID()...) },
		"signer's user id":        func(f *forgery) { f.hashed = append(f.hashed, sub(28, []byte("alice@example.org")...)...) },
		"a notation":              func(f *forgery) { f.hashed = append(f.hashed, sub(20, notation()...)...) },
		"an unknown one":          func(f *forgery) { f.hashed = append(f.hashed, sub(99, 1, 2, 3)...) },
		"a long one":              func(f *forgery) { f.hashed = append(f.hashed, sub(99, make([]byte, 300)...)...) },
		"a very long one":         func(f *forgery) { f.hashed = append(f.hashed, sub(99, make([]byte, 17000)...)...) },
		"issuer again, unhashed":  func(f *forgery) { f.unhashed = append(f.unhashed, p.subIssuer()...) },
		"unknown one, unhashed":   func(f *forgery) { f.unhashed = append(f.unhashed, sub(99, 1)...) },
		"the other s of the pair": func(f *forgery) { f.swap = true },
	} {
		t.Run(name, func(t *testing.T) {
			f := p.honest()
			edit(&f)
			ids, err := parsed(t, f.file(t, p, "document")).Verify([]byte("document"), []*PublicKey{p.PublicKey})
			if err != nil || len(ids) != 1 || ids[0] != p.ID() {
				t.Fatalf("Verify = %v, %v; want the signer", ids, err)
			}
		})
	}
}

func notation() []byte {
	return append([]byte{0x80, 0, 0, 0, 0, 5, 0, 5}, "a@b.cvalue"...)
}

// Each signature here is good but for one thing, and is refused for that thing.
func TestSignatureRefused(t *testing.T) {
	p := ecdsaPair(t, elliptic.P256(), 7)
	liar := ecdsaPair(t, elliptic.P256(), 8)
	fingerprint := p.Fingerprint()
	for name, c := range map[string]struct {
		edit func(*forgery)
		want string
	}{
		"version 3":                {func(f *forgery) { f.version = 3 }, "version 3, want 4"},
		"version 5":                {func(f *forgery) { f.version = 5 }, "version 5, want 4"},
		"version 6":                {func(f *forgery) { f.version = 6 }, "version 6, want 4"},
		"text":                     {func(f *forgery) { f.kind = 1 }, "type 0x01 (text"},
		"standalone":               {func(f *forgery) { f.kind = 2 }, "type 0x02"},
		"certification":            {func(f *forgery) { f.kind = 0x13 }, "type 0x13"},
		"subkey binding":           {func(f *forgery) { f.kind = 0x18 }, "type 0x18"},
		"timestamp":                {func(f *forgery) { f.kind = 0x40 }, "type 0x40"},
		"MD5":                      {func(f *forgery) { f.hash = 1 }, "MD5"},
		"SHA-1":                    {func(f *forgery) { f.hash = 2 }, "SHA-1"},
		"SHA-224":                  {func(f *forgery) { f.hash = 11 }, "SHA-224"},
		"SHA3-256":                 {func(f *forgery) { f.hash = 12 }, "SHA3-256"},
		"DSA":                      {func(f *forgery) { f.number = 17 }, "DSA"},
		"Ed25519, 27":              {func(f *forgery) { f.number = 27 }, "algorithm 27"},
		"no date":                  {func(f *forgery) { f.hashed = p.subIssuer() }, "0 creation time"},
		"two dates":                {func(f *forgery) { f.hashed = append(f.hashed, subDate()...) }, "2 creation time"},
		"date of five bytes":       {func(f *forgery) { f.hashed = append(p.subIssuer(), sub(2, 1, 2, 3, 4, 5)...) }, "has 5 bytes, want 4"},
		"date unhashed only":       {func(f *forgery) { f.hashed = p.subIssuer(); f.unhashed = subDate() }, "0 creation time"},
		"date unhashed too":        {func(f *forgery) { f.unhashed = append(f.unhashed, subDate()...) }, "unhashed area has a creation time"},
		"no issuer":                {func(f *forgery) { f.hashed, f.unhashed = subDate(), nil }, "0 issuer fingerprint"},
		"issuer by key id only":    {func(f *forgery) { f.hashed = append(subDate(), p.subKeyID()...) }, "0 issuer fingerprint"},
		"issuer unhashed only":     {func(f *forgery) { f.hashed = subDate(); f.unhashed = p.subIssuer() }, "0 issuer fingerprint"},
		"two issuers":              {func(f *forgery) { f.hashed = append(f.hashed, p.subIssuer()...) }, "2 issuer fingerprint"},
		"issuer of version 6":      {func(f *forgery) { f.hashed = append(subDate(), sub(33, append([]byte{6}, make([]byte, 32)...)...)...) }, "want 21, a version 4 one"},
		"issuer says version 5":    {func(f *forgery) { f.hashed = append(subDate(), sub(33, append([]byte{5}, fingerprint[:]...)...)...) }, "a version 4 one"},
		"issuer cut short":         {func(f *forgery) { f.hashed = append(subDate(), sub(33, append([]byte{4}, fingerprint[:19]...)...)...) }, "has 20 bytes"},
		"empty issuer":             {func(f *forgery) { f.hashed = append(subDate(), sub(33)...) }, "has 0 bytes"},
		"lying issuer, unhashed":   {func(f *forgery) { f.unhashed = liar.subIssuer() }, "unhashed area: issuer fingerprint"},
		"lying key id, unhashed":   {func(f *forgery) { f.unhashed = liar.subKeyID() }, "unhashed area: issuer key id"},
		"lying key id, hashed":     {func(f *forgery) { f.hashed = append(f.hashed, liar.subKeyID()...) }, "issuer key id"},
		"short key id":             {func(f *forgery) { f.unhashed = sub(16, fingerprint[13:]...) }, "issuer key id"},
		"expiry":                   {func(f *forgery) { f.hashed = append(f.hashed, sub(3, 0, 0, 1, 0)...) }, "it expires"},
		"critical expiry":          {func(f *forgery) { f.hashed = append(f.hashed, sub(3|critical, 0, 0, 1, 0)...) }, "it expires"},
		"expiry unhashed":          {func(f *forgery) { f.unhashed = append(f.unhashed, sub(3, 0, 0, 1, 0)...) }, "unhashed area has a expiration time"},
		"embedded signature":       {func(f *forgery) { f.hashed = append(f.hashed, sub(32, 1)...) }, "embedded signature"},
		"embedded, unhashed":       {func(f *forgery) { f.unhashed = append(f.unhashed, sub(32, 1)...) }, "embedded signature"},
		"critical unknown":         {func(f *forgery) { f.hashed = append(f.hashed, sub(99|critical, 1)...) }, "critical subpacket of type 99"},
		"critical private":         {func(f *forgery) { f.hashed = append(f.hashed, sub(110|critical, 1)...) }, "critical subpacket of type 110"},
		"critical notation":        {func(f *forgery) { f.hashed = append(f.hashed, sub(20|critical, notation()...)...) }, "critical notation"},
		"critical policy":          {func(f *forgery) { f.hashed = append(f.hashed, sub(26|critical, 'u')...) }, "critical policy"},
		"critical unhashed":        {func(f *forgery) { f.unhashed = append(f.unhashed, sub(99|critical, 1)...) }, "unhashed area has a critical"},
		"critical key id unhashed": {func(f *forgery) { f.unhashed = sub(16|critical, fingerprint[12:]...) }, "unhashed area has a critical"},
		"long subpacket length":    {func(f *forgery) { f.hashed = append(f.hashed, 255, 0, 0, 0, 2, 99, 1) }, "shortest form"},
		"subpacket of no bytes":    {func(f *forgery) { f.hashed = append(f.hashed, 0) }, "at least 1"},
		"subpacket too long":       {func(f *forgery) { f.hashed = append(f.hashed, 9, 99) }, "subpacket has 1 bytes, want 9"},
		"subpacket of 4 GiB":       {func(f *forgery) { f.hashed = append(f.hashed, 255, 255, 255, 255, 255, 99) }, "length is 4294967295"},
		"33 subpackets":            {func(f *forgery) { f.hashed = append(f.hashed, slices.Repeat(sub(99, 1), 31)...) }, "more than 32 subpackets"},
		"33 subpackets, unhashed":  {func(f *forgery) { f.unhashed = slices.Repeat(sub(99, 1), 33) }, "more than 32 subpackets"},
		"bytes after it":           {func(f *forgery) { f.after = []byte{0} }, "1 bytes after the signature"},
		"a third number":           {func(f *forgery) { f.after = []byte{0, 1, 1} }, "3 bytes after the signature"},
		"what only go-crypto sees": {func(f *forgery) { f.hashed = append(f.hashed, sub(9, 1)...) }, "openpgp"},
	} {
		t.Run(name, func(t *testing.T) {
			f := p.honest()
			c.edit(&f)
			file, err := ParseSignatures(f.file(t, p, "document"))
			if file != nil || !errors.Is(err, ErrMalformedSignature) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("ParseSignatures = %v, %v; want ErrMalformedSignature with %q", file, err, c.want)
			}
		})
	}
}

// Numbers have one spelling and a size.
func TestSignatureNumbers(t *testing.T) {
	p := ecdsaPair(t, elliptic.P256(), 7)
	body := p.honest().body(t, p, "document")
	sizes := func(numbers ...[]byte) []byte {
		f := p.honest()
		head := f.body(t, p, "document")
		at := 6 + len(f.hashed) + 2 + len(f.unhashed) + 2
		return append(slices.Clone(head[:at]), slices.Concat(numbers...)...)
	}
	number := func(bits int) []byte {
		return appendMPI(nil, new(big.Int).Lsh(big.NewInt(1), uint(bits-1)).Bytes())
	}
	edit := func(kind byte, b []byte) []byte { b[2] = kind; return b }
	for name, c := range map[string]struct {
		body []byte
		want string
	}{
		"empty":               {nil, "want at least 6"},
		"no areas":            {body[:6], "hashed area"},
		"no hash tag":         {sizes()[:len(sizes())-1], "ends before its hash tag"},
		"no numbers":          {sizes(), "cut short"},
		"one number":          {sizes(number(256)), "cut short"},
		"r of 385 bits":       {sizes(number(385), number(256)), "385 bits, want 1 to 384"},
		"r zero":              {sizes([]byte{0, 0}, number(256)), "0 bits"},
		"s zero":              {sizes(number(256), []byte{0, 0}), "0 bits"},
		"leading zero":        {sizes([]byte{1, 0, 0}, make([]byte, 31), number(256)), "256 bits and has 24"},
		"count too high":      {sizes([]byte{0, 8, 0x7f}, number(256)), "says 8 bits and has 7"},
		"count too low":       {sizes([]byte{0, 7, 0x80}, number(256)), "says 7 bits and has 8"},
		"Ed25519 of 257 bits": {edit(numberEdDSA, sizes(number(257), number(250))), "257 bits, want 1 to 256"},
		"RSA of 4097 bits":    {edit(numberRSA, sizes(number(4097))), "4097 bits, want 1 to 4096"},
		"RSA of two numbers":  {edit(numberRSA, sizes(number(2048), number(2048))), "after the signature"},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := ParseSignatures(armoured(labelSignature, appendFrame(nil, tagSignature, c.body)))
			if file != nil || !errors.Is(err, ErrMalformedSignature) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("ParseSignatures = %v, %v; want ErrMalformedSignature with %q", file, err, c.want)
			}
		})
	}
}

// r and s are from 1 to n-1, an RSA signature is below the modulus, whatever the
// libraries below would say.
func TestSignatureRange(t *testing.T) {
	for name, p := range map[string]pair{"P-256": ecdsaPair(t, elliptic.P256(), 7), "P-384": ecdsaPair(t, elliptic.P384(), 7)} {
		n := p.order().Bytes()
		s := &signature{numbers: [][]byte{{1}, n}}
		if s.inRange(p.PublicKey) {
			t.Errorf("%s: s = n is in range", name)
		}
		s = &signature{numbers: [][]byte{n, {1}}}
		if s.inRange(p.PublicKey) {
			t.Errorf("%s: r = n is in range", name)
		}
		s = &signature{numbers: [][]byte{{0}, {1}}}
		if s.inRange(p.PublicKey) {
			t.Errorf("%s: r = 0 is in range", name)
		}
		s = &signature{numbers: [][]byte{new(big.Int).Sub(p.order(), big.NewInt(1)).Bytes(), {1}}}
		if !s.inRange(p.PublicKey) {
			t.Errorf("%s: r = n-1 and s = 1 are out of range", name)
		}
	}
	p := rsaPair(t)
	if s := (&signature{numbers: [][]byte{p.modulus().Bytes()}}); s.inRange(p.PublicKey) {
		t.Error("RSA: n is in range")
	}
}

// s + n is s to careless arithmetic: no signature may have it.
func TestSignatureOutOfRange(t *testing.T) {
	p := ecdsaPair(t, elliptic.P256(), 7)
	first := parsed(t, p.sign(t, "document")).signatures[0]
	body := slices.Clone(first.body[:len(first.body)-2-len(first.numbers[1])])
	body = appendMPI(body, new(big.Int).Add(p.order(), new(big.Int).SetBytes(first.numbers[1])).Bytes())
	var bad *BadSignatureError
	_, err := parsed(t, armoured(labelSignature, appendFrame(nil, tagSignature, body))).Verify([]byte("document"), keysOf(p))
	if !errors.As(err, &bad) || !strings.Contains(bad.Reason, "out of range") {
		t.Fatalf("error is %v, want a BadSignatureError about the range", err)
	}
}

// The same signature with s and with n-s both verify: so signatures are never
// counted by their bytes, and the two together are a duplicate.
func TestMalleable(t *testing.T) {
	p := ecdsaPair(t, elliptic.P256(), 7)
	first := parsed(t, p.sign(t, "document")).signatures[0]
	var body []byte
	body = append(body, first.body[:len(first.body)-4-len(first.numbers[0])-len(first.numbers[1])]...)
	body = appendMPI(body, first.numbers[0])
	body = appendMPI(body, new(big.Int).Sub(p.order(), new(big.Int).SetBytes(first.numbers[1])).Bytes())
	other := appendFrame(nil, tagSignature, body)
	keys := []*PublicKey{p.PublicKey}
	if ids, err := parsed(t, armoured(labelSignature, other)).Verify([]byte("document"), keys); err != nil || len(ids) != 1 {
		t.Fatalf("Verify of the other s = %v, %v; the test wants it to verify", ids, err)
	}
	both := parsed(t, armoured(labelSignature, append(appendFrame(nil, tagSignature, first.body), other...)))
	var duplicate *DuplicateSignatureError
	if ids, err := both.Verify([]byte("document"), keys); !errors.As(err, &duplicate) || ids != nil {
		t.Fatalf("Verify = %v, %v; want a DuplicateSignatureError", ids, err)
	}
}

// A packet that was changed in one bit, or cut, is refused, or says the same of
// the same document; never anything of another.
func TestSignatureMangled(t *testing.T) {
	for name, p := range allPairs(t) {
		t.Run(name, func(t *testing.T) {
			whole := appendFrame(nil, tagSignature, parsed(t, p.sign(t, "document")).signatures[0].body)
			for cut := range whole {
				if _, err := ParseSignatures(armoured(labelSignature, whole[:cut])); err == nil {
					t.Errorf("the first %d bytes of %d parse", cut, len(whole))
				}
			}
			body := parsed(t, p.sign(t, "document")).signatures[0].body
			for cut := range body {
				if _, err := ParseSignatures(armoured(labelSignature, appendFrame(nil, tagSignature, body[:cut]))); err == nil {
					t.Errorf("the first %d bytes of the body, of %d, parse", cut, len(body))
				}
			}
			survivors := 0
			for i := range len(whole) * 8 {
				flipped := slices.Clone(whole)
				flipped[i/8] ^= 1 << (i % 8)
				f, err := ParseSignatures(armoured(labelSignature, flipped))
				if err != nil {
					continue
				}
				if ids, err := f.Verify([]byte("another"), []*PublicKey{p.PublicKey}); len(ids) != 0 {
					t.Errorf("bit %d flipped: signs another document (%v)", i, err)
				}
				if ids, _ := f.Verify([]byte("document"), []*PublicKey{p.PublicKey}); len(ids) != 0 {
					survivors++
				}
			}
			// Sign writes nothing into the unhashed area: no bit is free to change.
			if survivors != 0 {
				t.Errorf("%d of %d bits can be flipped in silence, want 0", survivors, len(whole)*8)
			}
		})
	}
}

// The left 16 bits of the hash are checked although the cryptography does not
// depend on them (RFC 4880, section 5.2.3).
func TestHashTag(t *testing.T) {
	p := ecdsaPair(t, elliptic.P256(), 7)
	f := p.honest()
	body := f.body(t, p, "document")
	body[6+len(f.hashed)+2+len(f.unhashed)] ^= 1
	var bad *BadSignatureError
	_, err := parsed(t, armoured(labelSignature, appendFrame(nil, tagSignature, body))).Verify([]byte("document"), []*PublicKey{p.PublicKey})
	if !errors.As(err, &bad) || !strings.Contains(bad.Reason, "hash tag") {
		t.Fatalf("error is %v, want a BadSignatureError about the hash tag", err)
	}
}

// A signature says by its fingerprint which key to use, and that key's algorithm rules.
func TestAlgorithmMismatch(t *testing.T) {
	p, other := ecdsaPair(t, elliptic.P256(), 7), ed25519Pair(t, 1)
	f := p.honest()
	f.hashed, f.unhashed = append(other.subIssuer(), subDate()...), nil
	var bad *BadSignatureError
	_, err := parsed(t, f.file(t, p, "document")).Verify([]byte("document"), []*PublicKey{other.PublicKey})
	if !errors.As(err, &bad) || !strings.Contains(bad.Reason, "algorithm 19, the key's is 22") {
		t.Fatalf("error is %v, want a BadSignatureError about the algorithm", err)
	}
	f.number = numberEdDSA
	_, err = parsed(t, f.file(t, p, "document")).Verify([]byte("document"), []*PublicKey{other.PublicKey})
	if !errors.As(err, &bad) {
		t.Fatalf("error is %v, want a BadSignatureError", err)
	}
}

// Ed25519's s is below the group's order (RFC 8032, section 5.1.7): adding the
// order to it makes no second signature.
func TestEd25519Malleable(t *testing.T) {
	p := ed25519Pair(t, 1)
	s := parsed(t, p.sign(t, "document")).signatures[0]
	little := s.numbers[1]
	padded := append(make([]byte, 32-len(little)), little...)
	slices.Reverse(padded)
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	sum := new(big.Int).Add(new(big.Int).SetBytes(padded), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	body := append(slices.Clone(s.body[:len(s.body)-2-len(little)]), appendMPI(nil, sum)...)
	f, err := ParseSignatures(armoured(labelSignature, appendFrame(nil, tagSignature, body)))
	if err != nil {
		t.Fatal(err)
	}
	var bad *BadSignatureError
	if _, err := f.Verify([]byte("document"), []*PublicKey{p.PublicKey}); !errors.As(err, &bad) {
		t.Fatalf("error is %v, want a BadSignatureError", err)
	}
}
