// Command roster is for clients, which verify packages from the pinned root
// roster down, and for maintainers, who say who may release a package and
// sign what they release. It holds no key: documents are signed with gpg, or
// whatever else makes detached OpenPGP signatures.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"os/signal"
	"time"

	"github.com/rootward/rootward/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	env := command.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Now: time.Now, Rand: rand.Reader}
	code := command.Main(ctx, os.Args, env, app)
	stop()
	os.Exit(code)
}
