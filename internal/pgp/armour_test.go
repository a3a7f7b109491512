package pgp

import (
	"bytes"
	"crypto/elliptic"
	"errors"
	"strings"
	"testing"
)

// What other tools write around the base64 is accepted.
func TestArmourAccepted(t *testing.T) {
	p := ecdsaPair(t, elliptic.P256(), 7)
	asc := string(p.sign(t, "document"))
	for name, text := range map[string]string{
		"ours":             asc,
		"no final newline": strings.TrimSuffix(asc, "\n"),
		"CRLF":             strings.ReplaceAll(asc, "\n", "\r\n"),
		"version, comment": strings.Replace(asc, "\n\n", "\nVersion: GnuPG v2\nComment: made at home\n\n", 1),
		"no checksum":      withoutChecksum(asc),
		"76 columns":       rewrapped(asc, 76),
		"1 column":         rewrapped(asc, 1),
	} {
		f, err := ParseSignatures([]byte(text))
		if err != nil || f.Len() != 1 {
			t.Errorf("%s: ParseSignatures = %v, %v; want one signature", name, f, err)
		}
	}
}

func withoutChecksum(asc string) string {
	at := strings.LastIndex(asc, "\n=")
	return asc[:at] + asc[at+6:]
}

func rewrapped(asc string, columns int) string {
	begin, rest, _ := strings.Cut(asc, "\n\n")
	data, end, _ := strings.Cut(rest, "\n=")
	data = strings.ReplaceAll(data, "\n", "")
	out := begin + "\n\n"
	for len(data) > 0 {
		n := min(columns, len(data))
		out += data[:n] + "\n"
		data = data[n:]
	}
	return out + "=" + end
}

// One block and nothing beside it.
func TestArmourRefused(t *testing.T) {
	p := ecdsaPair(t, elliptic.P256(), 7)
	asc := string(p.sign(t, "document"))
	lines := strings.Split(asc, "\n")
	first := lines[2]
	replace := func(from, to string) string { return strings.Replace(asc, from, to, 1) }
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                  {"", "begins with"},
		"a newline":                {"\n", "begins with"},
		"text before":              {"hello\n" + asc, "begins with \"hello\""},
		"newline before":           {"\n" + asc, "begins with \"\""},
		"space before":             {" " + asc, "begins with"},
		"byte order mark":          {"\ufeff" + asc, "begins with"},
		"text after":               {asc + "hello\n", "ends with \"hello\""},
		"two newlines after":       {asc + "\n", "ends with \"\""},
		"space after":              {asc + " ", "ends with \" \""},
		"a second block":           {asc + asc, "one block only"},
		"a second block, apart":    {asc + "\n" + asc, "one block only"},
		"cleartext":                {"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\ndocument\n" + asc, "SIGNED MESSAGE"},
		"another label":            {strings.ReplaceAll(asc, "PGP SIGNATURE", "PGP MESSAGE"), "PGP MESSAGE"},
		"old pgp label":            {strings.ReplaceAll(asc, "PGP SIGNATURE", "PGP SIGNATURE, PART 1/1"), "PART"},
		"another end":              {replace("END PGP SIGNATURE", "END PGP MESSAGE"), "ends with"},
		"no end":                   {asc[:strings.Index(asc, "-----END")], "ends with"},
		"begin only":               {lines[0], "begins with"},
		"no body":                  {lines[0] + "\n\n", "nothing after it"},
		"no empty line":            {replace("\n\n", "\n"), "armour header"},
		"space in the empty line":  {replace("\n\n", "\n \n"), "armour header \" \""},
		"hash header":              {replace("\n\n", "\nHash: SHA256\n\n"), "armour header \"Hash"},
		"unknown header":           {replace("\n\n", "\nCharset: UTF-8\n\n"), "armour header \"Charset"},
		"control in a header":      {replace("\n\n", "\nComment: \x1b[2J\n\n"), "armour header"},
		"accent in a header":       {replace("\n\n", "\nComment: caf\u00e9\n\n"), "armour header"},
		"header without space":     {replace("\n\n", "\nComment:x\n\n"), "armour header"},
		"nine headers":             {replace("\n\n", strings.Repeat("\nComment: x", 9)+"\n\n"), "more than 8 headers"},
		"mixed line ends":          {replace("\n\n", "\r\n\n"), "mixes LF and CRLF"},
		"CR only":                  {strings.ReplaceAll(asc, "\n", "\r"), "begins with"},
		"CR inside a line":         {replace(first, first[:4]+"\r"+first[4:]), "base64"},
		"wrong checksum":           {replace("\n=", "\n=A") /* one character too many */, "has 5 characters, want 4"},
		"another checksum":         {asc[:strings.LastIndex(asc, "\n=")] + "\n=AAAA" + asc[strings.LastIndex(asc, "\n=")+6:], "checksum is \"AAAA\""},
		"two checksums":            {replace("\n=", "\n=AAAA\n="), "illegal base64"},
		"empty line in the body":   {replace(first, first+"\n"), "want 1 to 76"},
		"77 columns":               {rewrapped(asc, 77), "has 77 characters"},
		"not base64":               {replace(first, "!"+first[1:]), "illegal base64"},
		"space in base64":          {replace(first, first[:4]+" "+first[4:]), "illegal base64"},
		"padding inside":           {replace(first, first[:4]+"===="+first[8:]), "illegal base64"},
		"dash escape":              {replace(first, "- "+first), "one block only"},
		"no packet":                {string(armoured(labelSignature, nil)), "no signature"},
		"line break in the middle": {replace(first, first[:4]+"\x0b"+first[4:]), "illegal base64"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := ParseSignatures([]byte(c.text))
			if f != nil || !errors.Is(err, ErrMalformedSignature) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("ParseSignatures = %v, %v; want ErrMalformedSignature with %q", f, err, c.want)
			}
		})
	}
	if _, err := ParseSignatures(armoured(labelSignature, nil)); !errors.Is(err, ErrNoSignature) {
		t.Errorf("empty armour: error is %v, want ErrNoSignature", err)
	}
}

// The last characters of base64 hold no free bits.
func TestArmourTrailingBits(t *testing.T) {
	block := armoured(labelSignature, []byte("x"))
	if data, err := unarmoured(block, labelSignature); err != nil || string(data) != "x" {
		t.Fatalf("unarmoured = %q, %v; want \"x\"", data, err)
	}
	if _, err := unarmoured(bytes.Replace(block, []byte("eA=="), []byte("eB=="), 1), labelSignature); err == nil {
		t.Error("eB== decodes like eA==, want a refusal")
	}
}

// Armour is text: a change of one bit in it is refused, or changes nothing that
// was signed.
func TestArmourMangled(t *testing.T) {
	p := ecdsaPair(t, elliptic.P256(), 7)
	asc := p.sign(t, "document")
	for i := range len(asc) * 8 {
		flipped := bytes.Clone(asc)
		flipped[i/8] ^= 1 << (i % 8)
		f, err := ParseSignatures(flipped)
		if err == nil {
			t.Errorf("bit %d flipped: parses (%d signatures)", i, f.Len())
		}
	}
	for cut := range len(asc) - 1 {
		if _, err := ParseSignatures(asc[:cut]); err == nil {
			t.Errorf("the first %d bytes of %d parse", cut, len(asc))
		}
	}
}
