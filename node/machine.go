package node

import (
	"crypto/tls"
	"sync"
	"time"

	"pileus/clock"
)

func machine() time.Time { return clock.Machine() }

func deadline(d time.Duration) time.Time { return machine().Add(d) }

// onceCert makes a certificate when it is first asked for; a failure is tried
// again by the next connection.
type onceCert struct {
	mu   sync.Mutex
	cert *tls.Certificate
}

func (o *onceCert) get(make func() (*tls.Certificate, error)) (*tls.Certificate, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cert != nil {
		return o.cert, nil
	}
	c, err := make()
	if err == nil {
		o.cert = c
	}
	return c, err
}
