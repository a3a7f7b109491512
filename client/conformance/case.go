package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Case is one promise that a client keeps.
type Case struct {
	// Name says the promise, after the id of the specification's rule:
	// "WALK-5: a roster that skips a version is refused".
	Name string
	// Play drives the client, and ends by the stage's Fatalf where the promise
	// was broken.
	Play func(*Stage)
}

// Rule is the id with which the name begins.
func (c Case) Rule() string {
	rule, _, _ := strings.Cut(c.Name, ":")
	return rule
}

// Cases returns all cases but those of [ExampleCases], in a fixed order. No
// two have one name.
func Cases() []Case {
	return slices.Concat(
		startCases(), requestCases(),
		rosterCases(), rosterRotationCases(), rosterFormatCases(),
		revocationCases(),
		snapshotCases(), onlineRotationCases(), signatureCases(), keyCases(),
		mapCases(), indexCases(),
		listCases(), listRotationCases(), standingCases(), overrideCases(),
		manifestCases(), releaseCases(), keyRevocationCases(),
		memoryCases(), tableCases(), policyCases(), processCases(),
		mirrorCases(), nameCases(),
	)
}

// A play builds an index, with one wrong thing in it if wrong is set, drives
// a client, and returns what its last command did.
type play func(s *Stage, wrong bool) *Result

// pair is a case whose wrong version must end with the exit code, and whose
// legal twin is accepted.
func pair(rule, promise string, code int, p play) Case {
	return turned(rule, promise, 0, code, p)
}

// turned is a pair whose legal version ends with one exit code and whose wrong
// version with another. Where something that takes trust away is itself
// wrong, it is the wrong version that is accepted.
func turned(rule, promise string, legal, wrong int, p play) Case {
	return Case{rule + ": " + promise, func(s *Stage) {
		s.Helper()
		s.act = "the legal twin"
		p(s, false).Want(legal)
		s.act = "the story with the wrong thing"
		p(s, true).Want(wrong)
	}}
}

// spoilt is a case in which what is published is legal, and is then changed by
// spoil. A new client must end with the exit code and keep nothing of what was
// refused; with the legal files back, the same client must be well.
func spoilt(rule, promise string, code int, setup, spoil func(*Repo)) Case {
	return Case{rule + ": " + promise, func(s *Stage) {
		s.Helper()
		r := s.Open()
		setup(r)
		u := r.User()
		back := r.save()
		s.act = "the story with the wrong thing"
		spoil(r)
		got := u.Get()
		got.Want(code)
		if code == Refused {
			u.KeepsNone(r.changed(back)...)
		}
		back()
		s.act = "the legal twin, after what was refused"
		u.Get().Want(Done)
	}}
}

// accepted is a case in which nothing is wrong.
func accepted(rule, promise string, play func(*Repo) *Result) Case {
	return Case{rule + ": " + promise, func(s *Stage) {
		s.Helper()
		play(s.Open()).Want(Done)
	}}
}

// The exit codes of the specification, section 9.
const (
	Done    = 0
	Fault   = 1
	Usage   = 2
	Refused = 3
	Stale   = 4
)

// A Known is the set of cases that a client is known to fail.
type Known map[string]bool

// LoadKnown reads the names of cases, one a line. Empty lines and lines that
// begin with # say nothing. A file that is not there knows no failure.
func LoadKnown(path string) (Known, error) {
	b, err := os.ReadFile(filepath.Clean(path))
	if errors.Is(err, os.ErrNotExist) {
		return Known{}, nil
	}
	if err != nil {
		return nil, err
	}
	k := make(Known)
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			k[line] = true
		}
	}
	return k, nil
}

// Judge says what a case's failure means ("" if there was none), and whether
// the suite fails by it. A known failure is none; that a case passes which is
// known to fail is one, so that the file is kept right.
func (k Known) Judge(c Case, failure string) (verdict string, failed bool) {
	switch {
	case failure == "" && !k[c.Name]:
		return "ok", false
	case failure == "":
		return "FAIL: passes, but stands among the known failures: take it out of the file", true
	case k[c.Name]:
		return "known failure", false
	}
	return "FAIL: " + failure, true
}

// Unknown returns the names in k that are no case's.
func (k Known) Unknown(cases []Case) error {
	for name := range k {
		if !slices.ContainsFunc(cases, func(c Case) bool { return c.Name == name }) {
			return fmt.Errorf("%q stands among the known failures, and there is no case of this name", name)
		}
	}
	return nil
}
