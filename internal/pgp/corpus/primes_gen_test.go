package corpus

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var searchPrimes = flag.Bool("primes", false, "search the primes of primes.txt anew, and write them")

// The committed primes are those that their seeds lead to. The search takes
// seconds, so it runs only when it is asked for: see the flag -primes. What the
// other tests need is that they are primes at all, of the size that they claim.
func TestPrimes(t *testing.T) {
	if *searchPrimes {
		found := SearchPrimes()
		if !bytes.Equal(found, []byte(primes)) {
			if err := os.WriteFile("primes.txt", found, 0o644); err != nil {
				t.Fatal(err)
			}
			t.Fatal("primes.txt was other than its seeds say; it is written anew")
		}
	}
	for name, bits := range map[string]int{"rsa1024p": 512, "rsa1024q": 512, "rsa2048p": 1024, "rsa2048q": 1024, "rsa4104p": 2052, "rsa4104q": 2052, "rsa3072e3p": 1536, "rsa3072e3q": 1536, "dsaq": 256, "dsap": 2048} {
		if p := prime(name); p.BitLen() != bits || !p.ProbablyPrime(1) {
			t.Errorf("%s has %d bits and ProbablyPrime says %v; want a prime of %d", name, p.BitLen(), p.ProbablyPrime(1), bits)
		}
	}
}
