package roster

import (
	"errors"
	"fmt"
)

// A Layer is the part of the chain of trust in which something was refused.
type Layer string

// The layers, from the root down.
const (
	LayerRoster     Layer = "root roster"
	LayerRevocation Layer = "revocation"
	LayerSnapshot   Layer = "snapshot"
	LayerMap        Layer = "map"
	LayerIndex      Layer = "release index"
	LayerList       Layer = "maintainer list"
	LayerManifest   Layer = "release manifest"
	LayerFile       Layer = "file"
	LayerMemory     Layer = "memory"
	LayerPolicy     Layer = "policy"
	LayerAnchor     Layer = "anchor"
)

// An Error is a refusal, or (if Stale) the statement that freshness cannot be
// established. Callers branch on Layer and Stale, and on what Err wraps.
type Error struct {
	Layer   Layer
	Subject string // the document, package or file: "root/2.json"
	Problem string // what is wrong, without the layer and the subject
	Want    string // what was expected, or ""
	Found   string // what was found, or ""
	Do      string // what the reader can do next, or ""
	Stale   bool   // freshness cannot be established: exit code 4, not 3
	Err     error  // the cause, or nil
}

func (e *Error) Error() string {
	s := string(e.Layer)
	if e.Subject != "" {
		s += " " + e.Subject
	}
	s += ": " + e.Problem
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Found != "" {
		s += ", found " + e.Found
	}
	if e.Want != "" {
		s += ", wanted " + e.Want
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what the reader can do next.
func (e *Error) Hint() string {
	switch {
	case e.Do != "":
		return e.Do
	case e.Stale:
		return "try another mirror or network, or again later"
	case e.Layer == LayerAnchor:
		return "bring the bundle from the index again; if it stays so, hold the ceremony with the former anchor and find out why"
	}
	return "do not use it: try another mirror; if it stays so, tell whoever made or published it"
}

// ExitCode is 3 for a refusal and 4 where freshness cannot be established.
func (e *Error) ExitCode() int {
	if e.Stale {
		return 4
	}
	return 3
}

// ErrNewerRoster is wrapped by the error for a snapshot made under a later
// roster than the one at hand: walk again, once.
var ErrNewerRoster = errors.New("made under a later root roster")

// ErrUnknownType is wrapped by the error for a document whose type this
// program does not know.
var ErrUnknownType = errors.New("this program does not know the document's type")

func refuse(l Layer, subject, problem string, args ...any) *Error {
	return &Error{Layer: l, Subject: subject, Problem: fmt.Sprintf(problem, args...)}
}

func (e *Error) want(format string, args ...any) *Error {
	e.Want = fmt.Sprintf(format, args...)
	return e
}

func (e *Error) found(format string, args ...any) *Error {
	e.Found = fmt.Sprintf(format, args...)
	return e
}

func (e *Error) do(what string) *Error {
	e.Do = what
	return e
}

func (e *Error) because(err error) *Error {
	e.Err = err
	return e
}

func (e *Error) stale() *Error {
	e.Stale = true
	return e
}
