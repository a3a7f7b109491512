//go:build !linux

package room

import (
	"errors"
	"io"
	"runtime"
)

// Missing says which parts of the system a room needs and does not find.
func Missing() []string {
	return []string{"rehearsal readers need Linux, this is " + runtime.GOOS}
}

func (r *Room) start() (io.Reader, error) {
	return nil, errors.New("no rehearsal readers on " + runtime.GOOS)
}
