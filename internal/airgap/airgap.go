// Package airgap lets a program that must never reach a network say so to the
// kernel, and looks at what the machine could reach all the same.
//
// After [Close] the process, its threads and its children can open no
// socket but of the family AF_UNIX, which pcscd needs, and no io_uring, through
// which sockets could be opened unseen.
//
// What the filter does not do: it closes no socket that was open before, and
// does not look at what a process behind an AF_UNIX socket does. The machine's
// own lack of network hardware is what people check; the filter guards against
// mistakes and against code that was never meant to be in the program.
//
// So people check it with [Inspect] before their eyes: interfaces, radios, media
// and drivers, with [CheckClock] for the clock and [ProgramDigest] for the
// program itself. What these find out is a [Finding], which says how grave it is
// and what to do.
package airgap

import "errors"

// ErrUnsupported is wrapped by the error of [Close] where this program knows
// no way to ask the kernel: it can run, but nothing holds it back.
var ErrUnsupported = errors.New("this system or processor has no seccomp filter that this program knows")

// An Attempt is one way to a network that [Attempts] tried.
type Attempt struct {
	What   string // such as "TCP over IPv4"
	Opened bool   // the kernel allowed it: the gap is open
	Reason string // what the kernel said, if it refused
}
