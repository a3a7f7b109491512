// Package signer is the online service: it takes proposed maintainer lists,
// release manifests and key revocations, checks them with the very code that
// a client uses (package roster), countersigns lists, keeps each package's
// release index, builds the map and the snapshot, and publishes all of it as
// static files.
//
// # What it promises
//
// What [Service.Submit] or an act of the operator acknowledged is on the disk:
// no crash loses it. A snapshot's version stands for one document: it is
// recorded, by compare-and-swap, before it is signed, and after a crash the
// very same bytes are signed again or the version is passed over. Files are
// published in the reverse of the order in which clients read them, so a
// client never finds a name whose file is not there yet, and a crash leaves a
// repository that verifies. While its keys are away, proposals are accepted
// and kept, what is published stays, and the work resumes by itself.
//
// # State
//
// Two things are kept apart. The state in the [store.Store] changes when a
// proposal is accepted. The published directory follows: a pass (see
// [Service.Publish]) writes the documents of each package that changed, then
// its countersignature and its index, then sets the package's leaf, and makes
// a snapshot of all leaves. A leaf never names what is not yet published.
//
// # Locks
//
// An update of the store is serial, and checks what it depends on within
// itself. Service.work is held by whoever writes the published directory or
// the rosters; Service.mu guards the fields that its comment names.
package signer
