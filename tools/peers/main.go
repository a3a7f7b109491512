// Peers measures what a client costs that verifies an index in TUF metadata,
// laid out as PEP 458 lays out PyPI, with go-tuf's updater. It prints JSON: an
// array of [Row]. It is a module of its own, so that go-tuf never enters
// Rootward's.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"
)

// A Row is what one client did, and its cost.
type Row struct {
	Layout string  `json:"layout"`
	What   string  `json:"what"`
	Bytes  int     `json:"bytes"`  // of the answers' bodies
	Gets   int     `json:"gets"`   // requests
	Rounds int     `json:"rounds"` // requests one after another
	CPU    float64 `json:"cpu"`    // milliseconds of processor time
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run() error {
	var rows []Row
	for _, l := range []layout{{139, false}, {139, true}, {959, false}, {959, true}} {
		more, err := measure(l, time.Now().UTC().Truncate(time.Second))
		if err != nil {
			return fmt.Errorf("%s: %w", l, err)
		}
		rows = append(rows, more...)
		fmt.Fprintf(os.Stderr, "peers: %s: done\n", l)
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(rows)
}

// inSet is how many packages stand in a set.
const inSet = 10

// targetsOf are the two targets of a package: PEP 458 signs its simple index
// as well as its distributions.
func targetsOf(pkg string) []string {
	return []string{"simple/" + pkg + "/index.html", TargetPath(pkg)}
}

// measure plays the clients of one layout. Their bins are made before.
func measure(l layout, at time.Time) ([]Row, error) {
	var set []string
	for i := 0; len(set) < 2*inSet; i++ {
		if t := targetsOf(fmt.Sprintf("package-%d", i)); findable(t[0]) && findable(t[1]) {
			set = append(set, t...)
		}
	}
	median, other := targetsOf("median"), targetsOf("another")
	var all []string
	for _, t := range [][]string{set, median, other} {
		all = append(all, t...)
	}
	var rows []Row
	r, err := newRepository(l, at, all)
	if err != nil {
		return nil, err
	}
	if err := r.warm(all); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "rootward-peers-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	steps := []struct {
		what, state string
		change      []string // targets whose bins change before
		targets     []string
	}{
		{"new user", "one", nil, median},
		{"same snapshot, same package", "one", nil, median},
		{"same snapshot, another package", "one", nil, other},
		{"refresh with nothing new", "one", nil, nil},
		{"new user, a set of 10", "ten", nil, set},
		{"new snapshot, package has a new release", "one", median, median},
	}
	for _, s := range steps {
		if s.change != nil {
			if err := r.advance(binOf(s.change[0]), binOf(s.change[1])); err != nil {
				return nil, err
			}
			if err := r.warm(all); err != nil {
				return nil, err
			}
		}
		row, err := r.play(filepath.Join(dir, s.state), s.targets)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.what, err)
		}
		row.What = s.what
		rows = append(rows, row)
	}
	row, err := r.timePublishing()
	if err != nil {
		return nil, err
	}
	rows = append(rows, row)
	return rows, nil
}

// warm makes the bins of targets before anybody counts.
func (r *repository) warm(targets []string) error {
	for _, t := range targets {
		bin := binOf(t)
		if _, err := r.file(fmt.Sprintf("%d.%s.json", max(1, r.changed[bin]), binName(bin))); err != nil {
			return err
		}
	}
	return nil
}

// play is one client with its state: it refreshes and looks targets up, but
// downloads none.
func (r *repository) play(state string, targets []string) (Row, error) {
	m := &meter{repository: r}
	c, err := config.New("https://peer.invalid", r.files["1.root.json"])
	if err != nil {
		return Row{}, err
	}
	c.Fetcher, c.LocalMetadataDir, c.LocalTargetsDir = m, filepath.Join(state, "metadata"), filepath.Join(state, "targets")
	began := processorTime()
	u, err := updater.New(c)
	if err != nil {
		return Row{}, err
	}
	if err := u.Refresh(); err != nil {
		return Row{}, fmt.Errorf("refreshing: %w", err)
	}
	for _, t := range targets {
		info, err := u.GetTargetInfo(t)
		if err != nil {
			return Row{}, fmt.Errorf("looking up %s: %w", t, err)
		}
		if !info.Equal(*r.target(t)) {
			return Row{}, fmt.Errorf("looking up %s: found another target", t)
		}
	}
	cpu := processorTime() - began
	return Row{Layout: r.String(), Bytes: m.bytes, Gets: m.gets, Rounds: m.gets, CPU: float64(cpu.Microseconds()) / 1000}, nil
}

// timePublishing makes a snapshot in which 100 packages changed, each with
// two targets: so 200 of the bins, less those that come twice.
func (r *repository) timePublishing() (Row, error) {
	bins := make(map[int]bool)
	for i := range 100 {
		for _, t := range targetsOf(fmt.Sprintf("changed-%d", i)) {
			bins[binOf(t)] = true
		}
	}
	r.made = 0
	began := processorTime()
	r.version++
	for bin := range bins {
		r.changed[bin] = r.version
		if _, err := r.makeBin(bin, r.version); err != nil {
			return Row{}, err
		}
	}
	if err := r.publish(); err != nil {
		return Row{}, err
	}
	cpu := processorTime() - began
	bytes := r.made + len(r.files["timestamp.json"]) + len(r.files[fmt.Sprintf("%d.snapshot.json", r.version)])
	return Row{Layout: r.String(), What: "publishing 100 changed packages (files made)", Bytes: bytes, Gets: len(bins) + 2, CPU: float64(cpu.Microseconds()) / 1000}, nil
}

// processorTime is what this process has used so far, in user and system mode.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no other cause than a wrong argument
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
