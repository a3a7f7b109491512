// Package hsm is what keys that sign and are never seen have in common: the
// errors that a card gives, in words, and the check of a card's attestation.
// One sub-package knows each kind of hardware: hsm/piv cards behind PC/SC,
// hsm/transit Vault. This package itself links none of them.
package hsm
