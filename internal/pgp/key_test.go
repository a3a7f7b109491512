package pgp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKeyPrintsBack(t *testing.T) {
	for name, p := range allPairs(t) {
		t.Run(name, func(t *testing.T) {
			k, err := ParsePublicKey(p.Packet())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(k.Packet(), p.Packet()) || k.ID() != p.ID() || k.Material() != p.Material() || k.Fingerprint() != p.Fingerprint() {
				t.Error("a parsed key differs from the one that was made")
			}
			if k.Algorithm().String() != name || !k.Created().Equal(born) || k.Created().Location() != time.UTC {
				t.Errorf("key is %v of %v, want %s of %v", k.Algorithm(), k.Created(), name, born)
			}
			if want := map[string]int{"RSA": 2048, "P-256": 256, "P-384": 384, "Ed25519": 256}[name]; k.Bits() != want {
				t.Errorf("key has %d bits, want %d", k.Bits(), want)
			}
			if public, ok := k.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(p.signer.Public()) {
				t.Error("Public is another key")
			}
		})
	}
}

// The bytes and names of one key, fixed for ever: documents hold them.
func TestKeyVector(t *testing.T) {
	k := ed25519Pair(t, 1)
	for _, c := range []struct{ what, found, want string }{
		{"packet", hex.EncodeToString(k.Packet()), "c6330467c2f6c016092b06010401da470f01010740" + "4cb5abf6ad79fbf5abbccafcc269d85cd2651ed4b885b5869f241aedf0a5ba29"},
		{"id", k.ID().String(), "a3583bbf3f82ceb46607ac8d7b8342565c3208f6154ab6882cb2295f0ca85827"},
		{"material", k.Material().String(), "035b495d0279fefa64cde75edef51d8edfb5096d29a3c6b0b9934885823d34dd"},
		{"fingerprint", k.String(), "A9EB293F45137E9F7E352CB2947DE6C20D56032F"},
	} {
		if c.found != c.want {
			t.Errorf("%s is %s, want %s", c.what, c.found, c.want)
		}
	}
}

func TestKeyIsACopy(t *testing.T) {
	k := ed25519Pair(t, 1)
	k.Packet()[10] ^= 1
	k.Public().(ed25519.PublicKey)[0] ^= 1
	if again, err := ParsePublicKey(k.Packet()); err != nil || again.ID() != k.ID() || !again.Public().(ed25519.PublicKey).Equal(k.Public()) {
		t.Fatal("a caller can change a key")
	}
}

// One material in two packets has two ids and one Material.
func TestMaterial(t *testing.T) {
	for name, p := range allPairs(t) {
		later, err := NewPublicKey(p.signer.Public(), born.Add(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if later.ID() == p.ID() || later.Fingerprint() == p.Fingerprint() || later.Material() != p.Material() {
			t.Errorf("%s: two dates should give two ids, two fingerprints and one material", name)
		}
	}
	public := *rsaPair(t).signer.Public().(*rsa.PublicKey)
	public.E = 65539
	if k, err := NewPublicKey(&public, born); err != nil || k.Material() != rsaPair(t).Material() {
		t.Errorf("another exponent with one modulus should be one material (%v)", err)
	}
	seen := map[Material]string{}
	for name, p := range allPairs(t) {
		if other, ok := seen[p.Material()]; ok {
			t.Errorf("%s and %s have one material", name, other)
		}
		seen[p.Material()] = name
	}
}

// body returns the body of a key packet whose header has two or three octets.
func bodyOf(t *testing.T, p pair) []byte {
	t.Helper()
	f, rest, err := nextFrame(p.Packet())
	if err != nil || len(rest) != 0 {
		t.Fatal(err)
	}
	return slices.Clone(f.body)
}

func edited(body []byte, at int, with ...byte) []byte {
	out := slices.Clone(body)
	copy(out[at:], with)
	return out
}

func rsaBody(n, e *big.Int) []byte {
	body := appendMPI([]byte{4, 0x67, 0, 0, 0, numberRSA}, n.Bytes())
	return appendMPI(body, e.Bytes())
}

func curveBody(number byte, oid, point []byte) []byte {
	body := append([]byte{4, 0x67, 0, 0, 0, number, byte(len(oid))}, oid...)
	return appendMPI(body, point)
}

func TestParsePublicKeyRefuses(t *testing.T) {
	ed, p256, rsa2048 := bodyOf(t, ed25519Pair(t, 1)), bodyOf(t, ecdsaPair(t, elliptic.P256(), 7)), rsaPair(t)
	p521, err := ecdsa.ParseRawPrivateKey(elliptic.P521(), big.NewInt(7).FillBytes(make([]byte, 66)))
	if err != nil {
		t.Fatal(err)
	}
	point521, err := p521.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	point256 := p256[len(p256)-65:]
	n := rsa2048.signer.Public().(*rsa.PublicKey).N
	f4 := big.NewInt(65537)
	key := func(body []byte) []byte { return appendFrame(nil, tagPublicKey, body) }
	with := func(header []byte, body []byte) []byte { return append(header, body...) }
	bit := func(i uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), i) }

	for name, c := range map[string]struct {
		packet []byte
		want   string
	}{
		"nothing":                {nil, "nothing there"},
		"bit 7 clear":            {with([]byte{0x46, byte(len(ed))}, ed), "bit 7 clear"},
		"old header":             {with([]byte{0x98, byte(len(ed))}, ed), "want the new format"},
		"old header, indefinite": {with([]byte{0x9b}, ed), "indeterminate"},
		"long length":            {with([]byte{0xc6, 255, 0, 0, 0, byte(len(ed))}, ed), "shortest form"},
		"partial length":         {with([]byte{0xc6, 224}, ed), "partial"},
		"subkey":                 {appendFrame(nil, tagPublicSubkey, ed), "tag 14, want 6"},
		"secret key":             {appendFrame(nil, tagSecretKey, ed), "secret key"},
		"secret subkey":          {appendFrame(nil, tagSecretSubkey, ed), "secret key"},
		"byte after it":          {append(key(ed), 0), "1 bytes after the packet"},
		"byte inside it":         {key(append(slices.Clone(ed), 0)), "1 bytes after the key"},
		"byte inside P-256":      {key(append(slices.Clone(p256), 0)), "1 bytes after the key"},
		"byte inside RSA":        {key(append(rsaBody(n, f4), 0)), "1 bytes after the key"},
		"too large":              {key(make([]byte, MaxPublicKey)), "want at most 2048"},
		"too short":              {key([]byte{4, 0, 0, 0, 0}), "want at least 6"},
		"version 3":              {key(edited(ed, 0, 3)), "version 3, want 4"},
		"version 6":              {key(edited(ed, 0, 6)), "version 6, want 4"},
		"RSA encrypt-only":       {key(edited(rsaBody(n, f4), 5, 2)), "algorithm 2"},
		"RSA sign-only":          {key(edited(rsaBody(n, f4), 5, 3)), "algorithm 3"},
		"algorithm 99":           {key(edited(ed, 5, 99)), "algorithm 99, want"},
		"DSA":                    {key(edited(ed, 5, 17)), "DSA"},
		"ECDH":                   {key(edited(p256, 5, 18)), "ECDH"},
		"algorithm 27":           {key(append([]byte{4, 0, 0, 0, 0, 27}, ed[len(ed)-32:]...)), "RFC 9580"},
		"P-521":                  {key(curveBody(numberECDSA, []byte{0x2b, 0x81, 0x04, 0x00, 0x23}, point521)), "curve has OID 2b81040023"},
		"secp256k1":              {key(curveBody(numberECDSA, []byte{0x2b, 0x81, 0x04, 0x00, 0x0a}, point256)), "curve has OID 2b8104000a"},
		"OID cut short":          {key([]byte{4, 0, 0, 0, 0, numberECDSA, 9, 1}), "OID is cut short"},
		"OID of 255 bytes":       {key(append([]byte{4, 0, 0, 0, 0, numberEdDSA, 255}, make([]byte, 300)...)), "curve has OID 0000"},
		"no OID":                 {key([]byte{4, 0, 0, 0, 0, numberEdDSA}), "OID is cut short"},
		"ECDSA on Ed25519":       {key(edited(ed, 5, numberECDSA)), "curve has OID"},
		"EdDSA on P-256":         {key(edited(p256, 5, numberEdDSA)), "curve has OID"},
		"Ed448":                  {key(curveBody(numberEdDSA, []byte{0x2b, 0x65, 0x71}, append([]byte{0x40}, make([]byte, 57)...))), "curve has OID"},
		"point off the curve":    {key(edited(p256, len(p256)-1, p256[len(p256)-1]^1)), "not an uncompressed point"},
		"point compressed":       {key(curveBody(numberECDSA, oidP256, append([]byte{2}, point256[1:33]...))), "not an uncompressed point"},
		"point on P-384":         {key(curveBody(numberECDSA, oidP384, point256)), "not an uncompressed point"},
		"point too long":         {key(curveBody(numberECDSA, oidP256, append(slices.Clone(point256), 1))), "want 1 to 520"},
		"Ed25519 without 0x40":   {key(curveBody(numberEdDSA, oidEd25519, append([]byte{0x41}, ed[len(ed)-32:]...))), "begins with 0x41"},
		"Ed25519 point short":    {key(curveBody(numberEdDSA, oidEd25519, ed[len(ed)-33:len(ed)-1])), "has 32 bytes"},
		"Ed25519 identity":       {key(curveBody(numberEdDSA, oidEd25519, append([]byte{0x40, 1}, make([]byte, 31)...))), "small order"},
		"number count too high":  {key(edited(ed, 16, 1, 8)), "says 264 bits and has 263"},
		"number count zero":      {key(edited(ed, 16, 0, 0)), "0 bits"},
		"number cut short":       {key(ed[:len(ed)-1]), "cut short"},
		"number count cut short": {key(ed[:17]), "cut short"},
		"number leading zero":    {key(append([]byte{4, 0, 0, 0, 0, numberRSA, 8, 8, 0}, rsaBody(n, f4)[8:]...)), "says 2056 bits"},
		"RSA of 2047 bits":       {key(rsaBody(new(big.Int).SetBit(bit(2046), 0, 1), f4)), "has 2047 bits, want 2048 to 4096"},
		"RSA of 4097 bits":       {key(rsaBody(new(big.Int).SetBit(bit(4096), 0, 1), f4)), "4097 bits, want 1 to 4096"},
		"RSA, even":              {key(rsaBody(new(big.Int).SetBit(n, 0, 0), f4)), "even"},
		"RSA, exponent 3":        {key(rsaBody(n, big.NewInt(3))), "exponent is 3"},
		"RSA, exponent 65535":    {key(rsaBody(n, big.NewInt(65535))), "exponent is 65535"},
		"RSA, exponent 65538":    {key(rsaBody(n, big.NewInt(65538))), "exponent is 65538"},
		"RSA, exponent 2^24+1":   {key(rsaBody(n, big.NewInt(1<<24+1))), "25 bits, want 1 to 24"},
		"RSA without exponent":   {key(rsaBody(n, f4)[:6+2+256]), "exponent: number is cut short"},
		"RSA, another length":    {with([]byte{0xc6, 255, 0, 0, 0, 5}, rsaBody(n, f4)), "shortest form"},
		"length of 4 GiB":        {with([]byte{0xc6, 255, 255, 255, 255, 255}, ed), "length is 4294967295"},
		"header cut short":       {[]byte{0xc6}, "length is cut short"},
		"two-octet length short": {[]byte{0xc6, 192}, "length is cut short"},
		"five octets cut short":  {[]byte{0xc6, 255, 0, 0, 1}, "length is cut short"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := ParsePublicKey(c.packet)
			if k != nil || !errors.Is(err, ErrMalformedKey) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("ParsePublicKey = %v, %v; want ErrMalformedKey with %q", k, err, c.want)
			}
			if strings.HasPrefix(name, "secret") && !errors.Is(err, ErrSecretKey) {
				t.Errorf("error is %v, want ErrSecretKey", err)
			}
		})
	}
}

// Every other spelling of a key is refused or is another key: nothing that
// parses prints back differently.
func TestKeyMangled(t *testing.T) {
	for name, p := range allPairs(t) {
		t.Run(name, func(t *testing.T) {
			pkt := p.Packet()
			for cut := range pkt {
				if _, err := ParsePublicKey(pkt[:cut]); err == nil {
					t.Errorf("the first %d bytes of %d parse", cut, len(pkt))
				}
			}
			body := bodyOf(t, p)
			for cut := range body {
				if _, err := ParsePublicKey(appendFrame(nil, tagPublicKey, body[:cut])); err == nil {
					t.Errorf("the first %d bytes of the body, of %d, parse", cut, len(body))
				}
			}
			for i := range len(pkt) * 8 {
				flipped := slices.Clone(pkt)
				flipped[i/8] ^= 1 << (i % 8)
				k, err := ParsePublicKey(flipped)
				if err == nil && (!bytes.Equal(k.Packet(), flipped) || k.ID() == p.ID()) {
					t.Errorf("bit %d flipped: parses to a key that prints back differently", i)
				}
			}
		})
	}
}

func TestNewPublicKeyRefuses(t *testing.T) {
	good := ed25519Pair(t, 1).signer.Public()
	p521, err := ecdsa.ParseRawPrivateKey(elliptic.P521(), big.NewInt(7).FillBytes(make([]byte, 66)))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		public  crypto.PublicKey
		created time.Time
		want    string
	}{
		"part of a second":  {good, born.Add(1), "want whole seconds"},
		"before 1970":       {good, time.Unix(-1, 0), "outside 1970"},
		"at zero":           {good, time.Unix(0, 0), "outside 1970"},
		"after 2106":        {good, time.Unix(1<<32, 0), "outside 1970"},
		"no key":            {nil, born, "<nil>"},
		"private key":       {ed25519Pair(t, 1).signer, born, "ed25519.PrivateKey"},
		"nil RSA":           {(*rsa.PublicKey)(nil), born, "no usable"},
		"empty RSA":         {&rsa.PublicKey{}, born, "no usable"},
		"negative modulus":  {&rsa.PublicKey{N: big.NewInt(-5), E: 65537}, born, "no usable"},
		"negative exponent": {&rsa.PublicKey{N: rsaPair(t).modulus(), E: -1}, born, "no usable"},
		"huge modulus":      {&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1<<20), E: 65537}, born, "no usable"},
		"nil ECDSA":         {(*ecdsa.PublicKey)(nil), born, "missing"},
		"P-521":             {&p521.PublicKey, born, "another curve"},
		"no curve":          {&ecdsa.PublicKey{}, born, "another curve"},
		"short Ed25519":     {ed25519.PublicKey{1, 2}, born, "want 33"},
		"empty Ed25519":     {ed25519.PublicKey{}, born, "want 33"},
		"long Ed25519":      {make(ed25519.PublicKey, 9000), born, "want at most"},
	} {
		t.Run(name, func(t *testing.T) {
			if k, err := NewPublicKey(c.public, c.created); k != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("NewPublicKey = %v, %v; want an error with %q", k, err, c.want)
			}
		})
	}
}

func TestEdwardsPoints(t *testing.T) {
	// The eight points of small order, and spellings of them and of others that
	// are not canonical (RFC 8032, section 5.1.3).
	for encoded, want := range map[string]string{
		"0100000000000000000000000000000000000000000000000000000000000000": "small order",
		"0000000000000000000000000000000000000000000000000000000000000000": "small order",
		"0000000000000000000000000000000000000000000000000000000000000080": "small order",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": "small order",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05": "small order",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85": "small order",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a": "small order",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa": "small order",
		"0100000000000000000000000000000000000000000000000000000000000080": "not a canonical",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": "not a canonical",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": "not a canonical",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": "not a canonical",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": "not a canonical",
		"0200000000000000000000000000000000000000000000000000000000000000": "not a point",
		"01":                               "32 octets",
		"00000000000000000000000000000001": "32 octets",
	} {
		raw, err := hex.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkEdwardsPoint(raw); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", encoded, err, want)
		}
	}
	for seed := range byte(64) {
		public := ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)).Public().(ed25519.PublicKey)
		if err := checkEdwardsPoint(public); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

func FuzzParsePublicKey(f *testing.F) {
	for _, p := range allPairs(f) {
		f.Add(p.Packet())
	}
	f.Fuzz(func(t *testing.T, pkt []byte) {
		k, err := ParsePublicKey(pkt)
		if err != nil {
			if k != nil || !errors.Is(err, ErrMalformedKey) {
				t.Fatalf("a refusal returned %v, %v", k, err)
			}
			return
		}
		if !bytes.Equal(k.Packet(), pkt) {
			t.Fatalf("%x prints back as %x", pkt, k.Packet())
		}
		again, err := NewPublicKey(k.Public(), k.Created())
		if k.Created().Unix() != 0 && (err != nil || again.ID() != k.ID()) {
			t.Fatalf("%x: made again from its numbers it is another packet (%v)", pkt, err)
		}
	})
}
