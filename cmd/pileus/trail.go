package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pileus/trail"
)

func trailCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "trail", Short: "Show who called what, and how it went", Args: cobra.NoArgs,
		Example: `  pileus trail --follow
  pileus trail --errors --service s3
  pileus trail --principal alice --format json`,
		RunE: showTrail,
	}
	f := c.Flags()
	f.BoolP("follow", "f", false, "go on and show calls as they come")
	f.Int("limit", 0, "how many of the latest calls (100, or 10 when following)")
	f.String("format", "table", "table or json")
	for name, usage := range map[string]string{
		"service": "only this service: s3", "operation": "only this operation: PutObject", "principal": "part of the caller's ARN, or an access key id",
		"resource": "part of a resource's ARN", "code": "only this error code", "account": "only this account", "region": "only this region",
		"since": "only from this time on (RFC 3339)", "until": "only up to this time (RFC 3339)",
	} {
		f.String(name, "", usage)
	}
	complete(c, "format", "table", "json")
	f.Bool("errors", false, "only calls that failed")
	f.Bool("writes", false, "only calls that change something")
	f.Bool("external", false, "leave out what services ask of each other")
	return c
}

func showTrail(c *cobra.Command, _ []string) error {
	q := url.Values{}
	for _, name := range []string{"service", "operation", "principal", "resource", "code", "account", "region", "since", "until"} {
		if v, _ := c.Flags().GetString(name); v != "" {
			q.Set(name, v)
		}
	}
	for _, name := range []string{"follow", "errors", "writes", "external"} {
		if v, _ := c.Flags().GetBool(name); v {
			q.Set(name, "1")
		}
	}
	if n, _ := c.Flags().GetInt("limit"); c.Flags().Changed("limit") {
		q.Set("limit", strconv.Itoa(n))
	}
	show := trailTable
	switch format, _ := c.Flags().GetString("format"); format {
	case "table":
		fmt.Fprintf(c.OutOrStdout(), trailRow, "TIME", "SERVICE", "OPERATION", "RESULT", "LATENCY", "REQUEST", "WHO → WHAT")
	case "json":
		show = func(w io.Writer, r io.Reader) error { _, err := io.Copy(w, r); return err }
	default:
		return fmt.Errorf("--format is table or json, not %q", format)
	}
	for {
		res, err := connect(c).send(c.Context(), http.MethodGet, "/_pileus/trail?"+q.Encode(), nil)
		if err == nil {
			err = show(c.OutOrStdout(), res.Body)
			res.Body.Close()
		}
		if c.Context().Err() != nil {
			return nil // Ctrl-C ends --follow
		}
		if err != nil || q.Get("follow") == "" {
			return err
		}
		q.Set("limit", "0") // a snapshot was loaded: go on with what comes
	}
}

const trailRow = "%-8s  %-14s %-26s %-22s %9s  %-36s  %s\n"

func trailTable(w io.Writer, r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var gap struct{ Missed int }
		if json.Unmarshal(lines.Bytes(), &gap) == nil && gap.Missed > 0 {
			fmt.Fprintf(w, "(%d more came faster than they could be shown)\n", gap.Missed)
			continue
		}
		var e trail.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return err
		}
		result := strconv.Itoa(e.Status)
		if e.Code != "" {
			result = e.Code
		}
		who := e.Principal
		if len(e.Resources) > 0 {
			who += " → " + strings.Join(e.Resources, ", ")
		}
		fmt.Fprintf(w, trailRow, e.Time.Format(time.TimeOnly), e.Service, e.Operation, result, e.Latency.Round(10*time.Microsecond), e.RequestID, who)
	}
	return lines.Err()
}
