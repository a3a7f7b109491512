package client_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
)

const (
	childState = "ROOTWARD_TEST_STATE"
	childURL   = "ROOTWARD_TEST_URL"
	childNow   = "ROOTWARD_TEST_NOW"
)

// TestMain lets the test program play another program on the same state.
func TestMain(m *testing.M) {
	if state := os.Getenv(childState); state != "" {
		if err := child(state); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	inMemory()
	os.Exit(m.Run())
}

// inMemory has the tests' directories in memory where there is such a place:
// no test loses power, and waiting for a disk is most of their time.
func inMemory() {
	const place = "/dev/shm"
	if os.Getenv("TMPDIR") != "" {
		return
	}
	if dir, err := os.MkdirTemp(place, "rootward-"); err == nil { // there is one
		_ = os.Remove(dir)
		_ = os.Setenv("TMPDIR", place)
	}
}

// child verifies the package over and over, as fast as it can.
func child(state string) error {
	src, err := client.NewHTTPSource(os.Getenv(childURL))
	if err != nil {
		return err
	}
	now, err := time.Parse(time.RFC3339, os.Getenv(childNow))
	if err != nil {
		return err
	}
	c, err := client.Open(client.Config{State: state, Source: src, Accept: client.DefaultPolicy()})
	if err != nil {
		return err
	}
	ctx := context.Background()
	for range 5 {
		v, err := c.Refresh(ctx, now)
		if err != nil {
			return err
		}
		for range 3 {
			if _, err := v.Authorise(ctx, pkg, wheel); err != nil {
				return err
			}
		}
	}
	return nil
}

// Programs that use one state directory at the same time do no harm, while
// the index moves on under them.
func TestTwoProgramsOnOneState(t *testing.T) {
	t.Parallel()
	s := serve(t, example(t))
	u := newUser(t, s)
	moves := 0
	move := func(path string) { // the server publishes while they are under way
		if path == "latest" && moves < 10 {
			moves++
			s.Release(pkg, fmt.Sprintf("example-2.%d-py3-none-any.whl", moves), "2", dora)
			s.PutList(s.NextList(pkg, dora), dora)
			s.Publish(nil)
		}
	}
	s.alone(func() { s.Before = move })
	var programs []*exec.Cmd
	var outputs [3]bytes.Buffer
	for i := range outputs {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childState+"="+u.State, childURL+"="+s.URL, childNow+"="+s.Now.Format(time.RFC3339))
		cmd.Stderr = &outputs[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		programs = append(programs, cmd)
	}
	for i, cmd := range programs {
		if err := cmd.Wait(); err != nil {
			t.Errorf("program %d: %v\n%s", i, err, &outputs[i])
		}
	}
	s.alone(func() { s.Before = nil })
	u.wantWheel()
	if moves != 10 {
		t.Errorf("the index moved %d times, want 10", moves)
	}
}
