// Package nodetest runs a whole cloud inside a test: the real HTTP edge on the
// loopback interface, an ephemeral store and a clock that stands still until
// the test moves it. Every Update handler runs twice, the first time for
// nothing, which proves that it may.
package nodetest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/identity"
	"pileus/node"
	"pileus/rng"
	"pileus/store"
)

// Account and Region are where World.Call acts.
const (
	Account = node.DefaultAccount
	Region  = node.DefaultRegion
)

// Epoch is the time at which the clock stands when a world begins.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// World is a cloud in a test.
type World struct {
	*node.Node
	Endpoint string
	T        testing.TB
	clock    clock.Control
}

// New starts a cloud with the modules and stops it when the test ends.
func New(t testing.TB, modules ...cloud.Module) *World {
	return With(t, func(node.Parts) []cloud.Module { return modules })
}

// With is New for modules that are made with parts of the node.
func With(t testing.TB, modules func(node.Parts) []cloud.Module) *World {
	t.Helper()
	return Start(t, node.Options{Modules: modules, Rehearse: true, Seed: 1})
}

// Start starts a cloud with options of the test's own.
func Start(t testing.TB, o node.Options) *World {
	t.Helper()
	if o.Clock == nil {
		o.Clock = clock.Still(Epoch)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(logTo{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	n, err := node.Start(context.Background(), o)
	if err != nil {
		t.Fatalf("start a cloud: %v", err)
	}
	t.Cleanup(func() {
		if err := n.Stop(context.Background()); err != nil {
			t.Errorf("stop the cloud: %v", err)
		}
	})
	return &World{Node: n, Endpoint: n.Endpoint(), T: t, clock: o.Clock}
}

// Call is a call as root of Account in Region.
func (w *World) Call() *cloud.Call {
	return w.Gate().NewCall(w.T.Context(), "", Account, Region)
}

// Do performs an operation as root and fails the test on an error.
func Do[In, Out any](w *World, op *cloud.Op[In, Out], in In) Out {
	w.T.Helper()
	out, err := op.Call(w.Call(), in)
	if err != nil {
		w.T.Fatalf("%s: %v", op.Name, err)
	}
	return out
}

// Try performs an operation as root.
func Try[In, Out any](w *World, op *cloud.Op[In, Out], in In) (Out, error) {
	return op.Call(w.Call(), in)
}

// Advance moves the clock and runs everything that falls due on the way.
func (w *World) Advance(d time.Duration) {
	w.T.Helper()
	if err := w.clock.Advance(w.T.Context(), d); err != nil {
		w.T.Fatalf("advance by %v: %v", d, err)
	}
}

// Now is the cloud's time.
func (w *World) Now() time.Time { return w.clock.Now() }

// Drain runs what is due and delivers what was emitted.
func (w *World) Drain() {
	w.T.Helper()
	if err := w.Node.Drain(w.T.Context()); err != nil {
		w.T.Fatalf("drain: %v", err)
	}
}

// Update changes the state behind the services' back.
func (w *World) Update(f func(store.Tx)) {
	w.T.Helper()
	err := w.DB().Update(w.T.Context(), func(tx store.Tx) error { f(tx); return nil })
	if err != nil {
		w.T.Fatalf("update: %v", err)
	}
}

// View reads the state.
func (w *World) View(f func(store.Reader)) {
	w.T.Helper()
	if err := w.DB().View(w.T.Context(), func(r store.Reader) error { f(r); return nil }); err != nil {
		w.T.Fatalf("view: %v", err)
	}
}

// Keys are credentials of a user that a test made.
type Keys struct {
	AccessKey, Secret, Token string
	Principal                *cloud.Principal
}

// User makes a user of Account with one inline policy (none where empty) and an
// access key.
func (w *World) User(name, policyJSON string) Keys { return w.UserIn(Account, name, policyJSON) }

// UserIn makes a user in another account.
func (w *World) UserIn(account, name, policyJSON string) Keys {
	w.T.Helper()
	u := &identity.User{
		Account: account, Name: name, Path: "/", ID: "AIDA" + w.Gate().Rand().String(17, rng.Base32),
		ARN: "arn:aws:iam::" + account + ":user/" + name, Created: w.Now(),
	}
	if policyJSON != "" {
		u.Inline = map[string]string{"test": policyJSON}
	}
	k := &identity.AccessKey{ID: "AKIA" + w.Gate().Rand().String(16, rng.Base32), Secret: rng.Secret(40, rng.Base62), Account: account, User: name, Created: w.Now()}
	w.Update(func(tx store.Tx) {
		identity.EnsureAccount(tx, account, node.DefaultSecret, w.Now())
		identity.Users.Put(tx, u)
		identity.PutKey(tx, k)
	})
	return Keys{AccessKey: k.ID, Secret: k.Secret, Principal: identity.UserPrincipal(u)}
}

// As is a call by a user that a test made.
func (w *World) As(k Keys) *cloud.Call { return w.Call().As(k.Principal) }

// Allow is a policy document that allows the actions on every resource.
func Allow(actions ...string) string {
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":[`
	for i, a := range actions {
		if i > 0 {
			doc += ","
		}
		doc += `"` + a + `"`
	}
	return doc + `]}]}`
}

// logTo writes the cloud's warnings into the test's log.
type logTo struct{ t testing.TB }

func (l logTo) Write(b []byte) (int, error) {
	defer func() { recover() }() // the test may have ended
	l.t.Logf("%s", b)
	return len(b), nil
}
