package ceremony

import (
	"errors"
	"fmt"

	"github.com/rootward/rootward/hsm"
)

// A RefusedError says that a step was understood and will not be done. Nothing
// was changed by it.
type RefusedError struct {
	Problem string
	Do      string // what the reader can do next, or ""
	Err     error  // the cause, or nil
}

func (e *RefusedError) Error() string {
	switch {
	case e.Err == nil:
		return e.Problem
	case e.Problem == "":
		return e.Err.Error()
	}
	return e.Problem + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// ExitCode is 3.
func (e *RefusedError) ExitCode() int { return 3 }

// Hint says what the reader can do next, or gives the cause's hint.
func (e *RefusedError) Hint() string {
	if e.Do != "" || e.Err == nil {
		return e.Do
	}
	return hsm.HintFor(e.Err)
}

func refuse(format string, args ...any) *RefusedError {
	return &RefusedError{Problem: fmt.Sprintf(format, args...)}
}

func (e *RefusedError) do(what string) *RefusedError {
	e.Do = what
	return e
}

func (e *RefusedError) because(err error) *RefusedError {
	e.Err = err
	return e
}

// Judge tells the refusals among a card's errors from its faults: a card that
// says no, or is not the one wanted, is a refusal; one that was pulled out, was
// not touched or broke is a fault. Refusals come back with the exit code 3,
// all else as it is.
func Judge(err error) error {
	if err == nil {
		return nil
	}
	var (
		pin      *hsm.PINError
		blocked  *hsm.BlockedError
		manage   *hsm.ManagementKeyError
		none     *hsm.NoCardError
		many     *hsm.ManyCardsError
		key      *hsm.WrongKeyError
		empty    *hsm.EmptySlotError
		occupied *hsm.OccupiedError
		imported *hsm.ImportedError
		weak     *hsm.WeakSecretError
		form     *hsm.FormError
		attested *hsm.AttestationError
		uncount  *hsm.CountError
		exit     interface{ ExitCode() int }
	)
	for _, target := range []any{&pin, &blocked, &manage, &none, &many, &key, &empty, &occupied, &imported, &weak, &form, &attested, &uncount} {
		if !errors.As(err, &exit) && errors.As(err, target) {
			return &RefusedError{Err: err}
		}
	}
	return err
}
