//go:build !linux

package room

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
)

// Missing says which parts of the system a room needs and does not find.
func Missing() []string {
	return []string{"rehearsal readers need Linux, this is " + runtime.GOOS}
}

func isolate(*exec.Cmd) {}

func kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func (r *Room) startPCSCD(context.Context, []int) error {
	return errors.New("no rehearsal readers on " + runtime.GOOS)
}
