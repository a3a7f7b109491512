package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// wantStateError is for a state directory that is not as this program left it.
func (u *user) wantStateError(file, words string) {
	u.t.Helper()
	_, err := u.tryGet()
	var e *client.StateError
	if !errors.As(err, &e) {
		u.t.Fatalf("got %v, want a StateError", err)
	}
	if e.File != filepath.Join(u.State, filepath.FromSlash(file)) || !strings.Contains(err.Error(), words) {
		u.t.Fatalf("got %v, want a fault of %q with the words %q", err, file, words)
	}
}

func (u *user) putState(name string, b []byte) {
	u.t.Helper()
	path := filepath.Join(u.State, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600)); err != nil {
		u.t.Fatal(err)
	}
}

// A state of another version of the program is told from a damaged one.
func TestStateOfAnotherVersion(t *testing.T) {
	u := newUser(t, serve(t, example(t)))
	u.putState("pin", []byte("rootward-state/v99 packages.example 1\n"))
	u.wantStateError("pin", "another version of this program wrote it")
	u.putState("pin", []byte("something else\n"))
	u.wantStateError("pin", "wanted \"rootward-state/")
}

// A state without the pinned roster is damaged: nothing is pinned anew.
func TestPinnedRosterIsMissing(t *testing.T) {
	u := newUser(t, serve(t, example(t)))
	if err := os.Remove(filepath.Join(u.State, "root", "1.json")); err != nil {
		t.Fatal(err)
	}
	u.wantStateError("root/1.json", "it is missing")
}

// A state directory that goes away between opening and using it is not made
// anew: its memory is gone, and the user must hear of it.
func TestStateGoesAway(t *testing.T) {
	u := newUser(t, serve(t, example(t)))
	c := u.open()
	if err := os.Rename(u.State, u.State+".moved"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Refresh(t.Context(), u.s.Now); !errors.Is(err, client.ErrNoState) {
		t.Errorf("got %v, want ErrNoState", err)
	}
	if _, err := os.Stat(u.State); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory was made again (%v)", err)
	}
}

// A remembered revocation that names a roster which the state does not hold
// cannot be verified, and is not passed over.
func TestRememberedRevocationOfAnotherRoster(t *testing.T) {
	u := newUser(t, serve(t, example(t)))
	key := u.s.Snapshot.Key
	doc, err := roster.OnlineRevocation{
		Repository: u.s.Repository, Roster: digest.Sum([]byte("another roster")), Key: roster.Key{PublicKey: key}, Reason: "stolen", Issued: roster.At(u.s.Now),
	}.Format()
	if err != nil {
		t.Fatal(err)
	}
	path := roster.RevocationPath(key.ID())
	u.putState(path, doc)
	u.putState(roster.SignaturePath(path), rostertest.Sign(t, doc, u.s.Keyholders...))
	u.wantStateError(path, "which this directory does not hold")
}

// What is remembered of a package has at most as many lists as a succession may
// have.
func TestRememberedChainIsBounded(t *testing.T) {
	u := newUser(t, serve(t, example(t)))
	u.wantWheel()
	name := "packages/" + digest.Sum([]byte(pkg)).String()
	good := files(t, u.State)[name]
	line, rest, _ := strings.Cut(good, "\n")
	var chain struct {
		Chain []json.RawMessage `json:"chain"`
	}
	if err := json.Unmarshal([]byte(line), &chain); err != nil || len(chain.Chain) != 1 {
		t.Fatalf("the record has %d lists (%v), want 1:\n%s", len(chain.Chain), err, line)
	}
	one := string(chain.Chain[0])
	for n, words := range map[int]string{
		roster.MaxSuccessions + 1: "it ends within", // as many as there may be, but not there
		roster.MaxSuccessions + 2: "66 lists, wanted at most 65",
	} {
		many := strings.Replace(line, one, strings.Join(slices.Repeat([]string{one}, n), ","), 1)
		u.putState(name, []byte(many+"\n"+rest))
		u.wantStateError(name, words)
	}
}

// What appears at the place of a download while it is under way is not replaced.
func TestDownloadReplacesNothingLate(t *testing.T) {
	u := newUser(t, serve(t, example(t)))
	v, err := u.refresh()
	if err != nil {
		t.Fatal(err)
	}
	a, err := v.Authorise(t.Context(), pkg, wheel)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), wheel)
	u.s.alone(func() {
		u.s.Before = func(path string) {
			if strings.HasPrefix(path, "files/") {
				os.WriteFile(out, []byte("mine"), 0o644)
			}
		}
	})
	_, err = v.Download(t.Context(), a, out)
	var exists *durable.ExistsError
	if !errors.As(err, &exists) {
		t.Errorf("got %v, want a refusal because it exists", err)
	}
	if b, err := os.ReadFile(out); err != nil || string(b) != "mine" {
		t.Errorf("the file is now %q (%v), want it as it was", b, err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(out)); len(entries) != 1 {
		t.Errorf("found %v beside it", entries)
	}
}

// fullDisk takes some bytes and then no more.
type fullDisk struct{ left int }

var errFull = errors.New("no space left on device")

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.left)
	if d.left -= n; n < len(p) {
		return n, errFull
	}
	return n, nil
}

// A disk that is full is a fault of this machine: no mirror is blamed for it,
// and none is asked instead.
func TestFullDiskIsNoRefusal(t *testing.T) {
	u := newUser(t, serve(t, example(t)))
	v, err := u.refresh()
	if err != nil {
		t.Fatal(err)
	}
	a, err := v.Authorise(t.Context(), pkg, wheel)
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	if err := v.CopyFile(t.Context(), a, &all); err != nil || all.String() != content {
		t.Fatalf("copied %q (%v), want the wheel", all.String(), err)
	}
	var refusal *roster.Error
	if err := v.CopyFile(t.Context(), a, &fullDisk{left: 5}); !errors.Is(err, errFull) || errors.As(err, &refusal) {
		t.Errorf("onto a full disk the file gives %v, want the disk's error and no refusal", err)
	}
}

// interrupting is a source that is asked when the user gives up.
type interrupting struct{ stop context.CancelFunc }

func (s interrupting) Open(ctx context.Context, _ string, _ int64) (io.ReadCloser, error) {
	s.stop()
	return nil, context.Cause(ctx)
}

// Who interrupts the program is not told that an index withholds something.
func TestInterruptedIsNoRefusal(t *testing.T) {
	u := newUser(t, serve(t, example(t)))
	ctx, stop := context.WithCancel(t.Context())
	c, err := client.Open(client.Config{State: u.State, Source: interrupting{stop}, Accept: client.DefaultPolicy()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Refresh(ctx, u.s.Now)
	var refusal *roster.Error
	if !errors.Is(err, context.Canceled) || errors.As(err, &refusal) {
		t.Errorf("got %v, want context.Canceled and no refusal", err)
	}
}

// A body that is said to be coded and is empty ends before its time: that is
// not the plain end of a file.
func TestEmptyCodedBodyIsCutShort(t *testing.T) {
	s := serve(t, example(t))
	s.Answer = func(w http.ResponseWriter, _ string) bool {
		w.Header().Set("Content-Encoding", "gzip")
		return true
	}
	source, err := client.NewHTTPSource(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, err := source.Open(t.Context(), "latest", 100)
	if err == nil {
		_, err = io.ReadAll(body)
		body.Close()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want io.ErrUnexpectedEOF", err)
	}
}
