package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Suite is a client under test and the server that it is shown.
type Suite struct {
	// Client is the program. It is started with Args before its own.
	Client string
	Args   []string
	// Env is added to the environment of the client.
	Env []string
	// Timeout is how long one command may take.
	Timeout time.Duration

	dir    string
	server *server
}

// NewSuite starts the server on a free port of the loopback address. What the
// cases write is below dir.
func NewSuite(client, dir string) (*Suite, error) {
	s, err := serve()
	if err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	return &Suite{Client: client, Timeout: 2 * time.Minute, dir: dir, server: s}, nil
}

// Close ends the server.
func (s *Suite) Close() error { return s.server.http.Close() }

// Run plays a case and says how the client broke its promise, or "". Several
// goroutines may play cases.
func (s *Suite) Run(c Case) (failure string) {
	dir, err := os.MkdirTemp(s.dir, "case")
	if err != nil {
		return err.Error()
	}
	stage := &Stage{suite: s, dir: dir}
	done := make(chan any)
	go func() { // so that Fatalf can end it
		defer func() { done <- recover() }()
		c.Play(stage)
	}()
	if p := <-done; p != nil {
		stage.failure = fmt.Sprintf("the suite itself broke: %v", p)
	}
	for _, r := range stage.repos {
		s.server.remove(r)
	}
	if stage.failure == "" {
		_ = os.RemoveAll(dir)
	}
	return stage.failure
}

// RunAll plays cases, several at once, and returns their failures in order.
func (s *Suite) RunAll(cases []Case, atOnce int) []string {
	failures := make([]string, len(cases))
	var next atomic.Int64
	var g sync.WaitGroup
	for range atOnce {
		g.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(cases); i = int(next.Add(1)) - 1 {
				failures[i] = s.Run(cases[i])
			}
		})
	}
	g.Wait()
	return failures
}

// A Stage is where one case is played. It is what its indices report to.
type Stage struct {
	suite   *Suite
	dir     string
	repos   []*Repo
	users   int
	act     string // what is being played, for messages
	failure string
}

// Helper does nothing: see [testing.T].
func (s *Stage) Helper() {}

// Fatal ends the case.
func (s *Stage) Fatal(args ...any) { s.Fatalf("%s", fmt.Sprint(args...)) }

// Fatalf ends the case with a failure.
func (s *Stage) Fatalf(format string, args ...any) {
	s.failure = fmt.Sprintf(format, args...)
	if s.act != "" {
		s.failure = s.act + ": " + s.failure
	}
	runtime.Goexit()
}

// A User is somebody with the client and a state directory of their own.
type User struct {
	s   *Stage
	r   *Repo
	dir string
	// Accept, if set, is the policy.
	Accept string
	// Now, if set, is the time instead of the repository's.
	Now  time.Time
	gets int
}

// User returns a new user whose client has pinned root roster 1.
func (r *Repo) User() *User { return r.UserFrom(1) }

// UserFrom returns a new user whose client has pinned a roster.
func (r *Repo) UserFrom(version uint64) *User {
	r.T.Helper()
	u := r.Stranger()
	u.Init(version).Want(Done)
	return u
}

// Stranger returns a user who has not pinned anything.
func (r *Repo) Stranger() *User {
	r.T.Helper()
	s := r.stage
	s.users++
	u := &User{s: s, r: r, dir: filepath.Join(s.dir, fmt.Sprintf("user%d", s.users))}
	if err := os.Mkdir(u.dir, 0o700); err != nil {
		s.Fatalf("the suite: %v", err)
	}
	return u
}

func (u *User) state() string { return filepath.Join(u.dir, "state") }

// Move makes the user look at another repository from now on.
func (u *User) Move(r *Repo) { u.r = r }

// stateHas reports whether some file below the state directory has these
// bytes within it.
func (u *User) stateHas(b []byte) bool {
	found := false
	err := filepath.WalkDir(u.state(), func(path string, e os.DirEntry, err error) error {
		if err != nil || found || !e.Type().IsRegular() {
			return err
		}
		have, err := os.ReadFile(path)
		found = found || strings.Contains(string(have), string(b))
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		u.s.Fatalf("the suite: %v", err)
	}
	return found
}

// KeepsNone wants none of the documents below the state directory.
func (u *User) KeepsNone(documents ...[]byte) {
	u.s.Helper()
	for _, b := range documents {
		if u.stateHas(b) {
			u.s.Fatalf("the client keeps a document that it refused (%.80q...)", b)
		}
	}
}
