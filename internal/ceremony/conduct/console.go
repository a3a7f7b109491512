package conduct

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/command"
)

// The size of the console that everything fits on, and the seconds that a card
// waits to be touched.
const (
	Columns      = 78
	Rows         = 24
	TouchSeconds = 15
)

// An Input is where answers come from: one line each, without its end.
type Input interface {
	Line() (string, error)
	Secret() (string, error) // nothing of it is shown
}

// A Console is a [Desk] on 80 columns and 24 rows, without colour, mouse or
// cursor: all it does is print lines. What is to be said aloud is marked SAY,
// what is to be compared COMPARE. It may be used by one goroutine at a time.
type Console struct {
	In  Input
	Out io.Writer
	// Tick gives a tick each second, and ends with stop; nil for no countdown.
	Tick func() (ticks <-chan time.Time, stop func())
	// Live is set where a line can be written over (by a carriage return): the
	// countdown then stands on one line. Else it says itself every five seconds.
	Live bool

	mu sync.Mutex // guards Out while a countdown runs
}

var _ Desk = (*Console)(nil)

const bar = "=============================================================================="

// header is what stands above each page.
func header(s Screen, page, pages int) []string {
	number := fmt.Sprintf("STEP %d of %d", s.Step, s.Steps)
	if pages > 1 {
		number += fmt.Sprintf(", page %d of %d", page, pages)
	}
	at := s.At.UTC().Format("2006-01-02 15:04 UTC")
	lines := []string{bar, spread(number+"  "+s.ID, at)}
	lines = append(lines, wrap("", clean(s.Title))...)
	lines = append(lines, wrap("WHO: ", clean(s.Who))...)
	return append(lines, strings.ReplaceAll(bar, "=", "-"))
}

// spread puts one text at the left and one at the right of a line.
func spread(left, right string) string {
	gap := max(Columns-utf8.RuneCountInString(left)-utf8.RuneCountInString(right), 1)
	return left + strings.Repeat(" ", gap) + right
}

// Show implements [Desk]. A page leaves room for a question below it.
func (c *Console) Show(s Screen) error {
	pages := paginate(s.Lines, Rows-len(header(s, 1, 2))-4)
	for i, rows := range pages {
		c.lines(append([]string{""}, header(s, i+1, len(pages))...)...)
		c.lines(rows...)
		if i == len(pages)-1 {
			return nil
		}
		c.prompt(fmt.Sprintf("Press Enter for more (page %d of %d)", i+2, len(pages)))
		typed, err := c.In.Line()
		if err == nil && strings.EqualFold(strings.TrimSpace(typed), ceremony.StopWord) {
			err = ceremony.ErrStopped
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// paginate puts lines onto pages of some rows. Lines that are to be kept together
// stand on one page, if one can hold them.
func paginate(lines []Line, room int) [][]string {
	var blocks [][]string
	for i, l := range lines {
		if rows := render(l); i > 0 && l.Keep {
			last := len(blocks) - 1
			blocks[last] = append(blocks[last], rows...)
		} else {
			blocks = append(blocks, rows)
		}
	}
	pages := [][]string{nil}
	for _, block := range blocks {
		page := &pages[len(pages)-1]
		if len(*page) > 0 && len(*page)+len(block) > room {
			pages = append(pages, nil)
			page = &pages[len(pages)-1]
			if block[0] == "" { // nothing to part it from
				block = block[1:]
			}
		}
		for len(*page)+len(block) > room {
			n := room - len(*page)
			*page = append(*page, block[:n]...)
			block = block[n:]
			pages = append(pages, nil)
			page = &pages[len(pages)-1]
		}
		*page = append(*page, block...)
	}
	return pages
}

// render gives the rows of a line.
func render(l Line) []string {
	text := clean(l.Text)
	switch l.Kind {
	case Say:
		return wrap("SAY      ", `"`+text+`"`)
	case Compare:
		return wrap("COMPARE  ", text)
	case Item, Warning:
		return wrap(bullet(l), text)
	}
	if strings.HasPrefix(text, "  ") || text == "" {
		return []string{text} // laid out already
	}
	return wrap("", text)
}

// bullet is what stands before an item or a warning.
func bullet(l Line) string {
	switch mark := (map[Kind]string{Item: "   ", Warning: "!! "})[l.Kind]; {
	case l.Number > 0:
		return fmt.Sprintf("%s%2d. ", mark, l.Number)
	case l.Kind == Warning:
		return mark
	}
	return "- "
}

// clean makes text from outside harmless to print.
func clean(s string) string { return command.Printable(s) }

// wrap breaks text at spaces into rows of at most [Columns] runes, the first with
// the prefix and the others indented by as much. A word that is longer than a
// row is cut.
func wrap(prefix, text string) []string {
	indent := strings.Repeat(" ", utf8.RuneCountInString(prefix))
	width := Columns - len(indent)
	var rows []string
	row := ""
	flush := func() {
		rows = append(rows, prefix+row)
		prefix, row = indent, ""
	}
	for word := range strings.FieldsSeq(text) {
		for {
			gap := min(len(row), 1)
			if utf8.RuneCountInString(row)+gap+utf8.RuneCountInString(word) <= width {
				row += strings.Repeat(" ", gap) + word
				break
			}
			if row != "" {
				flush()
				continue
			}
			cut := []rune(word)
			row, word = string(cut[:width]), string(cut[width:])
			flush()
		}
	}
	if row != "" || len(rows) == 0 {
		flush()
	}
	return rows
}

func (c *Console) lines(rows ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range rows {
		fmt.Fprintln(c.Out, strings.TrimRight(r, " "))
	}
}

// prompt shows a question; the answer is typed on the row below.
func (c *Console) prompt(text string) {
	c.lines(wrap("ASK: ", clean(text))...)
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprint(c.Out, "> ")
}

// Say implements [ceremony.Desk].
func (c *Console) Say(line string) { c.lines(render(Line{Text: line})...) }

// Ask implements [ceremony.Desk].
func (c *Console) Ask(prompt string) (string, error) {
	c.prompt(prompt)
	return c.In.Line()
}

// Secret implements [ceremony.Desk].
func (c *Console) Secret(prompt string) (string, error) {
	c.prompt(prompt + " (it is not shown)")
	return c.In.Secret()
}

// Touch implements [Desk].
func (c *Console) Touch(who string, card uint32) (over func()) {
	text := fmt.Sprintf("TOUCH card %d now, %s: put a finger on its metal.", card, clean(who))
	c.lines(wrap("!! ", text)...)
	if c.Tick == nil {
		return func() {}
	}
	ticks, stop := c.Tick()
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		c.countdown(ticks, end)
	}()
	return func() {
		stop()
		close(end)
		<-ended
	}
}

// countdown says how many seconds are left, until end is closed.
func (c *Console) countdown(ticks <-chan time.Time, end <-chan struct{}) {
	left := TouchSeconds
	for {
		select {
		case <-end:
			if c.Live && left < TouchSeconds {
				c.lines("")
			}
			return
		case <-ticks:
			left--
			c.left(left)
		}
	}
}

func (c *Console) left(seconds int) {
	text := fmt.Sprintf("   touch it: %2d seconds left", seconds)
	if seconds < 0 {
		text = "   the card waits no more; wait for its answer"
	}
	switch {
	case c.Live:
		c.mu.Lock()
		defer c.mu.Unlock()
		fmt.Fprintf(c.Out, "\r%-*s", Columns-1, text)
	case seconds >= 0 && seconds%5 == 0, seconds == -1:
		c.lines(text)
	}
}
