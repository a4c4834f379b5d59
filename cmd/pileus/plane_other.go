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
