//go:build !linux || !(amd64 || arm64)

package airgap

import "fmt"

// Close cannot do here what it promises elsewhere. The error wraps
// [ErrUnsupported].
func Close() error { return fmt.Errorf("closing the air gap: %w", ErrUnsupported) }

// Attempts tries nothing here, and so shows nothing.
func Attempts() []Attempt { return nil }
