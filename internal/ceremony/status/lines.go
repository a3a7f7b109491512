package status

import (
	"fmt"
	"strings"
)

// Lines is the status as people read it.
func (s *Status) Lines() []string {
	var p page
	p.say("ROOT ROSTER %d of %s, at %s", s.Version, s.Repository, utc(s.At))
	p.say("  digest  %s", s.Digest)
	p.say("  issued  %s", utc(s.Issued))
	if s.At.Before(s.Issued) {
		p.say("  AFTER THIS CLOCK: the clock is wrong, or the roster was made ahead; the dates below follow from the clock")
	}
	p.say("  expires %s: %s", utc(s.Expires), s.left(s.Expires))
	s.sayPeople(&p)
	s.sayCards(&p)
	s.sayOnline(&p)
	p.say("SEALED REVOCATIONS")
	for _, set := range s.Sealed {
		if set.Newest {
			p.say("  under roster %d: %d, which should be in two envelopes", set.Version, set.Keys)
		} else {
			p.say("  under roster %d: should be DESTROYED, once roster %d is public", set.Version, s.Version)
		}
	}
	p.say("NEXT")
	for _, a := range s.Actions {
		p.say("  %s (%s): %s", utc(a.By), s.due(a.By), a.What)
		p.say("      %s", a.How)
	}
	if len(s.Problems) == 0 {
		p.say("The root counts, and can be renewed.")
	}
	for _, problem := range s.Problems {
		p.say("PROBLEM: %s", problem)
	}
	return p.lines
}

type page struct{ lines []string }

func (p *page) say(format string, args ...any) {
	p.lines = append(p.lines, fmt.Sprintf(format, args...))
}

func (s *Status) sayPeople(p *page) {
	p.say("KEYHOLDERS: %d of %d must sign", s.Threshold, len(s.Present)+len(s.Away))
	p.say("  can sign: %s", orNone(s.Present))
	if len(s.Away) > 0 {
		p.say("  AWAY: %s", orNone(s.Away))
	}
	for k, reached := range s.Losses {
		word := "still enough"
		if !reached {
			word = "TOO FEW: the root is beyond repair"
		}
		p.say("  any %d of these %d lost as well (%d ways): %s", k+1, len(s.Present), choose(len(s.Present), k+1), word)
		if !reached {
			break // more losses do not help
		}
	}
	if len(s.Critical) > 0 {
		p.say("  CRITICAL, each of them: %s", orNone(s.Critical))
	}
	for _, a := range s.Acts {
		names := make([]string, len(a.Acts))
		for i, act := range a.Acts {
			names[i] = string(act)
		}
		word := "reaches the threshold"
		switch {
		case !a.Cards:
			word = "needs no card"
		case len(a.Without) == len(s.Present)+len(s.Away):
			word = "CANNOT reach the threshold"
		case len(a.Without) > 0:
			word = "CANNOT, if it is the card of " + orNone(a.Without)
		}
		p.say("  %s: %s", strings.Join(names, ", "), word)
	}
}

// choose is how many ways there are to take k of n; n is at most 32.
func choose(n, k int) int {
	c := 1
	for i := range k {
		c = c * (n - i) / (i + 1)
	}
	return c
}

func (s *Status) sayCards(p *page) {
	p.say("CARDS")
	for _, c := range s.Cards {
		since := fmt.Sprintf("in the root since roster %d, %s", c.Version, span(max(0, s.At.Sub(c.Since))))
		switch c.Proof {
		case Attested:
			p.say("  %s: card %d, firmware %s, %s; %s", c.Holder, c.Serial, c.Firmware, c.Algorithm, since)
		case Claimed:
			p.say("  %s: card %d, firmware %s, %s, BY ITS OWN WORD; %s", c.Holder, c.Serial, c.Firmware, c.Algorithm, since)
		case Unattested:
			p.say("  %s: %s, NO ATTESTATION; %s", c.Holder, c.Algorithm, since)
		default:
			p.say("  %s: %s, its attestation is %s; %s", c.Holder, c.Algorithm, strings.ToUpper(string(c.Proof)), since)
		}
		for _, a := range c.Advisories {
			p.say("    ADVISORY %s: %s (%s)", a.ID, a.Warning, a.URL)
		}
	}
	for _, o := range s.Shared {
		p.say("  one weakness of firmware %s would reach %d cards, of %s: the threshold", o.Firmware, len(o.Holders), orNone(o.Holders))
	}
}

func (s *Status) sayOnline(p *page) {
	p.say("ONLINE KEYS")
	for _, k := range s.Online {
		state := s.left(k.Expires.Time)
		if k.Opened {
			state = "REVOKED: its revocation is public"
		} else if s.At.Before(k.NotBefore.Time) {
			state = "counts in " + span(k.NotBefore.Sub(s.At))
		}
		p.say("  %s %s, from %s until %s: %s", k.Role, k.Key, k.NotBefore, k.Expires, state)
	}
	for _, r := range s.Roles {
		switch {
		case r.Now == 0:
			p.say("  NO %s KEY COUNTS", r.Role)
		case r.Now == 1:
			p.say("  one %s key counts and none stands by: lost, it wants a ceremony", r.Role)
		default:
			p.say("  %d %s keys count", r.Now, r.Role)
		}
	}
}
