//go:build !linux

package main

import "errors"

func raiseLoopback() error { return errors.New("network namespaces exist on Linux only") }
