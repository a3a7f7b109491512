package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/tree"
	"github.com/rootward/rootward/tools/internal/play"
)

// attack is act 6: what a thief of everything online can and cannot do.
func (s *stage) attack() error {
	s.Say(`
Mallory has broken into the online signer: she has its Vault login, its
database and its web root, and signs whatever she likes with both online keys.
She tries to get a wheel of her own to Frank, who has used the package before,
and to Heidi, whose machine is new.`)
	if err := s.newMaintainer("Mallory", "ed25519"); err != nil {
		return err
	}
	t, err := s.newThief(s.Ctx)
	if err != nil {
		return err
	}
	for _, trick := range []struct {
		what  string
		setup func() error
		who   string
		layer string
		exit  int
		flags []string
	}{
		{"She swaps the wheel on the web root.", t.swapWheel, "frank", "file", 3, nil},
		{"She writes a maintainer list that names only herself, countersigns it with\nthe stolen key, and signs a snapshot that leads to it.", t.forgeFirst, "heidi", "maintainer list", 3, nil},
		{"She makes it look like the next list after the true one.", t.forgeNext, "heidi", "maintainer list", 3, nil},
		{"She serves the snapshot from before, to Frank, who remembers a newer one.", t.serveOld, "frank", "snapshot", 3, nil},
		{"A day later she serves the same old snapshot to Heidi, who remembers nothing.", t.serveOld, "heidi", "snapshot", 4,
			[]string{"--now", time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)}},
		{"She signs a map in which the package has no list, so that unsigned files\nwould do.", t.hideList, "heidi", "maintainer list", 3, []string{"--accept", "established,remembered,new,frozen,unsigned"}},
		{"She signs a map in which the release index ends before the release.", t.truncateIndex, "heidi", "release index", 3, nil},
	} {
		s.Say("\n%s", trick.what)
		if err := t.restart(); err != nil {
			return err
		}
		if err := trick.setup(); err != nil {
			return fmt.Errorf("the thief's trick: %w", err)
		}
		if err := s.refused(trick.who, t.url, trick.layer, trick.exit, trick.flags); err != nil {
			return err
		}
	}
	return s.claimUnseen(t)
}

// refused runs a client that must refuse, and checks which layer it names. The
// client is a copy, so that each trick meets the same memory.
func (s *stage) refused(who, url, layer string, exit int, flags []string) error {
	if !play.Exists(s.state(who)) {
		if err := s.initClient(who); err != nil {
			return err
		}
	}
	tried := who + "-tried"
	if err := play.CopyTree(s.state(who), s.state(tried)); err != nil {
		return err
	}
	out := s.Path("work", "stolen.whl")
	args := append([]string{"--state", s.state(tried), "--url", url}, flags...)
	said, err := s.RunBoth(play.Cmd{Program: "roster", Args: append(args, "get", "--package", project, "--file", s.wheel, "--out", out), Exit: exit})
	if err != nil {
		return err
	}
	if play.Exists(out) {
		return fmt.Errorf("a refused file was written to %s", s.Show(out))
	}
	if !saysLayer(said, layer) {
		return fmt.Errorf("the refusal does not name the layer %q: %s", layer, said)
	}
	s.Say("    REFUSED by the layer: %s", layer)
	return nil
}

func (t *thief) swapWheel() error {
	evil := t.s.Path("thief", "dist", t.s.wheel)
	if err := buildWheel(evil, "1.1", "print('owned')\n"); err != nil {
		return err
	}
	matches, err := filepath.Glob(filepath.Join(t.root, "files", "*", t.s.wheel))
	if err != nil || len(matches) != 1 {
		return fmt.Errorf("finding the wheel: %d of them, %v", len(matches), err)
	}
	return play.CopyFile(evil, matches[0])
}

func (t *thief) forgeFirst() error { return t.forge(roster.Ref{}, 1) }

func (t *thief) forgeNext() error {
	leaf, err := t.leaf()
	if err != nil {
		return err
	}
	return t.forge(roster.Ref{Digest: leaf.List}, leaf.ListVersion+1)
}

func (t *thief) forge(previous roster.Ref, version uint64) error {
	leaf, err := t.leaf()
	if err != nil {
		return err
	}
	list, err := t.forgeList(project, previous, version)
	if err != nil {
		return err
	}
	leaf.List, leaf.ListVersion = list.Digest(), version
	return t.publish(leaf)
}

func (t *thief) serveOld() error {
	return t.put(roster.LatestPath, []byte(t.s.snapshots["released"]+"\n"))
}

func (t *thief) hideList() error {
	leaf, err := t.leaf()
	if err != nil {
		return err
	}
	unsigned := tree.Leaf{Name: leaf.Name, Status: leaf.Status, Index: leaf.Index, IndexLength: leaf.IndexLength}
	return t.publish(unsigned)
}

func (t *thief) truncateIndex() error {
	leaf, err := t.leaf()
	if err != nil {
		return err
	}
	empty, err := roster.NewIndex(repository, project)
	if err != nil {
		return err
	}
	if leaf, err = t.putIndex(leaf, empty); err != nil {
		return err
	}
	return t.publish(leaf)
}

// claimUnseen shows the one thing that the thief can do, until the emergency.
func (s *stage) claimUnseen(t *thief) error {
	const unseen = "freshproject"
	s.Say(`
What she can do is claim a name whose maintainers the root has never met. To
Heidi it is a new package, and whoever asks for more than new refuses it:`)
	if err := t.restart(); err != nil {
		return err
	}
	leaf, err := t.leaf()
	if err != nil {
		return err
	}
	list, err := t.forgeList(unseen, roster.Ref{}, 1)
	if err != nil {
		return err
	}
	x, err := roster.NewIndex(repository, unseen)
	if err != nil {
		return err
	}
	claimed, err := t.putIndex(tree.Leaf{Name: unseen, Status: tree.Active, List: list.Digest(), ListVersion: 1}, x)
	if err != nil {
		return err
	}
	if err := t.publish(leaf, claimed); err != nil {
		return err
	}
	said, err := s.RunBoth(play.Cmd{Program: "roster", Args: []string{"--state", s.state("heidi"), "--url", t.url, "--accept", "established",
		"get", "--package", unseen, "--file", unseen + "-1.0.tar.gz", "--out", s.Path("work", "stolen.tar.gz")}, Exit: 3})
	if err != nil {
		return err
	}
	if !saysLayer(said, "policy") {
		return fmt.Errorf("the refusal does not name the policy: %s", said)
	}
	// Her newest snapshot is now what Heidi remembers: see act 7.
	s.mirror = t.url
	return nil
}
