package conduct

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/transcript"
)

var killPoints = flag.String("killpoints", "sample", "at which points to kill a ceremony: sample, all, or one number")

// The environment of the process that is killed.
const (
	killAt  = "ROOTWARD_KILL_AT"
	killDir = "ROOTWARD_KILL_DIR"
	killAct = "ROOTWARD_KILL_ACT"
)

// samples is how many points of an act are tried without the flag.
const samples = 3

// An act is a ceremony that is interrupted.
type act struct {
	name   string
	at     time.Time
	plan   string // file
	record string
	out    string
}

var acts = []act{
	{"genesis", first, "plan-1.yaml", "record-1", "out-1"},
	{"renewal", second, "plan-2.yaml", "record-2", "out-2"},
}

// templates gives, for each act, a folder in which it can begin.
func templates(t *testing.T) map[string]*stage {
	t.Helper()
	s := newStage(t)
	s.genesis()
	both := map[string]*stage{"genesis": s}
	next := s.copy()
	next.hall(first).mustConduct(next.path("plan-1.yaml"))
	next.renewal()
	both["renewal"] = next
	return both
}

// copy is the stage once more, in a folder of its own.
func (s *stage) copy() *stage {
	s.t.Helper()
	dir := s.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(s.dir)); err != nil {
		s.t.Fatal(err)
	}
	return stageAt(s.t, dir)
}

// files reads a folder of the stage.
func (s *stage) files(name string) map[string]string {
	s.t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(s.path(name), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, s.dir)] = string(b)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// whole wants the output that an undisturbed ceremony has, to the last byte, and
// a record that is sealed and has each thing once.
func (s *stage) whole(a act, want map[string]string) {
	s.t.Helper()
	if got := s.files(a.out); !maps.Equal(got, want) {
		s.t.Errorf("the output has files %v, want %v, or their bytes differ", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	for event, n := range map[string]int{"drafted": 1, "combined": 1, "sealed": 1, "abandoned": 0} {
		if got := s.did(a.record, event); got != n {
			s.t.Errorf("%d entries %q, want %d", got, event, n)
		}
	}
	signed := make(map[string]int)
	for _, e := range s.entries(a.record) {
		facts, _ := e["facts"].(map[string]any)
		if e["event"] == "signed" {
			signed[fmt.Sprint(facts["card"], facts["path"])]++
		}
	}
	if len(signed) != 9 {
		s.t.Errorf("%d signatures stand in the transcript, want 9", len(signed))
	}
	for what, n := range signed {
		if n != 1 {
			s.t.Errorf("%s is signed %d times in the transcript", what, n)
		}
	}
}

// A watcher counts the points at which something goes to the disk, and does
// something at one of them.
type watcher struct {
	at    int
	names []string
	do    func(what string) error
}

func (w *watcher) point(what string) error {
	w.names = append(w.names, what)
	if len(w.names) == w.at {
		return w.do(what)
	}
	return nil
}

// tear leaves half of what was about to be written, as a loss of power can.
func (s *stage) tear(a act, what string) {
	name, isFile := strings.CutPrefix(what, "file ")
	switch {
	case strings.HasPrefix(what, "entry ") && !strings.HasSuffix(what, " written"):
		f, err := os.OpenFile(s.path(a.record, "transcript.jsonl"), os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			fmt.Fprint(f, `{"n":7,"previous":"torn`)
			f.Close()
		}
	case isFile && !strings.HasPrefix(name, ceremony.PublishName) && !strings.HasPrefix(name, ceremony.SealedName) && !strings.HasPrefix(name, ceremony.CertificatesName):
		_ = os.WriteFile(s.path(a.record, name), []byte("torn"), 0o644) // its folder may not be there yet
	}
}

// watched is a hall whose cards are watched too.
func (s *stage) watched(a act, w *watcher) (*hall, Config) {
	h := s.hall(a.at)
	cfg := h.config(s.path(a.plan))
	cfg.Watch = w.point
	for _, c := range s.reader.cards {
		c.onSign = func() { _ = w.point("the card signs") }
	}
	return h, cfg
}

// TestKillChild is the process that is killed; it does nothing by itself.
func TestKillChild(t *testing.T) {
	at, err := strconv.Atoi(os.Getenv(killAt))
	if err != nil {
		return // only the process that TestKillPoints starts has something to do
	}
	s := stageAt(t, os.Getenv(killDir))
	a := acts[slices.IndexFunc(acts, func(a act) bool { return a.name == os.Getenv(killAct) })]
	w := &watcher{at: at, do: func(what string) error {
		s.tear(a, what)
		s.write("killed", []byte(what))
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}}
	_, cfg := s.watched(a, w)
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	s.write("points", []byte(strings.Join(w.names, "\n")))
}

// killed holds an act in a process that is killed at a point; 0 is never.
func (s *stage) killed(a act, at int) error {
	cmd := exec.Command(os.Args[0], "-test.run=^TestKillChild$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", killAt, at), killDir+"="+s.dir, killAct+"="+a.name)
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(err.Error(), "killed") {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return err
}

// chosen are the points to try, of n.
func chosen(t *testing.T, n int) []int {
	t.Helper()
	one, err := strconv.Atoi(*killPoints)
	switch {
	case err == nil:
		return []int{one}
	case *killPoints == "all":
		all := make([]int, n)
		for i := range all {
			all[i] = i + 1
		}
		return all
	case *killPoints != "sample":
		t.Fatalf("-killpoints is %q, want sample, all or a number", *killPoints)
	}
	var some []int
	for i := range samples {
		some = append(some, 1+(2*i+1)*n/(2*samples))
	}
	return some
}

// TestKillPoints kills the program (kill -9) before and after every write to the
// record, at every signature and at every file, with the write half done where it
// can be, and holds the rest of the ceremony then: the output is the one that an
// undisturbed ceremony has, to the last byte.
func TestKillPoints(t *testing.T) {
	from := templates(t)
	for _, a := range acts {
		whole := from[a.name].copy()
		if err := whole.killed(a, 0); err != nil {
			t.Fatal(err)
		}
		points, err := os.ReadFile(whole.path("points"))
		if err != nil {
			t.Fatal(err)
		}
		want, n := whole.files(a.out), strings.Count(string(points), "\n")+1
		tried := chosen(t, n)
		for _, at := range tried {
			t.Run(fmt.Sprintf("%s/%d", a.name, at), func(t *testing.T) {
				s := from[a.name].copy()
				s.t = t
				if err := s.killed(a, at); err == nil || !strings.Contains(err.Error(), "killed") {
					t.Fatalf("the process was to be killed at %d of %d, and ends with %v", at, n, err)
				}
				h := s.hall(a.at)
				if _, err := h.conduct(s.path(a.plan)); err != nil {
					what, _ := os.ReadFile(s.path("killed"))
					t.Fatalf("killed at %q, and then: %v\n%s", what, err, tail(h.shown.String(), 30))
				}
				s.whole(a, want)
			})
		}
		t.Logf("%s: killed at %d of %d points", a.name, len(tried), n)
	}
}

// TestDiskFull has each write fail in turn, half done: the record says nothing
// more in that sitting, and the ceremony goes on from it.
func TestDiskFull(t *testing.T) {
	from := templates(t)
	a := acts[0]
	count := &watcher{}
	whole := from[a.name].copy()
	_, cfg := whole.watched(a, count)
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	want := whole.files(a.out)
	for _, at := range chosen(t, len(count.names)) {
		what := count.names[at-1]
		if what == "the card signs" {
			continue // no write
		}
		s := from[a.name].copy()
		full := 0
		w := &watcher{at: at}
		w.do = func(what string) error {
			full++
			if strings.HasPrefix(what, "entry ") && !strings.HasSuffix(what, "written") {
				s.tear(a, what)
			}
			return syscall.ENOSPC
		}
		_, cfg := s.watched(a, w)
		_, err := Run(t.Context(), cfg)
		if !errors.Is(err, syscall.ENOSPC) || full != 1 {
			t.Errorf("at %q: the ceremony ends with %v after %d faults", what, err, full)
		}
		if n := len(w.names); strings.HasPrefix(what, "entry ") && n != at {
			t.Errorf("at %q: %d more writes after the one that failed: %v", what, n-at, w.names[at:])
		}
		if _, err := s.hall(a.at).conduct(s.path(a.plan)); err != nil {
			t.Fatalf("full at %q, and then: %v", what, err)
		}
		s.whole(a, want)
	}
}

// TestStopAtEachQuestion types stop instead of each answer in turn, and goes on.
func TestStopAtEachQuestion(t *testing.T) {
	from := templates(t)
	a := acts[0]
	whole := from[a.name].copy()
	h := whole.hall(a.at)
	asked := 0
	h.answer = func(string) string { asked++; return "" }
	h.mustConduct(whole.path(a.plan))
	want := whole.files(a.out)
	for _, at := range chosen(t, asked) {
		s := from[a.name].copy()
		h := s.hall(a.at)
		n, prompt := 0, ""
		h.answer = func(p string) string {
			if n++; n == at {
				prompt = p
				return "stop"
			}
			return ""
		}
		_, err := h.conduct(s.path(a.plan))
		var stopped *StoppedError
		if !errors.As(err, &stopped) || !strings.Contains(stopped.Hint(), "ceremony conduct "+s.path(a.plan)) {
			t.Fatalf("stop at %q ends with %v, want a StoppedError", prompt, err)
		}
		if _, err := s.hall(a.at).conduct(s.path(a.plan)); err != nil {
			t.Fatalf("stopped at %q, and then: %v", prompt, err)
		}
		s.whole(a, want)
	}
}

// TestClockGoesBack sets the clock back in the middle, and between two sittings.
func TestClockGoesBack(t *testing.T) {
	s := newStage(t)
	plan := s.genesis()
	h := s.hall(first)
	h.tick = time.Second
	h.answer = func(prompt string) string {
		if strings.HasPrefix(prompt, "Bob: type ready") {
			h.now = first.Add(-time.Minute)
		}
		return ""
	}
	_, err := h.conduct(plan)
	var clock *transcript.ClockError
	if !errors.As(err, &clock) || clock.ExitCode() != 3 {
		t.Fatalf("the clock goes back, and the ceremony ends with %v, want a ClockError", err)
	}
	if _, err := s.hall(first.Add(-time.Hour)).conduct(plan); !errors.As(err, &clock) {
		t.Fatalf("a sitting before the last one ends with %v, want a ClockError", err)
	}
	s.hall(first.Add(time.Hour)).mustConduct(plan)
}
