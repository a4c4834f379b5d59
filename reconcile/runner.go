// Package reconcile runs what the store says is to be done: controllers whose
// wake-ups are due and deliveries of the outbox. A wake-up or an entry leaves
// the store only after its work has succeeded, so whatever a crash interrupts
// is done again.
package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/rng"
	"pileus/store"
)

// workers is how many controllers, and as many deliveries, run at one time.
// They are counted apart, so that slow controllers do not hold up deliveries.
const workers = 16

// NewCall makes a call of a principal outside of any request.
type NewCall func(p *cloud.Principal, account, region string) *cloud.Call

// Runner runs controllers and deliveries. One key of a controller, and one key
// of a topic, is worked on by one worker at a time.
type Runner struct {
	db      store.Store
	clk     clock.Control
	rand    rng.Source
	newCall NewCall
	log     *slog.Logger

	controllers map[string]controller
	deliveries  map[string]delivery

	mu       sync.Mutex
	started  bool
	ctx      context.Context // of the work; ends when the runner stops
	cancel   func()
	agenda   agenda
	running  [kinds]int     // tasks, by kind
	finished chan struct{}  // closed, and replaced, whenever work has ended
	failures map[string]int // in a row, of controllers' keys
	alarm    func()         // stops the alarm; nil when none is set
	alarmAt  time.Time
	kick     chan struct{}
	done     sync.WaitGroup
	leave    func() // ends the runner's part in the clock's Advance

	inboxMu sync.Mutex
	inbox   inbox
}

type controller struct {
	cloud.Controller
	principal cloud.Principal
}

type delivery struct {
	cloud.Delivery
	principal cloud.Principal
}

// ErrStopped is returned by Drain when the runner does not run.
var ErrStopped = errors.New("reconcile: the runner is stopped")

// New makes a runner for the controllers and deliveries of the modules. Rand
// decides the jitter of retries.
func New(db store.Store, clk clock.Control, rand rng.Source, mods []cloud.Module, newCall NewCall, log *slog.Logger) *Runner {
	r := &Runner{
		db: db, clk: clk, rand: rand, newCall: newCall, log: log,
		controllers: map[string]controller{}, deliveries: map[string]delivery{},
		agenda: newAgenda(), inbox: inbox{closed: true}, failures: map[string]int{},
		finished: make(chan struct{}), kick: make(chan struct{}, 1),
	}
	for _, m := range mods {
		p := servicePrincipal(m.API)
		for _, c := range m.Controllers {
			r.controllers[c.Name] = controller{c, p}
		}
		for _, d := range m.Deliveries {
			r.deliveries[d.Topic] = delivery{d, p}
		}
	}
	db.Subscribe(r.heard)
	return r
}

// servicePrincipal is who controllers and deliveries of a service act as.
func servicePrincipal(s *cloud.Service) cloud.Principal {
	name := s.Name + ".amazonaws.com"
	return cloud.Principal{Kind: cloud.ServicePrincipal, ARN: name, Name: name}
}

// Start begins to work off what is due, first of all what was left undone when
// the process last ended.
func (r *Runner) Start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started {
		return
	}
	r.started = true
	r.reopen(inbox{rescan: true})
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.leave = r.clk.Register(clock.Source{Next: r.next, Run: func(ctx context.Context, _ time.Time) error { return r.Drain(ctx) }})
	ctx := r.ctx
	r.done.Go(func() { r.loop(ctx) })
	r.poke()
}

// Stop ends the contexts of running work and waits for it, or for ctx. What
// was interrupted is still in the store.
func (r *Runner) Stop(ctx context.Context) error {
	r.mu.Lock()
	if !r.started {
		r.mu.Unlock()
		return nil
	}
	r.started = false
	r.reopen(inbox{closed: true})
	r.cancel()
	r.leave()
	r.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		r.done.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Drain returns when nothing is due now and nothing runs.
func (r *Runner) Drain(ctx context.Context) error {
	for {
		r.mu.Lock()
		finished, started := r.finished, r.started
		r.mu.Unlock()
		if !started {
			return ErrStopped
		}
		busy, err := r.dispatch(ctx)
		if err != nil || !busy {
			return err
		}
		select {
		case <-finished:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Reset forgets failures and waits, after the store has been cleared.
func (r *Runner) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.failures)
	r.agenda.forget()
	r.reopen(inbox{rescan: true, closed: !r.started})
	r.poke()
}

// reopen gives the runner another inbox.
func (r *Runner) reopen(in inbox) {
	r.inboxMu.Lock()
	defer r.inboxMu.Unlock()
	r.inbox = in
}

func (r *Runner) poke() {
	select {
	case r.kick <- struct{}{}:
	default: // there is one on its way already
	}
}

// loop starts work whenever something may have become due.
func (r *Runner) loop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.kick:
		}
		_, err := r.dispatch(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		if errors.Is(err, store.ErrClosed) {
			return
		}
		r.log.Error("cannot read what is to be done; trying again", "err", err)
		r.clk.Wait(ctx, time.Second)
		r.poke()
	}
}

// next is the earliest time at which there is something to do. Work that is
// running is to be waited for now.
func (r *Runner) next(ctx context.Context) (at time.Time, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.refresh(ctx); err != nil {
		return at, false, err
	}
	if r.running[wake]+r.running[entry] > 0 {
		return r.clk.Now(), true, nil
	}
	at, ok = r.agenda.next()
	return at, ok, nil
}
