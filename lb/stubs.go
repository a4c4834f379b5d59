package lb

import (
	"crypto/tls"
	"errors"
)

// newStreamFront carries connections of TCP, TLS and SSL listeners.
func newStreamFront(*site, *Balancer, *Listener) (front, error) {
	return nil, errors.New("listeners for TCP and TLS are missing")
}

// newPacketFront carries datagrams of UDP listeners.
func newPacketFront(*site, *Balancer, *Listener) (front, error) {
	return nil, errors.New("listeners for UDP are missing")
}

// tlsConfig is how a listener's TLS is ended. It sets no NextProtos; the front
// adds its own to a clone.
func tlsConfig(*TLS) (*tls.Config, error) {
	return nil, errors.New("TLS is missing")
}
