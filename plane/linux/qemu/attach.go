//go:build linux

package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"pileus/guest/handoff"
	"pileus/plane"
	"pileus/plane/linux/process"
)

// AttachVolume plugs an open volume into the guest. Its serial number is the
// volume's id. What the guest calls it is the guest's matter (/dev/vdb), but a
// first process of ours links it to the name that was asked for. A machine that
// does not run gets it when it boots: its next desired state says so.
func (e *Engine) AttachVolume(ctx context.Context, id string, a plane.Attachment) error {
	u, err := e.unit(id, false)
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	r, g := u.snapshot()
	if g == nil {
		return nil
	}
	d, err := e.diskOf(a)
	if err != nil {
		return err
	}
	for _, other := range r.Disks {
		switch {
		case other.Attachment == a:
			return nil
		case other.Device == a.Device:
			return fmt.Errorf("%s of machine %s: %w", a.Device, id, plane.ErrBusy)
		}
	}
	if err := e.allow(id, []disk{d}); err != nil {
		return err
	}
	err = g.monitor.do(ctx, "blockdev-add", d.content(), nil)
	if err == nil {
		if err = g.monitor.do(ctx, "device_add", d.device(diskKind(r.Machine, false)), nil); err != nil {
			err = errors.Join(err, g.monitor.do(ctx, "blockdev-del", map[string]any{"node-name": d.blockID()}, nil))
		}
	}
	if err != nil {
		return errors.Join(err, e.deny(id, d))
	}
	err = u.change(func(r *record) {
		r.Disks = append(r.Disks, d)
		r.Machine.Volumes = append(r.Machine.Volumes, a)
	})
	return errors.Join(err, g.tell(ctx, handoff.Request{Do: handoff.Add, Disk: d.forGuest()}))
}

// tell asks a guest's first process for something, where that is ours. One that
// does not listen yet is told all when it does.
func (g *guest) tell(ctx context.Context, r handoff.Request) error {
	if g.agent == nil {
		return nil
	}
	_, err := g.agent.ask(ctx, r)
	if errors.Is(err, errSilent) {
		return nil
	}
	return err
}

func (e *Engine) deny(id string, d disk) error {
	if e.Rootless {
		return nil
	}
	n, err := d.node()
	if err != nil {
		return err
	}
	return e.cgroups.Allow(id, n, false)
}

// unplugLimit is how long a guest may take to let go of a device.
const unplugLimit = 10 * time.Second

// DetachVolume asks the guest to let go of a volume. ErrBusy is that it is
// mounted there, which only a first process of ours can tell, or that the guest
// does not answer. Without one of ours, Linux lets go of what is mounted.
func (e *Engine) DetachVolume(ctx context.Context, id, device string, force bool) error {
	u, err := e.unit(id, false)
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	r, g := u.snapshot()
	if g == nil {
		return nil
	}
	i := slices.IndexFunc(r.Disks, func(d disk) bool { return d.Device == device })
	if i < 0 {
		return nil
	}
	d := r.Disks[i]
	if i == 0 {
		return fmt.Errorf("%s is the root of machine %s: %w", device, id, plane.ErrBusy)
	}
	switch err := g.tell(ctx, handoff.Request{Do: handoff.Drop, Disk: d.forGuest(), Force: force}); {
	case err != nil && err.Error() == handoff.Mounted:
		return fmt.Errorf("%s is mounted in machine %s: %w", device, id, plane.ErrBusy)
	case err != nil && !force:
		return err
	}
	if err := g.drop(ctx, d.id()); err != nil {
		return fmt.Errorf("%s of machine %s: %w", device, id, err)
	}
	if err := g.monitor.do(ctx, "blockdev-del", map[string]any{"node-name": d.blockID()}, nil); err != nil {
		return err
	}
	if err := e.deny(id, d); err != nil {
		return err
	}
	return u.change(func(r *record) {
		r.Disks = slices.Delete(r.Disks, i, i+1)
		r.Machine.Volumes = slices.DeleteFunc(r.Machine.Volumes, func(a plane.Attachment) bool { return a.Device == device })
	})
}

// drop unplugs a device, which the guest has to agree to.
func (g *guest) drop(ctx context.Context, id string) error {
	c := make(chan struct{})
	g.mu.Lock()
	if g.drops == nil {
		g.drops = map[string]chan struct{}{}
	}
	g.drops[id] = c
	g.mu.Unlock()
	bounded, cancel := context.WithTimeout(ctx, unplugLimit)
	defer cancel()
	var refused *qemuError
	err := g.monitor.do(bounded, "device_del", map[string]any{"id": id}, nil)
	switch {
	case errors.As(err, &refused) && refused.Class == "DeviceNotFound":
		return nil // it agreed after an earlier call had given up
	case err != nil && !errors.As(err, &refused): // else it was asked already
		return err
	}
	select {
	case <-c:
		return nil
	case <-g.process.Gone:
		return nil
	case <-bounded.Done():
		return fmt.Errorf("the guest does not let go of it: %w", plane.ErrBusy)
	}
}

// dropped hears that a guest has let go of a device.
func (g *guest) dropped(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.drops[id]; c != nil {
		close(c)
		delete(g.drops, id)
	}
}

// grow tells a guest of volumes that have become larger.
func (e *Engine) grow(ctx context.Context, u *unit, g *guest) error {
	r, _ := u.snapshot()
	for i, d := range r.Disks {
		size, err := sizeOf(d.Path)
		if err != nil {
			return err
		}
		if size == d.Size {
			continue
		}
		err = g.monitor.do(ctx, "block_resize", map[string]any{"node-name": d.blockID(), "size": size}, nil)
		if err == nil {
			err = u.change(func(r *record) { r.Disks[i].Size = size })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recard gives a guest cards for interfaces that have come, and takes away those
// of interfaces that have gone.
func (e *Engine) recard(ctx context.Context, u *unit, g *guest) error {
	h, err := links(e.Network(u.id))
	if err != nil {
		return err
	}
	now, err := cardsOf(h)
	h.Close()
	if err != nil {
		return err
	}
	r, _ := u.snapshot()
	same := func(a card) func(card) bool {
		return func(b card) bool { return a.Index == b.Index && a.MAC == b.MAC }
	}
	for _, c := range r.Cards {
		if !slices.ContainsFunc(now, same(c)) {
			if err := e.removeCard(ctx, u, g, c); err != nil {
				return err
			}
		}
	}
	for _, c := range now {
		if !slices.ContainsFunc(r.Cards, same(c)) {
			if err := e.addCard(ctx, u, g, c); err != nil {
				return err
			}
		}
	}
	return e.setLinks(ctx, u, g)
}

func (e *Engine) addCard(ctx context.Context, u *unit, g *guest, c card) error {
	tap, err := plugIn(e.Network(u.id), c)
	if err != nil {
		return err
	}
	defer tap.Close()
	if err := g.monitor.do(ctx, "getfd", map[string]any{"fdname": c.tap()}, nil, tap); err != nil {
		return err
	}
	err = g.monitor.do(ctx, "netdev_add", map[string]any{"type": "tap", "id": c.netID(), "fd": c.tap()}, nil)
	if err != nil {
		return err
	}
	r, _ := u.snapshot()
	if err := g.monitor.do(ctx, "device_add", c.device(cardKind(r.Machine)), nil); err != nil {
		return errors.Join(err, g.monitor.do(ctx, "netdev_del", map[string]any{"id": c.netID()}, nil))
	}
	if err := u.change(func(r *record) { r.Cards = append(r.Cards, c) }); err != nil {
		return err
	}
	if r.Agent {
		return nil // it is told of it
	}
	return e.open(u, g, c, leaseOf(r.Machine.Hostname, r.Machine.Guest.Nameservers, r.Machine.Guest.Search))
}

func (e *Engine) removeCard(ctx context.Context, u *unit, g *guest, c card) error {
	if err := g.drop(ctx, c.id()); err != nil {
		return err
	}
	if err := g.monitor.do(ctx, "netdev_del", map[string]any{"id": c.netID()}, nil); err != nil {
		return err
	}
	g.mu.Lock()
	g.lines = slices.DeleteFunc(g.lines, func(l *line) bool {
		if l.card.Index != c.Index {
			return false
		}
		l.close()
		return true
	})
	g.mu.Unlock()
	return u.change(func(r *record) {
		r.Cards = slices.DeleteFunc(r.Cards, func(o card) bool { return o.Index == c.Index })
	})
}

// Sample reads what the machine has used since it started: processor and memory
// as the host counts them, QEMU included, and its disks as the guest uses them.
func (e *Engine) Sample(ctx context.Context, id string) (plane.Usage, error) {
	u, err := e.unit(id, false)
	if err != nil {
		return plane.Usage{}, err
	}
	g := u.running()
	if g == nil {
		return plane.Usage{}, fmt.Errorf("machine %s does not run: %w", id, plane.ErrNotFound)
	}
	usage, err := e.used(id, g)
	if err != nil {
		return usage, err
	}
	var list []struct {
		Stats struct {
			ReadOps  uint64 `json:"rd_operations"`
			WriteOps uint64 `json:"wr_operations"`
			Read     uint64 `json:"rd_bytes"`
			Written  uint64 `json:"wr_bytes"`
		}
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := g.monitor.do(bounded, "query-blockstats", nil, &list); err != nil {
		return usage, err
	}
	usage.DiskReadOps, usage.DiskWriteOps, usage.DiskReadBytes, usage.DiskWritten = 0, 0, 0, 0
	for _, d := range list {
		usage.DiskReadOps += d.Stats.ReadOps
		usage.DiskWriteOps += d.Stats.WriteOps
		usage.DiskReadBytes += d.Stats.Read
		usage.DiskWritten += d.Stats.Written
	}
	return usage, nil
}

// used is what a guest's QEMU has used, as control groups have counted, or
// where there are none, as the kernel has for its process.
func (e *Engine) used(id string, g *guest) (plane.Usage, error) {
	used, err := e.cgroups.Usage(id)
	if err == nil || !e.Rootless {
		return used, err
	}
	dir := filepath.Join("/proc", strconv.Itoa(g.process.PID))
	return plane.Usage{CPU: process.Time(dir), MemoryBytes: process.Memory(dir)}, nil
}

// Screenshot is the guest's screen as a PNG image.
func (e *Engine) Screenshot(ctx context.Context, id string) ([]byte, error) {
	u, err := e.unit(id, false)
	if err != nil {
		return nil, err
	}
	g := u.running()
	if g == nil {
		return nil, fmt.Errorf("machine %s does not run: %w", id, plane.ErrNotFound)
	}
	const name = "screen.png"
	u.op.Lock()
	defer u.op.Unlock()
	// QEMU works in the machine's folder.
	if err := g.monitor.do(ctx, "screendump", map[string]any{"filename": name, "format": "png"}, nil); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(u.dir, name))
	return b, errors.Join(err, remove(u.file(name)))
}
