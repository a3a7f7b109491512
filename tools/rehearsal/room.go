package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/vcard"
	"github.com/rootward/rootward/internal/vcard/room"
	"github.com/rootward/rootward/roster"
)

// cardsVariable tells programs inside the room where each card takes orders:
// NUMBER=SOCKET, separated by commas.
const cardsVariable = "REHEARSAL_CARDS"

// A person needs a moment to see that they are to touch.
const touchDelay = time.Second

// programs gives the folder of the other programs: this one's own.
var programs = func() (string, error) {
	self, err := os.Executable()
	return filepath.Dir(self), err
}

func openRoom(c *cli.Context, stderr io.Writer) error {
	cards, err := parseCards(c.StringSlice("card"))
	if err != nil {
		return err
	}
	if c.String("dir") == "" {
		return usagef("room wants --dir")
	}
	if !strings.HasPrefix(c.String("repository"), roster.RehearsalPrefix) {
		return usagef("--repository is %q, want one that begins with %s", c.String("repository"), roster.RehearsalPrefix)
	}
	dir, err := filepath.Abs(c.String("dir"))
	if err != nil {
		return err
	}
	bin, err := programs()
	if err != nil {
		return err
	}
	cardDir := filepath.Join(dir, "cards")
	if err := os.MkdirAll(cardDir, 0o700); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(c.Context)
	defer cancel()
	r, err := room.Start(ctx, room.Config{Dir: cardDir, VcardBinary: filepath.Join(bin, "vcard"), Cards: cards, TouchDelay: touchDelay})
	if err != nil {
		return err
	}
	defer r.Close()
	if err := os.WriteFile(filepath.Join(dir, "root.pem"), r.AttestationRoot(), 0o644); err != nil {
		return err
	}
	if !c.Bool("without-vault") {
		stop, err := startVault(ctx, dir, c.String("repository"))
		if err != nil {
			return err
		}
		defer stop()
	}
	env := roomEnv(r, cards, bin)
	if err := writeEnv(filepath.Join(dir, "room.env"), env); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "rehearsal: the room is open, and ends with this shell; elsewhere: . %s\n", filepath.Join(dir, "room.env"))
	return runInside(ctx, c.Args().Slice(), env)
}

// parseCards reads the serial numbers. All cards begin outside their readers.
func parseCards(numbers []string) ([]room.Card, error) {
	if len(numbers) == 0 {
		return nil, usagef("room wants --card NUMBER, once for each card")
	}
	var cards []room.Card
	for _, n := range numbers {
		serial, err := strconv.ParseUint(n, 10, 32)
		if err != nil || serial == 0 {
			return nil, usagef("--card is %q, want a serial number from 1 to 4294967295", n)
		}
		card := room.Card{Serial: uint32(serial), Out: true}
		if slices.ContainsFunc(cards, func(c room.Card) bool { return c.Serial == card.Serial }) {
			return nil, usagef("card %d stands twice", serial)
		}
		cards = append(cards, card)
	}
	return cards, nil
}

// roomEnv is what programs in the room need: pcscd, the cards, and the programs
// beside this one first on the path.
func roomEnv(r *room.Room, cards []room.Card, bin string) []string {
	var controls []string
	for i, c := range cards {
		controls = append(controls, fmt.Sprintf("%d=%s", c.Serial, r.Control(i)))
	}
	return append(r.Env(), cardsVariable+"="+strings.Join(controls, ","), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// writeEnv writes the variables as a shell reads them.
func writeEnv(file string, env []string) error {
	var b strings.Builder
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// runInside runs the command, by default the person's shell, and passes on that
// it failed, if it did. A shell's own exit code is no fault of the room.
func runInside(ctx context.Context, command, env []string) error {
	shell := len(command) == 0
	if shell {
		command = []string{"/bin/sh"}
		if s := os.Getenv("SHELL"); s != "" {
			command[0] = s
		}
	}
	x := exec.CommandContext(ctx, command[0], command[1:]...)
	x.Env = append(os.Environ(), env...)
	x.Stdin, x.Stdout, x.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := x.Run()
	var failed *exec.ExitError
	if shell && errors.As(err, &failed) {
		return nil
	}
	return err
}

// orderCard gives a card of the room an order, and waits until its reader has
// taken note.
func orderCard(ctx context.Context, args []string, cards string) error {
	if len(args) < 2 {
		return usagef("card wants a serial number and insert, pull or fault NAME N")
	}
	control, err := findCard(args[0], cards)
	if err != nil {
		return err
	}
	orders := []string{strings.Join(args[1:], " ")}
	switch orders[0] {
	case "insert":
		orders = append(orders, "await in")
	case "pull":
		orders = append(orders, "await out")
	}
	for _, o := range orders {
		if _, err := vcard.Order(ctx, control, o); err != nil {
			return fmt.Errorf("card %s: %s: %w", args[0], o, err)
		}
	}
	return nil
}

func findCard(serial, cards string) (string, error) {
	if cards == "" {
		return "", usagef("%s is not set: this is not a shell of a room; . DIR/room.env", cardsVariable)
	}
	var have []string
	for _, c := range strings.Split(cards, ",") {
		number, control, _ := strings.Cut(c, "=")
		if number == serial {
			return control, nil
		}
		have = append(have, number)
	}
	return "", usagef("no card %q in this room, want one of %s", serial, strings.Join(have, ", "))
}
