package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pileus/node"
	"pileus/plane"
)

func statusCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "status", Short: "Show the cloud that runs here and what it holds", Args: cobra.NoArgs,
		Example: "  pileus status\n  pileus status --json",
		RunE: func(c *cobra.Command, _ []string) error {
			var s node.Status
			if err := connect(c).do(c.Context(), http.MethodGet, "/_pileus/status", nil, &s); err != nil {
				return err
			}
			if asJSON, _ := c.Flags().GetBool("json"); asJSON {
				return printJSON(c.OutOrStdout(), s)
			}
			printStatus(c.OutOrStdout(), s)
			return nil
		},
	}
	c.Flags().Bool("json", false, "print JSON")
	return c
}

func printStatus(w io.Writer, s node.Status) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "endpoint\t%s\nversion\t%s\nup\t%s, process %d\nstate\t%s %s\naccount\t%s\nregion\t%s\nclock\t%s\n",
		s.Endpoint, s.Version, s.Uptime, s.PID, s.Backend, s.DataDir, s.Account, s.Region, clockLine(s.Clock))
	for _, r := range clouds() {
		if r.Endpoint != s.Endpoint {
			fmt.Fprintf(t, "also runs\t%s (process %d)\n", r.Endpoint, r.PID)
		}
	}
	fmt.Fprintf(t, "data plane\t%s\n", planeLine(s.Plane))
	for _, f := range s.Plane.Features {
		if !f.Works && s.Plane.Kind != "simulated" {
			fmt.Fprintf(t, "limited\t%s: %s\n", f.Name, f.Reason)
		}
	}
	for _, z := range s.Zones {
		fmt.Fprintf(t, "zone\t%s is %s since %s\n", z.Zone, z, z.Since.Format(time.RFC3339))
	}
	for _, x := range s.Warnings {
		fmt.Fprintf(t, "WARNING\t%s\n", x)
	}
	t.Flush()
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, name := range sorted(s.Services) {
		var holds []string
		for _, what := range sorted(s.Services[name]) {
			holds = append(holds, fmt.Sprintf("%d %s", s.Services[name][what], what))
		}
		fmt.Fprintf(t, "%s\t%s\n", name, strings.Join(holds, ", "))
	}
	t.Flush()
}

// planeLine names the data plane; of a simulated one it says why it is that.
func planeLine(r plane.Report) string {
	if r.Kind != "simulated" || len(r.Features) == 0 {
		return r.Kind
	}
	return strings.ReplaceAll(r.Features[0].Reason, "\n", "; ")
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
