// Package acts holds nothing but tests: one story for each act of a ceremony,
// from the state before it to the clients that follow.
//
// Each story fills in the act's plan template, holds the ceremony by the guided
// run (package conduct) with cards in memory, has the real online signer (package
// signer) adopt and publish what came out, and sends three real clients (package
// client) after it: one that is new and has only the pin, one that remembers all
// until just before, and one that was last online at the first ceremony. Then it
// plays who lost something by the act, and wants them refused.
package acts
