package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv(naiveEnv) != "" {
		if err := naive(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	promisesFile    = "../../docs/promises.json"
	threatModelFile = "../../docs/threat-model.md"
)

func load(t *testing.T) []promise {
	t.Helper()
	promises, err := loadPromises(promisesFile)
	if err != nil {
		t.Fatal(err)
	}
	return promises
}

// No size gives the thief's file away.
func TestTheThiefsBytesAreAsLong(t *testing.T) {
	if h, e := len(honestBytes(solo, "1.1")), len(evilBytes(solo, "1.1")); h != e {
		t.Errorf("the honest file has %d bytes, the thief's %d", h, e)
	}
}

// The threat model's table is the one that the promises make.
func TestThreatModelIsMadeFromThePromises(t *testing.T) {
	doc, err := os.ReadFile(threatModelFile)
	if err != nil {
		t.Fatal(err)
	}
	want, err := withTable(doc, load(t))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(doc, want) {
		t.Error("docs/threat-model.md is not what docs/promises.json makes: go run ./tools/compromise-table -write")
	}
}

// play runs the program with the promises of this repository.
func play(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	code = run(t.Context(), append([]string{"-promises", promisesFile}, args...), &b, &b, time.Now)
	return code, b.String()
}

// A quick part of the table; make compromise-table plays all of it.
func TestAPartOfTheTable(t *testing.T) {
	client, err := buildClient(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPlayer(t.Context(), client, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer p.host.close()
	var out bytes.Buffer
	tally := newTally(&out, load(t), attacks, 0)
	for _, part := range []struct{ rows, attacks, clients string }{
		{"network", "swap,freeze", "new,remembering"},
		{"online", "hijack,hijack-young", "new,remembering"},
		{"maintainer-1,online+dropped,quorum", "hijack", "new"},
		{"keyholder", "lock-out", "offline"},
	} {
		rows, err := choose(compromises, func(c compromise) string { return c.id }, part.rows)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := choose(attacks, func(a attack) string { return a.id }, part.attacks)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.play(jobs(rows, columns, strings.Split(part.clients, ",")), tally.add); err != nil {
			t.Fatal(err)
		}
	}
	good := tally.sum(0, p.host.runs.Load())
	t.Log(out.String())
	if !good || len(tally.findings) > 0 || tally.counts[asPromised] != 12 {
		t.Errorf("%d cells are as promised, wanted all 12", tally.counts[asPromised])
	}
}

// A client that never looks at a signature is found out.
func TestANaiveClientIsWorseThanPromised(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(naiveEnv, "1")
	code, out := play(t, "-client", program, "-only", "network", "-attacks", "forge", "-clients", "new")
	if code != 1 || !strings.Contains(out, "WORSE than promised: network, forge, new client: promised: not possible") {
		t.Errorf("exit code %d, wanted 1 and what is worse:\n%s", code, out)
	}
}

func TestJudge(t *testing.T) {
	var p promise
	p.Possible = map[string]map[string]string{"forge": {"new,offline": "next roster, next anchor", "remembering": endless}}
	if err := p.parse(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, attack, client string
		r                    result
		want                 verdict
	}{
		{"refused, as promised", "swap", newcomer, result{}, asPromised},
		{"possible, not promised", "swap", newcomer, result{possible: true, ends: []end{snapshotExpires}}, worse},
		{"refused, promised as possible", "forge", newcomer, result{}, better},
		{"ends as promised", "forge", offline, result{possible: true, ends: []end{nextRoster, nextAnchor, override}}, asPromised},
		{"a promised end does not end it", "forge", offline, result{possible: true, ends: []end{nextAnchor}}, worse},
		{"ends by more than promised", "forge", newcomer, result{possible: true, ends: []end{revocation, nextRoster, nextAnchor}}, better},
		{"by more than a promised end contains", "forge", newcomer, result{possible: true, ends: []end{nextRoster, nextList, nextAnchor}}, better},
		{"for ever, as promised", "forge", remembering, result{possible: true}, asPromised},
	} {
		if got, why := p.judge(tc.attack, tc.client, tc.r); got != tc.want {
			t.Errorf("%s: verdict %d (%s), want %d", tc.name, got, why, tc.want)
		}
	}
}

func TestPromisesAreRead(t *testing.T) {
	good, err := os.ReadFile(promisesFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"an unknown attack": {`"freeze"`, `"frieze"`},
		"an unknown client": {`"new,offline"`, `"new,onlyne"`},
		"a client twice":    {`"new,offline"`, `"new,new"`},
		"an unknown end":    {`snapshot expires, `, `snapshot expired, `},
		"an end too many":   {`"next list, key revocation"`, `"next list, key revocation, next anchor"`},
		"an unknown field":  {`"pep458"`, `"pep459"`},
		"another row":       {`"id": "network"`, `"id": "mirror"`},
	} {
		bad := strings.Replace(string(good), change[0], change[1], 1)
		if bad == string(good) {
			t.Fatalf("%s: nothing to change", name)
		}
		file := filepath.Join(t.TempDir(), "promises.json")
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadPromises(file); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-only", "nobody"}, {"-attacks", "none"}, {"-clients", "nobody"}, {"-nonsense"}, {"stray"}} {
		if code, out := play(t, args...); code != 2 {
			t.Errorf("%q: exit code %d, want 2: %s", args, code, out)
		}
	}
}
