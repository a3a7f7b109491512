package client

import (
	"context"
	"io"
)

// CopyFile is what Download does, onto a disk of the test's choice.
func (v *View) CopyFile(ctx context.Context, a *Authorised, disk io.Writer) error {
	_, err := v.copyFile(ctx, a.Release, disk)
	return err
}
