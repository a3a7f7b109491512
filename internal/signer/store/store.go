// Package store keeps what the online signer knows, in tables of keys and
// values behind a small interface, so that a database which several signers
// share can take the place of the embedded one.
//
// An acknowledgement may follow [Store.Update] at once: what it wrote is on
// the disk when it returns nil. What the values mean is the signer's matter.
package store

import "context"

// A Table is a named set of keys, each with a value.
type Table string

// A Store runs transactions. Each sees the tables as they were when it began,
// and what it wrote itself. Two updates never run at once, so an update that
// reads and then writes is a compare-and-swap.
type Store interface {
	// View lets read look at the tables. Its error is returned as it is.
	View(ctx context.Context, read func(Reader) error) error
	// Update lets change write to the tables. If change returns an error,
	// which is returned as it is, nothing is written. If Update returns nil,
	// all is written and survives a crash; after another error of Update,
	// nothing is, or (only if the disk failed) all.
	Update(ctx context.Context, change func(Writer) error) error
	// Close ends the use of the store. No transaction may be open.
	Close() error
}

// A Reader reads within one transaction, and is of no use after it. What it
// returns belongs to the caller.
type Reader interface {
	// Load returns the value of a key. A key without a value has none, and
	// is no error.
	Load(t Table, key string) (value []byte, found bool, err error)
	// Each visits the keys that begin with prefix in the order of their
	// bytes. visit must not write. Its error ends the visits and is returned
	// as it is.
	Each(t Table, prefix string, visit func(key string, value []byte) error) error
	// Last returns the last key of a table in the order of bytes.
	Last(t Table) (key string, value []byte, found bool, err error)
}

// A Writer reads and writes within one transaction.
type Writer interface {
	Reader
	// Store sets the value of a key, which must not be empty.
	Store(t Table, key string, value []byte) error
	// Delete removes a key, if it is there.
	Delete(t Table, key string) error
	// Clear removes every key of a table.
	Clear(t Table) error
}
