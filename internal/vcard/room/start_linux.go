package room

import (
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
	if err := tryNamespaces(); err != nil {
		missing = append(missing, fmt.Sprintf("the kernel allows no namespaces (%v; be root with CAP_SYS_ADMIN, or allow user namespaces)", err))
	}
	return missing
}

// tryNamespaces runs a program that does nothing in namespaces like the room's.
func tryNamespaces() error {
	try := func(userns bool) error {
		cmd := exec.Command("/bin/sh", "-c", "mount -t tmpfs room /run")
		cmd.SysProcAttr = namespaces(userns)
		cmd.SysProcAttr.Pdeathsig = 0 // it ends by itself
		return cmd.Run()
	}
	err := try(os.Geteuid() != 0)
	if err != nil && os.Geteuid() == 0 {
		err = try(true)
	}
	return err
}

func findPCSCD() (string, error) {
	if path, err := exec.LookPath("pcscd"); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/pcscd") // not in everybody's PATH
}

// start starts everything as one process and gives its standard output.
func (r *Room) start() (io.Reader, error) {
	pcscd, err := findPCSCD()
	if err != nil {
		return nil, err
	}
	readers, err := r.writeReaders()
	if err != nil {
		return nil, err
	}
	socket, err := r.listenForClients()
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	stdout, err := r.startIn(pcscd, readers, socket, os.Geteuid() != 0)
	if errors.Is(err, syscall.EPERM) && os.Geteuid() == 0 { // root without CAP_SYS_ADMIN
		stdout, err = r.startIn(pcscd, readers, socket, true)
	}
	if err != nil {
		return nil, fmt.Errorf("making namespaces for pcscd, which needs root with CAP_SYS_ADMIN or a kernel that allows user namespaces: %w", err)
	}
	return stdout, nil
}

// startIn starts everything in new namespaces, within a new user namespace if
// userns says so.
func (r *Room) startIn(pcscd, readers string, socket *os.File, userns bool) (io.Reader, error) {
	cmd := exec.Command("/bin/sh", "-c", r.script(pcscd, readers))
	cmd.ExtraFiles = []*os.File{socket} // descriptor 3
	cmd.Stderr = r.log
	cmd.SysProcAttr = namespaces(userns)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	r.thread <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	r.cmd = cmd
	return stdout, nil
}

// namespaces describes the room's first process: it is killed when the thread
// that starts it ends, and an interrupt at the terminal does not reach it.
func namespaces(userns bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
		Setpgid:    true,
	}
	if userns {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

// script is what the first process does before it becomes pcscd. Mounts stay
// inside; pcscd finds its client socket at descriptor 3, as sd_listen_fds(3)
// has it.
func (r *Room) script(pcscd, readers string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "set -e\nmount --make-rprivate /\nmount -t tmpfs -o mode=755 room /run\nmkdir /run/pcscd\n")
	fmt.Fprintf(&b, "%s loopback\n", quote(r.cfg.VcardBinary))
	for i := range r.cfg.Cards {
		b.WriteString("{ ")
		for _, arg := range r.cardArguments(i) {
			b.WriteString(quote(arg) + " ")
		}
		fmt.Fprintf(&b, "|| echo %s; } 3<&- &\n", cardFailed)
	}
	fmt.Fprintf(&b, "export LISTEN_FDS=1 LISTEN_PID=$$\nexec %s --foreground --config %s >&2\n", quote(pcscd), quote(readers))
	return b.String()
}

// quote quotes a word for sh.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// writeReaders writes a reader configuration. Each entry has a copy of the
// driver, because vpcd keeps its two slots in static variables and the loader
// would share one copy among all entries.
func (r *Room) writeReaders() (string, error) {
	dir := filepath.Join(r.sockets, "readers")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if strings.HasPrefix(r.sockets, "/run/") {
		return "", fmt.Errorf("TMPDIR is %q, want one outside /run, which the room hides from pcscd", os.TempDir())
	}
	var conf strings.Builder
	for i := 0; i < len(r.cfg.Cards); i += 2 {
		lib := filepath.Join(r.sockets, fmt.Sprintf("vpcd%d.so", i))
		if err := copyFile(lib, driver); err != nil {
			return "", err
		}
		fmt.Fprintf(&conf, "FRIENDLYNAME \"Rehearsal Reader %d\"\nDEVICENAME /dev/null:%d\nLIBPATH %s\nCHANNELID %d\n\n",
			i/2+1, firstPort+i, lib, firstPort+i)
	}
	return dir, os.WriteFile(filepath.Join(dir, "room"), []byte(conf.String()), 0o644)
}

// listenForClients makes the client socket.
func (r *Room) listenForClients() (*os.File, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: r.clientSocket(), Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	defer l.Close() // the file is a duplicate
	return l.File()
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
