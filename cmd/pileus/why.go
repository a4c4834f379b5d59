package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pileus/node"
	"pileus/plane/reach"
	"pileus/policy"
	"pileus/trail"
)

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
	c.AddCommand(whyNetCommand())
	return c
}

func whyNetCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "net FROM TO [PORT]",
		Short: "Explain why one machine cannot reach another",
		Long: `Explain whether FROM can open a connection to TO, and what stops it: routes,
network ACLs, security groups, gateways and peering are walked one by one, there
and back again. FROM and TO are instances, network interfaces, addresses or
"internet". Without PORT, it is about ping.`,
		Example: "  pileus why net i-0a1b2c3d4e5f60718 i-08d7c6b5a4f3e2d1c 5432\n  pileus why net internet 198.18.0.7 80",
		Args:    cobra.RangeArgs(2, 3),
		RunE:    whyNet,
	}
	c.Flags().String("protocol", "tcp", "tcp or udp")
	c.Flags().String("account", node.DefaultAccount, "the account that has FROM and TO")
	c.Flags().String("region", node.DefaultRegion, "their region")
	c.Flags().Bool("json", false, "print the whole way as JSON")
	return c
}

func whyNet(c *cobra.Command, args []string) error {
	q := url.Values{"from": {args[0]}, "to": {args[1]}, "protocol": {"icmp"}}
	if len(args) > 2 {
		q.Set("port", args[2])
		q.Set("protocol", c.Flag("protocol").Value.String())
	}
	for _, name := range []string{"account", "region"} {
		q.Set(name, c.Flag(name).Value.String())
	}
	var told struct {
		Question reach.Question
		Answer   reach.Answer
		Text     []string
	}
	if err := connect(c).do(c.Context(), http.MethodGet, "/_pileus/network/why?"+q.Encode(), nil, &told); err != nil {
		return err
	}
	w := c.OutOrStdout()
	if asJSON, _ := c.Flags().GetBool("json"); asJSON {
		return printJSON(w, told)
	}
	p := told.Question.Packet
	fmt.Fprintf(w, "From %s (%s) to %s (%s):\n", args[0], p.From, args[1], p.To)
	for _, line := range told.Text {
		fmt.Fprintln(w, line)
	}
	for _, m := range told.Answer.Through {
		fmt.Fprintf(w, "On its way it passes %s, which must pass packets on.\n", m)
	}
	if told.Answer.Reached {
		fmt.Fprintln(w, "It arrives, and so do the answers.")
	}
	return nil
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
