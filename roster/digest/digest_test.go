package digest

import (
	"encoding/json"
	"strings"
	"testing"
)

// FIPS 180-4's example "abc".
const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

func TestSum(t *testing.T) {
	if got := Sum([]byte("abc")).String(); got != abc {
		t.Errorf("Sum(abc) = %s, want %s", got, abc)
	}
}

func TestParse(t *testing.T) {
	d, err := Parse(abc)
	if err != nil || d != Sum([]byte("abc")) {
		t.Fatalf("Parse(%s) = %v, %v", abc, d, err)
	}
	for name, bad := range map[string]string{
		"empty":          "",
		"short":          abc[:63],
		"long":           abc + "0",
		"upper case":     strings.ToUpper(abc),
		"space in front": " " + abc[1:],
		"line end":       abc[:63] + "\n",
		"not hex":        abc[:63] + "g",
		"colon":          abc[:63] + ":",
		"slash":          "/" + abc[1:],
		"prefix":         "sha256:" + abc,
	} {
		if d, err := Parse(bad); err == nil || !d.IsZero() {
			t.Errorf("%s: Parse(%q) = %v, %v; want the zero digest and an error", name, bad, d, err)
		}
	}
}

func TestParseNamesTheBadCharacter(t *testing.T) {
	_, err := Parse(abc[:63] + "G")
	if err == nil || !strings.Contains(err.Error(), "character 64 ") {
		t.Errorf("Parse error %v does not name character 64", err)
	}
}

func TestIsZero(t *testing.T) {
	if !(Digest{}).IsZero() || Sum(nil).IsZero() {
		t.Error("only the zero value is zero")
	}
}

func TestJSON(t *testing.T) {
	b, err := json.Marshal(Sum([]byte("abc")))
	if err != nil || string(b) != `"`+abc+`"` {
		t.Fatalf("Marshal = %s, %v", b, err)
	}
	var d Digest
	if err := json.Unmarshal(b, &d); err != nil || d != Sum([]byte("abc")) {
		t.Fatalf("Unmarshal = %v, %v", d, err)
	}
	if b, err := json.Marshal(Digest{}); err == nil {
		t.Errorf("Marshal(zero) = %s, want an error", b)
	}
	if err := json.Unmarshal([]byte(`"`+strings.Repeat("0", 64)+`"`), &d); err == nil {
		t.Error("Unmarshal accepted the zero digest")
	}
	if err := json.Unmarshal([]byte(`""`), &d); err == nil {
		t.Error("Unmarshal accepted the empty string")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(abc)
	f.Add(strings.Repeat("0", 64))
	f.Fuzz(func(t *testing.T, s string) {
		d, err := Parse(s)
		if err != nil {
			if !d.IsZero() {
				t.Error("a digest returned beside an error")
			}
			return
		}
		if d.String() != s || string(d.Append(nil)) != s {
			t.Errorf("accepted %q, printed %q", s, d)
		}
	})
}
