package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"strings"
)

const (
	readme    = "README.md"
	indexFile = "index.jsonl"
)

// The verdicts.
const (
	accept = "accept"
	ignore = "ignore" // of a signature file: well-formed, and nobody asked for has signed
	refuse = "refuse"
)

// A vector is one line of index.jsonl. README.md says what each kind has.
type vector struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Rule    string `json:"rule"`
	Verdict string `json:"verdict,omitempty"`
	Why     string `json:"why"`

	File       string  `json:"file,omitempty"`
	Type       string  `json:"type,omitempty"`
	Input      *string `json:"input,omitempty"`
	Normal     string  `json:"normal,omitempty"`
	Repository string  `json:"repository,omitempty"`
	Package    string  `json:"package,omitempty"`
	Version    string  `json:"version,omitempty"`
	Prefix     string  `json:"prefix,omitempty"`
	Root       string  `json:"root,omitempty"`
	Length     uint64  `json:"length,omitempty"`
	Digest     string  `json:"digest,omitempty"`

	// Of a key, or of those that are asked for.
	ID          string     `json:"id,omitempty"`
	Fingerprint string     `json:"fingerprint,omitempty"`
	Material    string     `json:"material,omitempty"`
	Document    *string    `json:"document,omitempty"`
	Keys        []askedFor `json:"keys,omitempty"`

	content []byte // of File
}

// askedFor is a key that a signature file is checked against.
type askedFor struct {
	Key    string `json:"key"`
	Signed bool   `json:"signed"`
}

// vectors returns all of them, in their order.
func vectors() []vector {
	var all []vector
	for _, make := range []func() []vector{values, names, keys, documents, indices, maps16, signatures, repositories} {
		all = append(all, make()...)
	}
	return all
}

// files returns what docs/vectors has.
func files() map[string][]byte {
	out := maps.Collect(maps.All(map[string][]byte{baseFile: baseContent()}))
	var index bytes.Buffer
	for _, v := range vectors() {
		if v.File != "" && v.content != nil {
			out[v.File] = v.content
		}
		index.Write(line(v))
	}
	out[indexFile] = index.Bytes()
	return out
}

// line prints v as a line of index.jsonl, in ASCII alone.
func line(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // vectors hold strings, numbers and lists of them
	}
	return ascii(b.Bytes())
}

// ascii escapes what is not ASCII in a JSON text, so that control and direction
// characters are seen.
func ascii(b []byte) []byte {
	var out bytes.Buffer
	for _, r := range string(b) {
		switch {
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		case r > 0x7e:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.Bytes()
}

// slug makes a file name of words.
func slug(words ...string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, strings.Join(words, " "))
	for strings.Contains(s, "--") {
		s = strings.ReplaceAll(s, "--", "-")
	}
	return strings.Trim(s, "-")
}

// inFile gives v a file of its own in a directory.
func (v vector) inFile(dir, extension string, content []byte) vector {
	v.File, v.content = path.Join(dir, path.Base(v.Name)+extension), content
	return v
}
