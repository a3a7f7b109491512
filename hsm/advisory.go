package hsm

import "fmt"

// An Advisory is a published weakness that concerns a card by its firmware.
type Advisory struct {
	ID  string // the advisory's own name, such as YSA-2024-03
	URL string // where it is published
	// Warning is a sentence for the people at a ceremony.
	Warning string
}

// Advisories lists the weaknesses known of a YubiKey's firmware for a key of the
// algorithm:
//
//   - YSA-2024-03 (EUCLEAK, CVE-2024-45678): ECDSA before 5.7
//   - CVE-2017-15361 (ROCA): RSA that a YubiKey 4 generated, before 4.3.5
//   - YSA-2019-02: both, on YubiKey FIPS with 4.4.2 to 4.4.4
//
// Pass the firmware that the attestation names, not the one that the card
// claims. An empty list says that these do not apply, and nothing about cards
// of other makers, nor about advisories published since this program.
func Advisories(firmware Firmware, algorithm Algorithm) []Advisory {
	var all []Advisory
	if algorithm.isECDSA() && firmware.Before(5, 7, 0) {
		all = append(all, Advisory{
			ID:  "YSA-2024-03",
			URL: "https://www.yubico.com/support/security-advisories/ysa-2024-03/",
			Warning: fmt.Sprintf("firmware %s leaks ECDSA keys to someone who has the card, its PIN and laboratory equipment (EUCLEAK, CVE-2024-45678); "+
				"use firmware 5.7 or later, or RSA-3072", firmware),
		})
	}
	if algorithm.isRSA() && firmware.Major == 4 && firmware.Before(4, 3, 5) {
		all = append(all, Advisory{
			ID:      "CVE-2017-15361",
			URL:     "https://www.yubico.com/support/security-advisories/ysa-2017-01/",
			Warning: fmt.Sprintf("firmware %s generates weak RSA keys (ROCA); do not use this card for RSA", firmware),
		})
	}
	if !firmware.Before(4, 4, 2) && firmware.Before(4, 4, 5) {
		all = append(all, Advisory{
			ID:      "YSA-2019-02",
			URL:     "https://www.yubico.com/support/security-advisories/ysa-2019-02/",
			Warning: fmt.Sprintf("firmware %s has too little randomness in the first keys and signatures after it gets power; do not use this card", firmware),
		})
	}
	return all
}
