//go:build linux

package network

import (
	"maps"
	"net"
	"slices"
	"sync"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"pileus/plane"
)

// A kernel refuses connections to a port that nobody listens at any more, and so
// it would be while this process is started again: what is refused is not tried
// again by most clients. The nodes of load balancers do not end with a process on
// AWS. So the ports that this process listens at on its own interfaces stay silent
// until the next process listens there, or they are closed in order: a client's
// kernel tries again by itself.

// refusals are the ports, by interface, that are not to refuse connections, and
// how many listeners they have.
type refusals struct {
	mu    sync.Mutex
	ports map[string]map[uint16]int
}

const chainRefusals = "refusals"

// held is a listener whose port does not refuse connections until it is closed.
type held struct {
	net.Listener
	once   sync.Once
	closed func()
}

// Close implements net.Listener.
func (l *held) Close() error {
	l.once.Do(l.closed)
	return l.Listener.Close()
}

// hold keeps the port of a listener at one of our interfaces from refusing
// connections. Where that cannot be, it is a listener like any other.
func (n *Network) hold(vpc, id string, port uint16, l net.Listener) net.Listener {
	if !n.serves(vpc, id) {
		return l
	}
	if err := n.refuse(id, port, 1); err != nil {
		n.log.Warn("connections are refused while nobody listens", "interface", id, "port", port, "error", err)
		return l
	}
	return &held{Listener: l, closed: func() {
		// What is not there any more refuses nothing.
		_ = n.refuse(id, port, -1)
	}}
}

// serves tells whether this process itself is at an interface.
func (n *Network) serves(vpc, id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	r, err := n.applied(vpc)
	return err == nil && slices.ContainsFunc(r.vpc.Interfaces, func(e plane.Interface) bool { return e.ID == id && e.Served && e.Machine == "" })
}

// refuse adds to the number of listeners at a port, and has the interface's
// namespace obey.
func (n *Network) refuse(id string, port uint16, add int) error {
	n.refusals.mu.Lock()
	defer n.refusals.mu.Unlock()
	ports := n.refusals.ports[id]
	if ports == nil {
		ports = map[uint16]int{}
		if n.refusals.ports == nil {
			n.refusals.ports = map[string]map[uint16]int{}
		}
		n.refusals.ports[id] = ports
	}
	was := ports[port]
	if ports[port] = was + add; ports[port] <= 0 {
		delete(ports, port)
	}
	if len(ports) == 0 {
		delete(n.refusals.ports, id)
	}
	if was > 0 && was+add > 0 {
		return nil
	}
	ns, close, err := n.visit(id)
	if err != nil {
		return err
	}
	defer close()
	return replace(ns, unrefusing(ports))
}

// unrefusing drops what a kernel answers to those who call a port that nobody
// listens at: a reset with the sequence number zero, which connections do not
// send.
func unrefusing(ports map[uint16]int) *ruleset {
	const reset, acknowledges = 4, 16
	r := newRuleset()
	c := r.hooked(chainRefusals, hook{nftables.ChainTypeFilter, *nftables.ChainHookOutput, *nftables.ChainPriorityFilter, nftables.ChainPolicyAccept})
	for _, p := range slices.Sorted(maps.Keys(ports)) {
		c.add(isProtocol(unix.IPPROTO_TCP), is(transport(0, 2), bigEndian16(p)), is(transport(13, 1), []byte{reset | acknowledges}),
			is(transport(4, 4), make([]byte, 4)), drop())
	}
	return r
}
