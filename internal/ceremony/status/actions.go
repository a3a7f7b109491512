package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rootward/rootward/roster"
)

// An Action is something that people have to do, at the latest at a time.
type Action struct {
	ID   string // stable, for calendars; unique in a status
	By   time.Time
	What string // one line
	How  string // the runbook, or a command
	// Fixed is set where the date follows from the newest roster alone.
	Fixed bool
}

// actions collects what is to be done.
func (s *Status) actions(r Rhythm) {
	s.Actions = append(s.now(), s.dates(r)...)
	routine := s.routine(r)
	for _, c := range s.Cards {
		for _, a := range c.Advisories {
			s.act("replace-"+a.ID+"-"+c.Holder, routine, "runbooks/card-retired.md",
				"replace the card of %s: firmware %s is under %s", c.Holder, c.Firmware, a.ID)
		}
	}
	slices.SortStableFunc(s.Actions, func(a, b Action) int { return a.By.Compare(b.By) })
}

func (s *Status) act(id string, by time.Time, how, format string, args ...any) {
	s.Actions = append(s.Actions, Action{ID: id, By: by, What: fmt.Sprintf(format, args...), How: how})
}

// now is what cannot wait for a date.
func (s *Status) now() []Action {
	var all []Action
	add := func(id, how, format string, args ...any) {
		all = append(all, Action{ID: id, By: s.At, What: fmt.Sprintf(format, args...), How: how})
	}
	if len(s.Present) < s.Threshold {
		add("below", "docs/maintenance.md", "find %d more keyholders with their cards; nothing goes round the threshold", s.Threshold-len(s.Present))
	} else if len(s.Critical) > 0 {
		add("critical", "runbooks/keyholders.md", "bring one back or add a keyholder: whoever is lost next, the root is lost too")
	}
	if !s.At.Before(s.Expires) {
		add("expired", "runbooks/renewal.md", "renew now: clients refuse the index until a new roster is public")
	}
	opened := slices.ContainsFunc(s.Online, func(k Online) bool { return k.Opened })
	if opened {
		add("theft", "runbooks/online-theft.md", "replace both online keys: a revocation is public")
	}
	if !opened && slices.ContainsFunc(s.Roles, func(r Role) bool { return r.Now == 0 }) {
		add("rotate", "runbooks/online-rotation.md", "name online keys that count: there is a role without one")
	}
	return all
}

// latest is when a new roster must be made to overlap with this one.
func (s *Status) latest(r Rhythm) time.Time { return s.Expires.Add(-r.Overlap) }

// routine is when the next ceremony is due.
func (s *Status) routine(r Rhythm) time.Time {
	return earlier(s.Issued.Add(r.Ceremony), s.latest(r))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// dates is what follows from the newest roster, with its windows.
func (s *Status) dates(r Rhythm) []Action {
	routine := s.routine(r)
	all := []Action{
		{ID: "keep", By: routine.Add(-r.Waiting), Fixed: true, How: "roster keep",
			What: "a keyholder keeps a snapshot: the waiting period of the next anchor begins"},
		{ID: "ceremony", By: routine, Fixed: true, How: "runbooks/renewal.md with runbooks/anchor.md",
			What: "hold the routine ceremony: renewal, anchor, new sealed revocations"},
		{ID: "renew", By: s.latest(r), Fixed: true, How: "runbooks/renewal.md",
			What: fmt.Sprintf("renew no later than this: %s remain to root roster %d then", span(r.Overlap), s.Version)},
	}
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		if end := s.covered(role); !end.IsZero() && end.Before(s.Expires) {
			all = append(all, Action{ID: "rotate-" + string(role), By: end.Add(-r.Overlap), Fixed: true, How: "runbooks/online-rotation.md",
				What: fmt.Sprintf("replace the online %s key: none counts from %s", role, utc(end))})
		}
	}
	return all
}

// span is a length of time in words.
func span(d time.Duration) string {
	n, unit := int(d/day), "day"
	if d < day {
		n, unit = int(d/time.Hour), "hour"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}

// due says how a date stands to now.
func (s *Status) due(t time.Time) string {
	switch left := t.Sub(s.At); {
	case left > 0:
		return "in " + span(left)
	case left == 0:
		return "NOW"
	default:
		return "OVERDUE by " + span(-left)
	}
}

// left says how long something still counts.
func (s *Status) left(t time.Time) string {
	if d := t.Sub(s.At); d > 0 {
		return span(d) + " left"
	}
	return "EXPIRED " + span(s.At.Sub(t)) + " ago"
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}
