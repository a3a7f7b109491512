package pgp

import (
	"sync"
	"testing"
)

// Keys and files may be shared between goroutines (run with -race).
func TestConcurrentVerify(t *testing.T) {
	pairs := allPairs(t)
	var files []*SignatureFile
	var keys []*PublicKey
	for _, p := range pairs {
		files, keys = append(files, parsed(t, p.sign(t, "document"))), append(keys, p.PublicKey)
	}
	all, err := Combine(files...)
	if err != nil {
		t.Fatal(err)
	}
	f := parsed(t, all)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if ids, err := f.Verify([]byte("document"), keys); err != nil || len(ids) != len(keys) {
				t.Errorf("Verify = %v, %v; want %d", ids, err, len(keys))
			}
		})
	}
	group.Wait()
}
