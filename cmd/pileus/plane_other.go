//go:build !linux

package main

import (
	"fmt"
	"log/slog"
	"runtime"

	"pileus/plane"
	"pileus/plane/sim"
)

func openPlane(kind string, o planeOptions, _ *slog.Logger) (plane.Plane, error) {
	if kind == planeLinux {
		return nil, fmt.Errorf("--plane linux needs Linux, and this is %s", runtime.GOOS)
	}
	return sim.New(o.Dir), nil
}

// realPlane tells why this process cannot have the kernel's data plane.
func realPlane() error {
	return fmt.Errorf("this needs real machines and networks, and so Linux; this is %s", runtime.GOOS)
}

// enterPlane and enterLeft are for what only Linux has: user namespaces.
func enterPlane(string, string) error { return nil }
func enterLeft(string) error          { return nil }

func becomeServant() {}
