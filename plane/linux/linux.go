//go:build linux

// Package linux is the data plane of the Linux kernel: networks, machines and
// volumes, each in a package of its own, put together.
package linux

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pileus/plane"
	"pileus/plane/linux/machine"
	"pileus/plane/linux/network"
	"pileus/plane/linux/qemu"
	"pileus/plane/linux/volume"
)

// Options say what a plane is opened with.
type Options struct {
	// Cloud is the short id that everything of this cloud carries in the kernel.
	Cloud string
	// Dir keeps volumes, images and the records of machines.
	Dir string
	// Private are folders that no machine may see, beside Dir.
	Private []string
	// Uplink lets machines reach the real internet, as the host.
	Uplink bool
	// Program is what runs as first process in machines; this program where empty.
	Program string
	// Engine is what machines run on: Container, which is the default, Qemu or Auto.
	Engine string
	// Kernel is the Linux kernel of guests of QEMU whose image has none; the
	// newest in /boot where empty.
	Kernel string
	// HostNS is the network namespace that plays the host; "" is the real one.
	HostNS string
	// Rootless is for a process in the namespaces of package rootless; Fresh
	// tells that they are new.
	Rootless, Fresh bool
	Log             *slog.Logger
}

// Plane is the data plane. The network's part is opened when it is first
// needed, or at once where an earlier process has left something.
type Plane struct {
	*lazyNetwork
	*engines
	*volumes
}

// An alias, so that the field does not hide the method of the same name.
type volumes = volume.Store

var _ plane.Plane = (*Plane)(nil)

// Open finds what an earlier process left, and manages it.
func Open(o Options) (*Plane, error) {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	choice, err := checkEngine(o.Engine)
	if err != nil {
		return nil, err
	}
	var p *Plane
	disks, err := volume.Open(volume.Options{
		Cloud: o.Cloud, Dir: filepath.Join(o.Dir, "volumes"), Log: o.Log, Rootless: o.Rootless,
		Hold: func(ctx context.Context, id string) (release func(), err error) { return p.guests.Hold(ctx, id) },
	})
	if err != nil {
		return nil, err
	}
	p = &Plane{volumes: disks, lazyNetwork: &lazyNetwork{o: network.Options{
		Cloud: o.Cloud, Dir: filepath.Join(o.Dir, "network"), Log: o.Log, HostNS: o.HostNS, Uplink: o.Uplink,
		Range: plane.Internet, Rootless: o.Rootless,
	}}}
	if p.engines, err = openEngines(o, choice, disks); err != nil {
		return nil, err
	}
	if p.lazyNetwork.left() {
		if _, err := p.lazyNetwork.open(); err != nil {
			return nil, errors.Join(err, p.engines.Close())
		}
	}
	return p, nil
}

// openEngines finds the machines of both engines.
func openEngines(o Options, choice string, disks *volume.Store) (e *engines, err error) {
	e = &engines{choice: choice}
	device := func(id string) (string, error) { return disks.OpenVolume(context.Background(), id) }
	mo := machine.Options{
		Cloud: o.Cloud, Dir: filepath.Join(o.Dir, "machines"), Log: o.Log, Program: o.Program, Private: append([]string{o.Dir}, o.Private...),
		Device: device, Fresh: o.Fresh,
	}
	if o.Rootless {
		mo.Files = disks
	}
	if e.containers, err = machine.Open(mo); err != nil {
		return nil, err
	}
	e.guests, err = qemu.Open(qemu.Options{
		Cloud: o.Cloud, Dir: filepath.Join(o.Dir, "guests"), Log: o.Log, Program: o.Program, Kernel: o.Kernel, Device: device,
		Rootless: o.Rootless, Fresh: o.Fresh,
	})
	if err != nil {
		return nil, errors.Join(err, e.containers.Close())
	}
	return e, nil
}

// Describe implements plane.Plane. What networks can do is known once one was
// needed; Probe finds it out.
func (p *Plane) Describe() plane.Report {
	r := plane.Report{Kind: "linux"}
	if !initialUsers() {
		r.Kind = "linux (user namespace)"
	}
	if n := p.opened(); n != nil {
		r.Features = append(r.Features, n.Describe()...)
	} else if p.lazyNetwork.o.Rootless {
		r.Features = append(r.Features, network.RootlessLimits(p.lazyNetwork.o.Uplink)...)
	}
	r.Features = append(r.Features, p.engines.Describe()...)
	outlive := plane.Capability{Name: "a restart of pileus's service ends no machine", Works: p.volumes.Outlives()}
	if !outlive.Works {
		outlive.Reason = "no control groups can be made outside of the service's: see docs/service.md"
	}
	r.Features = append(r.Features, outlive)
	r.Features = append(r.Features, p.volumes.Capabilities()...)
	return r
}

// Probe is Describe with what networks can do.
func (p *Plane) Probe() plane.Report {
	_, err := p.lazyNetwork.open()
	r := p.Describe()
	if err != nil {
		r.Features = append([]plane.Capability{{Name: "networks", Reason: err.Error()}}, r.Features...)
	}
	return r
}

// initialUsers tells whether this process is in the host's own user namespace:
// there, user ids are what they seem.
func initialUsers() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err != nil || slices.Equal(strings.Fields(string(b)), []string{"0", "0", "4294967295"})
}

// Clear implements plane.Plane: machines first, because they hold the rest.
func (p *Plane) Clear() error {
	return errors.Join(p.engines.Clear(), p.lazyNetwork.Clear(), p.volumes.Clear())
}

// Close implements plane.Plane.
func (p *Plane) Close() error {
	return errors.Join(p.engines.Close(), p.lazyNetwork.Close(), p.volumes.Close())
}
