package durable

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// lockVariable makes the test's own program a holder of the lock that it names.
const lockVariable = "DURABLE_TEST_LOCK"

func TestMain(m *testing.M) {
	path := os.Getenv(lockVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	if _, err := Lock(context.Background(), path); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("held\n")
	io.Copy(io.Discard, os.Stdin) // until killed, or until the test goes away
}

func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Lock(ended(t), path) // free, so the one attempt succeeds
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(ended(t), path); !errors.Is(err, context.Canceled) {
		t.Fatalf("a second Lock = %v; want the error of the context", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	second, err := Lock(ended(t), path)
	if err != nil {
		t.Fatalf("Lock after Release: %v", err)
	}
	if err := second.Release(); err != nil {
		t.Error(err)
	}
	if err := second.Release(); err == nil {
		t.Error("a second Release is accepted")
	}
}

func TestLockWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	released := make(chan struct{})
	got := make(chan error, 1)
	go func() {
		second, err := Lock(t.Context(), path)
		if err == nil {
			select {
			case <-released:
			default:
				err = errors.New("the lock was taken while it was held")
			}
			err = errors.Join(err, second.Release())
		}
		got <- err
	}()
	close(released)
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestLockGoesWithItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), lockVariable+"="+path)
	holder.Stderr = os.Stderr
	if _, err := holder.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	if _, err := Lock(ended(t), path); !errors.Is(err, context.Canceled) {
		t.Errorf("Lock = %v while another process holds it", err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	holder.Wait() // killed, so an error
	held, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatalf("Lock after the holder was killed: %v", err)
	}
	held.Release()
}

func TestLockInAMissingDirectory(t *testing.T) {
	if _, err := Lock(t.Context(), filepath.Join(t.TempDir(), "missing", "lock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Lock = %v", err)
	}
}
