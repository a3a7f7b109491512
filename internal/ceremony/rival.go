package ceremony

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// NoRival refuses if a folder beside a record's has a draft of the version, or a
// roster: a keyholder signs one draft of a version. The folder record itself need
// not exist. Records elsewhere only people know of; see [NoDraftIn].
//
// [NewRecord] asks before a record begins, and [Record.Draft] again before a
// draft is put into it.
func NoRival(record, repository string, version uint64) error {
	record = filepath.Clean(record)
	parent := filepath.Dir(record)
	entries, err := os.ReadDir(parent)
	if err != nil {
		return fmt.Errorf("looking for other records: %w", err)
	}
	for _, e := range entries {
		dir := filepath.Join(parent, e.Name())
		if !e.IsDir() || dir == record || strings.HasPrefix(e.Name(), ".tmp-") { // what a crash left is no record
			continue
		}
		if err := NoDraftIn(dir, repository, version); err != nil {
			return err
		}
	}
	return nil
}

// NoDraftIn refuses if the folder has a draft of the version that was not
// abandoned. A folder that is no record has none; a record that cannot be read
// may have one.
func NoDraftIn(dir, repository string, version uint64) error {
	if !IsRecord(dir) {
		return nil
	}
	d, err := DraftIn(dir)
	switch {
	case err != nil:
		return refuse("another record, %q, cannot be read", dir).because(err).do("find out whether it holds a draft of this version, and move it away")
	case d == nil || d.Repository != repository || d.Version != version:
		return nil
	case d.Combined:
		return refuse("%q has root roster %d already (%s)", dir, d.Version, d.Digest).do("a version is made once: find out what became of that roster; if nobody has it, its record and all signatures are destroyed by hand")
	}
	return refuse("%q has a draft of root roster %d already (%s)", dir, d.Version, d.Digest).
		do("a keyholder signs one draft of a version: go on with that one, or destroy it first with ceremony abandon --record " + dir)
}
