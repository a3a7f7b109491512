package transit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/vault/api"
)

// A lease is a token and how long it lives.
type lease struct {
	token  string
	client *api.Client   // sends token
	serial int           // counts the logins, so that two goroutines do not log in for one dead token
	first  time.Duration // what the login gave
	ttl    time.Duration // what the last renewal gave
}

// A token that lives longer than a day is treated as if it lived a day.
const mostSeconds = 24 * 60 * 60

// The pause between two tries grows from leastPause to Config.Poll.
const leastPause = 200 * time.Millisecond

// Run keeps the login alive until ctx ends, and then returns nil. It renews
// the token at half its life, logs in again when the token has died or can no
// longer be renewed for its whole life, and looks at the server's health in
// between. While the server is sealed, away or denies the login it keeps
// trying, ever less often, at least once a Config.Poll. It logs each change of
// state once, not each try.
func (v *Vault) Run(ctx context.Context) error {
	pause := time.Duration(0)
	for {
		ok := v.keep(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if ok {
			pause = 0
			v.rest(ctx)
			continue
		}
		pause = min(max(2*pause, leastPause), v.cfg.Poll)
		if !wait(ctx, pause) {
			return nil
		}
	}
}

// keep makes sure of a living token: it renews the one there is, or logs in.
// It reports whether that worked.
func (v *Vault) keep(ctx context.Context) bool {
	l := v.current()
	if l.token == "" {
		return v.login(ctx, l) == nil
	}
	return v.renew(ctx, l) == nil || v.login(ctx, l) == nil
}

// rest waits until half the token's life is over. It wakes at once when
// somebody else logged in or found the server away, and every Config.Poll to
// look at the server's health.
func (v *Vault) rest(ctx context.Context) {
	select {
	case <-v.changed: // what Run itself brought about, or what current shows
	default:
	}
	due := time.NewTimer(v.current().ttl / 2)
	defer due.Stop()
	poll := time.NewTicker(v.cfg.Poll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
			return
		case <-v.changed:
			return
		case <-poll.C:
			if v.Health(ctx) != nil {
				return
			}
		}
	}
}

// login logs in, unless somebody already did since old was the lease. One
// goroutine does it at a time; the others wait for it.
func (v *Vault) login(ctx context.Context, old lease) error {
	ctx, cancel := context.WithTimeout(ctx, v.cfg.Timeout)
	defer cancel()
	select {
	case <-v.logins:
	case <-ctx.Done():
		return v.sort(ctx, "waiting for a login", ctx.Err())
	}
	defer func() { v.logins <- struct{}{} }()
	if v.current().serial != old.serial {
		return nil
	}
	l, err := v.ask(ctx)
	v.note(err)
	if err != nil {
		return err
	}
	l.serial = old.serial + 1
	v.mu.Lock()
	v.lease = l
	v.mu.Unlock()
	v.log.Info("logged in to vault", "token_life", l.ttl)
	v.wake()
	return nil
}

// ask does the AppRole login.
func (v *Vault) ask(ctx context.Context) (lease, error) {
	const op = "the AppRole login"
	secret, err := v.cfg.SecretID(ctx)
	if err != nil {
		return lease{}, fmt.Errorf("reading the secret id: %w", err)
	}
	answer, err := v.client.Logical().WriteWithContext(ctx, "auth/"+v.cfg.Auth+"/login",
		map[string]any{"role_id": v.cfg.RoleID, "secret_id": secret})
	if err != nil {
		err = v.sort(ctx, op, err, secret, v.cfg.RoleID)
		var other *answerError // 400: wrong role id or secret id; 404: no such mount
		if errors.As(err, &other) {
			err = &DeniedError{Op: op, Status: other.status, Reason: other.reason}
		}
		return lease{}, err
	}
	l, reason := readLease(answer)
	if reason != "" {
		return lease{}, &DeniedError{Op: op, Reason: reason}
	}
	l.client, err = v.with(l.token)
	return l, err
}

// readLease reads the answer to a login or a renewal, or says what is wrong
// with it.
func readLease(answer *api.Secret) (lease, string) {
	if answer == nil || answer.Auth == nil || answer.Auth.ClientToken == "" {
		return lease{}, "the answer holds no token"
	}
	a := answer.Auth
	if slices.Contains(a.Policies, "root") || slices.Contains(a.TokenPolicies, "root") {
		return lease{}, "the role gives a root token; a signer holds none"
	}
	if a.LeaseDuration <= 0 {
		return lease{}, "the role gives a token without an end; set token_period or token_ttl"
	}
	ttl := time.Duration(min(a.LeaseDuration, mostSeconds)) * time.Second
	return lease{token: a.ClientToken, first: ttl, ttl: ttl}, ""
}

// renew renews the token of l. It is an error if the server no longer grants
// more than half of what the login gave, for then the token nears the end of
// its life.
//
// It does not note its errors: a login follows, and what that meets is news. A
// token that reached its longest life is a status 500 to Vault, so the error
// itself does not tell whether the server is well.
func (v *Vault) renew(ctx context.Context, l lease) error {
	const op = "the renewal of the token"
	within, cancel := context.WithTimeout(ctx, v.cfg.Timeout)
	defer cancel()
	answer, err := l.client.Logical().WriteWithContext(within, "auth/token/renew-self", nil)
	if err != nil {
		return v.sort(within, op, err, l.token)
	}
	v.note(nil)
	next, reason := readLease(answer)
	if reason == "" && next.ttl <= l.first/2 {
		reason = fmt.Sprintf("the token lives %v more, of %v at first", next.ttl, l.first)
	}
	if reason != "" {
		return &DeniedError{Op: op, Reason: reason}
	}
	v.mu.Lock()
	if v.lease.serial == l.serial {
		v.lease.ttl = next.ttl
	}
	v.mu.Unlock()
	v.log.Debug("renewed the token of vault", "token_life", next.ttl)
	return nil
}

// as calls do with a client that is logged in. If that is denied and the token
// turns out to be dead, it logs in once more and calls do again.
func (v *Vault) as(ctx context.Context, op string, do func(*api.Client) error) error {
	l := v.current()
	if l.token == "" {
		if err := v.login(ctx, l); err != nil {
			return err
		}
		l = v.current()
	}
	err := v.once(ctx, op, l, do)
	var denied *DeniedError
	if !errors.As(err, &denied) || v.alive(ctx, l) {
		return err
	}
	if err := v.login(ctx, l); err != nil {
		return err
	}
	return v.once(ctx, op, v.current(), do)
}

// once calls do with the token of l, sorts its error and notes the state.
func (v *Vault) once(ctx context.Context, op string, l lease, do func(*api.Client) error) error {
	if l.token == "" {
		return &DeniedError{Op: op, Reason: "logged out meanwhile"}
	}
	err := do(l.client)
	if err != nil {
		err = v.sort(ctx, op, err, l.token)
	}
	if err == nil || isUnavailable(err) {
		v.note(err)
	}
	return err
}

// alive asks whether the token of l still lives. If it cannot tell, it says
// yes, so that nobody logs in for nothing.
func (v *Vault) alive(ctx context.Context, l lease) bool {
	_, err := l.client.Logical().ReadWithContext(ctx, "auth/token/lookup-self")
	var denied *DeniedError
	return err == nil || !errors.As(v.sort(ctx, "looking up the token", err, l.token), &denied)
}

// Close revokes the token, so that it does not outlive the program. The Vault
// can be used again; it would log in.
func (v *Vault) Close(ctx context.Context) error {
	v.mu.Lock()
	l := v.lease
	v.lease.token = ""
	v.mu.Unlock()
	if l.token == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, v.cfg.Timeout)
	defer cancel()
	if _, err := l.client.Logical().WriteWithContext(ctx, "auth/token/revoke-self", nil); err != nil {
		return v.sort(ctx, "the revocation of the token", err, l.token)
	}
	return nil
}

// current returns the lease.
func (v *Vault) current() lease {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lease
}

// wake makes Run look again.
func (v *Vault) wake() {
	select {
	case v.changed <- struct{}{}:
	default:
	}
}

// note logs a change of the server's state, as the error of the last request
// shows it: once, however many requests fail.
func (v *Vault) note(err error) {
	var away *UnavailableError
	var denied *DeniedError
	state := "ready"
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		return
	case errors.As(err, &away) && away.Sealed:
		state = "sealed"
	case errors.As(err, &away):
		state = "away"
	case errors.As(err, &denied):
		state = "login denied"
	default:
		state = "cannot log in"
	}
	v.mu.Lock()
	old := v.state
	v.state = state
	v.mu.Unlock()
	switch {
	case old == state:
		return
	case err == nil && old != "":
		v.log.Info("vault is available again", "was", old)
	case err != nil:
		v.log.Warn("vault is not available; nothing can be signed until it is", "state", state, "error", err)
	}
	v.wake()
}

// wait waits for d, and reports whether ctx is still going on.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
