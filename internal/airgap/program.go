package airgap

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/rootward/rootward/roster/digest"
)

// maxProgram is the longest program that is read, in bytes.
const maxProgram = 512 << 20

// ProgramDigest gives the SHA-256 of the program that is running: of the file
// that the kernel runs, also where another was put in its place since
// (/proc/self/exe), or elsewhere of the file that [os.Executable] names.
//
// It says which program was started only as far as the program, the kernel and
// the machine are honest; people compare it with what another machine computes
// from the file on the medium.
func ProgramDigest() (digest.Digest, error) {
	f, err := os.Open("/proc/self/exe")
	if errors.Is(err, fs.ErrNotExist) {
		var name string
		if name, err = os.Executable(); err == nil {
			f, err = os.Open(name)
		}
	}
	if err != nil {
		return digest.Digest{}, fmt.Errorf("reading the running program: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, maxProgram+1))
	if err == nil && n > maxProgram {
		err = fmt.Errorf("it has more than %d bytes", maxProgram)
	}
	if err != nil {
		return digest.Digest{}, fmt.Errorf("reading the running program: %w", err)
	}
	return digest.Digest(h.Sum(nil)), nil
}
