//go:build linux

package network

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

// flowInterval is how often the kernel's counts are read. A record's start and
// end are that exact.
const flowInterval = time.Second

// Flows yields what the VPC's interfaces send and receive from now on, as
// increments: one for each flow and each second in which it had packets.
func (n *Network) Flows(ctx context.Context, vpc string) (iter.Seq[plane.Flow], error) {
	n.mu.Lock()
	_, err := n.applied(vpc)
	n.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if !n.flows {
		return nil, fmt.Errorf("flow logs: %w", plane.ErrUnsupported)
	}
	w := flowWatch{n: n, vpc: vpc, seen: map[string]counts{}, from: n.opt.Clock.Now()}
	if _, err := w.read(true); err != nil { // what passed before is no news
		return nil, err
	}
	return func(yield func(plane.Flow) bool) {
		for n.opt.Clock.Wait(ctx, flowInterval) == nil {
			flows, err := w.read(false)
			if err != nil {
				n.log.Warn("flow records", "vpc", vpc, "error", err)
			}
			for _, f := range flows {
				if !yield(f) {
					return
				}
			}
		}
	}, nil
}

// flowWatch turns the kernel's running counts into increments.
type flowWatch struct {
	n    *Network
	vpc  string
	seen map[string]counts
	from time.Time
}

type counts struct{ packets, bytes uint64 }

// read reads all counts; those that grew give a record each.
func (w *flowWatch) read(first bool) ([]plane.Flow, error) {
	w.n.mu.Lock()
	defer w.n.mu.Unlock()
	r, err := w.n.applied(w.vpc)
	if err != nil || !r.vpc.FlowLogs {
		return nil, err
	}
	links := map[uint32]string{}
	for name, l := range r.links {
		if strings.HasPrefix(name, linkInterface) {
			links[uint32(l.index)] = aliasWord(l.alias, aliasInterface)
		}
	}
	now := w.n.opt.Clock.Now()
	seen := map[string]counts{}
	var flows []plane.Flow
	merged := map[plane.Flow]int{}
	for name, size := range map[string]int{setFlows4: 4, setFlows6: 16} {
		elements, err := r.elements(name, flowKind(size))
		if err != nil {
			return nil, err
		}
		for _, e := range elements {
			if e.Counter == nil {
				continue
			}
			c := counts{e.Counter.Packets, e.Counter.Bytes}
			seen[string(e.Key)] = c
			if before, ok := w.seen[string(e.Key)]; ok && before.packets <= c.packets {
				c.packets, c.bytes = c.packets-before.packets, c.bytes-before.bytes
			}
			if c.packets == 0 || first {
				continue
			}
			f, flags, ok := decodeFlow(e.Key, size, links)
			if !ok {
				continue
			}
			f.Start, f.End = w.from, now
			at, ok := merged[f]
			if !ok {
				at = len(flows)
				merged[f] = at
				flows = append(flows, f)
			}
			flows[at].Packets += c.packets
			flows[at].Bytes += c.bytes
			flows[at].TCPFlags |= flags
		}
	}
	w.seen, w.from = seen, now
	return flows, nil
}

// decodeFlow reads a flow's key; not ok where it is not an interface's.
func decodeFlow(key []byte, size int, links map[uint32]string) (f plane.Flow, flags uint8, ok bool) {
	if len(key) < 20+2*size {
		return f, 0, false
	}
	where := binary.NativeEndian.Uint32(key)
	f.Interface, ok = links[binary.NativeEndian.Uint32(key[4:])]
	f.Ingress = where == flowIn || where == flowInRejected
	f.Accepted = where == flowIn || where == flowOut
	f.Protocol, flags = key[8], key[12]
	f.Source, _ = netip.AddrFromSlice(key[16 : 16+size])
	f.Destination, _ = netip.AddrFromSlice(key[16+size : 16+2*size])
	ports := key[16+2*size:]
	f.SourcePort, f.DestPort = binary.BigEndian.Uint16(ports), binary.BigEndian.Uint16(ports[2:])
	if f.Protocol != unix.IPPROTO_TCP {
		flags = 0
	}
	return f, flags, ok
}
