package roster

import (
	"fmt"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster/digest"
)

// Where a repository keeps each document, below its URL. Every path but
// [LatestPath] and those of signature files is immutable.

// LatestPath is the one unsigned, mutable file: the newest snapshot's number.
const LatestPath = "latest"

// RosterPath is where root roster version is.
func RosterPath(version uint64) string { return fmt.Sprintf("root/%d.json", version) }

// AttestationPath is where the card's attestation with this digest is.
func AttestationPath(d digest.Digest) string { return fmt.Sprintf("root/attestations/%s.pem", d) }

// RevocationPath is where the revocation of an online key is, if it is public.
func RevocationPath(id pgp.KeyID) string { return fmt.Sprintf("revocations/%s.json", id) }

// KeyRevocationPath is where a maintainer's revocation of a key is.
func KeyRevocationPath(d digest.Digest) string { return fmt.Sprintf("key-revocations/%s.json", d) }

// SnapshotPath is where snapshot version is.
func SnapshotPath(version uint64) string { return fmt.Sprintf("snapshots/%d.json", version) }

// MapPath is where the map's node or bucket with this digest is.
func MapPath(d digest.Digest) string { return fmt.Sprintf("map/%s", d) }

// ListPath is where a package's maintainer list is.
func ListPath(pkg string, d digest.Digest) string { return fmt.Sprintf("lists/%s/%s.json", pkg, d) }

// IndexPath is where a package's release index is.
func IndexPath(pkg string, d digest.Digest) string { return fmt.Sprintf("indexes/%s/%s", pkg, d) }

// ManifestPath is where a release manifest is.
func ManifestPath(pkg string, d digest.Digest) string {
	return fmt.Sprintf("releases/%s/%s.json", pkg, d)
}

// FilePath is where a released file is, for an index that serves its files
// from the same place.
func FilePath(d digest.Digest, name string) string { return fmt.Sprintf("files/%s/%s", d, name) }

// SignaturePath is where the signatures of the document at path are.
func SignaturePath(path string) string { return path + ".asc" }

// CountersignaturePath is where the countersignature of the list at path is.
func CountersignaturePath(path string) string { return path + ".countersign.asc" }
