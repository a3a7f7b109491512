// Package bundle has what crosses the air gap: one file that holds others, and
// says in a manifest which, for which ceremony, and with what digests.
//
// A bundle is a tar archive in one encoding, so that a stranger can read it with
// standard tools, and the same content gives the same bytes. The manifest,
// bundle.json, stands first; then come the files that it names, sorted by path.
// Every header is the POSIX ustar header of a plain file with mode 0644, owner 0
// and time 0; two blocks of zeros end the archive, and nothing follows. [Open]
// compares each header with the one that the manifest calls for, byte for byte:
// so links, devices, extensions, duplicates, other orders and files that the
// manifest does not name cannot be written in a bundle at all.
//
// A bundle is not signed and proves nothing by itself. What is in it is judged
// by whoever takes it in; its own digest is for people to compare, so that they
// know which one crossed.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/rootward/rootward/roster/digest"
)

// Limits on what is read at all. They are checked before anything is allocated.
const (
	MaxManifest = 64 << 20
	MaxFiles    = 250_000
	MaxFile     = 16 << 20 // each
	MaxContent  = 1 << 30  // all files together
	MaxPath     = 200
)

// A RefusedError says that bytes are not a bundle that Rootward takes. Nothing
// was written.
type RefusedError struct{ Problem string }

func (e *RefusedError) Error() string { return "not an acceptable bundle: " + e.Problem }

// ExitCode is 3: refused.
func (e *RefusedError) ExitCode() int { return 3 }

// Hint says what to do next.
func (e *RefusedError) Hint() string {
	return "bring the bundle again, and compare its SHA-256 with the one that was shown where it was made"
}

func refuse(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

// A Bundle is a manifest with the files that it names, each of the size and the
// digest that it says. Only [Make] and [Open] make one.
type Bundle struct {
	manifest Manifest
	raw      []byte // the manifest's bytes
	files    map[string][]byte
	digest   digest.Digest
}

// Make makes a bundle of files, by their paths. Type and files of the manifest
// are filled in.
func Make(m Manifest, files map[string][]byte) (*Bundle, error) {
	m.Files = nil
	for _, path := range slices.Sorted(maps.Keys(files)) {
		m.Files = append(m.Files, File{path, uint64(len(files[path])), digest.Sum(files[path])})
	}
	b := &Bundle{manifest: m, files: maps.Clone(files)}
	b.manifest.Type = manifestType
	if err := b.manifest.check(); err != nil {
		return nil, err
	}
	var err error
	if b.raw, err = b.manifest.format(); err != nil {
		return nil, err
	}
	hash := sha256.New()
	if err := b.write(hash); err != nil {
		return nil, err
	}
	b.digest = digest.Digest(hash.Sum(nil))
	return b, nil
}

// Bytes returns the bundle's file.
func (b *Bundle) Bytes() ([]byte, error) {
	var out bytes.Buffer
	err := b.write(&out)
	return out.Bytes(), err
}

func (b *Bundle) write(w io.Writer) error {
	if err := writeEntry(w, manifestName, b.raw); err != nil {
		return err
	}
	for _, f := range b.manifest.Files {
		if err := writeEntry(w, f.Path, b.files[f.Path]); err != nil {
			return err
		}
	}
	_, err := w.Write(make([]byte, 2*blockSize))
	return err
}

func writeEntry(w io.Writer, path string, content []byte) error {
	h, err := header(path, uint64(len(content)))
	if err != nil {
		return err
	}
	for _, part := range [][]byte{h[:], content, make([]byte, padding(uint64(len(content))))} {
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("writing a bundle: %w", err)
		}
	}
	return nil
}

// Open reads a bundle, and no byte more or less. The error is a [*RefusedError]
// or that of the reader.
func Open(r io.Reader) (*Bundle, error) {
	hash := sha256.New()
	in := &reader{from: io.TeeReader(r, hash)}
	b := &Bundle{files: make(map[string][]byte)}
	size, err := in.size()
	if err != nil {
		return nil, err
	}
	if b.raw, err = in.content(manifestName, size); err != nil {
		return nil, err
	}
	if b.manifest, err = parseManifest(b.raw); err != nil {
		return nil, err
	}
	for _, f := range b.manifest.Files {
		h, err := in.block()
		if err != nil {
			return nil, err
		}
		want, err := header(f.Path, f.Size)
		if err != nil {
			return nil, err
		}
		if h != want {
			return nil, refuse("where the manifest calls for %q with %d bytes, something else stands", f.Path, f.Size)
		}
		content, err := in.content(f.Path, f.Size)
		if err != nil {
			return nil, err
		}
		if got := digest.Sum(content); got != f.SHA256 {
			return nil, refuse("%q has digest %s, wanted %s as the manifest says", f.Path, got, f.SHA256)
		}
		b.files[f.Path] = content
	}
	if err := in.end(); err != nil {
		return nil, err
	}
	b.digest = digest.Digest(hash.Sum(nil))
	return b, nil
}

// A reader reads the parts of an archive.
type reader struct{ from io.Reader }

// short tells an archive that ends too early from a reader that failed.
func short(err error, what string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse("it ends within %s", what)
	}
	return fmt.Errorf("reading a bundle: %w", err)
}

func (r *reader) block() (b [blockSize]byte, err error) {
	if _, err := io.ReadFull(r.from, b[:]); err != nil {
		return b, short(err, "a header")
	}
	return b, nil
}

// size reads the manifest's header, of which only the size is not known.
func (r *reader) size() (uint64, error) {
	h, err := r.block()
	if err != nil {
		return 0, err
	}
	size, ok := sizeIn(h)
	if !ok || size > MaxManifest {
		return 0, refuse("it does not begin with a file of at most %d bytes", MaxManifest)
	}
	if want, err := header(manifestName, size); err != nil || h != want {
		return 0, refuse("it does not begin with %s, as a plain ustar file", manifestName)
	}
	return size, nil
}

// content reads a file and the zeros behind it. Memory is taken as bytes arrive,
// not as a header promises them.
func (r *reader) content(path string, size uint64) ([]byte, error) {
	var out bytes.Buffer
	if _, err := io.CopyN(&out, r.from, int64(size)); err != nil {
		return nil, short(err, path)
	}
	pad := make([]byte, padding(size))
	if _, err := io.ReadFull(r.from, pad); err != nil {
		return nil, short(err, path)
	}
	if !zero(pad) {
		return nil, refuse("there is something behind %q within its last block", path)
	}
	return out.Bytes(), nil
}

func (r *reader) end() error {
	for range 2 {
		if b, err := r.block(); err != nil {
			return err
		} else if !zero(b[:]) {
			return refuse("something stands behind the last file that the manifest names")
		}
	}
	if n, err := r.from.Read(make([]byte, 1)); n > 0 || err == nil {
		return refuse("something follows its end")
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading a bundle: %w", err)
	}
	return nil
}

func zero(b []byte) bool { return bytes.Count(b, []byte{0}) == len(b) }

// Manifest is what the bundle says of itself.
func (b *Bundle) Manifest() Manifest {
	m := b.manifest
	m.Files = slices.Clone(m.Files)
	return m
}

// Digest is the SHA-256 of the bundle's file.
func (b *Bundle) Digest() digest.Digest { return b.digest }

// File returns what stands at a path, and whether there is anything.
func (b *Bundle) File(path string) ([]byte, bool) {
	content, ok := b.files[path]
	return content, ok
}

// Files returns all files by their paths.
func (b *Bundle) Files() map[string][]byte { return maps.Clone(b.files) }

// Looks reports whether a file begins as a bundle does. Only [Open] says whether
// it is one.
func Looks(r io.ReaderAt) bool {
	head := make([]byte, len(manifestName)+1)
	n, _ := r.ReadAt(head, 0)
	return n == len(head) && string(head) == manifestName+"\x00"
}
