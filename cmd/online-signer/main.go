// Command online-signer runs the online service of an index (see package
// internal/signer), and is what its operator uses to reach it.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rootward/rootward/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	env := command.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Now: time.Now, Rand: rand.Reader}
	code := command.Main(ctx, os.Args, env, app)
	stop()
	os.Exit(code)
}
