package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"pileus/drill"
	"pileus/node"
)

func drillCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "drill", Short: "Build an application, load it, and see what happens when ___ fails",
		Example: "  sudo pileus drill three-tier\n  sudo pileus drill three-tier --fail zone --svg zone.svg",
	}
	return group(c, threeTierCommand())
}

func threeTierCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "three-tier", Short: "The three-tier application over two zones", Args: cobra.NoArgs,
		Long: `Start a cloud of its own, build the three-tier application of a first AWS course
in it (a VPC over two zones, an Application Load Balancer, an Auto Scaling group
with user data, state outside of the instances, an alarm and a policy), load it,
and break one component after the other. For each it says how many requests were
sent and failed, when the cloud noticed, when the traffic had shifted and when
the capacity was restored. Everything is removed at the end.

It needs root on Linux, because its packets, processes and zones are real. Clouds
that run already are not touched.`,
		Example: "  sudo pileus drill three-tier\n  sudo pileus drill three-tier --fail zone --fail pileus --rate 100\n  sudo pileus drill three-tier --svg drill.svg --json drill.json\n  sudo pileus drill three-tier --day",
		RunE:    threeTier,
	}
	f := c.Flags()
	f.StringSlice("fail", nil, "what to break, in this order: "+strings.Join(drill.Failures(), ", ")+" (default: all)")
	f.Int("rate", 100, "requests a second")
	f.String("region", node.DefaultRegion, "region")
	f.String("svg", "", "file to draw the timeline into")
	f.String("json", "", "file to write all that was seen into")
	f.Bool("day", false, "spread the failures over a day of the cloud's clock, and run that day in minutes")
	f.Bool("quiet", false, "print only the result")
	complete(c, "fail", drill.Failures()...)
	return c
}

func threeTier(c *cobra.Command, _ []string) error {
	f := c.Flags()
	text := func(name string) string { v, _ := f.GetString(name); return v }
	if err := realPlane(); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "pileus-drill-")
	if err != nil {
		return err
	}
	o := drill.Options{Program: program, Dir: dir, Region: text("region"), Out: c.OutOrStdout()}
	o.Rate, _ = f.GetInt("rate")
	o.Failures, _ = f.GetStringSlice("fail")
	o.Day, _ = f.GetBool("day")
	if quiet, _ := f.GetBool("quiet"); quiet {
		o.Out = nil
	}
	r, err := drill.Run(c.Context(), o)
	if err != nil {
		err = fmt.Errorf("%w\nThe cloud's log is %s", err, filepath.Join(dir, "cloud.log"))
	} else {
		err = os.RemoveAll(dir)
	}
	if r == nil {
		return err
	}
	fmt.Fprintln(c.OutOrStdout())
	r.Timeline(c.OutOrStdout(), 100)
	fmt.Fprintln(c.OutOrStdout())
	return errors.Join(err, r.Print(c.OutOrStdout()), keepDrill(r, text("svg"), text("json")))
}

// keepDrill writes what was asked for into files.
func keepDrill(r *drill.Report, svg, json string) error {
	var b bytes.Buffer
	if svg != "" {
		if err := r.SVG(&b); err != nil {
			return err
		}
		if err := os.WriteFile(svg, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if json == "" {
		return nil
	}
	b.Reset()
	if err := printJSON(&b, r); err != nil {
		return err
	}
	return os.WriteFile(json, b.Bytes(), 0o644)
}
