package identity

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/store"
)

// Seen is when a principal last made an authenticated request to a service,
// and where.
type Seen struct {
	Account   string
	Principal string // ARN of the user, role or root
	Service   string // namespace: "s3"
	Region    string
	At        time.Time
}

// KeySeen is the last use of an access key.
type KeySeen struct {
	Key, Service, Region string
	At                   time.Time
}

// Both are written blind, without reading what was there.
var (
	seen = &store.Table[Seen]{
		Name: "identity.seen",
		Key:  func(s *Seen) store.Key { return store.K(s.Account, s.Principal, s.Service) },
	}
	keysSeen = &store.Table[KeySeen]{
		Name: "identity.keyseen",
		Key:  func(s *KeySeen) store.Key { return store.K(s.Key) },
	}
)

// SeenBy yields what services the principal has been to.
func SeenBy(r store.Reader, account, principal string) iter.Seq[*Seen] {
	return seen.Scan(r, account, principal)
}

// SeenIn yields who of the account has been to which service.
func SeenIn(r store.Reader, account string) iter.Seq[*Seen] { return seen.Scan(r, account) }

// LastSeen is the principal's last request to any service.
func LastSeen(r store.Reader, account, principal string) (last Seen, ok bool) {
	for s := range seen.Scan(r, account, principal) {
		if !ok || s.At.After(last.At) {
			last, ok = *s, true
		}
	}
	return last, ok
}

// KeyLastSeen is the last use of an access key.
func KeyLastSeen(r store.Reader, key string) (KeySeen, bool) {
	s, ok := keysSeen.Get(r, key)
	if !ok {
		return KeySeen{}, false
	}
	return *s, true
}

// Usage remembers who used what when, and writes it down now and then: a
// request must not wait for the store to learn that it happened.
type Usage struct {
	flushing sync.Mutex // held for a whole Flush

	mu    sync.RWMutex
	known map[use]*moment
	limit int
}

type use struct{ account, principal, key, service, region string }

type moment struct {
	at      atomic.Int64 // Unix nanoseconds
	written int64
}

// NewUsage remembers up to limit uses between two flushes; those beyond it
// are forgotten.
func NewUsage(limit int) *Usage { return &Usage{known: make(map[use]*moment), limit: limit} }

// FlushInterval is how often Run writes down, by the machine's time.
const FlushInterval = 5 * time.Second

// Seen notes an authenticated request. accessKey is empty for calls that were
// not signed with one.
func (u *Usage) Seen(p *cloud.Principal, accessKey, service, region string, now time.Time) {
	k := use{account: p.Account, principal: p.ARN, key: accessKey, service: service, region: region}
	switch p.Kind {
	case cloud.Anonymous, cloud.ServicePrincipal:
		return
	case cloud.AssumedRole:
		k.principal, k.key = p.RoleARN, "" // sessions' keys are not asked for
	case cloud.FederatedUser:
		k.principal, k.key = p.UserARN, ""
	}
	u.mu.RLock()
	m := u.known[k]
	u.mu.RUnlock()
	if m == nil {
		u.add(k, now)
		return
	}
	m.at.Store(now.UnixNano())
}

func (u *Usage) add(k use, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	m := u.known[k]
	if m == nil && len(u.known) < u.limit {
		m = new(moment)
		u.known[k] = m
	}
	if m != nil {
		m.at.Store(now.UnixNano())
	}
}

// Flush writes down what has been seen since the last time, in one
// transaction without reads.
func (u *Usage) Flush(ctx context.Context, db store.Store) error {
	u.flushing.Lock()
	defer u.flushing.Unlock()
	fresh := u.fresh()
	if len(fresh) == 0 {
		return nil
	}
	err := db.Update(ctx, func(tx store.Tx) error {
		writeUses(tx, fresh)
		return nil
	})
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for k, at := range fresh {
		u.known[k].written = at
	}
	return nil
}

// fresh are the uses that are not written down yet. What has been idle since
// the last flush is forgotten.
func (u *Usage) fresh() map[use]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	fresh := map[use]int64{}
	for k, m := range u.known {
		if at := m.at.Load(); at != m.written {
			fresh[k] = at
		} else {
			delete(u.known, k)
		}
	}
	return fresh
}

// writeUses keeps the newest of the uses that share a row.
func writeUses(tx store.Tx, fresh map[use]int64) {
	services, keys := map[use]use{}, map[string]use{}
	for k, at := range fresh {
		row := use{account: k.account, principal: k.principal, service: k.service}
		if old, ok := services[row]; !ok || at > fresh[old] {
			services[row] = k
		}
		if old, ok := keys[k.key]; k.key != "" && (!ok || at > fresh[old]) {
			keys[k.key] = k
		}
	}
	for _, k := range services {
		seen.Put(tx, &Seen{k.account, k.principal, k.service, k.region, time.Unix(0, fresh[k]).UTC()})
	}
	for _, k := range keys {
		keysSeen.Put(tx, &KeySeen{k.key, k.service, k.region, time.Unix(0, fresh[k]).UTC()})
	}
}

// Run flushes until ctx ends, and once more then. Pass it to cloud.Cloud.Go.
func (u *Usage) Run(ctx context.Context, db store.Store, c clock.Clock) error {
	for c.Wait(ctx, FlushInterval) == nil {
		if err := u.Flush(ctx, db); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return u.Flush(context.WithoutCancel(ctx), db)
}
