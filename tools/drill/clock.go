package main

import (
	"fmt"
	"strings"
	"time"
)

// A track is a row of steps that people do one after another. Steps of different
// tracks are done at the same time, by different people.
type track string

// The tracks. The last begins when both before it have ended.
const (
	emergency track = "emergency" // from T0
	operators track = "operators" // from T1
	root      track = "root"      // from T1
	together  track = "together"  // from the end of both
)

// The milestones.
const (
	t0 = "T0: we think that it leaked"
	t1 = "T1: clients refuse the stolen keys"
	t2 = "T2: the index serves again, by the standby pair"
	t3 = "T3: every client follows again, also those that the thief deceived"
)

// A cost is what people spend on something, some times over.
type cost struct {
	key   string // in the file of assumptions
	times int
}

// A step is one row of a runbook.
type step struct {
	track track
	place string // in the runbooks
	who   string
	what  string
	costs []cost
	play  func() error // what the programs do; nil where people act alone
	ends  string       // a milestone that it reaches
	// counted says, once it was played, what people did, where that is not one
	// thing that is known before.
	counted func() (costs []cost, human int)
}

// A done is a step that was played.
type done struct {
	step
	human   int
	minutes float64
	machine time.Duration
}

// A clock adds people's assumed minutes to the machines' measured time.
type clock struct {
	estimates map[string]estimate
	steps     []done
	ends      map[track]float64 // minutes after T0
	reached   []milestone
	used      map[string]bool
}

type milestone struct {
	name    string
	minutes float64 // after T0
	human   int     // human steps on the way to it, in all tracks
}

func newClock(estimates map[string]estimate) *clock {
	return &clock{estimates: estimates, ends: make(map[track]float64), used: make(map[string]bool)}
}

// begin is when a track begins, in minutes after T0.
func (c *clock) begin(t track) float64 {
	switch t {
	case operators, root:
		return c.ends[emergency]
	case together:
		return max(c.ends[operators], c.ends[root])
	}
	return 0
}

// play plays a step and counts it.
func (c *clock) play(s step) error {
	started := time.Now()
	if s.play != nil {
		if err := s.play(); err != nil {
			return fmt.Errorf("%s, %s: %w", s.place, s.what, err)
		}
	}
	d := done{step: s, machine: time.Since(started), human: 1}
	if s.play == nil {
		d.machine = 0
	}
	if s.counted != nil {
		d.costs, d.human = s.counted()
	}
	for _, k := range d.costs {
		e, ok := c.estimates[k.key]
		if !ok {
			return fmt.Errorf("%s: the file of assumptions has no %q", s.place, k.key)
		}
		c.used[k.key] = true
		d.minutes += e.minutes * float64(k.times)
	}
	if _, begun := c.ends[s.track]; !begun {
		c.ends[s.track] = c.begin(s.track)
	}
	c.ends[s.track] += d.minutes + d.machine.Minutes()
	c.steps = append(c.steps, d)
	if s.ends != "" {
		m := milestone{name: s.ends, minutes: c.ends[s.track]}
		for _, d := range c.steps {
			if d.track == emergency || d.track == s.track || s.track == together {
				m.human += d.human
			}
		}
		c.reached = append(c.reached, m)
	}
	return nil
}

// table prints what was played.
func (c *clock) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s %-26s %-14s %6s %8s %9s  %s\n", "meanwhile", "runbook", "who", "steps", "people", "machine", "what")
	fmt.Fprintf(&b, "%-10s %-26s %-14s %6s %8s %9s\n", "", "", "", "", "min", "s")
	people, machine, human := 0.0, time.Duration(0), 0
	for _, d := range c.steps {
		measured := "-"
		if d.step.play != nil {
			measured = fmt.Sprintf("%.2f", d.machine.Seconds())
		}
		fmt.Fprintf(&b, "%-10s %-26s %-14s %6d %8.1f %9s  %s\n", d.track, d.place, d.who, d.human, d.minutes, measured, d.what)
		if d.ends != "" {
			fmt.Fprintf(&b, "%10s ---- %s\n", "", d.ends)
		}
		people, machine, human = people+d.minutes, machine+d.machine, human+d.human
	}
	fmt.Fprintf(&b, "%-10s %-26s %-14s %6d %8.1f %9.2f\n", "all", "", "", human, people, machine.Seconds())
	return b.String()
}

// sums prints how long after T0 each milestone is.
func (c *clock) sums() string {
	var b strings.Builder
	for _, m := range c.reached {
		fmt.Fprintf(&b, "%-68s %6.0f minutes after T0, %3d human steps\n", m.name, m.minutes, m.human)
	}
	return b.String()
}

// sources prints what was assumed, and why.
func (c *clock) sources(order string) string {
	var b strings.Builder
	for line := range strings.Lines(order) {
		key, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if e, ok := c.estimates[key]; ok {
			fmt.Fprintf(&b, "  %-16s %5.1f  %s\n", key, e.minutes, e.why)
		}
	}
	return b.String()
}
