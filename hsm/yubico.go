package hsm

import (
	"crypto/x509"
	_ "embed"
	"sync"
)

//go:embed certs/yubico-roots.pem
var yubicoRootsPEM []byte

//go:embed certs/yubico-intermediates.pem
var yubicoIntermediatesPEM []byte

// YubicoRoots gives the roots of YubiKeys' PIV attestations, old and new; see
// certs/README.md for where they come from. Each call makes a new pool.
func YubicoRoots() *x509.CertPool { return pool(yubicoRootsPEM) }

// yubicoIntermediates are the public links between Yubico's newest root and the
// devices. They are trusted for nothing by themselves.
var yubicoIntermediates = sync.OnceValue(func() *x509.CertPool { return pool(yubicoIntermediatesPEM) })

func pool(pem []byte) *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(pem) // a test counts them
	return p
}
