package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pileus/zone"
)

// What a slow zone is like unless told otherwise.
const (
	slowLatency = 20 * time.Millisecond
	slowRate    = "50mbit"
)

// zoneCommand makes availability zones fail.
func zoneCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "zone [ZONE down|up|slow]", Short: "Cut an availability zone off, slow it down, heal it; or list those that something ails",
		Long: `Cut an availability zone off, slow it down, heal it; or list those that something ails.

A zone that is down is dark: no packet goes in or out, its instances' status checks fail, nothing is launched or
started there, volumes in it are not attached. What runs in it goes on running, for nobody. In a slow zone, what
crosses its border is bound and comes later. Both last until the zone is up, over restarts as well.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 && len(args) != 2 {
				return fmt.Errorf("name a zone and what it is to be: pileus fault zone us-east-1a down")
			}
			return nil
		},
		Example: "  pileus fault zone us-east-1a down\n  pileus fault zone us-east-1b slow --rate 50mbit --latency 20ms\n  pileus fault zone\n  pileus fault zone us-east-1a up",
	}
	latency := c.Flags().Duration("latency", slowLatency, "of a slow zone: added to what crosses its border, in each direction; 0 for none")
	rate := c.Flags().String("rate", slowRate, "of a slow zone: bits per second that cross its border in each direction: 50mbit, 1gbit; 0 for no bound")
	c.RunE = func(c *cobra.Command, args []string) error {
		k := connect(c)
		var out zone.Answer
		if len(args) == 0 {
			if err := k.do(c.Context(), http.MethodGet, zone.Path, nil, &out); err != nil {
				return err
			}
			return printZones(c.OutOrStdout(), out.Zones)
		}
		in := zone.Request{Zone: args[0], State: args[1]}
		if in.State == "slow" {
			var err error
			if in.Rate, err = parseRate(*rate); err != nil {
				return err
			}
			in.LatencyMS = float64(*latency) / float64(time.Millisecond)
		}
		if err := k.do(c.Context(), http.MethodPost, zone.Path, in, &out); err != nil {
			return err
		}
		if out.Limits != "" {
			fmt.Fprintln(c.ErrOrStderr(), "WARNING: not all of it is done:", out.Limits)
		}
		return printZones(c.OutOrStdout(), out.Zones)
	}
	return c
}

// parseRate reads bits per second as tc writes them: "50mbit", "1gbit", "800k".
func parseRate(text string) (int64, error) {
	number := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(text), "ps"), "bit")
	unit := 1.0
	for suffix, size := range map[string]float64{"k": 1e3, "m": 1e6, "g": 1e9} {
		if n, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = n, size
			break
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(n >= 0 && n*unit < 1e15) {
		return 0, fmt.Errorf("%q is no rate like 50mbit or 1gbit", text)
	}
	return int64(n * unit), nil
}

func printZones(w io.Writer, list []zone.State) error {
	if len(list) == 0 {
		fmt.Fprintln(w, "all zones are up; `pileus fault zone us-east-1a down` cuts one off")
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "ZONE\tSTATE\tSINCE\tCAUSE")
	for _, z := range list {
		var causes []string
		for _, cause := range z.Causes {
			if cause == "" {
				cause = "pileus fault zone"
			}
			causes = append(causes, cause)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", z.Zone, z, z.Since.Format(time.RFC3339), strings.Join(causes, ", "))
	}
	return t.Flush()
}
