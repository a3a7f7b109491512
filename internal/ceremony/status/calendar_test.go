package status

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rootward/rootward/roster"
)

func TestCalendar(t *testing.T) {
	x := second(t, func(r *roster.Root) { r.OnlineKeys[0].Expires = roster.At(r.Issued.AddDate(0, 8, 0)) })
	in := input(t, x)
	ics := Of(in, Usual()).Calendar(Usual())
	golden(t, "testdata/calendar.ics", string(ics))
	in.At = in.At.Add(30 * day)
	in.Away = []string{"Dave"}
	if again := Of(in, Usual()).Calendar(Usual()); string(again) != string(ics) {
		t.Error("a month later the same roster has another calendar")
	}

	events := parse(t, string(ics))
	if n := len(events); n != 8 {
		t.Fatalf("%d events, want 8", n)
	}
	seen := make(map[string]bool)
	var starts []time.Time
	for _, e := range events {
		if seen[e["UID"]] {
			t.Errorf("UID %s stands twice", e["UID"])
		}
		seen[e["UID"]] = true
		start, err := time.Parse("20060102T150405Z", e["DTSTART"])
		if err != nil {
			t.Fatal(err)
		}
		starts = append(starts, start)
		if e["SUMMARY"] == "" || e["DTSTAMP"] != "20260206T090000Z" {
			t.Errorf("event %v, want a summary, and the stamp of the roster's issue", e)
		}
	}
	if !slices.IsSortedFunc(starts, time.Time.Compare) {
		t.Errorf("events at %v, want them in order", starts)
	}
	last := events[len(events)-1]
	if want := "packages.example: root roster 2 expires: clients refuse the index"; last["SUMMARY"] != want || !starts[len(starts)-1].Equal(in.Rosters[1].Root().Expires.Time) {
		t.Errorf("the last event is %q at %v, want %q", last["SUMMARY"], starts[len(starts)-1], want)
	}
}

// The next roster's calendar is of other events: both can be in one calendar.
func TestCalendarsOfTwoRostersDoNotMeet(t *testing.T) {
	x := second(t, nil)
	in := input(t, x)
	older := parse(t, string(Of(Input{Rosters: in.Rosters[:1], At: in.At}, Usual()).Calendar(Usual())))
	newer := parse(t, string(Of(in, Usual()).Calendar(Usual())))
	for _, a := range older {
		for _, b := range newer {
			if a["UID"] == b["UID"] {
				t.Errorf("%q and %q have one UID", a["SUMMARY"], b["SUMMARY"])
			}
		}
	}
}

func TestFolding(t *testing.T) {
	for _, s := range []string{"", "short", strings.Repeat("x", 75), strings.Repeat("x", 76), strings.Repeat("x", 149), strings.Repeat("x", 150), strings.Repeat("é", 200), "a" + strings.Repeat("𝄞", 90)} {
		var c calendar
		c.line(s)
		text, ok := strings.CutSuffix(c.String(), "\r\n")
		if !ok {
			t.Fatalf("%q does not end with CRLF", c.String())
		}
		for _, l := range strings.Split(text, "\r\n") {
			if len(l) > 75 || !utf8.ValidString(l) {
				t.Errorf("line %q has %d octets, wanted at most 75, and whole characters", l, len(l))
			}
		}
		if got := strings.ReplaceAll(text, "\r\n ", ""); got != s {
			t.Errorf("unfolded %q, want %q", got, s)
		}
	}
}

// parse reads a calendar as another program would (RFC 5545, sections 3.1, 3.3.11
// and 3.6), and returns the properties of its events, but for those of alarms.
func parse(t *testing.T, ics string) []map[string]string {
	t.Helper()
	if strings.Contains(strings.ReplaceAll(ics, "\r\n", ""), "\n") || strings.Contains(strings.ReplaceAll(ics, "\r\n", ""), "\r") {
		t.Error("a line does not end with CRLF")
	}
	for _, l := range strings.Split(ics, "\r\n") {
		if len(l) > 75 {
			t.Errorf("line %q has %d octets", l, len(l))
		}
	}
	unescape := strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n")
	var events []map[string]string
	var open []string
	for _, l := range strings.Split(strings.TrimSuffix(strings.ReplaceAll(ics, "\r\n ", ""), "\r\n"), "\r\n") {
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			t.Fatalf("line %q has no value", l)
		}
		switch {
		case name == "BEGIN":
			if open = append(open, value); value == "VEVENT" {
				events = append(events, map[string]string{})
			}
		case name == "END":
			if len(open) == 0 || open[len(open)-1] != value {
				t.Fatalf("END:%s within %v", value, open)
			}
			if open = open[:len(open)-1]; value == "VEVENT" {
				for _, wanted := range []string{"UID", "DTSTAMP", "DTSTART", "SUMMARY"} {
					if events[len(events)-1][wanted] == "" {
						t.Errorf("an event lacks %s", wanted)
					}
				}
			}
		case len(open) == 2 && open[1] == "VEVENT":
			events[len(events)-1][name] = unescape.Replace(value)
		}
	}
	if len(open) > 0 {
		t.Errorf("%v is not closed", open)
	}
	return events
}
