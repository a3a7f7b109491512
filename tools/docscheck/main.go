// Command docscheck looks at what the repository says to people: links within
// it lead somewhere, the tests that it names are there, the specification keeps
// its length, and no tracked text names a path of somebody's machine.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

func main() {
	files, err := tracked()
	if err != nil {
		fmt.Fprintln(os.Stderr, "docscheck:", err)
		os.Exit(1)
	}
	var found []string
	tests := testsIn(files)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil || bytes.IndexByte(b, 0) >= 0 {
			continue // deleted in the work tree, or not text
		}
		found = append(found, machinePaths(f, string(b))...)
		if strings.HasSuffix(f, ".md") {
			found = append(found, deadLinks(f, string(b))...)
			found = append(found, tooLong(f, string(b))...)
			found = append(found, untested(f, string(b), tests)...)
		}
	}
	for _, f := range found {
		fmt.Println(f)
	}
	if len(found) > 0 {
		fmt.Fprintf(os.Stderr, "docscheck: %d findings\n", len(found))
		os.Exit(1)
	}
}

func tracked() ([]string, error) {
	out, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		return nil, fmt.Errorf("listing tracked files: %w", err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), nil
}

var machine = regexp.MustCompile(`(^|[\s"'(=])/(work|home/[a-z]+|root/|Users/[A-Za-z]+)/`)

func machinePaths(file, text string) []string {
	if strings.HasPrefix(file, "tools/docscheck/") {
		return nil
	}
	var found []string
	for i, line := range strings.Split(text, "\n") {
		if machine.MatchString(line) {
			found = append(found, fmt.Sprintf("%s:%d: a path of somebody's machine", file, i+1))
		}
	}
	return found
}

var (
	declared = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w*)\(`)
	named    = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w*`)
)

// testsIn are the tests that there are.
func testsIn(files []string) map[string]bool {
	all := make(map[string]bool)
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for _, m := range declared.FindAllStringSubmatch(string(b), -1) {
			all[m[1]] = true
		}
	}
	return all
}

// untested finds tests that a document names and that are not there.
func untested(file, text string, tests map[string]bool) []string {
	var found []string
	for i, line := range strings.Split(text, "\n") {
		for _, name := range named.FindAllString(line, -1) {
			if !tests[name] {
				found = append(found, fmt.Sprintf("%s:%d: there is no test %s", file, i+1, name))
			}
		}
	}
	return found
}

// limits are the lines that a document may have.
var limits = map[string]int{"docs/spec.md": 700, "docs/architecture.md": 120, "README.md": 150}

func tooLong(file, text string) []string {
	n := strings.Count(text, "\n")
	if most, ok := limits[file]; ok && n > most {
		return []string{fmt.Sprintf("%s: %d lines, wanted at most %d", file, n, most)}
	}
	return nil
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func deadLinks(file, text string) []string {
	var found []string
	for i, line := range strings.Split(text, "\n") {
		for _, m := range link.FindAllStringSubmatch(line, -1) {
			if why := dead(file, m[1]); why != "" {
				found = append(found, fmt.Sprintf("%s:%d: link to %s: %s", file, i+1, m[1], why))
			}
		}
	}
	return found
}

func dead(file, target string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	path, anchor, _ := strings.Cut(target, "#")
	to := file
	if path != "" {
		to = filepath.Join(filepath.Dir(file), path)
	}
	b, err := os.ReadFile(to)
	if err != nil {
		if info, err := os.Stat(to); err == nil && info.IsDir() && anchor == "" {
			return ""
		}
		return "there is no such file"
	}
	if anchor != "" && !anchors(string(b))[anchor] {
		return "there is no such heading"
	}
	return ""
}

// anchors are the headings of a document as its links name them.
func anchors(text string) map[string]bool {
	all := make(map[string]bool)
	for _, line := range strings.Split(text, "\n") {
		title := strings.TrimLeft(line, "#")
		if title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		var slug strings.Builder
		for _, r := range strings.ToLower(strings.TrimSpace(title)) {
			switch {
			case r == ' ':
				slug.WriteByte('-')
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				slug.WriteRune(r)
			}
		}
		all[slug.String()] = true
	}
	return all
}
