package status

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rootward/rootward/roster/digest"
)

// Calendar writes the dates that follow from the newest roster as an RFC 5545
// calendar: what is to be done by when, and when the roster and its online keys
// stop counting, each with alarms before. All times are UTC.
//
// The same roster gives the same bytes as long as no key's window ends or
// begins meanwhile. An event's UID follows from the repository, the roster's
// version and the event's kind, so that a calendar imported twice has it once.
func (s *Status) Calendar(r Rhythm) []byte {
	var c calendar
	c.line("BEGIN:VCALENDAR")
	c.line("VERSION:2.0")
	c.line("PRODID:-//Rootward//ceremony status//EN")
	c.line("CALSCALE:GREGORIAN")
	c.line("METHOD:PUBLISH")
	for _, e := range s.events(r) {
		c.event(s, e)
	}
	c.line("END:VCALENDAR")
	return c.Bytes()
}

// events are the dates, in order.
func (s *Status) events(r Rhythm) []Action {
	all := s.dates(r)
	if s.Version > 1 {
		all = append(all, Action{ID: "destroy", By: s.Issued.Add(7 * day), How: "runbooks/revocations.md",
			What: fmt.Sprintf("destroy the revocations that were sealed under root roster %d", s.Version-1)})
	}
	for _, k := range s.Online {
		all = append(all, Action{ID: "ends-" + k.Key.ID().String(), By: k.Expires.Time, How: "runbooks/online-rotation.md",
			What: fmt.Sprintf("online %s key %s stops counting", k.Role, k.Key)})
	}
	all = append(all, Action{ID: "expires", By: s.Expires, How: "runbooks/renewal.md",
		What: fmt.Sprintf("root roster %d expires: clients refuse the index", s.Version)})
	slices.SortStableFunc(all, func(a, b Action) int { return a.By.Compare(b.By) })
	return all
}

type calendar struct{ bytes.Buffer }

// line writes a content line, folded at 75 octets, its end not counted, and
// never within a character (RFC 5545, section 3.1).
func (c *calendar) line(s string) {
	const limit = 75
	for room := limit; len(s) > room; room = limit - 1 {
		n := room
		for !utf8.RuneStart(s[n]) {
			n--
		}
		c.WriteString(s[:n] + "\r\n ")
		s = s[n:]
	}
	c.WriteString(s + "\r\n")
}

// text escapes a value (section 3.3.11).
var text = strings.NewReplacer(`\`, `\\`, `;`, `\;`, `,`, `\,`, "\n", `\n`)

func stamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

func (c *calendar) event(s *Status, e Action) {
	uid := digest.Sum(fmt.Appendf(nil, "%s %d %s", s.Repository, s.Version, e.ID)).String()[:32]
	c.line("BEGIN:VEVENT")
	c.line("UID:" + uid + "@" + s.Repository)
	c.line("DTSTAMP:" + stamp(s.Issued))
	c.line("DTSTART:" + stamp(e.By))
	c.line("DURATION:PT1H")
	c.line("SUMMARY:" + text.Replace(s.Repository+": "+e.What))
	c.line("DESCRIPTION:" + text.Replace(fmt.Sprintf("Root roster %d, SHA-256 %s.\nSee %s.", s.Version, s.Digest, e.How)))
	c.line("TRANSP:TRANSPARENT")
	for _, before := range []string{"-P30D", "-P7D", "-P1D"} {
		c.line("BEGIN:VALARM")
		c.line("ACTION:DISPLAY")
		c.line("TRIGGER:" + before)
		c.line("DESCRIPTION:" + text.Replace(e.What))
		c.line("END:VALARM")
	}
	c.line("END:VEVENT")
}
