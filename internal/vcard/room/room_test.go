//go:build linux

package room

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	childVariable = "ROOM_TEST_CHILD"
	patience      = 20 * time.Second
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		os.Exit(stayInRoom(dir))
	}
	os.Exit(m.Run())
}

// stayInRoom starts a room, prints the number of its first process, and stays.
func stayInRoom(dir string) int {
	r, err := Start(context.Background(), Config{Dir: dir, VcardBinary: filepath.Join(dir, "vcard"), Cards: []Card{{Serial: 1}}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(r.cmd.Process.Pid)
	<-r.Done()
	return 0
}

func build(t *testing.T, dir string) string {
	t.Helper()
	if missing := Missing(); len(missing) > 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	binary, err := Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

func start(t *testing.T, ctx context.Context, dir, binary string, cards ...Card) *Room {
	t.Helper()
	r, err := Start(ctx, Config{Dir: dir, VcardBinary: binary, Cards: cards})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestRoom(t *testing.T) {
	dir := t.TempDir()
	binary := build(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// An odd number of cards leaves a slot empty.
	r := start(t, ctx, dir, binary, Card{Serial: 1}, Card{Serial: 2, Firmware: "4.3.5"}, Card{Serial: 3, Out: true})

	t.Run("nothing can be reached from outside", func(t *testing.T) {
		ours, err := os.Readlink("/proc/self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", r.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if ours == theirs {
			t.Errorf("pcscd listens in our network, %s", ours)
		}
		// Its network has no way out either: not one route beyond the heading.
		routes, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/route", r.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(strings.TrimSpace(string(routes)), "\n"); n > 0 {
			t.Errorf("pcscd's network has routes:\n%s", routes)
		}
	})
	t.Run("cards go and come", func(t *testing.T) {
		for _, step := range []func(context.Context, int) error{r.Remove, r.Insert} {
			if err := step(ctx, 0); err != nil {
				t.Error(err)
			}
		}
		if err := r.Insert(ctx, 2); err != nil {
			t.Error(err)
		}
		if err := r.Fault(ctx, 1, "no-such-fault", 1); err == nil || !strings.Contains(err.Error(), "no such fault") {
			t.Errorf("unknown fault: %v", err)
		}
	})
	t.Run("it ends with its context", func(t *testing.T) {
		cancel()
		select {
		case <-r.Done():
		case <-time.After(patience):
			t.Fatal("pcscd still runs")
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(r.sockets); !os.IsNotExist(err) {
			t.Errorf("sockets are left in %s: %v", r.sockets, err)
		}
	})
	t.Run("its cards stay the same", func(t *testing.T) {
		again := start(t, t.Context(), dir, binary, Card{Serial: 1})
		if string(again.AttestationRoot()) != string(r.AttestationRoot()) {
			t.Error("another attestation root")
		}
	})
}

// kill -9 of the program takes pcscd and the cards along.
func TestRoomEndsWithTheProgram(t *testing.T) {
	dir := t.TempDir()
	build(t, dir)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the program says %q", line)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
	if n != 1 {
		t.Errorf("process %d of the room lives on: %v", pid, err)
	}
}

func TestStartRefuses(t *testing.T) {
	dir := t.TempDir()
	binary := build(t, dir)
	for name, cfg := range map[string]Config{
		"no cards":     {Dir: dir, VcardBinary: binary},
		"15 cards":     {Dir: dir, VcardBinary: binary, Cards: make([]Card, 15)},
		"no serial":    {Dir: dir, VcardBinary: binary, Cards: []Card{{}}},
		"no binary":    {Dir: dir, VcardBinary: filepath.Join(dir, "none"), Cards: []Card{{Serial: 1}}},
		"bad firmware": {Dir: dir, VcardBinary: binary, Cards: []Card{{Serial: 1, Firmware: "five"}}},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if r, err := Start(ctx, cfg); err == nil {
			t.Errorf("%s: a room", name)
			_ = r.Close()
		} else if ctx.Err() != nil {
			t.Errorf("%s: found out by waiting only: %v", name, err)
		}
		cancel()
	}
}
