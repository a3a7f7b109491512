package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// A player has the honest index as it is now and the clients' memories.
type player struct {
	ctx   context.Context
	dir   string
	host  *host
	world *world
	now   time.Time
	users map[string]*user
}

// A result is what one cell came to.
type result struct {
	possible bool
	way      string   // by which the goal was reached first
	refusals []string // of each way that did not lead there, what the client said
	lasts    time.Duration
	ends     []end
}

// forever is how long an attack is followed.
const forever = 400 * 24 * time.Hour

// buildClient builds the client program into dir.
func buildClient(ctx context.Context, dir string) (program string, err error) {
	program = filepath.Join(dir, "roster")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "github.com/rootward/rootward/cmd/roster")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the client: %w: %s", err, out)
	}
	return program, nil
}

// newPlayer plays the index's history. What clients keep is below dir.
func newPlayer(ctx context.Context, program, dir string) (p *player, err error) {
	defer catch(&err)
	p = &player{ctx: ctx, dir: dir, users: make(map[string]*user)}
	if p.host, err = newHost(ctx); err != nil {
		return nil, err
	}
	remember := func(client string, w *world) {
		home := filepath.Join(dir, client)
		err := os.Mkdir(home, 0o700)
		if err == nil {
			p.users[client], err = initUser(ctx, p.host, program, home, w)
		}
		if err == nil && client != newcomer {
			err = p.users[client].visit(w, solo, pair, moved, fresh, plain)
		}
		if err != nil {
			panic(failure(fmt.Sprintf("the %s client: %v", client, err)))
		}
	}
	p.world = history(remember)
	p.now = p.world.Now
	remember(newcomer, p.world)
	return p, p.healthy()
}

// healthy checks that without a thief every client gets every file.
func (p *player) healthy() error {
	for _, client := range clients {
		for _, name := range []string{solo, pair, moved, fresh, plain} {
			u, err := p.borrow(client)
			if err != nil {
				return err
			}
			url, done := p.host.serve(p.world.Files)
			got, _, said, err := u.get(url, p.now, acceptAll, name, "1.3")
			done()
			if err != nil {
				return err
			}
			if string(got) != honestBytes(name, "1.3") {
				return fmt.Errorf("the %s client does not get %s from the honest index: %s", client, name, said)
			}
			u.discard()
		}
	}
	return nil
}

// catch turns a failure of the test index into an error.
func catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case failure:
		*err = fmt.Errorf("playing the index: %s", string(r))
	default:
		panic(r)
	}
}

// borrow returns a copy of a client, to be tricked once.
func (p *player) borrow(client string) (*user, error) {
	dir, err := os.MkdirTemp(p.dir, "try")
	if err != nil {
		return nil, err
	}
	return p.users[client].copyTo(dir)
}

func (u *user) discard() { _ = os.RemoveAll(filepath.Dir(u.state)) }

// A way is one of an attack's edits, and how it reaches the client.
type way struct {
	words string
	kind  wayKind
	edit  edit
}

type wayKind int

const (
	asServed    wayKind = iota // files are changed on the way
	asSigned                   // a snapshot is signed over the change
	asSeized                   // and a roster of the thief's leads to it
	asSubmitted                // the index publishes what it was sent
	asMet                      // the client meets it, and then the honest index
)

// ways are all ways to an attack's goal that a compromise's thief may try.
func (a attack) ways(c compromise) []way {
	var all []way
	add := func(kind wayKind, words string, edits []edit) {
		for i, e := range edits {
			all = append(all, way{fmt.Sprintf("%s, way %d", words, i+1), kind, e})
		}
	}
	add(asServed, "changed on the way", a.served)
	add(asSigned, "below a snapshot", a.signed)
	add(asSubmitted, "submitted", a.submitted)
	if len(c.keyholders) == 0 && len(a.signed) > 0 {
		add(asSeized, "below a forged roster", a.signed[:1]) // no other fares better without a keyholder
	} else {
		add(asSeized, "below a forged roster", a.signed)
	}
	add(asMet, "met", a.met)
	return all
}

// cell plays all ways of an attack with a compromise's keys against a client,
// and follows each that succeeds until it ends. A goal that is reached in two
// ways lasts as long as the longer, and only what ends both ends it.
func (p *player) cell(c compromise, a attack, client string) (r result, err error) {
	r.ends = slices.DeleteFunc(slices.Clone(ends), func(e end) bool { return !a.goal.fits(e) })
	for _, w := range a.ways(c) {
		ok, said, err := p.try(c, a, w, client, "", p.now)
		if err != nil {
			return r, fmt.Errorf("%s, %s (%s), %s client: %w", c.id, a.id, w.words, client, err)
		}
		if !ok {
			r.refusals = append(r.refusals, w.words+": "+firstLine(said))
			continue
		}
		if !r.possible {
			r.way = w.words
		}
		r.possible = true
		if err := p.follow(c, a, w, client, &r); err != nil {
			return r, fmt.Errorf("following %s, %s (%s), %s client: %w", c.id, a.id, w.words, client, err)
		}
	}
	if !r.possible {
		r.ends = nil
	}
	return r, nil
}

// follow finds how long one way lasts, and which remedies end it.
func (p *player) follow(c compromise, a attack, w way, client string, r *result) error {
	works := func(d time.Duration) (bool, error) {
		ok, _, err := p.try(c, a, w, client, "", p.now.Add(d))
		return ok, err
	}
	if err := p.lasts(works, r); err != nil {
		return err
	}
	var left []end
	for _, e := range r.ends {
		if remedies[e] != nil {
			ok, _, err := p.try(c, a, w, client, e, p.now)
			if err != nil {
				return err
			}
			if ok {
				continue
			}
		} else if e == snapshotExpires && r.lasts > 24*time.Hour || r.lasts >= forever {
			continue
		}
		left = append(left, e)
	}
	r.ends = left
	return nil
}

// moments are when something expires, counted from now: snapshots as they are,
// one that is signed now, and the newest roster; and the end of the play.
func (p *player) moments() []time.Duration {
	all := []time.Duration{24 * time.Hour, p.world.Roster.Root().Expires.Sub(p.now), forever}
	for _, v := range []time.Duration{-6, -2, 0} { // when they were issued
		all = append(all, (v+12)*time.Hour)
	}
	slices.Sort(all)
	return all
}

// lasts raises r.lasts to the moment until which an attack works: to the
// second, because it works a second before, and not at the moment itself.
func (p *player) lasts(works func(time.Duration) (bool, error), r *result) error {
	for _, m := range slices.Backward(p.moments()) {
		if m <= r.lasts {
			break
		}
		for _, d := range []time.Duration{m, m - time.Second} {
			ok, err := works(d)
			if err != nil {
				return err
			}
			if ok && d == m && m != forever {
				return fmt.Errorf("the attack works when %s have passed, although not until the next expiry", m)
			}
			if ok {
				r.lasts = m
				return nil
			}
		}
	}
	return nil
}

// try plays one way against one client, at a time, or, if a remedy is given,
// an hour after it. A thief who is the index's face hides what can be hidden;
// a client that remembers has visited the honest index after the remedy.
func (p *player) try(c compromise, a attack, w way, client string, remedy end, at time.Time) (ok bool, said string, err error) {
	defer catch(&err)
	u, err := p.borrow(client)
	if err != nil {
		return false, "", err
	}
	defer u.discard()
	s := scene{p.world.clone(), c, a, w, c.target, remedy, at}
	if a.name != "" {
		s.name = a.name
	}
	switch w.kind {
	case asSubmitted:
		return s.submitted(u, client)
	case asMet:
		return s.met(u)
	}
	if remedy != "" {
		s.cure()
		if client == remembering {
			if err := u.visit(s.w, s.name); err != nil {
				return false, "", err
			}
		}
		s.at = s.w.Now.Add(time.Hour)
	}
	t := newThief(s.w, c, s.name, s.at)
	if w.kind == asSeized {
		t.Snapshot, t.Countersign = own("snapshot"), own("countersign")
	}
	w.edit(t, "1")
	switch w.kind {
	case asSigned:
		t.publish()
	case asSeized:
		t.seize()
	}
	return u.tricked(t.Files, s.at, s.name, a.goal)
}

// A scene is one attempt.
type scene struct {
	w      *world
	c      compromise
	a      attack
	way    way
	name   string // the package
	remedy end
	at     time.Time
}

// cure lets honest people act, an hour later.
func (s *scene) cure() {
	s.w.Now = s.w.Now.Add(time.Hour)
	remedies[s.remedy](s.w, theft{s.name, s.c.target, s.c.maintainers})
}

// submitted: the index publishes what it is sent, before and after the remedy.
func (s *scene) submitted(u *user, client string) (bool, string, error) {
	if s.remedy == revocation {
		return true, "", nil // there is no index until the next roster, so nothing is shown
	}
	s.way.edit(submitter(s.w, s.c, s.name), "1")
	s.w.publish()
	if client == remembering {
		if err := u.visit(s.w, s.name); err != nil {
			return false, "", err
		}
	}
	if s.remedy != "" {
		s.cure()
		s.at = s.w.Now
	} else {
		s.w.pass(s.at)
	}
	if s.remedy != "" && !s.w.hijacked(s.name) {
		s.way.edit(submitter(s.w, s.c, s.name), "2")
		s.w.publish()
	}
	return u.tricked(s.w.Files, s.at, s.name, s.a.goal)
}

// met: the client meets the thief once and the honest index afterwards.
func (s *scene) met(u *user) (bool, string, error) {
	t := newThief(s.w, s.c, s.name, s.w.Now)
	s.way.edit(t, "1")
	url, done := u.host.serve(t.Files)
	_, _, _, err := u.get(url, t.Now, acceptAll, s.name, "1.3")
	done()
	if err != nil {
		return false, "", err
	}
	if s.remedy != "" {
		s.cure()
		s.at = s.w.Now
	} else {
		s.w.pass(s.at)
	}
	return u.tricked(s.w.Files, s.at, s.name, s.a.goal)
}

// A job is one cell of the table.
type job struct {
	c      compromise
	a      attack
	client string
}

// play plays jobs, two at a time, and tells each result.
func (p *player) play(jobs []job, tell func(job, result)) error {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	queue := make(chan job)
	for range 2 {
		wg.Go(func() {
			for j := range queue {
				r, err := p.cell(j.c, j.a, j.client)
				mu.Lock()
				if err != nil && failed == nil {
					failed = err
				}
				if err == nil {
					tell(j, r)
				}
				mu.Unlock()
			}
		})
	}
	for _, j := range jobs {
		mu.Lock()
		stop := failed != nil
		mu.Unlock()
		if stop {
			break
		}
		queue <- j
	}
	close(queue)
	wg.Wait()
	return failed
}
