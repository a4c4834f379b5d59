package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"pileus/blob"
	"pileus/clock"
	"pileus/cloud"
	"pileus/fault"
	"pileus/gate"
	"pileus/identity"
	"pileus/meter"
	"pileus/reconcile"
	"pileus/rng"
	"pileus/store"
	"pileus/store/pebble"
	"pileus/store/postgres"
	"pileus/trail"
)

// core is a cloud without its listeners: everything that is opened with the
// state and closed with it. A node replaces its core to load a snapshot.
type core struct {
	o       Options
	db      store.Store
	blobs   *blob.Dir
	key     []byte // seals the content, and the keys of volumes
	clock   clock.Control
	gate    *gate.Gate
	runner  *reconcile.Runner
	trail   *trail.Trail
	faults  *fault.Faults
	meter   *meter.Meter
	usage   *identity.Usage
	modules []cloud.Module
	log     *slog.Logger
}

// openCore opens the generation in use, and puts the parts together.
func openCore(ctx context.Context, o Options) (*core, error) {
	g, err := currentGeneration(o.DataDir)
	if err != nil {
		return nil, err
	}
	c, err := newCore(ctx, o, g, "")
	if err != nil {
		return nil, err
	}
	o.Plane.SealWith(c.key)
	if err := c.assemble(ctx); err != nil {
		return nil, errors.Join(err, c.close(ctx))
	}
	return c, nil
}

// newCore opens the state of a generation, or in memory what the snapshot load
// holds. Nothing runs yet.
func newCore(ctx context.Context, o Options, g generation, load string) (*core, error) {
	c := &core{o: o, log: o.Log}
	if err := c.openState(ctx, g, load); err != nil {
		return nil, errors.Join(err, c.close(ctx))
	}
	return c, nil
}

// assemble puts the parts together around the state and starts them.
func (c *core) assemble(ctx context.Context) (err error) {
	o := c.o
	if err := c.bootstrap(ctx); err != nil {
		return err
	}
	if err := c.openClock(ctx); err != nil {
		return err
	}
	rand := rng.New()
	if o.Seed != 0 {
		rand = rng.Seeded(o.Seed)
	}
	c.trail = trail.New(c.db, c.clock, c.log)
	c.meter = meter.New(c.db, c.clock, c.log)
	c.usage = identity.NewUsage(100_000)
	if c.faults, err = fault.New(ctx, c.db, c.clock, rand); err != nil {
		return err
	}
	c.modules = o.Modules(Parts{Blobs: c.blobs, Clock: c.clock, Log: c.log, Plane: o.Plane, Authority: o.trusted, Faults: c.faults})
	c.gate = gate.New(gate.Options{
		DB: c.db, Blobs: c.blobs, Clock: c.clock, Rand: rand, Log: c.log, Modules: c.modules,
		Trail: c.trail, Faults: c.faults, Meter: c.meter, Usage: c.usage,
		Region: o.Region, RootSecret: o.RootSecret,
		SkipSignatures: o.SkipSignatures, SkipPolicies: o.SkipPolicies, Rehearse: o.Rehearse,
		Resume: o.resume,
	})
	c.runner = reconcile.New(c.gate.DB(), c.clock, rand, c.modules, c.newCall, c.log)
	return c.start(ctx)
}

// openState opens the store and the content. A snapshot named by load fills
// backends that are no folder of ours.
func (c *core) openState(ctx context.Context, g generation, load string) (err error) {
	if c.o.DataDir == "" {
		return c.openMemory(ctx, load)
	}
	// Opening the store waits for the disk, and so may making the key.
	key := make(chan error, 1)
	go func() {
		var err error
		c.key, err = masterKey(g.path())
		key <- err
	}()
	c.db, err = c.openStore(ctx, g, load)
	if err := errors.Join(err, <-key); err != nil {
		return fmt.Errorf("open the state in %s: %w", g.path(), err)
	}
	c.blobs, err = blob.Open(filepath.Join(g.path(), snapshotContent), c.key, c.db)
	return err
}

func (c *core) openStore(ctx context.Context, g generation, load string) (store.Store, error) {
	if c.o.Postgres == "" {
		return pebble.Open(filepath.Join(g.path(), snapshotState), pebble.Options{Durability: pebble.Durability(c.o.Durability), Logger: c.log})
	}
	db, err := postgres.Open(ctx, c.o.Postgres)
	if err == nil && load != "" {
		err = pebble.Load(ctx, filepath.Join(load, snapshotState), db)
	}
	return db, err
}

func (c *core) openMemory(ctx context.Context, load string) (err error) {
	if c.db, err = pebble.OpenMemory(); err != nil {
		return err
	}
	c.key = rng.Bytes(keySize)
	if load != "" {
		if c.key, err = os.ReadFile(filepath.Join(load, snapshotKey)); err != nil {
			return err
		}
	}
	if c.blobs, err = blob.OpenMemoryWith(c.key); err != nil || load == "" {
		return err
	}
	if err := c.blobs.Import(filepath.Join(load, snapshotContent)); err != nil {
		return err
	}
	return pebble.Load(ctx, filepath.Join(load, snapshotState), c.db)
}

// bootstrap makes the account whose root key the options name.
func (c *core) bootstrap(ctx context.Context) error {
	now := clock.Machine()
	if c.o.Clock != nil {
		now = c.o.Clock.Now()
	}
	return c.db.Update(ctx, func(tx store.Tx) error {
		identity.EnsureSealKey(tx)
		identity.EnsureAccount(tx, c.o.Account, c.o.RootSecret, now)
		k, ok := identity.AccessKeys.Get(tx, c.o.RootKey)
		if !ok || k.Secret != c.o.RootSecret || k.Account != c.o.Account {
			identity.PutKey(tx, &identity.AccessKey{ID: c.o.RootKey, Secret: c.o.RootSecret, Account: c.o.Account, Created: now})
		}
		return nil
	})
}

// clockState is where the clock was left, so that a restart does not undo a
// jump.
var clockState = &store.Table[clock.State]{
	Name: "node.clock",
	Key:  func(*clock.State) store.Key { return store.K("clock") },
}

func (c *core) openClock(ctx context.Context) error {
	c.clock = c.o.Clock
	if c.clock != nil {
		return nil
	}
	var s clock.State
	err := c.db.View(ctx, func(r store.Reader) error {
		if kept, ok := clockState.Get(r, "clock"); ok {
			s = *kept
		}
		return nil
	})
	c.clock = clock.From(s)
	c.clock.Changed(func(s clock.State) {
		err := c.db.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
			clockState.Put(tx, &s)
			return nil
		})
		if err != nil {
			c.log.Error("the clock's position could not be kept", "err", err)
		}
	})
	return err
}

// newCall makes the calls of controllers and deliveries.
func (c *core) newCall(p *cloud.Principal, account, region string) *cloud.Call {
	if account == "" {
		account = c.o.Account
	}
	if region == "" {
		region = c.o.Region
	}
	call := c.gate.NewCall(context.Background(), "", account, region)
	call.Principal = p
	return call
}

// start begins the background work.
func (c *core) start(ctx context.Context) error {
	c.gate.Go("trail", c.trail.Run)
	c.gate.Go("meter", c.meter.Run)
	c.gate.Go("usage", func(ctx context.Context) {
		if err := c.usage.Run(ctx, c.db, c.clock); err != nil {
			c.log.Error("when principals were last used could not be written", "err", err)
		}
	})
	for _, m := range c.modules {
		if m.Stored != nil {
			c.meter.Sample(m.Stored)
		}
		if m.Start != nil {
			if err := m.Start(ctx, c.gate); err != nil {
				return fmt.Errorf("start %s: %w", m.API.Name, err)
			}
		}
	}
	c.runner.Start()
	return nil
}

// close ends the work and closes the state; it can be called on a core that
// was opened only in part.
func (c *core) close(ctx context.Context) error {
	var errs []error
	if c.runner != nil {
		errs = append(errs, c.runner.Stop(ctx))
	}
	if c.gate != nil {
		c.gate.Stop()
	}
	if c.blobs != nil {
		errs = append(errs, c.blobs.Close())
	}
	if c.db != nil {
		errs = append(errs, c.db.Close())
	}
	return errors.Join(errs...)
}

// reset empties the cloud and begins anew.
func (c *core) reset(ctx context.Context) error {
	if err := c.blobs.Clear(ctx, c.db); err != nil {
		return err
	}
	if err := c.bootstrap(ctx); err != nil { // so that clients' keys are gone for a moment only
		return err
	}
	c.gate.Forget()
	c.runner.Reset()
	c.trail.Reset()
	c.meter.Reset()
	if err := c.faults.Reset(ctx); err != nil {
		return err
	}
	for _, m := range c.modules {
		if m.Reset != nil {
			m.Reset()
		}
	}
	return c.o.Plane.Clear()
}

// flush writes what the parts hold in memory.
func (c *core) flush(ctx context.Context) error {
	return errors.Join(c.trail.Flush(ctx), c.meter.Flush(ctx), c.usage.Flush(ctx, c.db))
}
