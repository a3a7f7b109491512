//go:build cgo && linux

package piv_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/hsm/piv"
	"github.com/rootward/rootward/internal/vcard"
	"github.com/rootward/rootward/internal/vcard/room"
)

func TestListNamesEveryPIVCard(t *testing.T) {
	needRoom(t)
	all, err := piv.List()
	if err != nil {
		t.Fatal(err)
	}
	var got, want []uint32
	for _, info := range all {
		got = append(got, info.Serial)
	}
	for i := range cards {
		if i != cardForeign {
			want = append(want, serial(i))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("List found %v, want %v: every card but the one without PIV", got, want)
	}
	if old := all[cardOld]; old.Firmware != (hsm.Firmware{Major: 4, Minor: 3, Patch: 5}) {
		t.Errorf("card %d has firmware %v, want 4.3.5", old.Serial, old.Firmware)
	}
}

func TestOpenZeroRefusesToChoose(t *testing.T) {
	needRoom(t)
	_, err := piv.Open(0)
	var many *hsm.ManyCardsError
	if !errors.As(err, &many) {
		t.Fatalf("Open(0) with several cards: %v, want a ManyCardsError", err)
	}
	if len(many.Serials) != len(cards)-1 || !strings.Contains(err.Error(), fmt.Sprint(serial(cardOld))) {
		t.Errorf("error %q names %d cards, want all %d", err, len(many.Serials), len(cards)-1)
	}
}

func TestOpenNamesTheCardsThatAreThere(t *testing.T) {
	needRoom(t)
	_, err := piv.Open(999)
	var none *hsm.NoCardError
	if !errors.As(err, &none) || none.Want != 999 || len(none.Others) != len(cards)-1 {
		t.Errorf("Open(999) = %v, want a NoCardError that names the others", err)
	}
}

// The PC/SC library reads its environment once, so what needs another pcscd, or
// none, runs in a process of its own: this program again.
const childVariable = "PIV_TEST_OPEN_ONLY"

// openOnly opens the only card and prints what comes of it.
func openOnly() int {
	c, err := piv.Open(0)
	if err != nil {
		fmt.Printf("%T %v\n", err, err)
		return 0
	}
	fmt.Println("card", c.Serial())
	return 0
}

func openElsewhere(t *testing.T, environment ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(append(os.Environ(), childVariable+"=1"), environment...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestOpenWithoutService(t *testing.T) {
	got := openElsewhere(t, "PCSCLITE_CSOCK_NAME="+filepath.Join(t.TempDir(), "nobody"))
	if !strings.HasPrefix(got, "*hsm.ServiceError smart card service not reached") {
		t.Errorf("without pcscd: %q, want a ServiceError", got)
	}
}

// Two rooms at once do not meet; one has a single card, in and out.
func TestOpenZeroTakesTheOnlyCard(t *testing.T) {
	needRoom(t)
	ctx := t.Context()
	other, err := room.Start(ctx, room.Config{Dir: t.TempDir(), VcardBinary: binary, Cards: []room.Card{{Serial: 77}}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if got := openElsewhere(t, other.Env()...); got != "card 77" {
		t.Errorf("Open(0) with one card: %q, want card 77", got)
	}
	if err := other.Remove(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if got := openElsewhere(t, other.Env()...); got != "*hsm.NoCardError no PIV card found in 2 readers" {
		t.Errorf("Open(0) without a card: %q", got)
	}
}

// A card that cannot say who it is might be one too many.
func TestOpenZeroWithAStranger(t *testing.T) {
	needRoom(t)
	other, err := room.Start(t.Context(), room.Config{Dir: t.TempDir(), VcardBinary: binary,
		Cards: []room.Card{{Serial: 78}, {Serial: 79, Faults: []vcard.Fault{vcard.NoExtensions}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	got := openElsewhere(t, other.Env()...)
	if want := "*hsm.UnsupportedError card: the card does not support Yubico's PIV extensions: status 6d00"; got != want {
		t.Errorf("Open(0) beside a card without serial number: %q, want %q", got, want)
	}
}
