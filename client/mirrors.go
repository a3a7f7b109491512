package client

import (
	"errors"
	"fmt"

	"github.com/rootward/rootward/roster"
)

// source is the source of the moment.
func (v *View) source() Source { return v.client.sources[v.mirror] }

// withMirrors calls f, and again with the next mirror as the source as long as
// one of them may help: what the last one had was withheld, could not be
// fetched, or was refused for what it is. What verified in between is
// remembered, and nothing else, so a bad mirror costs requests. The mirror
// that helped stays the source of the view.
//
// If none helped, the error is the first one's.
func (v *View) withMirrors(f func() error) error {
	first := f()
	err := first
	for range len(v.client.sources) - 1 {
		if !elsewhere(err) {
			return err
		}
		v.nextMirror(err)
		err = f()
	}
	if elsewhere(err) {
		return first
	}
	return err
}

// elsewhere reports whether another mirror may have what is wanted: not if the
// policy decided, or a fault of this machine.
func elsewhere(err error) bool {
	var refused *roster.Error
	var outcome *OutcomeError
	return errors.As(err, &refused) && !errors.As(err, &outcome) && refused.Layer != roster.LayerPolicy
}

func (v *View) nextMirror(err error) {
	was := v.mirror
	v.mirror = (v.mirror + 1) % len(v.client.sources)
	v.ahead.dropAll() // what the last one answered
	var refused *roster.Error
	_ = errors.As(err, &refused) // it is: see elsewhere
	v.client.config.Trace(Step{Layer: refused.Layer, Subject: fmt.Sprintf("source %d of %d", was+1, len(v.client.sources)), Warning: true,
		Why: fmt.Sprintf("it was of no help, so the next is asked: %v", err)})
}
