package vcard

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"slices"
)

// Policies of a key (Yubico's PIV extensions, "Generate asymmetric").
const (
	policyNever  = 1 // both
	pinOnce      = 2
	pinAlways    = 3
	touchAlways  = 2
	touchCached  = 3
	slotSign     = 0x9c
	slotCardAuth = 0x9e
	slotDevice   = 0xf9
)

func isKeySlot(slot byte) bool {
	return slot == 0x9a || slot == slotSign || slot == 0x9d || slot == slotCardAuth || slot >= 0x82 && slot <= 0x95
}

func slotName(slot byte) string { return fmt.Sprintf("%02x", slot) }

// generate is GENERATE ASYMMETRIC KEY PAIR (NIST SP 800-73-4 part 2, section
// 3.3.2) with YubiKeys' policy fields.
func (c *Card) generate(cmd command) ([]byte, int) {
	if !c.admin {
		return nil, swNotSatisfied
	}
	if !isKeySlot(cmd.p2) {
		return nil, swBadParameter
	}
	outer, ok := parseTLVs(cmd.data)
	if !ok {
		return nil, swBadData
	}
	template, _ := find(outer, 0xac)
	fields, ok := parseTLVs(template)
	if !ok {
		return nil, swBadData
	}
	alg, _ := find(fields, 0x80)
	if len(alg) != 1 {
		return nil, swBadData
	}
	k := slotKey{Algorithm: alg[0]}
	if !k.policies(cmd.p2, fields) {
		return nil, swBadData
	}
	key, err := c.newKey(alg[0])
	if err != nil {
		return nil, swBadData
	}
	if sw := c.putKey(cmd.p2, k, key); sw != swDone {
		return nil, sw
	}
	return tlv(0x7f49, publicFields(key.Public())), swDone
}

// policies reads the policies for a key, or sets the slot's defaults.
func (k *slotKey) policies(slot byte, fields []object) bool {
	k.PINPolicy, k.TouchPolicy = pinOnce, policyNever
	switch slot {
	case slotSign:
		k.PINPolicy = pinAlways
	case slotCardAuth:
		k.PINPolicy = policyNever
	}
	for tag, field := range map[int]*byte{0xaa: &k.PINPolicy, 0xab: &k.TouchPolicy} {
		v, ok := find(fields, tag)
		if !ok {
			continue
		}
		if len(v) != 1 || v[0] > 3 {
			return false
		}
		if v[0] != 0 { // 0 asks for the default
			*field = v[0]
		}
	}
	return true
}

func (c *Card) newKey(alg byte) (crypto.Signer, error) {
	switch {
	case alg == algP256:
		return ecdsa.GenerateKey(elliptic.P256(), c.cfg.Rand)
	case alg == algP384:
		return ecdsa.GenerateKey(elliptic.P384(), c.cfg.Rand)
	case alg == algRSA2048:
		return rsa.GenerateKey(c.cfg.Rand, 2048)
	case alg == algRSA3072 && c.s.atLeast(5, 7, 0):
		return rsa.GenerateKey(c.cfg.Rand, 3072)
	case alg == algRSA4096 && c.s.atLeast(5, 7, 0):
		return rsa.GenerateKey(c.cfg.Rand, 4096)
	}
	return nil, fmt.Errorf("no algorithm %02x", alg)
}

func (c *Card) putKey(slot byte, k slotKey, key crypto.Signer) int {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return swFault
	}
	k.PKCS8 = der
	c.s.Slots[slotName(slot)] = k
	if err := c.save(); err != nil {
		return swFault
	}
	return swDone
}

// publicFields is the value of tag 7f49, or of tag 04 of GET METADATA.
func publicFields(pub crypto.PublicKey) []byte {
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		point, err := pub.Bytes()
		if err != nil {
			return nil
		}
		return tlv(0x86, point)
	case *rsa.PublicKey:
		return append(tlv(0x81, pub.N.Bytes()), tlv(0x82, big.NewInt(int64(pub.E)).Bytes())...)
	}
	return nil
}

func (c *Card) key(slot byte) (slotKey, crypto.Signer, bool) {
	k, ok := c.s.Slots[slotName(slot)]
	if !ok {
		return k, nil, false
	}
	key, err := x509.ParsePKCS8PrivateKey(k.PKCS8)
	if err != nil {
		return k, nil, false
	}
	signer, ok := key.(crypto.Signer)
	return k, signer, ok
}

// authenticate is GENERAL AUTHENTICATE (section 3.2.4): the management key's
// proof for slot 9b, a signature for the others.
func (c *Card) authenticate(cmd command, fresh bool) ([]byte, int) {
	outer, ok := parseTLVs(cmd.data)
	if !ok {
		return nil, swBadData
	}
	template, _ := find(outer, 0x7c)
	fields, ok := parseTLVs(template)
	if !ok {
		return nil, swBadData
	}
	if cmd.p2 == slotManagement {
		return c.authenticateAdmin(cmd, fields)
	}
	k, key, ok := c.key(cmd.p2)
	if !ok {
		return nil, swNoReference
	}
	digest, ok := find(fields, 0x81)
	if !ok || cmd.p1 != k.Algorithm {
		return nil, swBadData
	}
	if k.PINPolicy == pinAlways && !fresh || k.PINPolicy == pinOnce && !c.pin {
		return nil, swNotSatisfied
	}
	if sw := c.touch(k); sw != swDone {
		return nil, sw
	}
	if c.happens(PullOnSign) {
		c.Pull()
		c.pulled = true
		return nil, swFault
	}
	sig, err := signRaw(c.cfg.Rand, key, digest)
	if err != nil {
		return nil, swBadData
	}
	if c.faults[BadSignature] > 0 {
		sig[len(sig)-1] ^= 1
	}
	return tlv(0x7c, tlv(0x82, sig)), swDone
}

// touch waits for the finger that the key's policy asks for.
func (c *Card) touch(k slotKey) int {
	if k.TouchPolicy != touchAlways && k.TouchPolicy != touchCached {
		return swDone
	}
	withheld := c.faults[WithholdTouch] > 0
	d := c.cfg.TouchDelay
	if withheld {
		d = c.cfg.TouchTimeout
	}
	out, _ := c.gone()
	if c.cfg.Wait != nil && !c.cfg.Wait(d, out) {
		c.pulled = true
		return swFault
	}
	if withheld {
		return swNoTouch
	}
	return swDone
}

// signRaw signs what the host prepared: a digest for ECDSA, a whole padded block
// for RSA.
func signRaw(rand io.Reader, key crypto.Signer, input []byte) ([]byte, error) {
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		if n := (key.Curve.Params().BitSize + 7) / 8; len(input) > n || len(input) == 0 {
			return nil, fmt.Errorf("digest of %d bytes, want 1 to %d", len(input), n)
		}
		return ecdsa.SignASN1(rand, key, input)
	case *rsa.PrivateKey:
		m := new(big.Int).SetBytes(input)
		if len(input) != key.Size() || m.Cmp(key.N) >= 0 {
			return nil, fmt.Errorf("block of %d bytes, want %d and below the modulus", len(input), key.Size())
		}
		// Raw RSA in variable time: a virtual card keeps no secrets.
		return new(big.Int).Exp(m, key.D, key.N).FillBytes(make([]byte, key.Size())), nil
	}
	return nil, fmt.Errorf("a %T cannot sign", key)
}

// attestation is YubiKeys' ATTEST.
func (c *Card) attestation(cmd command) ([]byte, int) {
	if !c.s.atLeast(4, 3, 0) || c.faults[NoAttestation] > 0 {
		return nil, swUnknownCommand
	}
	k, key, ok := c.key(cmd.p1)
	if !ok || k.Imported {
		return nil, swBadData
	}
	der, err := c.s.attest(c.cfg.Rand, cmd.p1, k, key.Public())
	if err != nil {
		return nil, swFault
	}
	return der, swDone
}

// metadata is YubiKeys' GET METADATA.
func (c *Card) metadata(cmd command) ([]byte, int) {
	if !c.s.atLeast(5, 3, 0) || c.faults[NoMetadata] > 0 {
		return nil, swUnknownCommand
	}
	flag := func(b bool) []byte {
		if b {
			return []byte{1}
		}
		return []byte{0}
	}
	switch cmd.p2 {
	case 0x80, 0x81:
		k := c.s.PIN
		if cmd.p2 == 0x81 {
			k = c.s.PUK
		}
		return slices.Concat(tlv(1, []byte{0xff}), tlv(5, flag(k.Default)), tlv(6, []byte{byte(k.Max), byte(k.Left)})), swDone
	case slotManagement:
		return slices.Concat(tlv(1, []byte{c.s.ManagementAlg}), tlv(2, []byte{0, policyNever}), tlv(5, flag(c.s.ManagementOld))), swDone
	}
	k, key, ok := c.key(cmd.p2)
	if !ok {
		return nil, swNoReference
	}
	origin := byte(1)
	if k.Imported {
		origin = 2
	}
	return slices.Concat(tlv(1, []byte{k.Algorithm}), tlv(2, []byte{k.PINPolicy, k.TouchPolicy}),
		tlv(3, []byte{origin}), tlv(4, publicFields(key.Public()))), swDone
}

// importKey is YubiKeys' IMPORT ASYMMETRIC KEY, for ECDSA and RSA.
func (c *Card) importKey(cmd command) int {
	if !c.admin {
		return swNotSatisfied
	}
	fields, ok := parseTLVs(cmd.data)
	if !ok || !isKeySlot(cmd.p2) {
		return swBadData
	}
	k := slotKey{Algorithm: cmd.p1, Imported: true}
	if !k.policies(cmd.p2, fields) {
		return swBadData
	}
	key, err := importedKey(cmd.p1, fields)
	if err != nil {
		return swBadData
	}
	return c.putKey(cmd.p2, k, key)
}

func importedKey(alg byte, fields []object) (crypto.Signer, error) {
	switch alg {
	case algP256, algP384:
		curve := elliptic.P256()
		if alg == algP384 {
			curve = elliptic.P384()
		}
		d, _ := find(fields, 0x06)
		return ecdsa.ParseRawPrivateKey(curve, d)
	case algRSA2048, algRSA3072, algRSA4096:
		return importedRSA(alg, fields)
	}
	return nil, fmt.Errorf("no algorithm %02x", alg)
}

func importedRSA(alg byte, fields []object) (crypto.Signer, error) {
	pb, _ := find(fields, 0x01)
	qb, _ := find(fields, 0x02)
	p, q := new(big.Int).SetBytes(pb), new(big.Int).SetBytes(qb)
	bits := map[byte]int{algRSA2048: 2048, algRSA3072: 3072, algRSA4096: 4096}[alg]
	if p.BitLen() != bits/2 || q.BitLen() != bits/2 {
		return nil, fmt.Errorf("primes of %d and %d bits, want %d", p.BitLen(), q.BitLen(), bits/2)
	}
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537},
		D:         new(big.Int).ModInverse(big.NewInt(65537), phi),
		Primes:    []*big.Int{p, q},
	}
	if key.D == nil {
		return nil, fmt.Errorf("65537 has no inverse modulo phi")
	}
	if err := key.Validate(); err != nil {
		return nil, err
	}
	key.Precompute()
	return key, nil
}
