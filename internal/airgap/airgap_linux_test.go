//go:build linux && (amd64 || arm64)

package airgap

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	childVariable  = "AIRGAP_TEST_CHILD"
	digestVariable = "AIRGAP_TEST_DIGEST" // the program's own path
)

// TestMain lets the test binary be the process that closes its air gap, since
// that cannot be undone.
func TestMain(m *testing.M) {
	if path := os.Getenv(digestVariable); path != "" {
		os.Exit(digestElsewhere(path))
	}
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	before := Attempts()
	started, ready, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() { // a thread that is there before the filter
		close(started)
		<-ready
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err == nil {
			unix.Close(fd)
		}
		done <- err
	}()
	<-started
	if err := Close(); err != nil {
		fmt.Println("close:", err)
		os.Exit(1)
	}
	close(ready)
	fmt.Println("goroutine:", <-done)
	fmt.Println("before TCP over IPv4:", before[0].Opened)
	for _, a := range Attempts() {
		fmt.Printf("after %s: opened %t, %s\n", a.What, a.Opened, a.Reason)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	fmt.Println("after AF_UNIX:", fd >= 0, err)
	_, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	fmt.Println("after AF_UNIX pair:", err)
	os.Exit(0)
}

// digestElsewhere replaces the running program's file and says its digest.
func digestElsewhere(path string) int {
	if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte("another"), 0o755)); err != nil {
		fmt.Println(err)
		return 1
	}
	d, err := ProgramDigest()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(d)
	return 0
}

func TestCloseRefusesEveryWayOut(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("child: %v\n%s", err, out)
	}
	lines := string(out)
	for _, want := range []string{
		"goroutine: operation not permitted",
		"before TCP over IPv4: true",
		"after AF_UNIX: true <nil>",
		"after AF_UNIX pair: <nil>",
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("output lacks %q:\n%s", want, lines)
		}
	}
	for _, a := range Attempts() {
		if want := "after " + a.What + ": opened false, operation not permitted"; !strings.Contains(lines, want) {
			t.Errorf("output lacks %q:\n%s", want, lines)
		}
	}
}

// run interprets the filter as the kernel would, for calls that a test cannot
// make, such as those through another processor interface.
func run(t *testing.T, prog []unix.SockFilter, number, arch, argument uint32) uint32 {
	t.Helper()
	data := map[uint32]uint32{offsetNumber: number, offsetArch: arch, offsetArgument: argument}
	var a uint32
	for pc := 0; pc < len(prog); pc++ {
		in := prog[pc]
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			v, ok := data[in.K]
			if !ok {
				t.Fatalf("instruction %d loads offset %d", pc, in.K)
			}
			a = v
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			yes := a == in.K
			if in.Code&0xf0 == unix.BPF_JGE {
				yes = a >= in.K
			}
			if yes {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		case unix.BPF_RET | unix.BPF_K:
			return in.K
		default:
			t.Fatalf("instruction %d has code %#x", pc, in.Code)
		}
	}
	t.Fatal("the filter ends without an answer")
	return 0
}

func TestProgram(t *testing.T) {
	const i386, socketcall = 0x40000003, 102
	for _, c := range []struct {
		what                   string
		number, arch, argument uint32
		want                   uint32
	}{
		{"read", unix.SYS_READ, auditArch, 0, allow},
		{"unix socket", unix.SYS_SOCKET, auditArch, unix.AF_UNIX, allow},
		{"unix pair", unix.SYS_SOCKETPAIR, auditArch, unix.AF_UNIX, allow},
		{"unspecified family", unix.SYS_SOCKET, auditArch, 0, deny},
		{"IPv4", unix.SYS_SOCKET, auditArch, unix.AF_INET, deny},
		{"IPv4 pair", unix.SYS_SOCKETPAIR, auditArch, unix.AF_INET, deny},
		{"a family of tomorrow", unix.SYS_SOCKET, auditArch, 99, deny},
		{"io_uring_setup", unix.SYS_IO_URING_SETUP, auditArch, unix.AF_UNIX, deny},
		{"io_uring_enter", unix.SYS_IO_URING_ENTER, auditArch, unix.AF_UNIX, deny},
		{"io_uring_register", unix.SYS_IO_URING_REGISTER, auditArch, unix.AF_UNIX, deny},
		{"x32 socket", unix.SYS_SOCKET | x32Bit, auditArch, unix.AF_UNIX, deny},
		{"32-bit socketcall", socketcall, i386, unix.AF_UNIX, deny},
	} {
		if got := run(t, program(), c.number, c.arch, c.argument); got != c.want {
			t.Errorf("%s: filter answers %#x, want %#x", c.what, got, c.want)
		}
	}
}
