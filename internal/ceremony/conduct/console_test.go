package conduct

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestCountdown: each second on one line where a line can be written over, else
// every five seconds; and nothing after the touch.
func TestCountdown(t *testing.T) {
	for _, c := range []struct {
		live bool
		want string
	}{
		{false, "!! TOUCH card 1001 now, Alice: put a finger on its metal.\n   touch it: 10 seconds left\n"},
		{true, fmt.Sprintf("!! TOUCH card 1001 now, Alice: put a finger on its metal.\n\r%-77s\r%-77s\r%-77s\r%-77s\r%-77s\n", "   touch it: 14 seconds left",
			"   touch it: 13 seconds left", "   touch it: 12 seconds left", "   touch it: 11 seconds left", "   touch it: 10 seconds left")},
	} {
		ticks, stopped := make(chan time.Time), false
		var out bytes.Buffer
		console := &Console{Out: &out, Live: c.live, Tick: func() (<-chan time.Time, func()) { return ticks, func() { stopped = true } }}
		over := console.Touch("Alice", 1001)
		for range 5 {
			ticks <- first
		}
		over()
		if out.String() != c.want || !stopped {
			t.Errorf("live %v: shown %q, want %q", c.live, out.String(), c.want)
		}
	}
}

// TestWrap: rows are at most 78 wide, whatever is in them.
func TestWrap(t *testing.T) {
	long := strings.Repeat("word ", 40) + strings.Repeat("x", 200) + " \x1b[2J é"
	for _, kind := range []Kind{Plain, Say, Compare, Item, Warning} {
		for _, row := range render(Line{Kind: kind, Text: long}) {
			if n := len([]rune(row)); n > Columns || strings.Contains(row, "\x1b") {
				t.Errorf("kind %d: a row of %d: %q", kind, n, row)
			}
		}
	}
}
