//go:build linux

package toolbox

import (
	"fmt"
	"strconv"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"pileus/clock"
)

// blackhole drops what comes in or goes out by a port, of this machine alone:
//
//	blackhole ingress|egress tcp|udp PORT [--timeout SECONDS] [--off]
//
// Ingress is what is for the machine's port, egress what is for others' ports.
func blackhole(c *call) error {
	p, err := c.parse(options{letters: "t:", long: map[string]string{"timeout": "t:", "off": "o"}}, false)
	if err != nil {
		return err
	}
	if len(p.args) != 3 {
		return usage("blackhole ingress|egress tcp|udp PORT [--timeout SECONDS] [--off]")
	}
	port, err := strconv.ParseUint(p.args[2], 10, 16)
	if err != nil {
		return usage(fmt.Sprintf("'%s' is no port", p.args[2]))
	}
	protocol, known := map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}[p.args[1]]
	hook, way := nftables.ChainHookInput, p.args[0]
	if way == "egress" {
		hook = nftables.ChainHookOutput
	}
	if !known || way != "ingress" && way != "egress" {
		return usage("blackhole ingress|egress tcp|udp PORT [--timeout SECONDS] [--off]")
	}
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: fmt.Sprintf("blackhole-%s-%s-%d", way, p.args[1], port)}
	if p.has("o") {
		return dropNothing(table)
	}
	if err := dropPort(table, hook, protocol, uint16(port)); err != nil {
		return err
	}
	if !p.has("t") {
		return nil
	}
	d, err := seconds(p.value("t"))
	if err != nil {
		return err
	}
	_ = clock.New().Wait(c.ctx, d) // whatever ends it
	return dropNothing(table)
}

// dropPort makes the table, in the place of what it had.
func dropPort(table *nftables.Table, hook *nftables.ChainHook, protocol byte, port uint16) error {
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	conn.AddTable(table)
	conn.DelTable(table)
	conn.AddTable(table)
	chain := conn.AddChain(&nftables.Chain{
		Name: "drop", Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter,
	})
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	return conn.Flush()
}

// dropNothing removes the table, if it is there.
func dropNothing(table *nftables.Table) error {
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	conn.AddTable(table)
	conn.DelTable(table)
	return conn.Flush()
}
