package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"pileus/node"
	"pileus/plane"
	"pileus/rng"
)

// Kinds of data planes that --plane chooses from.
const (
	planeAuto      = "auto"
	planeLinux     = "linux"
	planeSimulated = "sim"
)

// Engines that --engine chooses from.
const (
	engineAuto      = "auto"
	engineContainer = "container"
	engineQemu      = "qemu"
)

// planeOptions say what a data plane is opened with.
type planeOptions struct {
	Cloud   string   // short id
	Dir     string   // "" keeps nothing
	Private []string // folders that machines must not see
	Uplink  bool
	Engine  string // "" is the default
	Kernel  string // of virtual machines; "" is the host's
	scratch bool   // Dir goes with the cloud
}

// givePlane opens the data plane that the flags choose. letGo ends its use:
// with all it removes every trace from the kernel, which a cloud in memory
// always does; without, instances go on running.
func givePlane(c *cobra.Command, o *node.Options) (letGo func(all bool) error, err error) {
	kind, err := planeKind(c)
	if err != nil {
		return nil, err
	}
	uplink, _ := c.Flags().GetBool("uplink")
	engine, _ := c.Flags().GetString("engine")
	switch engine {
	case "", engineAuto, engineContainer, engineQemu: // commands that start no instances have no such flag
	default:
		return nil, fmt.Errorf("--engine is auto, container or qemu, not %q", engine)
	}
	po, err := planeFor(*o, uplink)
	if err != nil {
		return nil, err
	}
	po.Engine = engine
	po.Kernel, _ = c.Flags().GetString("kernel")
	p, err := openPlane(kind, po, o.Log)
	if err != nil {
		return nil, err
	}
	o.Plane = p
	return func(all bool) error {
		var err error
		if all || po.scratch {
			err = p.Clear()
		}
		err = errors.Join(err, p.Close())
		if po.scratch {
			err = errors.Join(err, os.RemoveAll(po.Dir))
		}
		return err
	}, nil
}

// planeKind is what --plane chooses.
func planeKind(c *cobra.Command) (string, error) {
	kind, _ := c.Flags().GetString("plane")
	switch kind {
	case planeAuto, planeLinux, planeSimulated:
		return kind, nil
	}
	return "", fmt.Errorf("--plane is auto, linux or sim, not %q", kind)
}

// planeFor are the options of a cloud's data plane. A cloud in memory has a
// folder for its volumes that goes with it.
func planeFor(o node.Options, uplink bool) (planeOptions, error) {
	p := planeOptions{Uplink: uplink}
	if o.DataDir != "" {
		p.Dir, p.Private = filepath.Join(o.DataDir, "plane"), []string{o.DataDir}
		p.Cloud = cloudID([]byte(o.DataDir))
		return p, nil
	}
	dir, err := os.MkdirTemp("", "pileus-plane-*")
	p.Dir, p.scratch, p.Cloud = dir, true, cloudID(rng.Bytes(8))
	return p, err
}

// cloudID is what the kernel's parts of a cloud are named for: the same each
// time that a data directory is used.
func cloudID(seed []byte) string {
	sum := sha256.Sum256(seed)
	return hex.EncodeToString(sum[:3])
}

// checkPlane makes a data plane for a moment to see what it can do.
func checkPlane(w io.Writer) {
	po, err := planeFor(node.Options{}, false)
	if err != nil {
		fmt.Fprintln(w, "  !!    data plane:", err)
		return
	}
	defer os.RemoveAll(po.Dir)
	p, err := openPlane(planeAuto, po, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Fprintln(w, "  !!    data plane:", err)
		return
	}
	report := p.Describe()
	if probe, ok := p.(interface{ Probe() plane.Report }); ok {
		report = probe.Probe()
	}
	fmt.Fprintf(w, "\ndata plane: %s\n", report.Kind)
	printPlane(w, report)
	if err := errors.Join(p.Clear(), p.Close()); err != nil {
		fmt.Fprintln(w, "  !!    what was made to try it could not be removed:", err)
	}
}

// printPlane writes what a data plane can do here.
func printPlane(w io.Writer, r plane.Report) {
	for _, f := range r.Features {
		if f.Works {
			fmt.Fprintf(w, "  ok    %s\n", f.Name)
			continue
		}
		fmt.Fprintf(w, "  --    %-22s %s\n", f.Name, strings.ReplaceAll(f.Reason, "\n", "\n        → "))
	}
}
