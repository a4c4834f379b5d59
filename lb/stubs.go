package lb

import "errors"

// newStreamFront carries connections of TCP, TLS and SSL listeners.
func newStreamFront(*site, *Balancer, *Listener) (front, error) {
	return nil, errors.New("listeners for TCP and TLS are missing")
}

// newPacketFront carries datagrams of UDP listeners.
func newPacketFront(*site, *Balancer, *Listener) (front, error) {
	return nil, errors.New("listeners for UDP are missing")
}
