//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"

	"pileus/plane"
)

// A slow zone's rate is bound where packets are filtered, by the zones that
// they come from and go to: what is too much is dropped, as a router whose
// queue is full drops it. Its latency is made by netem as packets leave the
// router, in a band of their own of the link's queue, which the filter chooses.

// errNoDelay tells that the kernel cannot delay packets.
var errNoDelay = fmt.Errorf("%w: the kernel has no netem, so no latency can be added", plane.ErrUnsupported)

// largestPacket is what may pass at once beyond a second's worth, which the
// kernel's limit lets pass after a second of silence: what it has not cut up
// into packets yet.
const largestPacket = 64 << 10

// SlowZones implements plane.Network.
func (n *Network) SlowZones(ctx context.Context, slow ...plane.SlowZone) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.slow = slow
	var err error
	for _, r := range n.routers {
		if r.applied {
			err = errors.Join(err, r.filter(), r.delay())
		}
	}
	for _, z := range slow {
		if z.Latency > 0 && !n.netem {
			return errors.Join(err, errNoDelay)
		}
	}
	return err
}

// slowDown adds what bounds the VPC's slow zones, both ways.
func (c *compiler) slowDown(f *chain) {
	for i, s := range c.slow {
		number, known := c.numbers.zones[s.Zone]
		if !known {
			continue
		}
		zone := native(number << zoneShift)
		from, to := masked(inGroup(), zoneMask), masked(outGroup(), zoneMask)
		for _, crossing := range []statement{rule(is(from, zone), isNot(to, zone)), rule(is(to, zone), isNot(from, zone))} {
			if s.Rate > 0 {
				f.add(crossing, over(s.Rate), drop())
			}
			if s.Latency > 0 {
				f.add(crossing, setPriority(band(i)))
			}
		}
	}
}

// over matches packets beyond a rate in bits per second.
func over(rate int64) statement {
	return statement{&expr.Limit{
		Type: expr.LimitTypePktBytes, Rate: max(uint64(rate)/8, 1), Unit: expr.LimitTimeSecond, Over: true, Burst: largestPacket,
	}}
}

// setPriority chooses the band of the link's queue.
func setPriority(class uint32) statement {
	return append(load(constant(native(class))), &expr.Meta{Key: expr.MetaKeyPRIORITY, SourceRegister: true, Register: firstRegister})
}

// The queue of a link with delays: plainBands that delay nothing, and one for
// each slow zone.
const (
	queueHandle = 0x7a // "z"
	plainBands  = 3
	mostBands   = 16
	delayQueue  = 100_000 // packets that wait at once
)

// band is the class of a slow zone's packets.
func band(i int) uint32 {
	return netlink.MakeHandle(queueHandle, uint16(min(plainBands+1+i, mostBands)))
}

// canDelay tries a link's queue.
func (w *wiring) canDelay(name string) error {
	link, err := w.link.LinkByName(name)
	if err != nil {
		return err
	}
	return w.queue(link, []plane.SlowZone{{Latency: time.Millisecond}})
}

// queue gives a link the queue that delays zones' packets.
func (w *wiring) queue(link netlink.Link, slow []plane.SlowZone) error {
	at := link.Attrs().Index
	root := netlink.NewPrio(netlink.QdiscAttrs{LinkIndex: at, Parent: netlink.HANDLE_ROOT, Handle: netlink.MakeHandle(queueHandle, 0)})
	root.Bands = uint8(min(plainBands+len(slow), mostBands))
	if err := w.link.QdiscReplace(root); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	for i, s := range slow {
		if s.Latency == 0 {
			continue
		}
		netem := netlink.NewNetem(
			netlink.QdiscAttrs{LinkIndex: at, Parent: band(i), Handle: netlink.MakeHandle(queueHandle+1+uint16(i), 0)},
			netlink.NetemQdiscAttrs{Latency: uint32(s.Latency / time.Microsecond), Limit: delayQueue})
		if err := w.link.QdiscReplace(netem); err != nil {
			return fmt.Errorf("delay: %w", err)
		}
	}
	return nil
}

// delay brings the queues of the router's links up to date.
func (r *router) delay() error {
	if !r.n.netem {
		return nil
	}
	want := ""
	for _, s := range r.n.slow {
		if _, here := r.numbers.zones[s.Zone]; here && s.Latency > 0 {
			want = fmt.Sprint(r.n.slow)
		}
	}
	if r.delayed == nil {
		if err := r.findDelays(); err != nil {
			return err
		}
	}
	for name, l := range r.links {
		if r.delayed[name] == want {
			continue
		}
		link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, Index: l.index}}
		if want == "" {
			err := r.link.QdiscDel(netlink.NewPrio(netlink.QdiscAttrs{LinkIndex: l.index, Parent: netlink.HANDLE_ROOT, Handle: netlink.MakeHandle(queueHandle, 0)}))
			if err != nil && !gone(err) {
				return fmt.Errorf("%s: %w", name, err)
			}
			delete(r.delayed, name)
			continue
		}
		if err := r.queue(link, r.n.slow); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r.delayed[name] = want
	}
	return nil
}

// findDelays finds the queues that an earlier process made.
func (r *router) findDelays() error {
	r.delayed = map[string]string{}
	for name, l := range r.links {
		list, err := r.link.QdiscList(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, Index: l.index}})
		if err != nil {
			return err
		}
		for _, q := range list {
			if q.Attrs().Handle == netlink.MakeHandle(queueHandle, 0) {
				r.delayed[name] = "unknown"
			}
		}
	}
	return nil
}
