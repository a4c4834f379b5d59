package main

import (
	"fmt"
	"log/slog"
	"os"

	"pileus/plane"
	"pileus/plane/linux"
	"pileus/plane/sim"
)

// openPlane opens the data plane that the user chose: "auto" takes the
// kernel's where this process may use it.
func openPlane(kind string, o planeOptions, log *slog.Logger) (plane.Plane, error) {
	may := os.Geteuid() == 0
	switch {
	case kind == planeSimulated || kind == planeAuto && !may:
		return sim.New(o.Dir), nil
	case !may:
		return nil, fmt.Errorf("--plane linux needs root: start pileus with sudo, or as root of a user namespace of its own: unshare -Urn --map-root-user pileus up --plane linux")
	}
	return linux.Open(linux.Options{Cloud: o.Cloud, Dir: o.Dir, Private: o.Private, Uplink: o.Uplink, Log: log})
}

// realPlane tells why this process cannot have the kernel's data plane, if so.
func realPlane() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("this needs real machines and networks, and so root: start it with sudo")
	}
	return nil
}
