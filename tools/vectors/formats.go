package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// indices are release indices of the package sample.
func indices() []vector {
	const header = "release-index/v1 packages.example sample\n"
	d := digest.Sum([]byte("something")).String()
	const wheel = "sample-1.0-py3-none-any.whl"
	var all []vector
	add := func(rule, verdict, why, text string) {
		v := vector{Name: "index/" + slug(why), Kind: "index", Rule: rule, Verdict: verdict, Why: why, Repository: "packages.example", Package: "sample"}
		all = append(all, v.inFile("indexes", ".txt", []byte(text)))
	}
	add("INDEX-1", accept, "a header alone", header)
	add("INDEX-2", accept, "one line of each form", header+"manifest 1.0 "+d+"\nfile 1.0 5 "+d+" "+wheel+"\nyank 1.0\nyank 1.0 "+wheel+"\nrevocation "+d+"\n")
	add("INDEX-2", accept, "a line twice", header+"yank 1.0\nyank 1.0\n")
	add("INDEX-2", accept, "1024 key revocations", header+revocations(1024))
	add("INDEX-2", refuse, "1025 key revocations", header+revocations(1025))
	for why, text := range map[string]string{
		"empty": "", "a header without an end": strings.TrimSuffix(header, "\n"), "another repository": strings.Replace(header, "packages.", "other.", 1),
		"another package": strings.Replace(header, "sample", "other", 1), "a later type": strings.Replace(header, "v1", "v2", 1), "CRLF": strings.Replace(header, "\n", "\r\n", 1),
	} {
		add("INDEX-1", refuse, why, text)
	}
	for why, text := range map[string]string{
		"an empty line": "\n", "an unknown word": "add 1.0 " + d + "\n", "a word in capitals": "Manifest 1.0 " + d + "\n", "a word too many": "manifest 1.0 " + d + " x\n", "a word too few": "manifest 1.0\n",
		"two spaces": "manifest  1.0 " + d + "\n", "a space behind": "manifest 1.0 " + d + " \n", "a carriage return": "yank 1.0\r\n", "no line feed at the end": "yank 1.0", "a tab": "yank\t1.0\n",
		"a version that is not in normal form": "yank v1.0\n", "a digest in capitals": "manifest 1.0 " + strings.ToUpper(d) + "\n", "a digest of zeros": "revocation " + strings.Repeat("0", 64) + "\n",
		"a short digest": "manifest 1.0 " + d[1:] + "\n", "a size with a leading zero": "file 1.0 05 " + d + " " + wheel + "\n", "a size with a sign": "file 1.0 +5 " + d + " " + wheel + "\n",
		"a size too large": "file 1.0 9007199254740992 " + d + " " + wheel + "\n", "a NUL": "yank 1.0\x00\n", "not ASCII": "yank 1.0\u00a0\n",
		"a line of 513 octets": "yank 1.0 sample-1.0-" + strings.Repeat("1", 488) + ".whl\n",
	} {
		add("INDEX-2", refuse, why, header+text)
	}
	for why, text := range map[string]string{
		"a file of another package": "file 1.0 5 " + d + " other-1.0.tar.gz\n", "a file of another version": "file 1.1 5 " + d + " " + wheel + "\n", "a yank of another version's file": "yank 2.0 " + wheel + "\n",
		"a file with a way up": "file 1.0 5 " + d + " ../sample-1.0.tar.gz\n",
	} {
		add("INDEX-3", refuse, why, header+text)
	}
	slices.SortFunc(all, func(a, b vector) int { return strings.Compare(a.Rule+a.Verdict+a.Name, b.Rule+b.Verdict+b.Name) })
	return all
}

func revocations(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "revocation %s\n", digest.Sum(fmt.Append(nil, i)))
	}
	return b.String()
}

// leaves are n lines of a map, named so that all positions begin with a prefix.
func leaves(n int, prefix string) []tree.Leaf {
	var all []tree.Leaf
	for i := 0; len(all) < n; i++ {
		name := fmt.Sprintf("p%d", i)
		if strings.HasPrefix(tree.Position(name).String(), prefix) {
			l := tree.Leaf{Name: name, Status: tree.Active, IndexLength: uint64(40 + i), Index: digest.Sum([]byte(name))}
			if i%2 == 0 {
				l.ListVersion, l.List = uint64(1+i), digest.Sum([]byte("list of "+name))
			}
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b tree.Leaf) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// maps16 are files of the map, and maps built from lines.
func maps16() []vector {
	var all []vector
	add := func(rule, verdict, why, prefix, text string) {
		v := vector{Name: "map/" + slug(why), Kind: "map", Rule: rule, Verdict: verdict, Why: why, Prefix: prefix}
		all = append(all, v.inFile("map", ".txt", []byte(text)))
	}
	bucket := func(prefix string, l []tree.Leaf) string { return string(tree.AppendBucket(nil, prefix, l)) }
	three := bucket("a", leaves(3, "a"))
	add("MAP-4", accept, "the empty map", "", bucket("", nil))
	add("MAP-4", accept, "a bucket", "a", three)
	add("MAP-4", accept, "64 lines", "", bucket("", leaves(64, "")))
	add("MAP-4", refuse, "65 lines", "", bucket("", leaves(65, "")))
	add("MAP-2", refuse, "a bucket of another prefix", "b", three)
	add("MAP-2", refuse, "a root's bucket deeper", "a", bucket("", nil))
	add("MAP-2", refuse, "a later type", "a", strings.Replace(three, "v1", "v2", 1))
	add("MAP-2", refuse, "a bucket without an end", "a", strings.TrimSuffix(three, "\n"))
	add("MAP-2", refuse, "a bucket with CRLF", "a", strings.ReplaceAll(three, "\n", "\r\n"))
	add("MAP-2", refuse, "an empty file", "", "")
	lines := strings.SplitAfter(three, "\n")
	add("MAP-5", refuse, "two lines changed over", "a", lines[0]+lines[2]+lines[1]+lines[3])
	add("MAP-5", refuse, "a name twice", "a", lines[0]+lines[1]+lines[1])
	add("MAP-6", refuse, "a name outside the prefix", "a", bucket("a", leaves(1, "b")))
	first := strings.TrimSuffix(lines[1], "\n")
	f := strings.Split(first, " ")
	line := func(i int, with string) string {
		g := slices.Clone(f)
		g[i] = with
		return lines[0] + strings.Join(g, " ") + "\n"
	}
	zeros := strings.Repeat("0", 64)
	add("MAP-4", refuse, "a name that is not in normal form", "a", line(0, strings.ToUpper(f[0])))
	add("MAP-4", accept, "quarantined", "a", line(1, "quarantined"))
	add("MAP-4", refuse, "an unknown status", "a", line(1, "deleted"))
	add("MAP-4", refuse, "a length with a leading zero", "a", line(4, "0"+f[4]))
	add("MAP-4", refuse, "a length too large", "a", line(4, "9007199254740992"))
	add("MAP-4", refuse, "a word too many", "a", lines[0]+first+" x\n")
	add("MAP-4", refuse, "two spaces", "a", lines[0]+strings.Replace(first, " ", "  ", 1)+"\n")
	add("MAP-4", refuse, "an empty line", "a", lines[0]+"\n")
	add("MAP-4", accept, "unsigned", "a", lines[0]+strings.Join([]string{f[0], f[1], "0", "-", f[4], f[5]}, " ")+"\n")
	add("MAP-7", refuse, "a list version without a digest", "a", lines[0]+strings.Join([]string{f[0], f[1], "1", "-", f[4], f[5]}, " ")+"\n")
	add("MAP-7", refuse, "a list digest with version 0", "a", lines[0]+strings.Join([]string{f[0], f[1], "0", f[5], f[4], f[5]}, " ")+"\n")
	add("MAP-7", refuse, "a list digest of zeros", "a", lines[0]+strings.Join([]string{f[0], f[1], "1", zeros, f[4], f[5]}, " ")+"\n")
	add("MAP-7", refuse, "an index digest of zeros", "a", line(5, zeros))
	var node strings.Builder
	for i := range 16 {
		fmt.Fprintf(&node, "%s\n", digest.Sum([]byte{byte(i)}))
	}
	add("MAP-3", accept, "a node", "", "map-node/v1 -\n"+node.String())
	add("MAP-3", accept, "a node with 15 digits", strings.Repeat("a", 15), "map-node/v1 "+strings.Repeat("a", 15)+"\n"+node.String())
	add("MAP-3", refuse, "a node with 16 digits", strings.Repeat("a", 16), "map-node/v1 "+strings.Repeat("a", 16)+"\n"+node.String())
	add("MAP-3", refuse, "fifteen children", "", "map-node/v1 -\n"+node.String()[65:])
	add("MAP-3", refuse, "seventeen children", "", "map-node/v1 -\n"+node.String()+node.String()[:65])
	add("MAP-3", refuse, "a child of zeros", "", "map-node/v1 -\n"+zeros+"\n"+node.String()[65:])
	add("MAP-2", refuse, "a node of another prefix", "b", "map-node/v1 a\n"+node.String())
	return append(all, built()...)
}

// built are sets of lines with the root of their map.
func built() []vector {
	var all []vector
	for _, n := range []int{0, 1, 64, 65, 300} {
		set := leaves(n, "")
		root, _, err := tree.Build(set, nil)
		if err != nil {
			panic(err)
		}
		var text strings.Builder
		for _, l := range set {
			text.WriteString(l.String() + "\n")
		}
		v := vector{Name: fmt.Sprintf("build/%d-lines", n), Kind: "build", Rule: "MAP-8", Verdict: accept, Why: fmt.Sprintf("the root of the map of %d lines", n), Root: root.String()}
		all = append(all, v.inFile("map", ".lines.txt", []byte(text.String())))
	}
	return all
}
