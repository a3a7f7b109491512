package main

import (
	"context"
	"fmt"
	"os/exec"

	"github.com/rootward/rootward/tools/internal/play"
)

// A stage holds what the acts share: where things are, what runs, and the
// people and machines, which the acts fill in.
type stage struct {
	*play.Stage
	cast
}

// newStage clears build/demo and finds the programs beside this one.
func newStage(ctx context.Context) (*stage, error) {
	p, err := play.New(ctx, "demo", []string{"ceremony", "online-signer", "roster", "vcard"},
		[]string{"repository", "client", "ceremonies", "certificates", "carried", "secret", "work"})
	if err != nil {
		return nil, err
	}
	s := &stage{Stage: p}
	s.online = play.Signer{Stage: p, Repository: repository, Config: s.Path("work", "online-signer.yaml"), Publish: s.Path("repository"),
		Store: s.Path("work", "signer.db"), Log: s.Path("work", "online-signer.log"), Socket: s.Short + "/signer.sock",
		RoleID: s.Path("secret", "role-id"), SecretID: s.Path("secret", "secret-id")}
	s.Later(func() {
		for _, who := range s.gpgUsers {
			_ = exec.Command("gpgconf", "--homedir", s.gpgHome(who), "--kill", "all").Run()
		}
	})
	return s, nil
}

func (s *stage) heading(n int, title string) { s.Heading(fmt.Sprintf("ACT %d. %s", n, title)) }
