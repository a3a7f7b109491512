package vcard

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"errors"
	"io"
)

// Algorithm identifiers (NIST SP 800-78-4, table 6-2; 05 and 16 are YubiKeys').
const (
	alg3DES    = 0x03
	algRSA3072 = 0x05
	algRSA2048 = 0x07
	algAES128  = 0x08
	algAES192  = 0x0a
	algAES256  = 0x0c
	algP256    = 0x11
	algP384    = 0x14
	algRSA4096 = 0x16
)

const slotManagement = 0x9b

func managementCipher(alg byte, key []byte) (cipher.Block, error) {
	switch {
	case alg == alg3DES && len(key) == 24:
		return des.NewTripleDESCipher(key)
	case alg == algAES128 && len(key) == 16, alg == algAES192 && len(key) == 24, alg == algAES256 && len(key) == 32:
		return aes.NewCipher(key)
	}
	return nil, errors.New("management key and algorithm do not fit")
}

// authenticateAdmin is the mutual authentication with the management key (NIST
// SP 800-73-4 part 2, appendix A.1.2): the card sends its witness encrypted, and
// the host proves that it can decrypt it, with a challenge of its own.
func (c *Card) authenticateAdmin(cmd command, fields []object) ([]byte, int) {
	if cmd.p1 != c.s.ManagementAlg {
		return nil, swBadData
	}
	block, err := managementCipher(c.s.ManagementAlg, c.s.ManagementKey)
	if err != nil {
		return nil, swFault
	}
	n := block.BlockSize()
	witness, ok := find(fields, 0x80)
	if !ok {
		return nil, swBadData
	}
	if len(witness) == 0 {
		c.admin = false
		c.waitC = make([]byte, n)
		if _, err := io.ReadFull(c.cfg.Rand, c.waitC); err != nil {
			return nil, swFault
		}
		sealed := make([]byte, n)
		block.Encrypt(sealed, c.waitC)
		return tlv(0x7c, tlv(0x80, sealed)), swDone
	}
	challenge, ok := find(fields, 0x81)
	expected := c.waitC
	c.waitC = nil
	if !ok || len(challenge) != n || expected == nil {
		return nil, swBadData
	}
	if subtle.ConstantTimeCompare(witness, expected) != 1 {
		return nil, swNotSatisfied
	}
	c.admin = true
	response := make([]byte, n)
	block.Encrypt(response, challenge)
	return tlv(0x7c, tlv(0x82, response)), swDone
}

// setManagementKey is YubiKeys' SET MANAGEMENT KEY. AES came with firmware 5.4.
func (c *Card) setManagementKey(cmd command) int {
	if !c.admin {
		return swNotSatisfied
	}
	if cmd.p1 != 0xff || (cmd.p2 != 0xff && cmd.p2 != 0xfe) {
		return swBadParameter
	}
	d := cmd.data
	if len(d) < 3 || d[1] != slotManagement || int(d[2]) != len(d)-3 {
		return swBadData
	}
	alg, key := d[0], append([]byte(nil), d[3:]...)
	if alg != alg3DES && (!c.s.atLeast(5, 4, 0) || c.faults[Only3DES] > 0) {
		return swBadData
	}
	if _, err := managementCipher(alg, key); err != nil {
		return swBadData
	}
	c.s.ManagementAlg, c.s.ManagementKey = alg, key
	c.s.ManagementOld = string(key) == string(factoryManagementKey())
	if err := c.save(); err != nil {
		return swFault
	}
	return swDone
}
