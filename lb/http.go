package lb

import (
	"errors"
	"time"
)

type httpFront struct{}

func newHTTPFront(*site, *Balancer, *Listener) (front, error) {
	return nil, errors.New("listeners for HTTP are missing")
}

func (f *httpFront) update(*Balancer, *Listener) error { return nil }
func (f *httpFront) close(time.Duration)               {}

type idleConns struct{}

func (m *member) closeIdle() {}
