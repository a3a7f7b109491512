package airgap

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A Report is what a machine tells of its ways out, read from files alone: no
// socket is opened and nothing is asked of a device. A machine that lies, or
// whose kernel was changed, is not found out.
type Report struct {
	Interfaces []Interface `json:"interfaces"` // of the network, in the order of their names
	Wireless   []string    `json:"wireless"`   // radios of wireless networks, mobile ones too
	Bluetooth  []string    `json:"bluetooth"`  // Bluetooth adapters
	Media      []Medium    `json:"media"`      // mounted media that came from elsewhere
	// VirtualReader are the files of a driver for readers of virtual cards.
	VirtualReader []string `json:"virtual_reader"`
	// Unread says what could not be looked at: of this the report says nothing.
	Unread []string `json:"unread"`
}

// An Interface is one of a machine's network interfaces.
type Interface struct {
	Name     string `json:"name"`
	Up       bool   `json:"up"`       // switched on, whether or not a cable is in it
	Carrier  bool   `json:"carrier"`  // something answers at the other end
	Loopback bool   `json:"loopback"` // leads back to the machine itself
	Wireless bool   `json:"wireless"`
}

// A Medium is a mounted file system that is removable or lies on another
// machine.
type Medium struct {
	Point  string `json:"point"`  // where it is mounted
	Source string `json:"source"` // such as /dev/sdb1
	Type   string `json:"type"`   // such as vfat
	Why    string `json:"why"`    // "removable" or "network"
}

// Flags of linux/if.h.
const (
	flagUp       = 0x1
	flagLoopback = 0x8
)

// Inspect looks at the files of a machine below root, which is the file system's
// own: os.DirFS("/") for the machine that the program runs on.
//
// It reads /sys/class/net, /sys/class/ieee80211, /sys/class/wwan,
// /sys/class/bluetooth, /proc/self/mountinfo with the devices that it names, and
// looks for the driver of vpcd. Hardware that the kernel has no driver for is
// not seen, and so cannot be used by the machine either.
func Inspect(root fs.FS) Report {
	r := Report{}
	for _, name := range r.names(root, "sys/class/net", true) {
		if i, ok := r.networkInterface(root, name); ok {
			r.Interfaces = append(r.Interfaces, i)
			if i.Wireless {
				r.Wireless = append(r.Wireless, name)
			}
		}
	}
	for _, class := range []string{"ieee80211", "wwan"} {
		r.Wireless = append(r.Wireless, r.names(root, "sys/class/"+class, false)...)
	}
	r.Bluetooth = r.names(root, "sys/class/bluetooth", false)
	r.readMounts(root)
	for _, pattern := range []string{"usr/lib/pcsc/drivers/*/*vpcd*", "usr/lib/*/pcsc/drivers/*/*vpcd*", "usr/local/lib/pcsc/drivers/*/*vpcd*", "etc/reader.conf.d/*vpcd*"} {
		found, _ := fs.Glob(root, pattern) // only a bad pattern fails
		for _, f := range found {
			r.VirtualReader = append(r.VirtualReader, "/"+f)
		}
	}
	return r
}

// names lists a directory. One that must be there and is not, or that cannot be
// read, is noted.
func (r *Report) names(root fs.FS, dir string, must bool) []string {
	entries, err := fs.ReadDir(root, dir)
	if err != nil {
		if _, statErr := fs.Stat(root, dir); must || statErr == nil {
			r.Unread = append(r.Unread, "/"+dir)
		}
		return nil
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// networkInterface reads one interface; false where the name is none, as that of
// the file bonding_masters.
func (r *Report) networkInterface(root fs.FS, name string) (Interface, bool) {
	dir := path.Join("sys/class/net", name)
	info, err := fs.Stat(root, dir)
	if err == nil && !info.IsDir() {
		return Interface{}, false
	}
	text, err := fs.ReadFile(root, path.Join(dir, "flags"))
	flags, parseErr := strconv.ParseUint(strings.TrimSpace(string(text)), 0, 32)
	if err != nil || parseErr != nil { // then it is taken to be up
		r.Unread = append(r.Unread, "/"+dir+"/flags")
		flags = flagUp
	}
	carrier, _ := fs.ReadFile(root, path.Join(dir, "carrier")) // unreadable while it is down
	return Interface{
		Name: name, Up: flags&flagUp != 0, Loopback: flags&flagLoopback != 0,
		Carrier:  strings.TrimSpace(string(carrier)) == "1",
		Wireless: exists(root, path.Join(dir, "wireless")) || exists(root, path.Join(dir, "phy80211")),
	}, true
}

func exists(root fs.FS, name string) bool {
	_, err := fs.Lstat(root, name)
	return err == nil
}

// networkTypes are file systems that lie on another machine, or on the one that
// this one is a guest of.
var networkTypes = []string{"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "ncpfs", "davfs", "virtiofs", "vboxsf",
	"fuse.sshfs", "fuse.curlftpfs", "fuse.davfs2", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.vmhgfs-fuse"}

// readMounts reads the table of mounts (proc_pid_mountinfo(5)).
func (r *Report) readMounts(root fs.FS) {
	const table = "proc/self/mountinfo"
	b, err := fs.ReadFile(root, table)
	if err != nil {
		r.Unread = append(r.Unread, "/"+table)
		return
	}
	for line := range strings.Lines(string(b)) {
		m, device, ok := parseMount(line)
		switch {
		case !ok:
			r.Unread = append(r.Unread, fmt.Sprintf("a line of /%s: %q", table, strings.TrimSpace(line)))
			continue
		case slices.Contains(networkTypes, m.Type):
			m.Why = "network"
		case removable(root, device):
			m.Why = "removable"
		default:
			continue
		}
		r.Media = append(r.Media, m)
	}
}

// parseMount takes a line apart: fields, a hyphen, then type and source.
func parseMount(line string) (m Medium, device string, ok bool) {
	before, after, found := strings.Cut(line, " - ")
	fields, more := strings.Fields(before), strings.Fields(after)
	if !found || len(fields) < 6 || len(more) < 2 {
		return Medium{}, "", false
	}
	return Medium{Point: unescape(fields[4]), Source: unescape(more[1]), Type: more[0]}, fields[2], true
}

// unescape undoes the kernel's octal spelling of white space and backslashes.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// removable reports whether the block device major:minor can be taken out: by
// the kernel's own word for it or its disk, or because it hangs on USB, FireWire
// or a card reader, whose fixed disks do not call themselves removable. Of an
// encrypted or combined device, the disks below it are asked.
func removable(root fs.FS, device string) bool {
	return followRemovable(root, path.Join("sys/dev/block", device), maxStack)
}

// maxStack is how many block devices may lie upon each other.
const maxStack = 8

func followRemovable(root fs.FS, link string, depth int) bool {
	target, err := fs.ReadLink(root, link)
	if err != nil || depth == 0 {
		return false // no block device: memory, overlays, the kernel's own
	}
	dir := path.Join(path.Dir(link), target)
	for _, bus := range []string{"/usb", "/mmc_host", "/fw"} {
		if strings.Contains("/"+dir, bus) {
			return true
		}
	}
	below, _ := fs.ReadDir(root, path.Join(dir, "slaves"))
	for _, b := range below {
		if followRemovable(root, path.Join(dir, "slaves", b.Name()), depth-1) {
			return true
		}
	}
	for _, d := range []string{dir, path.Dir(dir)} { // the device, or the disk of a partition
		if b, err := fs.ReadFile(root, path.Join(d, "removable")); err == nil && strings.TrimSpace(string(b)) == "1" {
			return true
		}
	}
	return false
}
