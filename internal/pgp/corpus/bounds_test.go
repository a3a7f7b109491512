package corpus_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/pgp/corpus"
)

// Work is what f allocates: it counts, where a clock would guess.
func work(f func()) (allocations, size uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc
}

// No case makes the parser allocate more than a constant and a multiple of what
// it was given: a file may lie about lengths, not fill memory.
func TestAllocationBounded(t *testing.T) {
	cases := corpus.All()
	for _, f := range corpus.Families() {
		cases = append(cases, f.Variants...)
	}
	var most float64
	for _, c := range cases {
		count, size := work(func() { pgp.ParseSignatures(c.File) })
		n := uint64(len(c.File))
		if size > 16<<10+64*n || count > 256+n {
			t.Errorf("%s: %d bytes make the parser allocate %d bytes in %d pieces", c.Name, n, size, count)
		}
		most = max(most, float64(size)/float64(n+1024))
	}
	t.Logf("at most %.1f bytes for each byte given, 1 KiB allowed", most)
}

// What is over the limit is refused without looking at it.
func TestAllocationOverTheLimit(t *testing.T) {
	for _, n := range []int{pgp.MaxSignatureFile + 1, 64 << 20} {
		asc := make([]byte, n)
		var err error
		if count, size := work(func() { _, err = pgp.ParseSignatures(asc) }); err == nil || count > 100 || size > 8<<10 {
			t.Errorf("%d bytes: error is %v after %d bytes in %d pieces, want a refusal for next to nothing", n, err, size, count)
		}
	}
}

// growing are inputs of about n bytes in the shapes that have made parsers
// quadratic: many lines, headers, packets, subpackets, long numbers.
var growing = map[string]func(n int) []byte{
	"short lines": func(n int) []byte { return block(strings.Repeat("AAAA\n", n/5)) },
	"long lines":  func(n int) []byte { return block(strings.Repeat(strings.Repeat("A", 76)+"\n", n/77)) },
	"one line":    func(n int) []byte { return block(strings.Repeat("A", n) + "\n") },
	"blank lines": func(n int) []byte { return block(strings.Repeat("\n", n)) },
	"CRLF":        func(n int) []byte { return block(strings.Repeat("AAAA\r\n", n/6)) },
	"CR alone":    func(n int) []byte { return bytes.Repeat([]byte{'\r'}, n) },
	"headers": func(n int) []byte {
		return []byte("-----BEGIN PGP SIGNATURE-----\n" + strings.Repeat("Comment: x\n", n/11))
	},
	"long header": func(n int) []byte {
		return []byte("-----BEGIN PGP SIGNATURE-----\nComment: " + strings.Repeat("x", n) + "\n\n")
	},
	"begin lines":   func(n int) []byte { return bytes.Repeat([]byte("-----BEGIN PGP SIGNATURE-----\n\n"), n/31) },
	"empty packets": func(n int) []byte { return coded(bytes.Repeat([]byte{0xc2, 0}, n*3/8)) },
	"subpackets": func(n int) []byte {
		area := bytes.Repeat([]byte{2, 99, 0}, n/4)
		return coded(packet(append([]byte{4, 0, 22, 8, byte(len(area) >> 8), byte(len(area))}, area...)))
	},
	"a long subpacket": func(n int) []byte {
		area := append([]byte{255, 0, 0, byte(n / 2 >> 8), byte(n / 2), 99}, make([]byte, n/2)...)
		return coded(packet(append([]byte{4, 0, 22, 8, byte(len(area) >> 8), byte(len(area))}, area...)))
	},
}

func block(body string) []byte {
	return []byte("-----BEGIN PGP SIGNATURE-----\n\n" + body + "-----END PGP SIGNATURE-----\n")
}

// coded returns data as an armour block with lines of 64 and no checksum.
func coded(data []byte) []byte {
	var body strings.Builder
	text := base64.StdEncoding.EncodeToString(data)
	for len(text) > 0 {
		n := min(64, len(text))
		fmt.Fprintln(&body, text[:n])
		text = text[n:]
	}
	return block(body.String())
}

func packet(body []byte) []byte {
	n := len(body)
	if n < 8384 {
		return append([]byte{0xc2, byte((n-192)>>8 + 192), byte(n - 192)}, body...)
	}
	return append([]byte{0xc2, 255, 0, 0, byte(n >> 8), byte(n)}, body...)
}

// Four times the input is about four times the work, in bytes and in pieces.
// Quadratic would be sixteen times. For time see BenchmarkFourTimes.
func TestNotQuadratic(t *testing.T) {
	for name, make := range growing {
		small, large := make(11<<10), make(44<<10)
		if len(large) > pgp.MaxSignatureFile || len(large) < 3*len(small) {
			t.Fatalf("%s: inputs have %d and %d bytes: the test compares nothing", name, len(small), len(large))
		}
		parse := func(asc []byte) func() {
			return func() { pgp.ParseSignatures(asc) }
		}
		count1, size1 := work(parse(small))
		count4, size4 := work(parse(large))
		if count4 > 8*count1+64 || size4 > 8*size1+4096 {
			t.Errorf("%s: %d pieces and %d bytes become %d and %d for four times the input", name, count1, size1, count4, size4)
		}
	}
}

// BenchmarkFourTimes tells, for each shape, how much longer four times the
// input takes: about four is linear, sixteen quadratic.
func BenchmarkFourTimes(b *testing.B) {
	for name, make := range growing {
		b.Run(name, func(b *testing.B) {
			small, large := make(11<<10), make(44<<10)
			for b.Loop() {
				fast := quickest(func() { pgp.ParseSignatures(small) })
				slow := quickest(func() { pgp.ParseSignatures(large) })
				b.ReportMetric(float64(slow)/float64(fast), "times")
			}
		})
	}
}

// quickest is the least of some runs: what the machine does beside only adds.
func quickest(f func()) time.Duration {
	least := time.Hour
	for range 15 {
		start := time.Now()
		f()
		least = min(least, time.Since(start))
	}
	return least
}

// BenchmarkDocumentIsHashedOnce tells how many hashes of a long document the
// check of 64 signatures over it costs beyond that over a short one: about one,
// not 64.
func BenchmarkDocumentIsHashedOnce(b *testing.B) {
	const people = 64
	verify := func(document []byte) func() {
		c := corpus.Crowd(people, document)
		var keys []*pgp.PublicKey
		for _, k := range c.Keys {
			key, err := pgp.ParsePublicKey(k.Packet)
			if err != nil {
				b.Fatal(err)
			}
			keys = append(keys, key)
		}
		file, err := pgp.ParseSignatures(c.File)
		if err != nil {
			b.Fatal(err)
		}
		return func() {
			if ids, err := file.Verify(document, keys); err != nil || len(ids) != people {
				b.Fatalf("Verify = %d ids, %v; want %d", len(ids), err, people)
			}
		}
	}
	long := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB
	for b.Loop() {
		once := quickest(func() { sha256.Sum256(long) })
		short, whole := quickest(verify([]byte("short"))), quickest(verify(long))
		b.ReportMetric(float64(whole-short)/float64(once), "hashes")
	}
}
