// Package conformance is a suite for any client that keeps the protocol of
// the specification, section 10, in whatever language it is written:
//
//	CLIENT --state S init ROSTER
//	CLIENT --state S --url U --now T refresh
//	CLIENT --state S --url U --now T get --package P --file F --out O ...
//
// Each [Case] plays an index that keeps the specification's rules, or breaks
// one of them, and drives the client through it. It sees the exit code, the
// files below the state directory and at each O, and the requests that the
// server got. It knows nothing of the client's insides: the layout of the
// state directory is the client's own, and is only searched for the bytes of
// documents that were refused.
//
// A case that wants a refusal is played with its legal twin, the same story
// without the one wrong thing, which the client must accept. So a client that
// refuses everything passes none of them, and each fails for one reason only.
//
// The indices are made by package rostertest, with software keys made from
// names, and by what this package adds for documents, maps and signatures that
// no honest program prints. The suite uses no client of ours.
package conformance
