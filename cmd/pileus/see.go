package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pileus/node"
	"pileus/policy"
	"pileus/trail"
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
	fmt.Fprintf(t, "endpoint\t%s\nversion\t%s\nup\t%s\nstate\t%s %s\naccount\t%s\nregion\t%s\nclock\t%s (%s)\n",
		s.Endpoint, s.Version, s.Uptime, s.Backend, s.DataDir, s.Account, s.Region, s.Clock.Now.Format(time.RFC3339), s.Clock.Offset)
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

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

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
	if n, _ := c.Flags().GetInt("limit"); n > 0 {
		q.Set("limit", strconv.Itoa(n))
	}
	res, err := connect(c).send(c.Context(), http.MethodGet, "/_pileus/trail?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	format, _ := c.Flags().GetString("format")
	if format == "json" {
		_, err = io.Copy(c.OutOrStdout(), res.Body)
	} else {
		err = trailTable(c.OutOrStdout(), res.Body)
	}
	if c.Context().Err() != nil {
		return nil // Ctrl-C ends --follow
	}
	return err
}

func trailTable(w io.Writer, r io.Reader) error {
	const row = "%-8s  %-14s %-26s %-22s %9s  %s  %s\n"
	fmt.Fprintf(w, row, "TIME", "SERVICE", "OPERATION", "RESULT", "LATENCY", "REQUEST", "WHO → WHAT")
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
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
		fmt.Fprintf(w, row, e.Time.Format(time.TimeOnly), e.Service, e.Operation, result, e.Latency.Round(10*time.Microsecond), e.RequestID, who)
	}
	return lines.Err()
}

func whyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "why REQUEST_ID",
		Short: "Explain why a request was refused, and what would allow it",
		Long: `Explain why a request was refused: which policies were looked at, which statement
denied or that none allowed, and the smallest statement that would allow it. The
request id is in the error that the client got (aws --debug, boto3's
ResponseMetadata) and in "pileus trail --errors".`,
		Example: "  pileus why 5b1b7a2e-6b0e-4d5c-9f0e-0a8f2d6a7c11\n  pileus why last",
		Args:    cobra.ExactArgs(1),
		RunE:    why,
	}
	c.Flags().Bool("json", false, "print the whole evaluation as JSON")
	return c
}

func why(c *cobra.Command, args []string) error {
	k, id := connect(c), args[0]
	if id == "last" {
		var err error
		if id, err = lastDenied(c, k); err != nil {
			return err
		}
	}
	var x trail.Explanation
	if err := k.do(c.Context(), http.MethodGet, "/_pileus/why/"+url.PathEscape(id), nil, &x); err != nil {
		return err
	}
	if asJSON, _ := c.Flags().GetBool("json"); asJSON {
		return printJSON(c.OutOrStdout(), x)
	}
	w, e := c.OutOrStdout(), x.Event
	fmt.Fprintf(w, "%s %s:%s at %s answered %d %s\n", id, e.Service, e.Operation, e.Time.Format(time.RFC3339), e.Status, e.Code)
	if e.Message != "" {
		fmt.Fprintln(w, e.Message)
	}
	fmt.Fprintln(w)
	if len(x.Trace) == 0 {
		fmt.Fprintln(w, "No policy refused this request: it was allowed, or failed for the reason above.")
		return nil
	}
	var t policy.Trace
	if err := json.Unmarshal(x.Trace, &t); err != nil {
		return err
	}
	fmt.Fprintln(w, strings.TrimSpace(t.Text()))
	return nil
}

// lastDenied is the request that was refused last.
func lastDenied(c *cobra.Command, k client) (string, error) {
	res, err := k.send(c.Context(), http.MethodGet, "/_pileus/trail?errors=1&limit=200", nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	last, dec := "", json.NewDecoder(res.Body)
	for dec.More() {
		var e trail.Event
		if err := dec.Decode(&e); err != nil {
			return "", err
		}
		if strings.Contains(e.Code, "AccessDenied") || strings.Contains(e.Code, "Unauthorized") {
			last = e.RequestID
		}
	}
	if last == "" {
		return "", &exitError{1, "no request was refused lately"}
	}
	return last, nil
}
