//go:build cgo && linux

package piv_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	yubikey "github.com/go-piv/piv-go/v2/piv"

	"github.com/rootward/rootward/hsm/piv"
	"github.com/rootward/rootward/internal/vcard"
	"github.com/rootward/rootward/internal/vcard/room"
)

// The cards of the room in which these tests meet; each test has its own.
const (
	cardNew = iota
	cardOld
	cardOnly3DES
	cardMute
	cardPIN
	cardTouch
	cardRSA
	cardForeign
	cardImported
	cardSecrets
	cardCustody
	cardOldCustody
)

func serial(i int) uint32 { return 11223300 + uint32(i) }

var cards = []room.Card{
	cardNew:        {Firmware: "5.7.1"},
	cardOld:        {Firmware: "4.3.5"},
	cardOnly3DES:   {Firmware: "5.7.1", Faults: []vcard.Fault{vcard.Only3DES}},
	cardMute:       {Firmware: "5.7.1", Faults: []vcard.Fault{vcard.NoAttestation, vcard.NoMetadata}},
	cardPIN:        {Firmware: "5.7.1"},
	cardTouch:      {Firmware: "5.7.1"},
	cardRSA:        {Firmware: "5.7.1"},
	cardForeign:    {Firmware: "5.7.1", Faults: []vcard.Fault{vcard.NotPIV}},
	cardImported:   {Firmware: "5.7.1"},
	cardSecrets:    {Firmware: "5.4.3"},
	cardCustody:    {Firmware: "5.7.1"},
	cardOldCustody: {Firmware: "4.3.5"},
}

// shared is the room; why is set when there is none.
var (
	shared *room.Room
	binary string
	why    string
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(openOnly())
	}
	os.Exit(runWithRoom(m))
}

func runWithRoom(m *testing.M) int {
	if missing := room.Missing(); len(missing) > 0 {
		why = fmt.Sprint("no card room: ", missing)
		return m.Run()
	}
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "cards")
	if err == nil {
		defer os.RemoveAll(dir)
		binary, err = room.Build(ctx, dir)
	}
	if err == nil {
		for i := range cards {
			cards[i].Serial = serial(i)
		}
		shared, err = room.Start(ctx, room.Config{Dir: dir, VcardBinary: binary, Cards: cards,
			TouchDelay: time.Millisecond, TouchTimeout: 200 * time.Millisecond})
	}
	if err == nil {
		defer shared.Close()
		err = shared.Setenv()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// needRoom skips a test where the system lacks parts; under CI it fails.
func needRoom(t *testing.T) *room.Room {
	t.Helper()
	if shared == nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	return shared
}

// open opens card i, reset to how it left the factory.
func open(t *testing.T, i int) *piv.Card {
	t.Helper()
	needRoom(t)
	c, err := piv.Open(serial(i))
	if err != nil {
		t.Fatal(err)
	}
	raw(t, c, (*yubikey.YubiKey).Reset)
	return c
}

// raw opens the card with piv-go alone, for what package piv does not do.
func raw(t *testing.T, c *piv.Card, f func(*yubikey.YubiKey) error) {
	t.Helper()
	state, err := c.Inspect()
	if err != nil {
		t.Fatal(err)
	}
	yk, err := yubikey.Open(state.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f(yk), yk.Close()); err != nil {
		t.Fatal(err)
	}
}
