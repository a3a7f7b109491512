package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Clients that are broken on purpose, each in one way. The test's own program
// plays them, before ours or instead of it.
const (
	brokenEnv = "CONFORMANCE_BROKEN_CLIENT"
	realEnv   = "CONFORMANCE_REAL_CLIENT"
)

// A command is a command line of the protocol.
type command struct {
	name, state, url      string
	packages, files, outs []string
}

func parse(args []string) command {
	c := command{}
	for i := 0; i < len(args); i++ {
		flag, value, joined := strings.Cut(args[i], "=")
		if strings.HasPrefix(flag, "--") && !joined && i+1 < len(args) {
			i++
			value = args[i]
		}
		switch flag {
		case "--state":
			c.state = value
		case "--url":
			c.url = value
		case "--package":
			c.packages = append(c.packages, value)
		case "--file":
			c.files = append(c.files, value)
		case "--out":
			c.outs = append(c.outs, value)
		case "--now", "--accept":
		case "init", "refresh", "get":
			c.name = flag
		}
	}
	return c
}

// broken is the main of a broken client.
func broken(kind string, args []string) int {
	c := parse(args)
	switch kind {
	case "refuses everything":
		return Refused
	case "verifies nothing":
		return c.trusting(0)
	case "forgets":
		if c.name == "init" {
			return ours(args)
		}
		dir, err := os.MkdirTemp("", "forgets")
		if err != nil || os.CopyFS(dir, os.DirFS(c.state)) != nil {
			return Usage
		}
		defer os.RemoveAll(dir)
		return ours(replaced(args, c.state, dir))
	case "has a clock that stands still":
		if i := slices.Index(args, "--now"); i >= 0 {
			args[i+1] = "2026-01-06T10:00:00Z"
		}
		return ours(args)
	case "knows one kind of refusal":
		return min(ours(args), Refused)
	case "has no policy":
		if i := slices.Index(args, "--accept"); i >= 0 {
			args[i+1] = everyOutcome
		} else if c.name == "get" {
			args = append(args, "--accept", everyOutcome)
		}
		return ours(args)
	case "trusts the second package":
		if len(c.packages) < 2 {
			return ours(args)
		}
		first := slices.Index(args, "--package="+c.packages[1])
		if code := ours(args[:first]); code != Done {
			return code
		}
		return c.trusting(1)
	case "writes what it refuses":
		code := ours(args)
		if c.name == "get" && code == Refused {
			c.trusting(0)
		}
		return code
	case "writes beside its state":
		_ = os.WriteFile(filepath.Join(filepath.Dir(c.state), "traversed"), nil, 0o600)
		return ours(args)
	case "keeps what it refuses":
		code := ours(args)
		if b, err := fetch(c.url + "/root/2.json"); err == nil && code == Refused {
			_ = os.WriteFile(filepath.Join(c.state, "cache"), b, 0o600)
		}
		return code
	}
	return Fault
}

func replaced(args []string, old, now string) []string {
	args = slices.Clone(args)
	for i := range args {
		if args[i] == old {
			args[i] = now
		}
	}
	return args
}

// ours is our own client.
func ours(args []string) int {
	cmd := exec.Command(os.Getenv(realEnv), args...)
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		return Fault
	}
	return Done
}

func fetch(url string) ([]byte, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, 1<<24))
}

// trusting does what an honest client does and looks at no signature, no
// digest, no time and no policy.
func (c command) trusting(from int) int {
	if c.name == "init" {
		_ = os.MkdirAll(c.state, 0o700)
		return Done
	}
	latest, err := fetch(c.url + "/latest")
	if err != nil {
		return Stale
	}
	var snapshot struct{ Map struct{ Root string } }
	b, err := fetch(c.url + "/snapshots/" + strings.TrimSpace(string(latest)) + ".json")
	if err != nil || json.Unmarshal(b, &snapshot) != nil {
		return Stale
	}
	for i := from; i < len(c.packages); i++ {
		if !c.take(snapshot.Map.Root, i) {
			return Refused
		}
	}
	return Done
}

func (c command) take(root string, i int) bool {
	sum := sha256.Sum256([]byte(c.packages[i]))
	text := ""
	for _, digit := range hex.EncodeToString(sum[:]) {
		b, err := fetch(c.url + "/map/" + root)
		if text = string(b); err != nil || !strings.HasPrefix(text, "map-node") {
			break
		}
		root = strings.Split(text, "\n")[1+strings.IndexRune("0123456789abcdef", digit)]
	}
	_, line, found := strings.Cut(text, "\n"+c.packages[i]+" ")
	line, _, _ = strings.Cut(line, "\n")
	f := strings.Fields(line)
	if !found || len(f) < 5 {
		return false
	}
	index, err := fetch(c.url + "/indexes/" + c.packages[i] + "/" + f[4])
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(index)) {
		f := strings.Fields(line)
		var digest string
		switch {
		case len(f) == 5 && f[0] == "file" && f[4] == c.files[i]:
			digest = f[3]
		case len(f) == 3 && f[0] == "manifest":
			var m struct {
				Files []struct{ Name, SHA256 string }
			}
			if b, err := fetch(c.url + "/releases/" + c.packages[i] + "/" + f[2] + ".json"); err != nil || json.Unmarshal(b, &m) != nil {
				continue
			}
			for _, file := range m.Files {
				if file.Name == c.files[i] {
					digest = file.SHA256
				}
			}
		}
		if digest == "" {
			continue
		}
		if b, err := fetch(c.url + "/files/" + digest + "/" + c.files[i]); err == nil {
			return os.WriteFile(c.outs[i], b, 0o600) == nil
		}
	}
	return false
}

// The suite finds each broken client: it fails the cases that are about what
// it lacks, with words that say what was let through, and no case that is not.
func TestBrokenClients(t *testing.T) {
	for _, c := range []struct {
		kind  string
		fails []string // parts of the names of cases that it must fail
		words string   // what each failure says
		holds []string // of cases that it passes
	}{
		{"refuses everything", []string{"a roster for another repository", "init makes no request", "a file with a byte less"}, "", nil},
		{"verifies nothing", []string{"WALK-8: a roster signed by strangers", "SNAP-5: a snapshot signed by nobody", "SIG-10: a signature with a wrong hash tag", "MAP-5: a map with a bucket that is not sorted",
			"STAND-7: a succession signed by one", "STAND-3: a new first list", "RELEASE-3: a release signed by one", "RELEASE-5: a file with other bytes", "SNAP-8: a snapshot that expires now",
			"LEAF-4: a removed package is", "KEYREV-2: a key revocation that another", "MEM-8: a release that the first", "ENC-4: a list with an unknown field", "LIST-4: a list with threshold 0", "POLICY-1: an unsigned"}, "let it through", nil},
		{"forgets", []string{"MEM-1: a snapshot older", "MEM-2: another snapshot", "MEM-3: an index that does not", "MEM-4: another first list", "MEM-5: a revocation of an online", "LEAF-8: a remembered"}, "let it through", []string{"WALK-8: a roster signed by strangers"}},
		{"has a clock that stands still", []string{"SNAP-8: a remembered snapshot expires", "WALK-11: a remembered roster that has expired", "CLI-2: --now takes"}, "let it through", []string{"MEM-1: a snapshot older"}},
		{"knows one kind of refusal", []string{"FETCH-1: the file that answers 404", "SNAP-8: a remembered snapshot"}, "exit code 3", []string{"WALK-8: a roster signed by strangers"}},
		{"has no policy", []string{"POLICY-1: an unsigned", "POLICY-3: a yanked version", "MEM-4: a list that the policy"}, "", []string{"LEAF-4: a removed package is", "SNAP-5: a snapshot signed by nobody"}},
		{"trusts the second package", []string{"MEM-8: a release that the first", "MEM-8: the first package's list", "MEM-8: the first package's policy"}, "let it through", []string{"RELEASE-3: a release signed by one"}},
		{"writes what it refuses", []string{"RELEASE-5: a file with other bytes", "WALK-8: a roster signed by strangers"}, "was refused and yet wrote", []string{"SNAP-8: a remembered snapshot"}},
		{"writes beside its state", []string{"CLI-1: init makes no request"}, `left "traversed"`, nil},
		{"keeps what it refuses", []string{"WALK-4:", "ROSTER-3: a roster with a snapshot_lifetime of 0"}, "keeps a document that it refused", []string{"SNAP-5: a snapshot signed by nobody"}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			s := newSuite(t, self)
			s.Env = []string{brokenEnv + "=" + c.kind, realEnv + "=" + client}
			cases := named(t, append(slices.Clone(c.fails), c.holds...))
			failures := s.RunAll(cases, 8)
			for i, failure := range failures {
				switch must := i < len(c.fails); {
				case must && failure == "":
					t.Errorf("a client that %s passes %q", c.kind, cases[i].Name)
				case must && !strings.Contains(failure, c.words):
					t.Errorf("%q: the failure is %q; wanted the words %q", cases[i].Name, failure, c.words)
				case !must && failure != "":
					t.Errorf("a client that %s fails %q, which is about something else: %s", c.kind, cases[i].Name, failure)
				}
			}
		})
	}
}

// named returns the first case whose name begins with each of the words.
func named(t *testing.T, words []string) []Case {
	t.Helper()
	all := Cases()
	var some []Case
	for _, w := range words {
		i := slices.IndexFunc(all, func(c Case) bool { return strings.Contains(c.Name, w) })
		if i < 0 {
			t.Fatalf("no case is named %q", w)
		}
		some = append(some, all[i])
	}
	return some
}
