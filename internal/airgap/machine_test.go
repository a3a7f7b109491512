package airgap

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// machine is a machine as a ceremony wants it: loopback alone, its own disk.
func machine() fstest.MapFS {
	m := fstest.MapFS{
		"sys/class/net/lo/flags":   {Data: []byte("0x9\n")},
		"sys/class/net/lo/carrier": {Data: []byte("1\n")},
		"sys/class/bluetooth":      {Mode: fs.ModeDir | 0o755},
		"proc/self/mountinfo": {Data: []byte(`22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
`)},
	}
	disk(m, "259:2", "pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1/nvme0n1p2", "0")
	return m
}

// disk puts a partition into a machine, and its disk's word whether it is
// removable.
func disk(m fstest.MapFS, device, where, removable string) {
	m["sys/dev/block/"+device] = &fstest.MapFile{Data: []byte("../../devices/" + where), Mode: fs.ModeSymlink}
	m["sys/devices/"+where+"/partition"] = &fstest.MapFile{Data: []byte("1\n")}
	m["sys/devices/"+where[:strings.LastIndex(where, "/")]+"/removable"] = &fstest.MapFile{Data: []byte(removable + "\n")}
}

func mount(m fstest.MapFS, line string) {
	t := m["proc/self/mountinfo"]
	t.Data = append(slices.Clone(t.Data), (line + "\n")...)
}

func TestInspectFindsNothing(t *testing.T) {
	r := Inspect(machine())
	if got := r.Findings([]string{"Yubico YubiKey CCID 00 00"}, false); len(got) != 0 || Worst(got) != "" {
		t.Errorf("a machine with nothing but itself: %+v", got)
	}
	if len(r.Interfaces) != 1 || !r.Interfaces[0].Loopback || !r.Interfaces[0].Up {
		t.Errorf("interfaces are %+v", r.Interfaces)
	}
}

// Each row puts one thing into the machine, of which alone is told.
func TestInspectFinds(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	for _, c := range []struct {
		what, id string
		class    Class
		says     string
		put      func(fstest.MapFS)
	}{
		{"a cable", "INTERFACE-UP", Exception, "eth0 is UP; something answers", func(m fstest.MapFS) {
			m["sys/class/net/eth0/flags"], m["sys/class/net/eth0/carrier"] = file("0x1003\n"), file("1\n")
		}},
		{"an interface without a cable", "INTERFACE-UP", Exception, "eth0 is UP; nothing answers", func(m fstest.MapFS) {
			m["sys/class/net/eth0/flags"], m["sys/class/net/eth0/carrier"] = file("0x1003\n"), file("0\n")
		}},
		{"flags that are none", "INTERFACE-UP", Exception, "eth0 is UP", func(m fstest.MapFS) {
			m["sys/class/net/eth0/flags"] = file("up\n")
		}},
		{"a wireless interface that is down", "WIRELESS", Exception, "device wlan0 is there", func(m fstest.MapFS) {
			m["sys/class/net/wlan0/flags"], m["sys/class/net/wlan0/wireless/status"] = file("0x1002\n"), file("0\n")
		}},
		{"a radio without an interface", "WIRELESS", Exception, "device phy0 is there", func(m fstest.MapFS) {
			m["sys/class/ieee80211/phy0/index"] = file("0\n")
		}},
		{"a mobile modem", "WIRELESS", Exception, "device wwan0 is there", func(m fstest.MapFS) {
			m["sys/class/wwan/wwan0/name"] = file("\n")
		}},
		{"Bluetooth", "BLUETOOTH", Exception, "adapter hci0 is there", func(m fstest.MapFS) {
			m["sys/class/bluetooth/hci0/address"] = file("00\n")
		}},
		{"a stick", "MEDIA-REMOVABLE", Notice, "/media/a stick is a removable medium (/dev/sdb1, vfat)", func(m fstest.MapFS) {
			mount(m, `50 22 8:17 / /media/a\040stick rw - vfat /dev/sdb1 rw`)
			disk(m, "8:17", "pci0000:00/0000:00:14.0/usb1/1-2/host2/target2:0:0/block/sdb/sdb1", "0")
		}},
		{"a disk that calls itself removable", "MEDIA-REMOVABLE", Notice, "/mnt is a removable medium", func(m fstest.MapFS) {
			mount(m, `50 22 11:1 / /mnt ro - iso9660 /dev/sr0 ro`)
			disk(m, "11:1", "pci0000:00/0000:00:17.0/ata1/block/sr0/sr0p1", "1")
		}},
		{"an encrypted stick", "MEDIA-REMOVABLE", Notice, "/mnt is a removable medium (/dev/mapper/stick", func(m fstest.MapFS) {
			mount(m, `50 22 253:0 / /mnt rw - ext4 /dev/mapper/stick rw`)
			disk(m, "8:17", "pci0000:00/0000:00:14.0/usb1/1-2/block/sdb/sdb1", "0")
			m["sys/dev/block/253:0"] = &fstest.MapFile{Data: []byte("../../devices/virtual/block/dm-0"), Mode: fs.ModeSymlink}
			m["sys/devices/virtual/block/dm-0/slaves/sdb1"] = &fstest.MapFile{Data: []byte("../../../../pci0000:00/0000:00:14.0/usb1/1-2/block/sdb/sdb1"), Mode: fs.ModeSymlink}
		}},
		{"another machine's disk", "MEDIA-NETWORK", Exception, "/srv is a nfs4 file system on another machine (files:/srv)", func(m fstest.MapFS) {
			mount(m, `50 22 0:44 / /srv rw - nfs4 files:/srv rw`)
		}},
		{"a mount that is none", "NOT-READ", Exception, "could not be read", func(m fstest.MapFS) { mount(m, "50 22 0:44") }},
		{"no list of mounts", "NOT-READ", Exception, "/proc/self/mountinfo could not be read", func(m fstest.MapFS) { delete(m, "proc/self/mountinfo") }},
		{"no list of interfaces", "NOT-READ", Exception, "/sys/class/net could not be read", func(m fstest.MapFS) {
			delete(m, "sys/class/net/lo/flags")
			delete(m, "sys/class/net/lo/carrier")
		}},
		{"vpcd", "VIRTUAL-READER", Refused, "/usr/lib/pcsc/drivers/serial/libifdvpcd.so", func(m fstest.MapFS) {
			m["usr/lib/pcsc/drivers/serial/libifdvpcd.so"] = file("ELF")
		}},
	} {
		m := machine()
		c.put(m)
		all := Inspect(m).Findings(nil, false)
		i := slices.IndexFunc(all, func(f Finding) bool { return f.ID == c.id })
		if i < 0 || all[i].Class != c.class || !strings.Contains(all[i].Sentence, c.says) || all[i].Do == "" {
			t.Errorf("%s: found %+v, want %s, %s, %q", c.what, all, c.id, c.class, c.says)
		}
		if len(all) != 1 && c.what != "flags that are none" { // that is told twice
			t.Errorf("%s: found %+v, want one", c.what, all)
		}
	}
}

// A file among the interfaces, as the bonding driver makes one, is none.
func TestInspectFileAmongInterfaces(t *testing.T) {
	m := machine()
	m["sys/class/net/bonding_masters"] = &fstest.MapFile{Data: []byte("\n")}
	if r := Inspect(m); len(r.Interfaces) != 1 || len(r.Unread) != 0 {
		t.Errorf("report is %+v", r)
	}
}

// Readers for virtual cards belong in rehearsals alone.
func TestVirtualReaders(t *testing.T) {
	for _, name := range []string{"Virtual PCD 00 00", "Rehearsal Reader 1 00 01", "VPCD"} {
		if got := Worst((Report{}).Findings([]string{name}, false)); got != Refused {
			t.Errorf("%q at a ceremony is %q, want refused", name, got)
		}
		if got := Worst((Report{}).Findings([]string{name}, true)); got != Notice {
			t.Errorf("%q at a rehearsal is %q, want a notice", name, got)
		}
	}
	if IsVirtualReader("Yubico YubiKey OTP+FIDO+CCID 01 00") {
		t.Error("a YubiKey's reader is taken for a virtual one")
	}
}

func TestCheckClock(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	roster := func(d time.Duration) []Stamp { return []Stamp{{"root roster 4", now.Add(d)}} }
	for _, c := range []struct {
		artefact time.Duration
		want     string
	}{
		{0, "[]"},
		{-time.Hour, "[]"},
		{time.Second, "[CLOCK-ARTEFACT]"},
	} {
		ids := []string{}
		for _, f := range CheckClock(now, roster(c.artefact)) {
			ids = append(ids, f.ID)
		}
		if got := fmt.Sprint(ids); got != c.want {
			t.Errorf("artefact at %v: %s, want %s", c.artefact, got, c.want)
		}
	}
	all := CheckClock(now, roster(72*time.Hour))
	if want := "The clock reads 2026-11-23T12:00:00Z, but root roster 4 is from 2026-11-26T12:00:00Z."; all[0].Sentence != want || all[0].Class != Refused {
		t.Errorf("found %+v, want %q", all, want)
	}
}

// This machine can be looked at as it is.
func TestInspectHere(t *testing.T) {
	if _, err := os.Stat("/sys/class/net"); err != nil {
		t.Skip("this system tells nothing of its network: ", err)
	}
	r := Inspect(os.DirFS("/"))
	if !slices.ContainsFunc(r.Interfaces, func(i Interface) bool { return i.Loopback }) {
		t.Errorf("no loopback interface in %+v", r)
	}
	t.Logf("%+v", r)
}

// Whatever stands in the table of mounts, each line is one medium, one that
// could not be read, or none at all.
func FuzzInspectMounts(f *testing.F) {
	f.Add("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - nfs host:/root rw\n")
	f.Add(`36 35 8:17 / /a\040\134b\04 rw - vfat /dev/sdb1 rw`)
	f.Add("- - - - - - - - -\n\\777 \x00")
	f.Fuzz(func(t *testing.T, table string) {
		m := machine()
		m["proc/self/mountinfo"].Data = []byte(table)
		r := Inspect(m)
		if lines := strings.Count(table, "\n") + 1; len(r.Media)+len(r.Unread) > lines {
			t.Errorf("%d lines give %d media and %d that were not read", lines, len(r.Media), len(r.Unread))
		}
		r.Findings(nil, false)
	})
}
