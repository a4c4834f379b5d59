//go:build linux

package network

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"pileus/plane"
)

// The chains that count what a NAT gateway passes on, before and after it has
// translated.
const (
	chainReceived = "received"
	chainSent     = "sent"
)

// Flags of TCP's header.
const (
	tcpSYN = 0x02
	tcpACK = 0x10
)

// counting adds the chains that count to the ruleset of a NAT gateway. Which way
// a packet goes is for connection tracking to say.
func (r *ruleset) counting() {
	original, answer := is(track(expr.CtKeyDIRECTION), []byte{0}), is(track(expr.CtKeyDIRECTION), []byte{1})
	counter := statement{&expr.Counter{}}
	r.hooked(chainReceived, hook{nftables.ChainTypeFilter, *nftables.ChainHookPrerouting, *nftables.ChainPriorityFilter, nftables.ChainPolicyAccept},
		rule(original, counter), rule(answer, counter),
		rule(original, opening(tcpSYN), counter), rule(answer, opening(tcpSYN|tcpACK), counter))
	r.hooked(chainSent, hook{nftables.ChainTypeFilter, *nftables.ChainHookPostrouting, *nftables.ChainPriorityConntrackHelper, nftables.ChainPolicyAccept},
		rule(original, counter), rule(answer, counter))
}

// opening matches TCP packets of which of SYN and ACK just these are set.
func opening(flags byte) statement {
	s := append(isProtocol(unix.IPPROTO_TCP), load(transport(13, 1))...)
	return append(s,
		&expr.Bitwise{SourceRegister: firstRegister, DestRegister: firstRegister, Len: 1, Mask: []byte{tcpSYN | tcpACK}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpEq, Register: firstRegister, Data: []byte{flags}})
}

// translated reads what a NAT gateway has counted in its namespace.
func (n *Network) translated(holder string) (*plane.NATCounters, error) {
	ns, err := visitNamespace(n.namespacePath(holder))
	if err != nil {
		return nil, err
	}
	defer ns.close()
	in, err := ns.counters(chainReceived, 4)
	if err != nil {
		return nil, err
	}
	out, err := ns.counters(chainSent, 2)
	if err != nil {
		return nil, err
	}
	c := &plane.NATCounters{
		FromSource: in[0], FromDestination: in[1], ToDestination: out[0], ToSource: out[1], Attempts: in[2].Packets, Established: in[3].Packets,
	}
	return c, ns.do(func() error { return connections(c) })
}

// counters reads the counters of a chain's rules, of which there are n.
func (ns *namespace) counters(chain string, n int) ([]plane.Passed, error) {
	conn, err := ns.nft()
	if err != nil {
		return nil, err
	}
	rules, err := conn.GetRules(&nftables.Table{Family: nftables.TableFamilyINet, Name: tableName}, &nftables.Chain{Name: chain})
	if err != nil {
		ns.closeNFT()
		return nil, fmt.Errorf("read %s: %w", chain, err)
	}
	var list []plane.Passed
	for _, r := range rules {
		for _, e := range r.Exprs {
			if c, ok := e.(*expr.Counter); ok {
				list = append(list, plane.Passed{Packets: c.Packets, Bytes: c.Bytes})
			}
		}
	}
	if len(list) != n {
		return nil, fmt.Errorf("%s has %d counters, not %d", chain, len(list), n)
	}
	return list, nil
}

// tcpEstablished is the state of a connection whose handshake is done, as
// connection tracking numbers it.
const tcpEstablished = 3

// connections adds what connection tracking says of the namespace that the
// thread is in.
func connections(c *plane.NATCounters) error {
	flows, err := netlink.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET)
	if err != nil {
		return fmt.Errorf("list connections: %w", err)
	}
	for _, f := range flows {
		if tcp, ok := f.ProtoInfo.(*netlink.ProtoInfoTCP); ok && tcp.State == tcpEstablished {
			c.Active++
		}
	}
	b, err := os.ReadFile("/proc/thread-self/net/stat/nf_conntrack")
	if err != nil {
		return nil // a kernel that does not tell has nothing to add
	}
	sums := conntrackSums(string(b))
	c.PortErrors, c.Dropped = sums["insert_failed"], sums["drop"]+sums["early_drop"]
	return nil
}

// conntrackSums adds up the columns of the kernel's table, which has a line of
// hexadecimal numbers for each processor.
func conntrackSums(text string) map[string]uint64 {
	sums := map[string]uint64{}
	head, rest, _ := strings.Cut(text, "\n")
	names := strings.Fields(head)
	for line := range strings.Lines(rest) {
		for i, field := range strings.Fields(line) {
			if n, err := strconv.ParseUint(field, 16, 64); err == nil && i < len(names) {
				sums[names[i]] += n
			}
		}
	}
	return sums
}
