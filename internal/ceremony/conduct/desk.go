package conduct

import (
	"time"

	"github.com/rootward/rootward/internal/ceremony"
)

// A Kind says what a line is for.
type Kind int

// The kinds.
const (
	Plain   Kind = iota
	Say          // to say aloud
	Compare      // to compare, each person with a paper or clock of their own
	Item         // of a list
	Warning      // deserves a second look
)

// A Line is one line, however long; the Desk wraps it.
type Line struct {
	Kind Kind
	Text string
	Keep bool // on the same page as the line before
	// Number is that of an item in its list, or 0; a Warning may be such an item.
	Number int
}

// A Screen is what stands before the people when a step begins, or goes on.
type Screen struct {
	Step, Steps int
	ID, Title   string
	Who         string // acts
	At          time.Time
	Lines       []Line
}

// A Desk is where the people of the room read and type.
type Desk interface {
	ceremony.Desk
	// Show begins a new screen. It returns when all pages were seen, or with
	// [ceremony.ErrStopped].
	Show(Screen) error
	// Touch says that a card waits to be touched, and counts down until the
	// function that it returns is called.
	Touch(who string, card uint32) (over func())
}

// Cards finds the cards in the readers. Errors are those of package hsm.
type Cards interface {
	// Present gives the serial numbers of the PIV cards that are in readers.
	Present() ([]uint32, error)
	Open(serial uint32) (ceremony.Card, error)
}
