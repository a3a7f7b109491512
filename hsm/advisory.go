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
// algorithm: YSA-2024-03 (ECDSA before 5.7) and ROCA, CVE-2017-15361 (RSA that
// the card generated, 4.2.6 up to 4.3.4). Pass the firmware that the attestation
// names, not the one that the card claims. An empty list says that these two do
// not apply, and nothing about cards of other makers.
func Advisories(firmware Firmware, algorithm Algorithm) []Advisory {
	var all []Advisory
	if algorithm.isECDSA() && firmware.Before(5, 7, 0) {
		all = append(all, Advisory{
			ID:  "YSA-2024-03",
			URL: "https://www.yubico.com/support/security-advisories/ysa-2024-03/",
			Warning: fmt.Sprintf("firmware %s leaks ECDSA keys to someone who has the card, its PIN and laboratory equipment; "+
				"use firmware 5.7 or later, or RSA-3072", firmware),
		})
	}
	if algorithm.isRSA() && !firmware.Before(4, 2, 6) && firmware.Before(4, 3, 5) {
		all = append(all, Advisory{
			ID:      "CVE-2017-15361",
			URL:     "https://www.yubico.com/support/security-advisories/ysa-2017-01/",
			Warning: fmt.Sprintf("firmware %s generates weak RSA keys (ROCA); do not use this card for RSA", firmware),
		})
	}
	return all
}
