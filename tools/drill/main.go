// Command drill plays the worst day of an online signer from start to end with
// real parts: two Vault servers, PIV cards behind pcscd, the online signer, the
// ceremony tool and clients. It is started by make drill, beside the programs in
// build/bin, and leaves what it made under build/drill.
//
// It follows runbooks/emergency.md and runbooks/online-theft.md row by row, and
// prints how long it takes from "we think that it leaked" until clients refuse,
// until the index serves again, and until every client follows. What the programs
// do is measured; what people do is counted, and costs the minutes that the file
// minutes.txt assumes. No time is ever wanted: a slow machine fails nothing.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/rootward/rootward/hsm/transit/custodian"
	"github.com/rootward/rootward/internal/vcard/room"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if missing := lacks(); len(missing) > 0 {
		for _, m := range missing {
			fmt.Fprintln(os.Stderr, "drill: SKIPPED:", m)
		}
		if os.Getenv("CI") == "true" {
			return 1
		}
		return 0
	}
	if err := drill(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "\ndrill: fault:", err)
		fmt.Fprintln(os.Stderr, "drill: hint: the programs' own words are above; the artefacts so far are in build/drill")
		return 1
	}
	return 0
}

// lacks lists what this machine has not. A lent Vault is of no use: the drill
// wants two, and steals from one.
func lacks() []string {
	missing := room.Missing()
	if _, err := custodian.Find(); err != nil {
		missing = append(missing, err.Error())
	}
	return missing
}

func drill(ctx context.Context) error {
	estimates, err := parseMinutes(minutesFile)
	if err != nil {
		return err
	}
	s, err := newStage(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	s.Heading("BEFORE THE DAY: an index that serves, and a thief in it")
	if err := s.prepare(); err != nil {
		return fmt.Errorf("before the day: %w", err)
	}
	c := newClock(estimates)
	if err := s.day(c); err != nil {
		return err
	}
	s.epilogue(c)
	return nil
}

func (s *stage) epilogue(c *clock) {
	s.Heading("THE DRILL IN NUMBERS")
	s.Say("\nEach step, what people need for it (assumed), and what the programs took\n(measured, on this machine):\n")
	s.Say("%s", c.table())
	s.Say("%s", c.sums())
	s.Say(`
Tracks: emergency first; then operators and root at the same time, by different
people; then together. Assumed, from tools/drill/minutes.txt:
`)
	s.Say("%s", strings.TrimSuffix(c.sources(minutesFile), "\n"))
	s.Say("\nWhat was made is in %s.", s.Show(s.Dir))
}
