package room

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const driver = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"

// Missing says which parts of the system a room needs and does not find, and how
// to get them on Debian; it is empty when all are there.
func Missing() []string {
	var missing []string
	if _, err := findPCSCD(); err != nil {
		missing = append(missing, "pcscd is not installed (apt install pcscd)")
	}
	if _, err := os.Stat(driver); err != nil {
		missing = append(missing, "vpcd is not installed (apt install vsmartcard-vpcd)")
	}
	return missing
}

func findPCSCD() (string, error) {
	if path, err := exec.LookPath("pcscd"); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/pcscd") // not in everybody's PATH
}

// isolate ends the process with the thread that started it, and puts it in a
// process group of its own, so that an interrupt at the terminal reaches it only
// through Close.
func isolate(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr.Setpgid = true
}

func kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// startPCSCD writes a reader configuration and starts pcscd with it. Each entry
// has a copy of the driver: vpcd keeps its slots in static variables, and the
// loader would share one copy among all entries.
func (r *Room) startPCSCD(ctx context.Context, ports []int) error {
	readers := filepath.Join(r.sockets, "readers")
	if err := os.Mkdir(readers, 0o755); err != nil {
		return err
	}
	var conf strings.Builder
	for i, port := range ports {
		lib := filepath.Join(r.sockets, fmt.Sprintf("vpcd%d.so", i))
		if err := copyFile(lib, driver); err != nil {
			return err
		}
		fmt.Fprintf(&conf, "FRIENDLYNAME \"Rehearsal Reader %d\"\nDEVICENAME 127.0.0.1:%d\nLIBPATH %s\nCHANNELID %d\n\n", i, port, lib, port)
	}
	if err := os.WriteFile(filepath.Join(readers, "room"), []byte(conf.String()), 0o644); err != nil {
		return err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: r.clientSocket(), Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	f, err := l.File()
	if err != nil {
		return err
	}
	defer f.Close()
	return r.runPCSCD(ctx, f, readers)
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// hand is the shell's part: sd_listen_fds(3) wants the process's own number, and
// the mount works only in a namespace of our own.
const (
	hand    = `export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" --foreground --config "$1"`
	private = `mount -t tmpfs -o mode=755 rehearsal /run && mkdir /run/pcscd && ` + hand
)

// runPCSCD starts pcscd with the client socket as its descriptor 3: with a /run
// of its own if the kernel lets us, else, for root, without.
func (r *Room) runPCSCD(ctx context.Context, socket *os.File, readers string) error {
	pcscd, err := findPCSCD()
	if err != nil {
		return err
	}
	attempt := func(script string, attr *syscall.SysProcAttr) error {
		cmd := exec.Command("/bin/sh", "-c", script, pcscd, readers)
		cmd.ExtraFiles = []*os.File{socket}
		cmd.SysProcAttr = attr
		c, err := r.starter.start(cmd)
		if err == nil {
			go c.reap()
		}
		return err
	}
	root := os.Geteuid() == 0
	attr := &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if !root {
		attr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
	}
	err = errors.New("the sockets stand below /run")
	if !strings.HasPrefix(r.sockets, "/run/") {
		err = attempt(private, attr)
	}
	if err != nil && root {
		return attempt(hand, nil)
	}
	if err != nil {
		return fmt.Errorf("starting pcscd in a user namespace (root needs none): %w", err)
	}
	return ctx.Err()
}
