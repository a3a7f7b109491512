package airgap

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Class says what a finding means for a ceremony.
type Class string

// The classes, from the harmless on.
const (
	// Notice is for people to know.
	Notice Class = "notice"
	// Exception departs from what a ceremony's machine should be: the people in
	// the room decide, and their answer is recorded.
	Exception Class = "exception"
	// Refused forbids a ceremony that is no rehearsal.
	Refused Class = "refused"
)

// A Finding is one thing about a machine that people must know.
type Finding struct {
	ID       string `json:"id"` // such as INTERFACE-UP
	Class    Class  `json:"class"`
	Sentence string `json:"sentence"` // printable only as package command makes it
	Do       string `json:"do"`       // what to do about it
}

// Findings judges the report, with the names of the card readers that PC/SC
// tells. In a rehearsal, virtual readers are what is expected.
//
// The rules: an interface that is up, a radio, Bluetooth, and media on another
// machine are exceptions; so is what could not be looked at. Removable media
// are a notice, because what crosses the gap comes on them. A reader for
// virtual cards, or its driver, is refused: a card in it is whatever a program
// makes of it.
func (r Report) Findings(readers []string, rehearsal bool) []Finding {
	var all []Finding
	add := func(id string, class Class, do, format string, args ...any) {
		all = append(all, Finding{id, class, fmt.Sprintf(format, args...), do})
	}
	for _, i := range r.Interfaces {
		if i.Up && !i.Loopback {
			state := "nothing answers at its other end"
			if i.Carrier {
				state = "something answers at its other end"
			}
			add("INTERFACE-UP", Exception, "pull its cable out, and switch it off: ip link set "+i.Name+" down", "Network interface %s is UP; %s.", i.Name, state)
		}
	}
	for _, w := range r.Wireless {
		add("WIRELESS", Exception, "take the radio out, or switch it off in the firmware", "Wireless device %s is there.", w)
	}
	for _, b := range r.Bluetooth {
		add("BLUETOOTH", Exception, "take the adapter out, or switch it off in the firmware", "Bluetooth adapter %s is there.", b)
	}
	for _, m := range r.Media {
		if m.Why == "network" {
			add("MEDIA-NETWORK", Exception, "unmount it", "%s is a %s file system on another machine (%s).", m.Point, m.Type, m.Source)
		} else {
			add("MEDIA-REMOVABLE", Notice, "check that it is one of this ceremony's media", "%s is a removable medium (%s, %s).", m.Point, m.Source, m.Type)
		}
	}
	for _, u := range r.Unread {
		add("NOT-READ", Exception, "find out why; of this nothing is known", "%s could not be read.", u)
	}
	return append(all, virtualReaders(r.VirtualReader, readers, rehearsal)...)
}

func virtualReaders(files, readers []string, rehearsal bool) []Finding {
	class, do := Refused, "hold the ceremony on another machine, on which no virtual reader was ever installed"
	if rehearsal {
		class, do = Notice, "nothing: this is a rehearsal"
	}
	var all []Finding
	for _, f := range files {
		all = append(all, Finding{"VIRTUAL-READER", class, fmt.Sprintf("A driver for virtual cards is installed: %s.", f), do})
	}
	for _, name := range readers {
		if IsVirtualReader(name) {
			all = append(all, Finding{"VIRTUAL-READER", class, fmt.Sprintf("Reader %q is one for virtual cards.", name), do})
		}
	}
	return all
}

// IsVirtualReader knows the names of readers in which virtual cards lie: vpcd's
// own ("Virtual PCD 00 00"), and those of rehearsals. Whoever configures a
// reader can give it any name; the driver's file is what tells then.
func IsVirtualReader(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc([]string{"vpcd", "virtual", "rehearsal"}, func(w string) bool { return strings.Contains(lower, w) })
}

// Worst gives the gravest class among findings; "" if there are none.
func Worst(all []Finding) Class {
	worst, order := Class(""), []Class{"", Notice, Exception, Refused}
	for _, f := range all {
		if slices.Index(order, f.Class) > slices.Index(order, worst) {
			worst = f.Class
		}
	}
	return worst
}

// A Stamp is a time that somebody or something else tells.
type Stamp struct {
	Who string // such as "root roster 4" or "the watch of Bob"
	At  time.Time
}

// CheckClock compares the machine's clock, now, with artefacts, none of which can
// be from the future. A clock before an artefact is refused, because what is
// signed would be dated before what it follows. It is not compared with people's
// clocks here: the guided run asks for those, and knows what its plan allows.
func CheckClock(now time.Time, artefacts []Stamp) []Finding {
	utc := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	var all []Finding
	for _, a := range artefacts {
		if now.Before(a.At) {
			all = append(all, Finding{"CLOCK-ARTEFACT", Refused, fmt.Sprintf("The clock reads %s, but %s is from %s.", utc(now), a.Who, utc(a.At)),
				"compare the clock with two others in the room, and set it"})
		}
	}
	return all
}
