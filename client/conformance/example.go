package conformance

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/rootward/rootward/roster"
)

// ExampleCases returns the cases of the specification's worked example
// (section 11), a repository that was frozen when it was made. It is in dir,
// which is roster/testdata/example of this module.
func ExampleCases(dir string) ([]Case, error) {
	files, err := readAll(os.DirFS(dir), "repository")
	if err != nil {
		return nil, fmt.Errorf("reading the worked example: %w", err)
	}
	sealed, err := readAll(os.DirFS(dir), "sealed")
	if err != nil {
		return nil, fmt.Errorf("reading the worked example: %w", err)
	}
	noon := time.Date(2026, 2, 10, 12, 0, 0, 0, time.UTC)
	var cases []Case
	for _, c := range []struct {
		pkg, file, accept string
		at                time.Time
		more              map[string][]byte
		code              int
	}{
		{sample, "sample-1.1-py3-none-any.whl", "established", noon, nil, Done},
		{sample, "sample-1.0-py3-none-any.whl", "established", noon, nil, Done},
		{sample, "sample-1.0.post1-py3-none-any.whl", everyOutcome, noon, nil, Refused},
		{sample, "sample-0.9.tar.gz", "", noon, nil, Refused},
		{sample, "sample-0.9.tar.gz", "established,yanked", noon, nil, Done},
		{"plain", "plain-1.0.tar.gz", "", noon, nil, Refused},
		{"plain", "plain-1.0.tar.gz", "unsigned", noon, nil, Done},
		{"absent", "absent-1.0.tar.gz", everyOutcome, noon, nil, Refused},
		{sample, "sample-1.1-py3-none-any.whl", "", noon.Add(9*hr - second), nil, Done},
		{sample, "sample-1.1-py3-none-any.whl", "", noon.Add(9 * hr), nil, Stale},
		{sample, "sample-1.1-py3-none-any.whl", "", time.Date(2027, 2, 5, 9, 0, 0, 0, time.UTC), nil, Stale},
		{sample, "sample-1.1-py3-none-any.whl", "", noon, sealed, Refused},
	} {
		name := fmt.Sprintf("EXAMPLE: %s of the worked example, at %s", c.file, c.at.Format(time.RFC3339))
		if c.accept != "" {
			name += ", accepting " + c.accept
		}
		if c.more != nil {
			name += ", with the sealed revocations published"
		}
		cases = append(cases, Case{fmt.Sprintf("%s, ends with exit code %d", name, c.code), func(s *Stage) {
			r := s.Open()
			r.Now, r.Files = c.at, make(map[string][]byte)
			for _, m := range []map[string][]byte{files, c.more} {
				for path, b := range m {
					r.Put(path, b)
					if rest, ok := strings.CutPrefix(path, "files/"); ok {
						r.contents[rest[strings.Index(rest, "/")+1:]] = string(b)
					}
				}
			}
			u := r.Stranger()
			u.InitWith(r.Signed(roster.RosterPath(1))).Want(Done)
			u.Accept = c.accept
			u.Get(File{c.pkg, c.file}).Want(c.code)
		}})
	}
	return cases, nil
}

// readAll returns the files below a directory, by their paths within it.
func readAll(fsys fs.FS, dir string) (map[string][]byte, error) {
	all := make(map[string][]byte)
	err := fs.WalkDir(fsys, dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(fsys, path)
		all[strings.TrimPrefix(path, dir+"/")] = b
		return err
	})
	return all, err
}
