package transit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// SecretIDFile returns a source of the secret id for [Config]: the file's
// text, without the newline at its end. The file is read at each login. Only
// its owner may read or write it (mode 0600 or less), and it holds one printable
// word of at most 1 KiB. No error repeats what it
// holds.
func SecretIDFile(name string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return "", err
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			return "", fmt.Errorf("%q has mode %#o, so others may read it; run chmod 600 on it, and have a new secret id issued", name, mode)
		}
		const most = 1024
		text, err := io.ReadAll(io.LimitReader(f, most+2))
		if err != nil {
			return "", fmt.Errorf("reading %q: %w", name, err)
		}
		secret := strings.TrimSuffix(string(text), "\n")
		if err := checkSecret(secret, most); err != nil {
			return "", fmt.Errorf("%q: %w", name, err)
		}
		return secret, nil
	}
}

// checkSecret checks the form of a secret without repeating it.
func checkSecret(secret string, most int) error {
	if secret == "" || len(secret) > most {
		return fmt.Errorf("a secret id of 1 to %d characters is wanted, %d found", most, len(secret))
	}
	for _, r := range secret {
		if r <= ' ' || r > '~' {
			return errors.New("a secret id is one printable ASCII word; something else was found")
		}
	}
	return nil
}
