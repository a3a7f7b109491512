// Command ceremony is the tool of the people who hold a root: it provisions
// cards, drafts root rosters from a plan, shows them, has them signed card by
// card, combines and verifies.
//
// It reaches no network: it links no HTTP, and before anything else it asks the
// kernel to refuse it every socket but those of the machine itself (AF_UNIX),
// which pcscd needs. "ceremony air-gap" shows that.
//
// Results go to standard output; what people read in the room, and what they are
// asked, go to standard error. Each question is one line that begins
// "ceremony: ask: " and each answer one line of standard input; where that is a
// terminal, what is secret is not shown.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"time"

	"github.com/rootward/rootward/internal/airgap"
	"github.com/rootward/rootward/internal/command"
)

func main() {
	env := command.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Now: time.Now, Rand: rand.Reader}
	if err := airgap.Close(); errors.Is(err, airgap.ErrUnsupported) {
		command.Say(env.Stderr, name, "warning", err.Error()+"; only the machine's own lack of a network holds this program back")
	} else if err != nil {
		command.Say(env.Stderr, name, "fault", err.Error())
		os.Exit(command.Fault)
	}
	os.Exit(command.Main(context.Background(), os.Args, env, app))
}
