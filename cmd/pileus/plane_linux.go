package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"pileus/plane"
	"pileus/plane/linux"
	"pileus/plane/linux/rootless"
	"pileus/plane/linux/volume"
	"pileus/plane/sim"
)

// openPlane opens the data plane that the user chose: "auto" takes the
// kernel's where this process may use it.
func openPlane(kind string, o planeOptions, log *slog.Logger) (plane.Plane, error) {
	switch {
	case kind == planeSimulated:
		return sim.New(o.Dir), nil
	case os.Geteuid() != 0 && kind == planeAuto:
		return sim.New(o.Dir).Because(whyNot()), nil
	case os.Geteuid() != 0:
		return nil, whyNot()
	}
	lo := linux.Options{Cloud: o.Cloud, Dir: o.Dir, Private: o.Private, Uplink: o.Uplink, Engine: o.Engine, Kernel: o.Kernel, Log: log}
	s := rootless.Current()
	if s == nil {
		return linux.Open(lo)
	}
	lo.Rootless, lo.Fresh, lo.HostNS = true, s.Fresh, s.Network()
	p, err := linux.Open(lo)
	if err == nil {
		return &held{p, s}, nil
	}
	if kind == planeAuto {
		log.Warn("networks, machines and volumes are simulated", "reason", err)
		return sim.New(o.Dir).Because(err), nil
	}
	return nil, err
}

// whyNot is why a user without rights has not the kernel's data plane.
func whyNot() error {
	if err := rootless.Missing(); err != nil {
		return err
	}
	return errors.New("a user namespace could not be made: `pileus up --plane linux` says why")
}

// held is a data plane in namespaces that end with it.
type held struct {
	*linux.Plane
	session *rootless.Session
}

// Clear implements plane.Plane.
func (h *held) Clear() error {
	if err := h.Plane.Clear(); err != nil {
		return err
	}
	return h.session.End()
}

// enterPlane has the kernel's data plane for a user without rights: this
// program goes on as root of a user namespace, which belongs to the data
// directory, or with none to this process. It returns where there is no need
// of that, or no way and the simulated plane will do.
func enterPlane(kind, dataDir string) error {
	if os.Geteuid() == 0 || kind == planeSimulated {
		return nil
	}
	folder := ""
	if dataDir != "" {
		folder = rootlessFolder(dataDir)
	}
	err := rootless.Missing()
	if err == nil {
		err = rootless.Enter(folder)
	}
	if kind == planeAuto {
		return nil // the simulated plane tells why it is that
	}
	return err
}

// enterLeft enters the namespaces that a cloud has left, if there are any.
func enterLeft(dataDir string) error {
	if os.Geteuid() == 0 || !rootless.Left(rootlessFolder(dataDir)) {
		return nil
	}
	return enterPlane(planeLinux, dataDir)
}

func rootlessFolder(dataDir string) string { return filepath.Join(dataDir, "plane", "namespaces") }

// realPlane tells why this process cannot have the kernel's data plane with all
// that the host can reach of it, if so.
func realPlane() error {
	if os.Geteuid() != 0 {
		return errors.New("this needs real machines and networks that this machine reaches directly, and so root: start it with sudo")
	}
	return nil
}

// becomeServant turns the program into the holder of namespaces, the server of a
// volume or the process that encrypts one, if it was started as that; it then
// does not return.
func becomeServant() {
	rootless.Hold()
	volume.Serve()
	volume.ServeEncrypted()
}
