package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pileus/clock"
	"pileus/node"
)

func downCommand() *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "Stop the cloud that runs here", Args: cobra.NoArgs,
		Example: "  pileus down",
		RunE: func(c *cobra.Command, _ []string) error {
			k := connect(c)
			if err := k.do(c.Context(), http.MethodPost, "/_pileus/down", nil, nil); err != nil {
				return err
			}
			// It is down once nobody answers any more.
			for clk, end := clock.New(), clock.Machine().Add(30*time.Second); clock.Machine().Before(end); {
				if k.do(c.Context(), http.MethodGet, "/_pileus/health", nil, nil) != nil {
					fmt.Fprintln(c.OutOrStdout(), "stopped", k.endpoint)
					return nil
				}
				if err := clk.Wait(c.Context(), 20*time.Millisecond); err != nil {
					return err
				}
			}
			return fmt.Errorf("%s was asked to stop and still answers after 30 s", k.endpoint)
		},
	}
}

func waitCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "wait", Short: "Wait until the cloud is ready", Args: cobra.NoArgs,
		Example: "  pileus up & pileus wait --timeout 10s && aws s3 ls",
		RunE: func(c *cobra.Command, _ []string) error {
			limit, _ := c.Flags().GetDuration("timeout")
			ctx, cancel := context.WithTimeout(c.Context(), limit)
			defer cancel()
			for clk := clock.New(); ; {
				k := connect(c)
				var s node.Status
				err := k.do(ctx, http.MethodGet, "/_pileus/status", nil, &s)
				if err == nil && s.Ready {
					return nil
				}
				if clk.Wait(ctx, 50*time.Millisecond) != nil {
					return &exitError{1, fmt.Sprintf("no cloud was ready at %s within %v", k.endpoint, limit)}
				}
			}
		},
	}
	c.Flags().Duration("timeout", time.Minute, "how long to wait")
	return c
}

func resetCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reset", Short: "Empty the cloud: every account, bucket, queue and user is gone", Args: cobra.NoArgs,
		Example: "  pileus reset",
		RunE: func(c *cobra.Command, _ []string) error {
			var out struct{ Took string }
			if err := connect(c).do(c.Context(), http.MethodPost, "/_pileus/reset", nil, &out); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), "empty again, in", out.Took)
			return nil
		},
	}
}

func envCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "env", Short: "Print the variables that point AWS clients at the cloud", Args: cobra.NoArgs,
		Example: `  eval "$(pileus env)"
  pileus env --format json`,
		RunE: func(c *cobra.Command, _ []string) error {
			k := connect(c)
			text := func(name string) string { v, _ := c.Flags().GetString(name); return v }
			o := node.Options{Region: text("region"), RootKey: text("access-key"), RootSecret: text("secret-key")}
			var s node.Status
			if err := k.do(c.Context(), http.MethodGet, "/_pileus/status", nil, &s); err == nil && !c.Flags().Changed("region") {
				o.Region = s.Region
			}
			return printEnv(c, text("format"), environment(k.endpoint, o))
		},
	}
	c.Flags().String("format", "sh", "sh, fish, powershell, dotenv or json")
	c.Flags().String("region", node.DefaultRegion, "region")
	c.Flags().String("access-key", node.DefaultKey, "access key id; a 12-digit one selects that account")
	c.Flags().String("secret-key", node.DefaultSecret, "secret access key")
	return c
}

func printEnv(c *cobra.Command, format string, env []string) error {
	line := map[string]string{
		"sh": "export %s='%s'\n", "fish": "set -gx %s '%s'\n", "powershell": "$Env:%s = '%s'\n", "dotenv": "%s=%s\n",
	}[format]
	values := map[string]string{}
	for _, e := range env {
		name, value, _ := cut(e)
		values[name] = value
		if line != "" {
			fmt.Fprintf(c.OutOrStdout(), line, name, value)
		}
	}
	if format == "sh" && legacyCLI(c.Context()) {
		fmt.Fprintln(c.OutOrStdout(), legacyFunction)
	}
	switch {
	case format == "json":
		return printJSON(c.OutOrStdout(), values)
	case line == "":
		return fmt.Errorf("--format is sh, fish, powershell, dotenv or json, not %q", format)
	}
	return nil
}

// legacyFunction works around version 1 of the aws CLI, which ignores
// AWS_ENDPOINT_URL for SQS and some others.
const legacyFunction = `aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; } # version 1 of the aws CLI ignores AWS_ENDPOINT_URL for SQS`

// legacyCLI tells whether the aws CLI on this machine is of version 1.
func legacyCLI(ctx context.Context) bool {
	out, err := exec.CommandContext(ctx, "aws", "--version").CombinedOutput()
	return err == nil && strings.HasPrefix(string(out), "aws-cli/1.")
}

func cut(e string) (name, value string, ok bool) {
	for i := range len(e) {
		if e[i] == '=' {
			return e[:i], e[i+1:], true
		}
	}
	return e, "", false
}

func clockCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "clock", Short: "Show and steer the cloud's time",
		Long: `Show and steer the cloud's time. Everything that waits for time, such as
lifecycle rules, message retention and retries, follows it; advancing runs what
falls due on the way, in order. Signatures and temporary credentials follow the
machine's own time, because clients sign with that.`,
		Example: `  pileus clock show
  pileus clock advance 30d
  pileus clock set 2027-01-01T00:00:00Z
  pileus clock freeze`,
	}
	verb := func(use, short string, args cobra.PositionalArgs, body func(string) (any, error)) {
		c.AddCommand(&cobra.Command{Use: use, Short: short, Args: args, RunE: func(c *cobra.Command, a []string) error {
			return steerClock(c, a, body)
		}})
	}
	verb("show", "Show where the clock stands", cobra.NoArgs, nil)
	verb("freeze", "Stop the clock", cobra.NoArgs, nil)
	verb("resume", "Let the clock go on from where it stands", cobra.NoArgs, nil)
	verb("reset", "Return to the machine's time", cobra.NoArgs, nil)
	verb("advance DURATION", "Move forward and run all that falls due: 90s, 12h, 30d, 2w", cobra.ExactArgs(1), func(a string) (any, error) {
		return map[string]string{"By": a}, nil
	})
	verb("set TIME", "Go to a time: 2027-01-01 or 2027-01-01T12:00:00Z", cobra.ExactArgs(1), func(a string) (any, error) {
		t, err := time.Parse(time.RFC3339, a)
		if err != nil {
			t, err = time.Parse(time.DateOnly, a)
		}
		if err != nil {
			return nil, fmt.Errorf("%q is no time such as 2027-01-01 or 2027-01-01T12:00:00Z", a)
		}
		return map[string]time.Time{"To": t}, nil
	})
	return c
}

func steerClock(c *cobra.Command, args []string, body func(string) (any, error)) error {
	method, path := http.MethodPost, "/_pileus/clock/"+c.Name()
	if c.Name() == "show" {
		method, path = http.MethodGet, "/_pileus/clock"
	}
	var in any
	if body != nil {
		var err error
		if in, err = body(args[0]); err != nil {
			return err
		}
	}
	var s node.ClockState
	if err := connect(c).do(c.Context(), method, path, in, &s); err != nil {
		return err
	}
	frozen := ""
	if s.Frozen {
		frozen = ", frozen"
	}
	fmt.Fprintf(c.OutOrStdout(), "%s (%s from the machine's time%s)\n", s.Now.Format(time.RFC3339), s.Offset, frozen)
	return nil
}
