package pgp

import (
	"errors"
	"math/big"
	"slices"
)

// The field and curve of Ed25519 (RFC 8032, section 5.1).
var (
	fieldPrime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	curveD     = fieldProduct(big.NewInt(-121665), fieldInverse(big.NewInt(121666)))
)

// checkEdwardsPoint refuses an encoding of 32 octets that is not canonical, does
// not decode to a point (RFC 8032, section 5.1.3), or decodes to one of the eight
// points of small order, under which a signature fits every document. A point
// with a part of small order beside a large one is not told apart.
func checkEdwardsPoint(encoded []byte) error {
	if len(encoded) != 32 {
		return errors.New("want 32 octets")
	}
	octets := slices.Clone(encoded)
	slices.Reverse(octets)
	negative := octets[0]&0x80 != 0
	octets[0] &= 0x7f
	y := new(big.Int).SetBytes(octets)
	if y.Cmp(fieldPrime) >= 0 {
		return errors.New("not a canonical encoding")
	}
	// x^2 = (y^2 - 1) / (d y^2 + 1)
	one := big.NewInt(1)
	yy := fieldProduct(y, y)
	above := new(big.Int).Sub(yy, one)
	below := new(big.Int).Add(fieldProduct(curveD, yy), one)
	xx := fieldProduct(above, fieldInverse(below))
	x := new(big.Int).ModSqrt(xx, fieldPrime)
	if x == nil {
		return errors.New("not a point on the curve")
	}
	if x.Sign() == 0 && negative {
		return errors.New("not a canonical encoding")
	}
	// Three doublings take the points of small order, and no other, to (0, 1).
	for range 3 {
		x, y = doubled(x, y)
	}
	if x.Sign() == 0 && y.Cmp(one) == 0 {
		return errors.New("point of small order")
	}
	return nil
}

// doubled adds a point to itself: x' = 2xy / (1 + dx²y²), y' = (y² + x²) / (1 - dx²y²).
func doubled(x, y *big.Int) (*big.Int, *big.Int) {
	one := big.NewInt(1)
	xx, yy := fieldProduct(x, x), fieldProduct(y, y)
	t := fieldProduct(curveD, fieldProduct(xx, yy))
	twice := new(big.Int).Lsh(fieldProduct(x, y), 1)
	return fieldProduct(twice, fieldInverse(new(big.Int).Add(one, t))),
		fieldProduct(new(big.Int).Add(yy, xx), fieldInverse(new(big.Int).Sub(one, t)))
}

func fieldProduct(a, b *big.Int) *big.Int {
	p := new(big.Int).Mul(a, b)
	return p.Mod(p, fieldPrime)
}

// fieldInverse returns 1/a. The curve's formulas never divide by zero, because d
// is not a square in the field.
func fieldInverse(a *big.Int) *big.Int {
	return new(big.Int).ModInverse(new(big.Int).Mod(a, fieldPrime), fieldPrime)
}
