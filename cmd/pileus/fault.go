package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pileus/clock"
	"pileus/fault"
)

func faultCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "fault", Short: "Make calls, instances and zones fail or be slow, on purpose",
		Example: `  pileus fault add --service s3 --operation GetObject --error SlowDown --rate 0.1
  pileus fault add --service sqs --latency 300ms
  pileus fault add --service s3 --resource 'arn:aws:s3:::logs/*' --reset --count 1
  pileus fault list
  pileus fault zone us-east-1a down
  pileus fault clear`,
	}
	list := &cobra.Command{Use: "list", Short: "List the faults in force and how often they struck", Args: cobra.NoArgs, Example: "  pileus fault list", RunE: func(c *cobra.Command, _ []string) error {
		var rules []fault.Rule
		if err := connect(c).do(c.Context(), http.MethodGet, "/_pileus/faults", nil, &rules); err != nil {
			return err
		}
		return printRules(c.OutOrStdout(), rules)
	}}
	remove := &cobra.Command{Use: "remove ID", Short: "Remove one fault", Args: cobra.ExactArgs(1), Example: "  pileus fault remove 3f9a", RunE: func(c *cobra.Command, args []string) error {
		return connect(c).do(c.Context(), http.MethodDelete, "/_pileus/faults/"+url.PathEscape(args[0]), nil, nil)
	}}
	clear := &cobra.Command{Use: "clear", Short: "Remove all faults", Args: cobra.NoArgs, Example: "  pileus fault clear", RunE: func(c *cobra.Command, _ []string) error {
		return connect(c).do(c.Context(), http.MethodDelete, "/_pileus/faults", nil, nil)
	}}
	return group(c, addFaultCommand(), list, remove, clear, interruptCommand(), zoneCommand())
}

// interruptCommand takes a spot instance back.
func interruptCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "spot-interrupt INSTANCE", Short: "Interrupt a spot instance after its notice of two minutes", Args: cobra.ExactArgs(1),
		Example: "  pileus fault spot-interrupt i-0123456789abcdef0\n  pileus fault spot-interrupt --rebalance i-0123456789abcdef0",
	}
	rebalance := c.Flags().Bool("rebalance", false, "only recommend to rebalance, without an interruption")
	c.RunE = func(c *cobra.Command, args []string) error {
		var out struct {
			Instance, Request, Action string
			At                        time.Time
		}
		q := url.Values{"instance": args, "rebalance": {strconv.FormatBool(*rebalance)}}
		if err := connect(c).do(c.Context(), http.MethodPost, "/_pileus/spot?"+q.Encode(), nil, &out); err != nil {
			return err
		}
		if out.Action == "" {
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s (%s) is told to rebalance\n", out.Instance, out.Request)
			return err
		}
		_, err := fmt.Fprintf(c.OutOrStdout(), "%s (%s): %s at %s\n", out.Instance, out.Request, out.Action, out.At.Format(time.RFC3339))
		return err
	}
	return c
}

func addFaultCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "add", Short: "Add a fault", Args: cobra.NoArgs, RunE: addFault,
		Example: "  pileus fault add --service s3 --operation 'Get*' --error InternalError --rate 0.05 --for 10m",
	}
	f := c.Flags()
	for name, usage := range map[string]string{
		"service": "service: s3 (patterns with * and ? everywhere; empty: all)", "operation": "operation: GetObject", "resource": "ARN of the resource",
		"region": "region", "account": "account", "principal": "ARN of who calls, or of its role", "error": "AWS's error code to answer with: SlowDown, ThrottlingException, InternalError",
		"message": "the error's message",
	} {
		f.String(name, "", usage)
	}
	f.Int("status", 0, "HTTP status of the error (default: the code's own)")
	f.Duration("latency", 0, "wait so long before the call is handled")
	f.Bool("reset", false, "cut the connection instead of answering")
	f.Float64("rate", 1, "share of calls that it strikes, 0 to 1")
	f.Int("count", 0, "remove it after so many strikes")
	f.String("for", "", "remove it after so long by the cloud's clock: 10m, 2d")
	return c
}

func addFault(c *cobra.Command, _ []string) error {
	f := c.Flags()
	text := func(name string) string { v, _ := f.GetString(name); return v }
	r := fault.Rule{
		Service: text("service"), Operation: text("operation"), Resource: text("resource"), Region: text("region"),
		Account: text("account"), Principal: text("principal"), Error: text("error"), Message: text("message"),
	}
	r.Status, _ = f.GetInt("status")
	r.Reset, _ = f.GetBool("reset")
	r.Rate, _ = f.GetFloat64("rate")
	r.Count, _ = f.GetInt("count")
	latency, _ := f.GetDuration("latency")
	r.Latency = fault.Duration(latency)
	k := connect(c)
	if v := text("for"); v != "" {
		d, err := clock.ParseDuration(v)
		if err != nil {
			return err
		}
		var now struct{ Now time.Time }
		if err := k.do(c.Context(), http.MethodGet, "/_pileus/clock", nil, &now); err != nil {
			return err
		}
		r.Until = new(now.Now.Add(d))
	}
	var added fault.Rule
	if err := k.do(c.Context(), http.MethodPost, "/_pileus/faults", r, &added); err != nil {
		return err
	}
	return printRules(c.OutOrStdout(), []fault.Rule{added})
}

func printRules(w io.Writer, rules []fault.Rule) error {
	if len(rules) == 0 {
		fmt.Fprintln(w, "no faults are in force; `pileus fault add --help` shows how to add one")
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tSERVICE\tOPERATION\tRESOURCE\tDOES\tRATE\tSTRUCK")
	for _, r := range rules {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%g\t%d\n", r.ID, orStar(r.Service), orStar(r.Operation), orStar(r.Resource), does(r), r.Rate, r.Struck)
	}
	return t.Flush()
}

func orStar(pattern string) string {
	if pattern == "" {
		return "*"
	}
	return pattern
}

func does(r fault.Rule) string {
	s := ""
	if r.Latency > 0 {
		s = "waits " + time.Duration(r.Latency).String() + " "
	}
	if r.Reset {
		return s + "cuts the connection"
	}
	return s + r.Error
}
