package main

import (
	"net"

	"golang.org/x/sys/unix"
)

// A quickConn acknowledges at once what it reads. vpcd sends a message's length
// and body apart, and the kernel would hold the body back until the length is
// acknowledged, which the peer delays by 40 ms (tcp(7), TCP_QUICKACK, which does
// not last).
type quickConn struct{ net.Conn }

func quick(c net.Conn) net.Conn { return quickConn{c} }

func (c quickConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if tcp, ok := c.Conn.(*net.TCPConn); ok && err == nil {
		if raw, err := tcp.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) // only a matter of speed
			})
		}
	}
	return n, err
}
