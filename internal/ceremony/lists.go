package ceremony

import (
	"context"
	"errors"
	"fmt"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// A listing says what was found in the maintainer lists of the map that is to be
// anchored.
type listing struct {
	read, absent int
	clash        error // a list that names a key of the roster, or that is not what the map says
}

var errClash = errors.New("a clash was found")

// loadLists looks for the roster's keys in every list of the kept map that the
// copy of the public repository has. The map itself is not judged here:
// [roster.Roster.Recompute] does that when the draft is made, and refuses a map
// that this walk could not follow to its end.
func (c *Case) loadLists(ctx context.Context) error {
	if c.Kept == nil {
		return nil
	}
	folder, err := OpenFolder(c.path(c.Plan.Anchor.New.Repository))
	if err != nil {
		return refuse("reading the copy of the public repository").because(err)
	}
	defer folder.Close()
	keys := c.rosterMaterial()
	node := func(ctx context.Context, d digest.Digest, limit int64) ([]byte, error) {
		return folder.Fetch(ctx, roster.MapPath(d), limit)
	}
	err = tree.Walk(ctx, c.Kept.Map.Root, node, func(leaf tree.Leaf) error {
		if leaf.ListVersion == 0 {
			return nil
		}
		raw, err := folder.Fetch(ctx, roster.ListPath(leaf.Name, leaf.List), roster.MaxList)
		if errors.Is(err, roster.ErrAbsent) {
			c.lists.absent++
			return nil
		}
		if err != nil {
			return err
		}
		c.lists.read++
		if digest.Sum(raw) != leaf.List {
			c.lists.clash = fmt.Errorf("the list of %q in the copy is not the one that the map names", leaf.Name)
			return errClash
		}
		list, err := roster.ParseList(raw)
		if err != nil {
			c.lists.clash = fmt.Errorf("the list of %q: %w", leaf.Name, err)
			return errClash
		}
		for _, k := range list.Keys() {
			if role, ok := keys[k.Material()]; ok {
				c.lists.clash = fmt.Errorf("the maintainer list of %q names %s key %s, wanted one role a key", leaf.Name, role, k)
				return errClash
			}
		}
		return nil
	})
	var corrupt *tree.CorruptError
	if errors.Is(err, errClash) || errors.As(err, &corrupt) || errors.Is(err, roster.ErrAbsent) {
		return nil
	}
	return err
}
