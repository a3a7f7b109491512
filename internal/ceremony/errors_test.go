package ceremony

import (
	"errors"
	"testing"

	"github.com/rootward/rootward/hsm"
)

// TestJudge: what a card refuses is a refusal, what broke is a fault.
func TestJudge(t *testing.T) {
	place := hsm.Place{Serial: 77}
	for want, errs := range map[int][]error{
		3: {&hsm.PINError{Place: place, Tries: 1}, &hsm.BlockedError{Place: place}, &hsm.ManagementKeyError{Place: place}, &hsm.NoCardError{Want: 77},
			&hsm.ManyCardsError{}, &hsm.WrongKeyError{Place: place}, &hsm.EmptySlotError{Place: place}, &hsm.OccupiedError{Place: place},
			&hsm.ImportedError{Place: place}, &hsm.WeakSecretError{}, &hsm.AttestationError{}, &hsm.SecretsError{Err: &hsm.PINError{Tries: 2}}},
		0: {&hsm.RemovedError{Place: place, Err: errors.New("gone")}, &hsm.TouchError{Place: place}, &hsm.ServiceError{Err: errors.New("none")},
			&hsm.BusyError{Err: errors.New("held")}, &hsm.SignatureError{Place: place}, &hsm.CardError{Err: errors.New("odd")}, errors.New("disk")},
	} {
		for _, err := range errs {
			got := 0
			var exit interface{ ExitCode() int }
			if errors.As(Judge(err), &exit) {
				got = exit.ExitCode()
			}
			if got != want || !errors.Is(Judge(err), err) || Judge(err).Error() != err.Error() || hsm.HintFor(Judge(err)) != hsm.HintFor(err) {
				t.Errorf("%T: exit code %d, want %d, and the same words and hint", err, got, want)
			}
		}
	}
	if Judge(nil) != nil {
		t.Error("nothing is judged")
	}
}
