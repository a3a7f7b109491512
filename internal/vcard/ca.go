package vcard

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"time"
)

// Extensions of a slot's attestation certificate, all below Yubico's arc
// 1.3.6.1.4.1.41482.3, as YubiKeys write them.
var (
	oidFirmware   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 3}
	oidSerial     = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 7}
	oidPolicy     = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 8}
	oidFormFactor = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 9}
)

const formFactor = 0x01 // USB-A keychain

// A CA issues the device certificates of virtual cards. Cards that a rehearsal
// uses together share one, so that one root certificate attests them all. Its
// key protects nothing.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

type caFile struct {
	Warning string `json:"warning"`
	Root    []byte `json:"root"`
	Key     []byte `json:"key"`
}

// NewCA makes a CA whose root certificate is valid for 30 years from a day
// before at.
func NewCA(rand io.Reader, at time.Time) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return nil, fmt.Errorf("making a rehearsal CA: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "Rehearsal PIV Root CA"},
		NotBefore:             at.UTC().Truncate(time.Second).AddDate(0, 0, -1),
		NotAfter:              at.UTC().Truncate(time.Second).AddDate(30, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLen:            1,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	cert, err := issue(rand, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &CA{cert: cert, key: key}, nil
}

// Root gives the root certificate in PEM.
func (ca *CA) Root() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
}

// Format gives the bytes from which [ParseCA] makes the same CA again.
func (ca *CA) Format() ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		return nil, fmt.Errorf("formatting the rehearsal CA: %w", err)
	}
	return json.MarshalIndent(caFile{stateWarning, ca.cert.Raw, key}, "", "  ")
}

// ParseCA reads what [CA.Format] wrote.
func ParseCA(b []byte) (*CA, error) {
	var f caFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("reading the rehearsal CA: %w", err)
	}
	cert, err := x509.ParseCertificate(f.Root)
	if err != nil {
		return nil, fmt.Errorf("reading the rehearsal CA: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(f.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the rehearsal CA: %w", err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("reading the rehearsal CA: key is a %T, want ECDSA", key)
	}
	return &CA{cert: cert, key: ec}, nil
}

// device issues the certificate of slot f9. Cards with firmware before 5.0 get
// one without basic constraints, as YubiKeys of that time have it.
func (ca *CA) device(rand io.Reader, serial uint32, firmware [3]byte) (cert, pkcs8 []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return nil, nil, fmt.Errorf("making a device key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetUint64(uint64(serial) + 2),
		Subject:      pkix.Name{CommonName: fmt.Sprintf("Rehearsal PIV Attestation %d", serial)},
		NotBefore:    ca.cert.NotBefore,
		NotAfter:     ca.cert.NotAfter,
	}
	if firmware[0] >= 5 {
		template.BasicConstraintsValid, template.IsCA, template.MaxPathLenZero = true, true, true
	}
	c, err := issue(rand, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err = x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("formatting a device key: %w", err)
	}
	return c.Raw, pkcs8, nil
}

// attest issues the attestation of a slot's key by the device key.
func (s *state) attest(rand io.Reader, slot byte, k slotKey, pub crypto.PublicKey) ([]byte, error) {
	device, err := x509.ParseCertificate(s.Device)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(s.DeviceKey)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("device key is a %T, which cannot sign", key)
	}
	serial, err := asn1.Marshal(int64(s.Serial))
	if err != nil {
		return nil, err
	}
	number := make([]byte, 16)
	if _, err := io.ReadFull(rand, number); err != nil {
		return nil, err
	}
	number[0] = number[0]&0x7f | 0x40
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(number),
		Subject:      pkix.Name{CommonName: fmt.Sprintf("YubiKey PIV Attestation %02x", slot)},
		NotBefore:    device.NotBefore,
		NotAfter:     device.NotAfter,
		ExtraExtensions: []pkix.Extension{
			{Id: oidFirmware, Value: s.Firmware[:]},
			{Id: oidSerial, Value: serial},
			{Id: oidPolicy, Value: []byte{k.PINPolicy, k.TouchPolicy}},
			{Id: oidFormFactor, Value: []byte{formFactor}},
		},
	}
	cert, err := issue(rand, template, device, pub, signer)
	if err != nil {
		return nil, err
	}
	return cert.Raw, nil
}

func issue(rand io.Reader, template, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand, template, parent, pub, key)
	if err != nil {
		return nil, fmt.Errorf("issuing %q: %w", template.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}
