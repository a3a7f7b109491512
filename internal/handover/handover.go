// Package handover has the files that people carry between the programs and
// that are not signed: the online signer's public keys on their way to a
// ceremony, and the snapshot that a keyholder's client kept when a waiting
// period began. Whoever carries such a file vouches for it; the ceremony
// shows its digest. Each is JSON, strict, and named by its type.
package handover

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// MaxFile is the longest handover file, in bytes.
const MaxFile = 1 << 20

const (
	onlineKeysType   = "online-keys/v1"
	keptSnapshotType = "kept-snapshot/v1"
)

// OnlineKeys are the public halves of the online signer's keys.
type OnlineKeys struct {
	Type       string      `json:"type"`
	Repository string      `json:"repository"`
	Keys       []OnlineKey `json:"keys"`
}

// An OnlineKey is one of them, with the OpenPGP certificate by which the key
// certifies itself for people's gpg (armoured; no client reads it).
type OnlineKey struct {
	Role        roster.Role `json:"role"`
	Name        string      `json:"name"` // as Vault knows it: "countersign-1 version 1"
	Key         roster.Key  `json:"key"`
	Certificate string      `json:"certificate"`
}

// Format prints the file, with its type filled in.
func (o OnlineKeys) Format() ([]byte, error) {
	o.Type = onlineKeysType
	return format(o)
}

// ParseOnlineKeys reads it. At least one key of each role must be there, each
// key once.
func ParseOnlineKeys(b []byte) (OnlineKeys, error) {
	var o OnlineKeys
	if err := parse(b, onlineKeysType, &o.Type, &o); err != nil {
		return OnlineKeys{}, err
	}
	if err := roster.CheckRepository(o.Repository); err != nil {
		return OnlineKeys{}, err
	}
	roles, seen := make(map[roster.Role]int), make(map[any]bool)
	for _, k := range o.Keys {
		if seen[k.Key.Material()] {
			return OnlineKeys{}, fmt.Errorf("online key %s stands twice, wanted each once", k.Key)
		}
		seen[k.Key.Material()] = true
		roles[k.Role]++
	}
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		if roles[role] == 0 {
			return OnlineKeys{}, fmt.Errorf("no online key with role %q, wanted at least one", role)
		}
	}
	if len(o.Keys) != roles[roster.RoleCountersign]+roles[roster.RoleSnapshot] {
		return OnlineKeys{}, fmt.Errorf("an online key has another role than %q and %q", roster.RoleCountersign, roster.RoleSnapshot)
	}
	return o, nil
}

// A KeptSnapshot says which snapshot a keyholder's own client verified, and
// when by that keyholder's clock. It begins a waiting period.
type KeptSnapshot struct {
	Type       string         `json:"type"`
	Repository string         `json:"repository"`
	Version    uint64         `json:"version"`
	Snapshot   digest.Digest  `json:"snapshot"`
	Map        roster.MapRoot `json:"map"`
	KeptAt     roster.Time    `json:"kept_at"`
}

// Format prints the file, with its type filled in.
func (k KeptSnapshot) Format() ([]byte, error) {
	k.Type = keptSnapshotType
	return format(k)
}

// ParseKeptSnapshot reads it.
func ParseKeptSnapshot(b []byte) (KeptSnapshot, error) {
	var k KeptSnapshot
	if err := parse(b, keptSnapshotType, &k.Type, &k); err != nil {
		return KeptSnapshot{}, err
	}
	if err := roster.CheckRepository(k.Repository); err != nil {
		return KeptSnapshot{}, err
	}
	if k.Version < 1 || k.Snapshot.IsZero() || k.Map.Root.IsZero() || k.KeptAt.IsZero() {
		return KeptSnapshot{}, fmt.Errorf("the kept snapshot lacks its version, digest, map or time")
	}
	return k, nil
}

// Waited says whether the waiting period since the snapshot was kept is over.
// A snapshot kept in the future means that one of the clocks is wrong.
func (k KeptSnapshot) Waited(period time.Duration, at time.Time) error {
	switch since := at.Sub(k.KeptAt.Time); {
	case since < 0:
		return fmt.Errorf("clock reads %s but the snapshot was kept at %s: one of the two clocks is wrong", roster.At(at), k.KeptAt)
	case since < period:
		return fmt.Errorf("snapshot %d was kept %s ago, wanted a waiting period of %s: hold the ceremony from %s on", k.Version, since.Truncate(time.Second), period, roster.At(k.KeptAt.Add(period)))
	}
	return nil
}

func format(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("printing a handover file: %w", err)
	}
	return b.Bytes(), nil
}

func parse(b []byte, want string, found *string, v any) error {
	if len(b) > MaxFile {
		return fmt.Errorf("file has %d bytes, wanted at most %d", len(b), MaxFile)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("file is not a %s file: %w", want, err)
	}
	if *found != want {
		return fmt.Errorf("file says type %q, wanted %q", *found, want)
	}
	if again, err := format(v); err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("the %s file was edited: it does not print back to the same bytes", want)
	}
	return nil
}
