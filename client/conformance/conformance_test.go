package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// client is our own, built once.
var client string

func TestMain(m *testing.M) {
	if kind := os.Getenv(brokenEnv); kind != "" {
		os.Exit(broken(kind, os.Args[1:]))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	client = filepath.Join(dir, "roster")
	build := exec.Command("go", "build", "-o", client, "github.com/rootward/rootward/cmd/roster")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		panic(err)
	}
	return m.Run()
}

// newSuite is a suite for a client, which ends with the test.
func newSuite(t *testing.T, client string) *Suite {
	t.Helper()
	dir := t.TempDir()
	if memory, err := os.MkdirTemp("/dev/shm", "conformance"); err == nil { // clients wait for the disk often
		t.Cleanup(func() { _ = os.RemoveAll(memory) })
		dir = memory
	}
	s, err := NewSuite(client, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Our own client keeps every promise. Most of a case is waiting for the disk,
// so more of them are played at once than there are processors.
func TestOurs(t *testing.T) {
	example, err := ExampleCases("../../roster/testdata/example")
	if err != nil {
		t.Fatal(err)
	}
	cases := append(Cases(), example...)
	failures := newSuite(t, client).RunAll(cases, 8)
	for i, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if failures[i] != "" {
				t.Error(failures[i])
			}
		})
	}
}
