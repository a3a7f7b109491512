package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// lockWait is how long Open waits for another process to let go of the file.
const lockWait = 2 * time.Second

// A Bolt is a [Store] in one file, of go.etcd.io/bbolt. It is for one process
// at a time, and any number of goroutines.
type Bolt struct{ db *bbolt.DB }

// Open opens the store in the file at path, which is made if need be, with
// mode 0600. Another process that has it open is an error.
func Open(path string) (*Bolt, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("store %q is in use by another process; stop it first", path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening store %q: %w", path, err)
	}
	return &Bolt{db}, nil
}

// View implements [Store].
func (b *Bolt) View(ctx context.Context, read func(Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.db.View(func(tx *bbolt.Tx) error { return read(transaction{tx}) })
}

// Update implements [Store].
func (b *Bolt) Update(ctx context.Context, change func(Writer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.db.Update(func(tx *bbolt.Tx) error { return change(transaction{tx}) })
}

// Close implements [Store].
func (b *Bolt) Close() error {
	if err := b.db.Close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

type transaction struct{ tx *bbolt.Tx }

func (t transaction) Load(table Table, key string) ([]byte, bool, error) {
	b := t.tx.Bucket([]byte(table))
	if b == nil {
		return nil, false, nil
	}
	v := b.Get([]byte(key))
	return slices.Clone(v), v != nil, nil
}

func (t transaction) Each(table Table, prefix string, visit func(string, []byte) error) error {
	b := t.tx.Bucket([]byte(table))
	if b == nil {
		return nil
	}
	c := b.Cursor()
	for k, v := c.Seek([]byte(prefix)); bytes.HasPrefix(k, []byte(prefix)) && k != nil; k, v = c.Next() {
		if err := visit(string(k), slices.Clone(v)); err != nil {
			return err
		}
	}
	return nil
}

func (t transaction) Last(table Table) (string, []byte, bool, error) {
	b := t.tx.Bucket([]byte(table))
	if b == nil {
		return "", nil, false, nil
	}
	k, v := b.Cursor().Last()
	return string(k), slices.Clone(v), k != nil, nil
}

func (t transaction) Store(table Table, key string, value []byte) error {
	if len(value) == 0 {
		return fmt.Errorf("storing %q in table %q: the value is empty", key, table)
	}
	b, err := t.tx.CreateBucketIfNotExists([]byte(table))
	if err == nil {
		err = b.Put([]byte(key), value)
	}
	if err != nil {
		return fmt.Errorf("storing %q in table %q: %w", key, table, err)
	}
	return nil
}

func (t transaction) Delete(table Table, key string) error {
	b := t.tx.Bucket([]byte(table))
	if b == nil {
		return nil
	}
	if err := b.Delete([]byte(key)); err != nil {
		return fmt.Errorf("deleting %q from table %q: %w", key, table, err)
	}
	return nil
}

func (t transaction) Clear(table Table) error {
	err := t.tx.DeleteBucket([]byte(table))
	if err != nil && !errors.Is(err, bolterrors.ErrBucketNotFound) {
		return fmt.Errorf("clearing table %q: %w", table, err)
	}
	return nil
}
