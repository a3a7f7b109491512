package transit_test

import (
	"context"
	"crypto"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootward/rootward/hsm/transit"
	"github.com/rootward/rootward/hsm/transit/custodian"
)

var digest = make([]byte, 32)

// unavailable signs and wants an UnavailableError, soon.
func unavailable(t *testing.T, k *transit.Key, sealed bool) {
	t.Helper()
	start := time.Now()
	_, err := k.Sign(nil, digest, crypto.SHA256)
	var away *transit.UnavailableError
	if !errors.As(err, &away) || away.Sealed != sealed {
		t.Errorf("got %v; want an UnavailableError with Sealed %v", err, sealed)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("the error took %v; a sealed or absent server must be noticed at once", took)
	}
}

// signs waits until k signs.
func signs(t *testing.T, k *transit.Key) {
	t.Helper()
	var err error
	within(t, 5*time.Second, "a signature", func() bool {
		_, err = k.Sign(nil, digest, crypto.SHA256)
		return err == nil
	})
}

// A sealed server is noticed at once, said once, and signing goes on by itself
// after the unsealing.
func TestSealed(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{})
	v := r.open(t)
	run(t, v)
	k := key(t, v, "snapshot")
	must(t, r.Seal(t.Context()))
	for range 3 {
		unavailable(t, k, true)
	}
	var away *transit.UnavailableError
	if err := v.Health(t.Context()); !errors.As(err, &away) || !away.Sealed {
		t.Errorf("Health says %v; want an UnavailableError that says sealed", err)
	}
	must(t, r.Unseal(t.Context(), r.shares))
	within(t, 5*time.Second, "a log line that says so", func() bool {
		return strings.Contains(r.log.String(), "available again")
	})
	signs(t, k)
	must(t, v.Health(t.Context()))
	if n := strings.Count(r.log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings for one sealing; 1 is promised:\n%s", n, r.log)
	}
}

// Run notices a server that is away without anybody signing, and finds it when
// it is back.
func TestAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{Persistent: true})
	v := r.open(t)
	run(t, v)
	k := key(t, v, "snapshot")
	r.server.Stop()
	within(t, 5*time.Second, "a log line that says so", func() bool { return strings.Contains(r.log.String(), "state=away") })
	unavailable(t, k, false)
	must(t, r.server.Restart(context.WithoutCancel(t.Context())))
	within(t, 5*time.Second, "a log line that says it is sealed", func() bool { return strings.Contains(r.log.String(), "state=sealed") })
	must(t, r.Unseal(t.Context(), r.shares))
	signs(t, k)
}

// A service may start before its Vault: New does not log in, Run does when it
// can.
func TestStartsBeforeVault(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{})
	must(t, r.Seal(t.Context()))
	var away *transit.UnavailableError
	if _, err := transit.Open(t.Context(), r.config(), r.logger()); !errors.As(err, &away) || !away.Sealed {
		t.Errorf("Open of a sealed server: got %v; want an UnavailableError that says sealed", err)
	}
	v, err := transit.New(r.config(), r.logger())
	must(t, err)
	run(t, v)
	must(t, r.Unseal(t.Context(), r.shares))
	within(t, 5*time.Second, "a login", func() bool { return strings.Contains(r.log.String(), "logged in") })
	signs(t, key(t, v, "snapshot"))
}

// A server that was never initialised says so.
func TestNotInitialised(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{})
	v := r.open(t)
	must(t, r.server.Restart(context.WithoutCancel(t.Context()))) // its storage was in memory
	var away *transit.UnavailableError
	if err := v.Health(t.Context()); !errors.As(err, &away) || away.Reason != "not initialised" {
		t.Errorf("got %v; want an UnavailableError that says so", err)
	}
}

// Run renews a token of two seconds for longer than it would live, and does
// not log in again for that.
func TestRenewal(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2*time.Second, custodian.Options{})
	v := r.open(t)
	run(t, v)
	k := key(t, v, "snapshot")
	within(t, 10*time.Second, "four renewals", func() bool { return strings.Count(r.log.String(), "renewed the token") >= 4 })
	if _, err := k.Sign(nil, digest, crypto.SHA256); err != nil {
		t.Error(err)
	}
	if n := strings.Count(r.log.String(), "logged in"); n != 1 {
		t.Errorf("logged in %d times; renewals need no login:\n%s", n, r.log)
	}
}

// A token whose life cannot be extended for ever is replaced before it ends.
func TestRenewalEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{})
	r.write(t, "auth/approle/role/online-signer", map[string]any{"token_period": 0, "token_ttl": 2, "token_max_ttl": 4})
	v := r.open(t)
	run(t, v)
	k := key(t, v, "snapshot")
	failed := 0
	within(t, 15*time.Second, "three logins", func() bool {
		if _, err := k.Sign(nil, digest, crypto.SHA256); err != nil {
			failed++
		}
		return strings.Count(r.log.String(), "logged in") >= 3
	})
	if failed > 0 || strings.Contains(r.log.String(), "WARN") {
		t.Errorf("%d signatures failed meanwhile; none should:\n%s", failed, r.log)
	}
}

// A token that cannot be renewed at all, such as a batch token, is replaced
// before it ends.
func TestNotRenewable(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{})
	r.write(t, "auth/approle/role/online-signer", map[string]any{"token_period": 0, "token_ttl": 2, "token_type": "batch"})
	v := r.open(t)
	run(t, v)
	k := key(t, v, "snapshot")
	within(t, 10*time.Second, "three logins", func() bool { return strings.Count(r.log.String(), "logged in") >= 3 })
	if _, err := k.Sign(nil, digest, crypto.SHA256); err != nil || strings.Contains(r.log.String(), "WARN") {
		t.Errorf("got %v; want a signature and no warning:\n%s", err, r.log)
	}
}

// A token that dies is replaced at the next signature, also without Run, once
// for all who sign at that time.
func TestLoginAfterRevocation(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{})
	v := r.open(t)
	k := key(t, v, "snapshot")
	must(t, r.RevokeTokens(t.Context(), r.plan))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := k.Sign(nil, digest, crypto.SHA256); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := strings.Count(r.log.String(), "logged in"); n != 2 {
		t.Errorf("logged in %d times; once before and once after the revocation are wanted", n)
	}
}

// Run replaces a token that died, without anybody signing.
func TestRunAfterRevocation(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2*time.Second, custodian.Options{})
	run(t, r.open(t))
	must(t, r.RevokeTokens(t.Context(), r.plan))
	within(t, 5*time.Second, "a second login", func() bool { return strings.Count(r.log.String(), "logged in") == 2 })
}

// A signer that was evicted is denied and says so, once; Run goes on trying
// and takes the new secret id from the same file.
func TestEviction(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{})
	conf := r.config()
	v := r.open(t)
	run(t, v)
	k := key(t, v, "snapshot")
	thief := r.raw(t)
	must(t, r.Evict(t.Context(), r.plan))
	if _, err := thief.Logical().ReadWithContext(t.Context(), "auth/token/lookup-self"); err == nil {
		t.Error("the token of before still lives")
	}
	var denied *transit.DeniedError
	for range 3 {
		if _, err := k.Sign(nil, digest, crypto.SHA256); !errors.As(err, &denied) {
			t.Errorf("got %v; want a DeniedError", err)
		}
		must(t, v.Health(t.Context())) // the server is well, which is not to say that the login is
	}
	if _, err := transit.Open(t.Context(), conf, r.logger()); !errors.As(err, &denied) {
		t.Errorf("got %v; want a DeniedError", err)
	}
	if n := strings.Count(r.log.String(), "level=WARN"); n != 2 { // one each of v and of the second Open
		t.Errorf("%d warnings; one for each login is promised:\n%s", n, r.log)
	}
	must(t, r.Provision(t.Context(), r.plan))
	r.write(t, "auth/approle/role/online-signer/role-id", map[string]any{"role_id": r.roleID})
	_, err := r.Issue(t.Context(), r.plan, r.secret)
	must(t, err)
	signs(t, k)
}

// Close revokes the token on the server.
func TestClose(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{})
	v := r.open(t)
	tokens := func() int {
		answer, err := r.Client().Logical().ListWithContext(t.Context(), "auth/token/accessors")
		must(t, err)
		return len(answer.Data["keys"].([]any))
	}
	before := tokens()
	must(t, v.Close(t.Context()))
	if after := tokens(); after != before-1 {
		t.Errorf("%d tokens before and %d after", before, after)
	}
}

// A context bound with With ends a signature: its end is the context's error,
// its deadline an UnavailableError like any other.
func TestWith(t *testing.T) {
	t.Parallel()
	r := newRig(t, time.Minute, custodian.Options{})
	k := key(t, r.open(t), "snapshot")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := transit.Open(ctx, r.config(), r.logger()); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: got %v; want context.Canceled", err)
	}
	if _, err := k.With(ctx).Sign(nil, digest, crypto.SHA256); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want context.Canceled", err)
	}
	if strings.Contains(r.log.String(), "WARN") {
		t.Errorf("an ended context was taken for an absent server:\n%s", r.log)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	var away *transit.UnavailableError
	if _, err := k.With(ctx).Sign(nil, digest, crypto.SHA256); !errors.As(err, &away) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v; want an UnavailableError of a deadline", err)
	}
}

// Through a whole life with every kind of error, no log line and no error
// holds the secret id, the role id or a token.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2*time.Second, custodian.Options{})
	secret := r.secretText(t)
	v := r.open(t)
	k := key(t, v, "snapshot")
	var said []string
	try := func() {
		_, err := k.Sign(nil, digest, crypto.SHA256)
		if err == nil {
			t.Error("an error was wanted")
			return
		}
		said = append(said, err.Error())
	}
	must(t, r.Seal(t.Context()))
	try()
	must(t, r.Unseal(t.Context(), r.shares))
	within(t, 3*time.Second, "an unsealed server", func() bool { return v.Health(t.Context()) == nil })
	must(t, r.Evict(t.Context(), r.plan))
	try()
	r.server.Stop()
	try()
	said = append(said, r.log.String())
	for _, text := range said {
		for _, hidden := range []string{secret, r.roleID, "hvs."} { // so its tokens begin
			if strings.Contains(text, hidden) {
				t.Errorf("%q is in %q", hidden, text)
			}
		}
	}
}
