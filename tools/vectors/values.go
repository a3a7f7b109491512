package main

import (
	"strings"

	"github.com/rootward/rootward/internal/pypi"
)

// values are single values of documents, as JSON text: what a field of a type
// may hold (section 1.1, ENC-5, NAME-1).
func values() []vector {
	hex := strings.Repeat("0123456789abcdef", 4)
	long := strings.Repeat("a", 62)
	var all []vector
	add := func(kind, rule, verdict string, inputs ...string) {
		for i := 0; i+1 < len(inputs); i += 2 {
			all = append(all, vector{Name: "value/" + slug(kind, inputs[i+1]), Kind: "value", Rule: rule, Verdict: verdict,
				Why: inputs[i+1], Type: kind, Input: &inputs[i]})
		}
	}
	add("number", "ENC-5", accept, `0`, "zero", `1`, "one", `9007199254740991`, "the largest")
	add("number", "ENC-5", refuse, `9007199254740992`, "one too large", `18446744073709551616`, "beyond 64 bits", `-1`, "negative",
		`"1"`, "a string", `true`, "a truth value", `null`, "nothing", `[]`, "a list")
	add("number", "ENC-4", refuse, `-0`, "minus zero", `1.0`, "a fraction", `1e0`, "an exponent")
	add("number", "ENC-2", refuse, `01`, "a leading zero", `+1`, "a plus sign", `NaN`, "not a number")
	add("digest", "ENC-5", accept, `"`+hex+`"`, "64 digits")
	add("digest", "ENC-5", refuse, `"`+hex[1:]+`"`, "63 digits", `"`+hex+`0"`, "65 digits", `"`+strings.ToUpper(hex)+`"`, "capitals",
		`"`+strings.Repeat("0", 64)+`"`, "zeros", `""`, "empty", `"`+hex[:63]+`g"`, "a letter too far", `null`, "nothing")
	add("ref", "ENC-5", accept, `"`+hex+`"`, "a digest", `""`, "none")
	add("ref", "ENC-5", refuse, `"`+strings.Repeat("0", 64)+`"`, "zeros for none", `null`, "nothing", `"-"`, "a hyphen for none")
	add("time", "ENC-5", accept, `"2026-02-28T23:59:59Z"`, "an ordinary time", `"1970-01-01T00:00:00Z"`, "the first", `"9999-12-31T23:59:59Z"`, "the last", `"2028-02-29T00:00:00Z"`, "a leap day")
	add("time", "ENC-5", refuse, `"2026-02-29T00:00:00Z"`, "no such day", `"2026-02-10T24:00:00Z"`, "hour 24", `"2026-02-10T23:59:60Z"`, "a leap second",
		`"2026-02-10T09:00:00+00:00"`, "an offset", `"2026-02-10T09:00:00z"`, "a small z", `"2026-02-10t09:00:00Z"`, "a small t", `"2026-02-10 09:00:00Z"`, "a space for T",
		`"2026-02-10T09:00:00.0Z"`, "a fraction", `"2026-02-10T09:00Z"`, "no seconds", `"1969-12-31T23:59:59Z"`, "before 1970", `"10000-01-01T00:00:00Z"`, "year 10000",
		`"2026-2-10T09:00:00Z"`, "one digit for a month", `""`, "empty", `1770714000`, "a number", `"2026-02-10T09:00:00Z "`, "a space behind")
	add("repository", "ENC-5", accept, `"packages.example"`, "two labels", `"a.b"`, "short", `"x-1.packages.example"`, "a hyphen within", `"`+long+`a.example"`, "a label of 63", `"1.2.3.4"`, "digits")
	add("repository", "ENC-5", refuse, `"example"`, "one label", `"Packages.example"`, "a capital", `"packages.example."`, "a dot at the end", `".example"`, "a dot first",
		`"a..b"`, "an empty label", `"-a.example"`, "a hyphen first", `"a-.example"`, "a hyphen last", `"a_b.example"`, "an underscore", `"`+long+`aa.example"`, "a label of 64",
		`"`+strings.Repeat(long+".", 4)+`ab"`, "254 bytes", `"b\u00fccher.example"`, "not ASCII")
	add("name", "NAME-1", accept, `"Alice"`, "a name", `"Ren\u00e9"`, "composed", `"\u674e\u5c0f\u9f8d"`, "Han", `"O'Neil, Jr. (3rd) <x> & \"y\" \\"`, "punctuation and symbols",
		`"`+strings.Repeat("a", 100)+`"`, "100 bytes", `"a b"`, "one space", `"\ud83d\ude42"`, "a symbol beyond 16 bits", `"\u0915\u093f"`, "a mark that is not first")
	add("name", "NAME-1", refuse, `""`, "empty", `"`+strings.Repeat("a", 101)+`"`, "101 bytes", `"`+strings.Repeat("\\u00e9", 51)+`"`, "102 bytes of 51 characters",
		`"Rene\u0301"`, "decomposed", `" a"`, "a space first", `"a "`, "a space last", `"a  b"`, "two spaces", `"a\u00a0b"`, "a no-break space", `"a\tb"`, "a tab", `"a\nb"`, "a line feed",
		`"a\u007fb"`, "DEL", `"a\u0085b"`, "a C1 control", `"a\u202eb"`, "a direction character", `"a\u200bb"`, "a zero-width space", `"a\ufeffb"`, "a byte order mark", `"\u0301a"`, "a mark first",
		`"a\ue000b"`, "private use", `"a\u2028b"`, "a line separator", `"a\u0378b"`, "unassigned", `5`, "a number")
	add("package", "ENC-5", accept, `"sample"`, "a name", `"a"`, "one letter", `"0"`, "a digit", `"a-b-c"`, "hyphens", `"`+strings.Repeat("a", 100)+`"`, "100 bytes")
	add("package", "ENC-5", refuse, `"Sample"`, "a capital", `"a_b"`, "an underscore", `"a.b"`, "a dot", `"a--b"`, "two hyphens", `"-a"`, "a hyphen first", `"a-"`, "a hyphen last",
		`""`, "empty", `"`+strings.Repeat("a", 101)+`"`, "101 bytes", `"\u00e4"`, "not ASCII", `"a/b"`, "a slash", `"\u0131"`, "a dotless i")
	text, spare := padded()
	add("key", "ENC-5", refuse, `"`+keyText("Alice")[:len(keyText("Alice"))-1]+`"`, "one character short", `"`+keyText("Alice")+`\n"`, "a line feed behind", `""`, "empty", `"*"`, "not base64",
		`"`+spare+`"`, "spare bits that are not zero",
		`"`+strings.TrimRight(text, "=")+`"`, "no padding")
	add("key", "ENC-5", accept, `"`+keyText("Alice")+`"`, "a packet", `"`+text+`"`, "a packet with padding")
	return all
}

// names are names and versions with their normal forms, and file names with
// what they belong to.
func names() []vector {
	var all []vector
	for _, in := range []string{"Sample", "a__b", "A.-_b", "0", "x1.Y2", "-a", "a-", "_a", "a b", "", "\u00e4", "a\u0130", "a/b", "a+b", strings.Repeat("a", 101)} {
		normal, err := pypi.NormalizeName(in)
		all = append(all, normalForm("package", in, normal, err))
	}
	for _, in := range []string{"1.0", "1.0.0", "01.02", "v1.0", "V1", "1.0-ALPHA.01+Ubuntu-1", "0!1.0", "1!1.0", "007!1", "1.0alpha", "1.0-beta.2", "1.0c3", "1.0rc", "1.0.pre4", "1.0preview5",
		"1.0-1", "1.0-r4", "1.0.rev5", "1.0post", "1.0.post_3", "1.0-dev", "1.0.dev07", "1.0a1.post2.dev3+x.01.Y", "1.0_1", "1.0+a_b-c.d", "1.0+001", "1.0+0a1", "2026.11.23", "1a0", "1.0.A1",
		" 1.0", "1.0\n", "", "1.", ".1", "1..0", "1.0-", "1.0+", "1.0+a..b", "1.0+\u00e4", "\u0661.0", "1.0a-", "1.0.post.", "x1", "1.0b1c2", "1!2!3", "1.0.dev1.post1", "latest", "1.0-1-2",
		"1.0+" + strings.Repeat("a", 61)} {
		normal, err := pypi.NormalizeVersion(in)
		all = append(all, normalForm("version", in, normal, err))
	}
	for _, f := range fileNames {
		v := vector{Kind: "filename", Rule: "NAME-2", Input: &f[0], Package: f[1], Version: f[2], Verdict: refuse, Why: f[4]}
		if f[3] == "yes" {
			v.Verdict = accept
		}
		v.Name = "filename/" + slug(f[4])
		all = append(all, v)
	}
	return all
}

func normalForm(kind, in, normal string, err error) vector {
	v := vector{Kind: "normal", Rule: map[string]string{"package": "PEP-503", "version": "PEP-440"}[kind], Type: kind, Input: &in, Normal: normal, Verdict: accept, Why: "has this normal form"}
	if err != nil {
		v.Normal, v.Verdict, v.Why = "", refuse, "no "+kind
	}
	v.Name = "normal/" + kind + "-" + strings.Trim(string(line(in)), "\"\n")
	return v
}

// A file name, a package, a version, whether it belongs, and why.
var fileNames = [][5]string{
	{"sample-1.0-py3-none-any.whl", "sample", "1.0", "yes", "a wheel"},
	{"Sample-1.0-py3-none-any.whl", "sample", "1.0", "yes", "a wheel with a capital"},
	{"my_sample-1.0-py3-none-any.whl", "my-sample", "1.0", "yes", "a wheel with an underscore"},
	{"my.sample-1.0-py3-none-any.whl", "my-sample", "1.0", "yes", "a wheel with a dot"},
	{"sample-1.0-1-py3-none-any.whl", "sample", "1.0", "yes", "a build tag"},
	{"sample-1.0-1_x.y-py3-none-any.whl", "sample", "1.0", "yes", "a build tag with other characters"},
	{"sample-1.0-1+x!-py3-none-any.whl", "sample", "1.0", "yes", "a build tag with signs"},
	{"sample-1.0-x1-py3-none-any.whl", "sample", "1.0", "no", "a build tag that begins with a letter"},
	{"sample-1.0-py2.py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "sample", "1.0", "yes", "tags with dots"},
	{"sample-1.0-py3..py2-none-any.whl", "sample", "1.0", "no", "two dots in a tag"},
	{"sample-1.0-.py3-none-any.whl", "sample", "1.0", "no", "a dot first in a tag"},
	{"sample-1.0-py3-none-any+x.whl", "sample", "1.0", "no", "a plus sign in a tag"},
	{"sample-1.0-py3-none.whl", "sample", "1.0", "no", "a tag too few"},
	{"sample-1.0-1-2-py3-none-any.whl", "sample", "1.0", "no", "a part too many"},
	{"my__sample-1.0-py3-none-any.whl", "my-sample", "1.0", "no", "two underscores in a wheel"},
	{"my-sample-1.0-py3-none-any.whl", "my-sample", "1.0", "no", "a hyphen in a wheel's name"},
	{"sample-1.0.0-py3-none-any.whl", "sample", "1.0", "no", "another version"},
	{"sample-01.0-py3-none-any.whl", "sample", "1.0", "yes", "another spelling of the version"},
	{"sample-1.0+Ubuntu_1-py3-none-any.whl", "sample", "1.0+ubuntu.1", "yes", "a local version"},
	{"sample-1.0_1-py3-none-any.whl", "sample", "1.0.post1", "no", "an underscore is no hyphen of a post release"},
	{"other-1.0-py3-none-any.whl", "sample", "1.0", "no", "another package"},
	{"sample-1.0-py3-none-any.WHL", "sample", "1.0", "no", "an ending in capitals"},
	{"sample-1.0.tar.gz", "sample", "1.0", "yes", "a source distribution"},
	{"sample-1.0.zip", "sample", "1.0", "yes", "an older source distribution"},
	{"my-sample-1.0.tar.gz", "my-sample", "1.0", "yes", "a hyphen in the name"},
	{"My__Sample-1.0.tar.gz", "my-sample", "1.0", "yes", "any spelling of the name"},
	{"sample-1.0-1.tar.gz", "sample", "1.0.post1", "yes", "the first hyphen counts"},
	{"sample-1.0-1.tar.gz", "sample", "1.0", "no", "the first hyphen counts, not the last"},
	{"sample-1.0-1.tar.gz", "sample-1-0", "1", "yes", "the same file belongs to another package too"},
	{"sample-1-2-1.0.tar.gz", "sample", "1", "no", "what stands behind the hyphen is no version"},
	{"sample.tar.gz", "sample", "1.0", "no", "no version"},
	{"sample-1.0.tar.bz2", "sample", "1.0", "no", "an ending that is not known"},
	{"sample-1.0.tgz", "sample", "1.0", "no", "a short ending"},
	{"sample-1.0.egg", "sample", "1.0", "no", "an egg"},
	{"../sample-1.0.tar.gz", "sample", "1.0", "no", "a way up"},
	{"sample-1.0..tar.gz", "sample", "1.0", "no", "two dots"},
	{".sample-1.0.tar.gz", "sample", "1.0", "no", "a dot first"},
	{"sample -1.0.tar.gz", "sample", "1.0", "no", "a space"},
	{"sample-1.0\u0000.tar.gz", "sample", "1.0", "no", "a NUL"},
	{"sample/1.0.tar.gz", "sample", "1.0", "no", "a slash"},
	{"s\u00e4mple-1.0.tar.gz", "sample", "1.0", "no", "not ASCII"},
	{"1!1.0.tar.gz", "1", "1!1.0", "no", "no hyphen"},
	{"sample-1!1.0.tar.gz", "sample", "1!1.0", "yes", "an epoch"},
	{"sample-1.0+x.tar.gz", "sample", "1.0+x", "yes", "a local version of a source distribution"},
	{"sample-v1.0.tar.gz", "sample", "1.0", "yes", "a v before the version"},
	{strings.Repeat("a", 100) + "-1.0" + strings.Repeat("0", 145) + ".tar.gz", strings.Repeat("a", 100), "1.0", "no", "a version over its limit"},
}
