package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/rootward/rootward/internal/vcard"
)

func caCommand(env environment) *cli.Command {
	return &cli.Command{
		Name:         "ca",
		Usage:        "make the CA that attests the cards of one rehearsal",
		OnUsageError: onUsageError,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "ca", Usage: "write the CA with its key to `FILE`, which must not exist"},
			&cli.StringFlag{Name: "root", Usage: "write the root certificate in PEM to `FILE`, which must not exist"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			file, err := required(c, "ca")
			if err != nil {
				return err
			}
			root, err := required(c, "root")
			if err != nil {
				return err
			}
			ca, err := vcard.NewCA(env.rand, env.now())
			if err != nil {
				return err
			}
			b, err := ca.Format()
			if err != nil {
				return err
			}
			if err := writeNew(file, b, 0o600); err != nil {
				return err
			}
			return writeNew(root, ca.Root(), 0o644)
		},
	}
}

func writeNew(name string, b []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func serveCommand(env environment) *cli.Command {
	return &cli.Command{
		Name:         "serve",
		Usage:        "be a card until interrupted",
		OnUsageError: onUsageError,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "state", Usage: "keep the card in `FILE`; made anew if it does not exist"},
			&cli.StringFlag{Name: "ca", Usage: "`FILE` of the CA that attests a new card (vcard ca)"},
			&cli.UintFlag{Name: "serial", Usage: "serial `NUMBER` of a new card"},
			&cli.StringFlag{Name: "firmware", Value: "5.7.1", Usage: "firmware `VERSION` of a new card"},
			&cli.StringFlag{Name: "touch", Value: "auto", Usage: "auto or withheld"},
			&cli.DurationFlag{Name: "touch-delay", Value: 50 * time.Millisecond, Usage: "how long an automatic touch takes"},
			&cli.DurationFlag{Name: "touch-timeout", Value: 15 * time.Second, Usage: "how long a withheld touch is waited for"},
			&cli.StringSliceFlag{Name: "fault", Usage: "begin with the fault `NAME` on (repeat)"},
			&cli.BoolFlag{Name: "out", Usage: "begin pulled out"},
			&cli.StringFlag{Name: "listen", Usage: "wait for the reader on `unix:PATH` or on loopback HOST:PORT"},
			&cli.StringFlag{Name: "connect", Usage: "dial the reader (vpcd) at loopback `HOST:PORT`"},
			&cli.StringFlag{Name: "control", Usage: "take orders on the Unix socket `PATH`"},
		},
		Action: func(c *cli.Context) error { return serve(c, env) },
	}
}

func serve(c *cli.Context, env environment) error {
	if err := noArguments(c); err != nil {
		return err
	}
	if (c.String("listen") == "") == (c.String("connect") == "") {
		return usagef("serve wants --listen or --connect, one of them")
	}
	card, err := openCard(c, env)
	if err != nil {
		return err
	}
	if c.Bool("out") {
		card.Pull()
	}
	group, ctx := errgroup.WithContext(c.Context)
	if path := c.String("control"); path != "" {
		l, err := net.Listen("unix", path)
		if err != nil {
			return err
		}
		group.Go(func() error { return card.Control(ctx, l) })
	}
	if at := c.String("connect"); at != "" {
		if err := loopback(at); err != nil {
			return err
		}
		group.Go(func() error { return dial(ctx, card, at) })
	} else {
		l, err := listen(c.String("listen"))
		if err != nil {
			return err
		}
		group.Go(func() error { return card.Listen(ctx, l) })
	}
	fmt.Fprintf(env.stdout, "card %d ready\n", card.Serial())
	return group.Wait()
}

func listen(at string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(at, "unix:"); ok {
		return net.Listen("unix", path)
	}
	if err := loopback(at); err != nil {
		return nil, err
	}
	return net.Listen("tcp", at)
}

// loopback refuses addresses that other machines could reach.
func loopback(at string) error {
	host, _, err := net.SplitHostPort(at)
	if err != nil {
		return usageError{err}
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return usagef("address %q is not on loopback, want 127.0.0.1:PORT", at)
	}
	return nil
}

// dial keeps the card in the reader at the address, and tries again when there
// is no reader. A card that is out does not dial: vpcd would take the connection
// for a card. One that was in stays away for long enough that pcscd, which looks
// at its readers every 0.4 s, notices; it would take it for the card that never
// left, and go on with its old power and its old clients.
func dial(ctx context.Context, card *vcard.Card, at string) error {
	const (
		noReader = 20 * time.Millisecond
		away     = time.Second
	)
	for card.AwaitInsert(ctx) == nil && ctx.Err() == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", at)
		if err != nil {
			waitOr(noReader, ctx.Done())
			continue
		}
		if err := card.Serve(ctx, quick(conn)); err != nil && ctx.Err() == nil {
			return err
		}
		waitOr(away, ctx.Done())
	}
	return nil
}

// waitOr sleeps; it returns false as soon as out is closed.
func waitOr(d time.Duration, out <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-out:
		return false
	}
}

func openCard(c *cli.Context, env environment) (*vcard.Card, error) {
	file, err := required(c, "state")
	if err != nil {
		return nil, err
	}
	firmware, err := parseFirmware(c.String("firmware"))
	if err != nil {
		return nil, err
	}
	if c.Uint("serial") > 1<<32-1 {
		return nil, usagef("serial %d does not fit in 32 bits", c.Uint("serial"))
	}
	faults := c.StringSlice("fault")
	switch touch := c.String("touch"); touch {
	case "auto":
	case "withheld":
		faults = append(faults, string(vcard.WithholdTouch))
	default:
		return nil, usagef("--touch is %q, want auto or withheld", touch)
	}
	config := vcard.Config{
		Serial: uint32(c.Uint("serial")), Firmware: firmware, Store: vcard.File(file), Rand: env.rand,
		Wait: waitOr, TouchDelay: c.Duration("touch-delay"), TouchTimeout: c.Duration("touch-timeout"),
	}
	if name := c.String("ca"); name != "" {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if config.CA, err = vcard.ParseCA(b); err != nil {
			return nil, err
		}
	}
	card, err := vcard.New(config)
	if err != nil {
		return nil, err
	}
	return card, setFaults(card, faults)
}

func setFaults(card *vcard.Card, names []string) error {
	for _, name := range names {
		f, err := vcard.ParseFault(name)
		if err != nil {
			return usageError{err}
		}
		if err := card.SetFault(f, 1); err != nil {
			return err
		}
	}
	return nil
}

func parseFirmware(s string) (v [3]byte, err error) {
	var rest string
	n, _ := fmt.Sscanf(s+" .", "%d.%d.%d %s", &v[0], &v[1], &v[2], &rest)
	if n != 4 || fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) != s {
		return v, usagef("--firmware is %q, want three numbers such as 5.7.1", s)
	}
	return v, nil
}

func orderCommand(env environment) *cli.Command {
	return &cli.Command{
		Name:         "order",
		Usage:        "give a running card an order: fault NAME N, pull, insert, await in, await out, serial",
		ArgsUsage:    "ORDER...",
		OnUsageError: onUsageError,
		Flags:        []cli.Flag{&cli.StringFlag{Name: "control", Usage: "the card's Unix socket `PATH`"}},
		Action: func(c *cli.Context) error {
			path, err := required(c, "control")
			if err != nil {
				return err
			}
			if !c.Args().Present() {
				return usagef("no order, want fault NAME N, pull, insert, await in, await out or serial")
			}
			for _, word := range c.Args().Slice() {
				if strings.HasPrefix(word, "-") {
					return usagef("flag %q after the order; flags come first", word)
				}
			}
			answer, err := vcard.Order(c.Context, path, strings.Join(c.Args().Slice(), " "))
			if err != nil {
				return err
			}
			if answer != "" {
				fmt.Fprintln(env.stdout, answer)
			}
			return nil
		},
	}
}

func loopbackCommand() *cli.Command {
	return &cli.Command{
		Name:         "loopback",
		Usage:        "set the loopback interface up, in a network namespace made for a card room",
		Hidden:       true,
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return raiseLoopback()
		},
	}
}
