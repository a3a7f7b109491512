package client

import "time"

// OpenFaulty is Open with a disk that asks before each write or removal, and
// fails it with the answer.
func OpenFaulty(c Config, before func(name string) error) (*Client, error) {
	cl, err := Open(c)
	if err == nil {
		cl.dir.before = before
	}
	return cl, err
}

// SetWindow changes the time in which MinRate bytes must come.
func (s *HTTPSource) SetWindow(d time.Duration) { s.window = d }

// CheckRedirect is what an HTTPSource asks about each redirect.
var CheckRedirect = checkRedirect

// HoldAtMost changes how many bytes the view keeps that nobody has taken yet.
func (v *View) HoldAtMost(bytes int64) { v.ahead.most = bytes }
