package acts

import (
	"bytes"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/roster"
)

// in opens a record for a step.
func (w *world) in(record string, step func(*ceremony.Session) error) error {
	w.t.Helper()
	r, err := ceremony.OpenRecord(w.t.Context(), record, w.now)
	must(w.t, err)
	defer r.Close()
	s, err := r.Session(w.t.Context())
	must(w.t, err)
	return step(s)
}

// carry makes a bundle of a record, as it arrives on the other side.
func (w *world) carry(record string, kind bundle.Kind) *bundle.Bundle {
	w.t.Helper()
	var opened *bundle.Bundle
	must(w.t, w.in(record, func(s *ceremony.Session) error {
		made, err := s.Bundle(w.t.Context(), kind)
		if err != nil {
			return err
		}
		raw, err := made.Bytes()
		if err != nil {
			return err
		}
		opened, err = bundle.Open(bytes.NewReader(raw))
		return err
	}))
	return opened
}

// atHome has somebody sign a draft on a machine of their own. They have heard its
// digest by telephone.
func (w *world) atHome(draft *bundle.Bundle, name string) *bundle.Bundle {
	w.t.Helper()
	home := w.path("home-" + name)
	must(w.t, os.MkdirAll(home, 0o700))
	record := home + "/record"
	must(w.t, ceremony.Receive(w.t.Context(), draft, record, w.now))
	must(w.t, w.in(record, func(s *ceremony.Session) error {
		desk := &room{now: w.now, reader: &reader{cards: w.cards}, heard: s.Draft.Roster.Digest()}
		return s.Sign(w.t.Context(), ceremony.Signing{Card: w.cards[serials[name]], Desk: desk, At: w.now, Rand: rand.Reader})
	}))
	return w.carry(record, bundle.Signatures)
}

func (w *world) collect(record string, b *bundle.Bundle) error {
	w.t.Helper()
	return w.in(record, func(s *ceremony.Session) error {
		_, err := s.Collect(b, w.now)
		return err
	})
}

// waiting is the answer while signatures are to come.
func waiting(prompt string) string {
	if strings.HasPrefix(prompt, "Type combine") {
		return "stop"
	}
	return ""
}

// TestApart: nobody who signs is in the room. Two keyholders sign at home, days
// apart, and the ceremony goes on with what they send. What they signed of another
// draft is not taken.
func TestApart(t *testing.T) {
	w := founded(t)
	until := roster.At(w.now.AddDate(1, 0, 0)).String()
	c := holding{acts: "renewal", values: join(w.issued(), values{"expires": until, "online-until": until, "standby-until": roster.At(begin.AddDate(2, 0, 0)).String()}),
		absent: []string{"Alice", "Bob", "Carol"}, answer: waiting}
	h := w.planned(c)
	stopped(t, w.conduct(h, c), "COMBINE")
	draft := w.carry(h.record, bundle.Draft)
	w.now = w.now.Add(day)
	fromBob := w.atHome(draft, "Bob")
	must(t, w.collect(h.record, fromBob))
	c.answer = nil
	stopped(t, w.conduct(h, c), "Alice") // one is too few
	w.now = w.now.Add(3 * day)
	must(t, w.collect(h.record, w.atHome(draft, "Carol")))
	must(t, w.conduct(h, c))
	if got := strings.Join(h.Signed, " "); got != "Bob Carol" {
		t.Errorf("signed by %s, want Bob Carol", got)
	}
	w.adopt(h)
	w.follow(3)

	until = roster.At(w.now.AddDate(1, 1, 0)).String()
	again := holding{acts: "renewal", absent: c.absent, answer: waiting,
		values: join(w.issued(), values{"expires": until, "online-until": until, "standby-until": roster.At(begin.AddDate(2, 0, 0)).String()})}
	next := w.planned(again)
	stopped(t, w.conduct(next, again), "COMBINE")
	if err := w.collect(next.record, fromBob); err == nil {
		t.Error("signatures over another draft were taken")
	}
}
