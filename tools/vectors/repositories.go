package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

const baseFile = "repositories/base.json"

// A script is a story of one client: what is published, and what each command
// must end with.
type script struct {
	Steps []step `json:"steps"`

	x    *rostertest.Index
	last map[string][]byte
}

// A step is a command and, before it, what changes in what is published.
type step struct {
	Why    string            `json:"why"`
	Fresh  bool              `json:"fresh,omitempty"` // with an empty state directory
	Put    map[string]string `json:"put,omitempty"`
	Remove []string          `json:"remove,omitempty"`
	Run    []string          `json:"run"`
	Now    string            `json:"now,omitempty"`
	Accept string            `json:"accept,omitempty"`
	Exit   int               `json:"exit"`
	Out    *string           `json:"out,omitempty"` // what get writes
}

const (
	pkg    = "sample"
	wheel  = "sample-1.0-py3-none-any.whl"
	sdist  = "sample-1.0.tar.gz"
	bytes1 = "sample 1.0\n"
)

// base is what every script begins with: one roster, whose anchor is empty;
// sample, claimed by Dave and Erin, with one release by Dave; plain, unsigned.
func base() *rostertest.Index {
	x := newIndex()
	x.Claim(pkg, people("Dave", "Erin")...)
	x.Release(pkg, wheel, bytes1, person("Dave"))
	x.Upload("plain", "plain-1.0.tar.gz", "plain 1.0\n")
	x.Publish(nil)
	return x
}

func baseContent() []byte { return pretty(texts(base().Files)) }

func texts(files map[string][]byte) map[string]string {
	out := make(map[string]string)
	for path, b := range files {
		out[path] = string(b)
	}
	return out
}

func pretty(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return ascii(b.Bytes())
}

// do adds a step.
func (s *script) do(exit int, why string, run ...string) {
	st := step{Why: why, Run: run, Exit: exit, Now: roster.At(s.x.Now).String()}
	if run[0] == "init" {
		st.Now = ""
	}
	for path, b := range s.x.Files {
		if old, ok := s.last[path]; !ok || !bytes.Equal(old, b) {
			if st.Put == nil {
				st.Put = make(map[string]string)
			}
			st.Put[path] = string(b)
		}
	}
	for path := range s.last {
		if _, ok := s.x.Files[path]; !ok {
			st.Remove = append(st.Remove, path)
		}
	}
	slices.Sort(st.Remove)
	s.last = maps.Clone(s.x.Files)
	if run[0] == "get" && exit == 0 {
		st.Out = s.content(run[2])
	}
	s.Steps = append(s.Steps, st)
}

// content is the first published file of that name.
func (s *script) content(name string) *string {
	for _, path := range slices.Sorted(maps.Keys(s.x.Files)) {
		if strings.HasSuffix(path, "/"+name) {
			text := string(s.x.Files[path])
			return &text
		}
	}
	panic("no file " + name)
}

// init begins anew, with an empty state directory.
func (s *script) init(version int) { s.initEnds(0, "a new client", version) }

func (s *script) initEnds(exit int, why string, version int) {
	s.do(exit, why, "init", fmt.Sprintf("root/%d.json", version))
	s.Steps[len(s.Steps)-1].Fresh = true
}

// get asks for the one release of sample, and gets it; ends asks too.
func (s *script) get(why string)             { s.do(0, why, "get", pkg, wheel) }
func (s *script) ends(exit int, why string)  { s.do(exit, why, "get", pkg, wheel) }
func (s *script) accepting(w string) *script { s.Steps[len(s.Steps)-1].Accept = w; return s }

// later lets days pass and publishes a new snapshot.
func (s *script) later(days int) {
	s.x.Now = s.x.Now.AddDate(0, 0, days)
	s.x.Publish(nil)
}

// repositories are stories of a client and a small repository.
func repositories() []vector {
	baseFiles := base().Files
	var all []vector
	for _, tales := range [][]tale{rosterTales, snapshotTales, leafTales, listTales, releaseTales, memoryTales} {
		for _, t := range tales {
			s := &script{x: base(), last: maps.Clone(baseFiles)}
			t.play(s)
			v := vector{Name: "repository/" + slug(t.rule, t.why), Kind: "repository", Rule: t.rule, Why: t.why}
			all = append(all, v.inFile("repositories", ".json", pretty(s)))
		}
	}
	return all
}

// A tale plays one story; t.why is its promise.
type tale struct {
	rule, why string
	play      func(*script)
}

// next publishes a successor of the newest roster that may break the rules,
// signed by those named.
func (s *script) next(change func(*roster.Root), signers ...string) {
	r := s.x.Next()
	change(&r)
	s.x.PutSigned(roster.RosterPath(s.x.Roster.Version()+1), show(r), people(signers...)...)
}

// snapshot publishes the next snapshot, signed by those named.
func (s *script) snapshot(change func(*roster.SnapshotContent), signers ...string) {
	v := s.x.Publish(change)
	path := roster.SnapshotPath(v)
	if len(signers) > 0 {
		s.x.PutSigned(path, s.x.Files[path], people(signers...)...)
	}
}

// turn makes a tale with the legal story first, and then, for another client,
// the same with something wrong: play is told which.
func turn(rule, why string, exit int, play func(s *script, wrong bool)) tale {
	return tale{rule, why, func(s *script) {
		s.init(1)
		play(s, false)
		s.get("the legal twin")
		s.x = base()
		s.init(1)
		play(s, true)
		s.ends(exit, why)
	}}
}

const hour = time.Hour
