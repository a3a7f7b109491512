//go:build linux && (amd64 || arm64)

package airgap

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in the kernel's struct seccomp_data (seccomp(2)). Both processors
// are little-endian, so the low half of the first argument comes first; the
// kernel takes a socket's family as an int and reads no more than that half.
const (
	offsetNumber   = 0
	offsetArch     = 4
	offsetArgument = 16
)

// x32Bit marks system calls of the x32 interface, which amd64 kernels may also
// offer under the same architecture.
const x32Bit = 0x40000000

const (
	allow = unix.SECCOMP_RET_ALLOW
	deny  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
)

// program returns the filter as the kernel wants it. It is written out by hand
// rather than by a library, because it must also refuse the calls that a
// process can make through another processor interface of the same kernel (the
// 32-bit one, of which 64-bit programs can avail themselves).
func program() []unix.SockFilter {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	jump := func(op uint16, k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: yes, Jf: no, K: k}
	}
	ret := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	return []unix.SockFilter{
		load(offsetArch),
		jump(unix.BPF_JEQ, auditArch, 1, 0),
		ret(deny), // another processor interface
		load(offsetNumber),
		jump(unix.BPF_JGE, x32Bit, 9, 0),
		jump(unix.BPF_JEQ, unix.SYS_IO_URING_SETUP, 8, 0),
		jump(unix.BPF_JEQ, unix.SYS_IO_URING_ENTER, 7, 0),
		jump(unix.BPF_JEQ, unix.SYS_IO_URING_REGISTER, 6, 0),
		jump(unix.BPF_JEQ, unix.SYS_SOCKET, 2, 0),
		jump(unix.BPF_JEQ, unix.SYS_SOCKETPAIR, 1, 0),
		ret(allow),
		load(offsetArgument),
		jump(unix.BPF_JEQ, unix.AF_UNIX, 0, 1),
		ret(allow),
		ret(deny),
	}
}

// Close asks the kernel to refuse this process, in all its threads and in what
// it may start, every socket(2) and socketpair(2) but of the family AF_UNIX,
// io_uring altogether, and every call through another processor interface, with
// EPERM. It cannot be undone. The process also gives up gaining privileges
// (no_new_privs), which the kernel demands first.
//
// The error wraps [ErrUnsupported] on systems where there is no such filter.
func Close() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	filter := program()
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("closing the air gap: setting no_new_privs: %w", err)
	}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(filter)
	switch {
	case errno == unix.ENOSYS || errno == unix.EINVAL:
		return fmt.Errorf("closing the air gap: the kernel answers %w: %w", errno, ErrUnsupported)
	case errno != 0:
		return fmt.Errorf("closing the air gap: installing the filter: %w", errno)
	case thread != 0:
		return fmt.Errorf("closing the air gap: thread %d did not take the filter", thread)
	}
	return nil
}

// Attempts tries each way to a network that the filter is there to refuse, and
// shuts at once what opened. Nothing is sent.
func Attempts() []Attempt {
	socket := func(family, kind, protocol int) func() (int, error) {
		return func() (int, error) { return unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol) }
	}
	tries := []struct {
		what string
		open func() (int, error)
	}{
		{"TCP over IPv4", socket(unix.AF_INET, unix.SOCK_STREAM, 0)},
		{"UDP over IPv4", socket(unix.AF_INET, unix.SOCK_DGRAM, 0)},
		{"TCP over IPv6", socket(unix.AF_INET6, unix.SOCK_STREAM, 0)},
		{"UDP over IPv6", socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)},
		{"netlink", socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)},
		{"raw packets", socket(unix.AF_PACKET, unix.SOCK_RAW, 0)},
		{"virtual machine sockets", socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)},
		{"Bluetooth", socket(unix.AF_BLUETOOTH, unix.SOCK_SEQPACKET, 0)},
		{"a pair of IPv4 sockets", pair},
		{"io_uring", ring},
	}
	all := make([]Attempt, len(tries))
	for i, t := range tries {
		all[i] = Attempt{What: t.what}
		fd, err := t.open()
		if err != nil {
			all[i].Reason = err.Error()
			continue
		}
		all[i].Opened = true
		_ = unix.Close(fd)
	}
	return all
}

func pair() (int, error) {
	fds, err := unix.Socketpair(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	_ = unix.Close(fds[1])
	return fds[0], nil
}

// ring asks for an io_uring with one entry; the kernel fills in the parameters,
// a struct of 120 bytes that begins zeroed (io_uring_setup(2)).
func ring() (int, error) {
	var parameters [120]byte
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&parameters)), 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}
