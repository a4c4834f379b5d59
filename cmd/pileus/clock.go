package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"pileus/clock"
	"pileus/node"
)

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
	verb := func(use, short, example string, args cobra.PositionalArgs, body func(string) (any, error)) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Example: "  pileus clock " + example, Args: args, RunE: func(c *cobra.Command, a []string) error {
			return steerClock(c, a, body)
		}}
	}
	return group(c,
		verb("show", "Show where the clock stands", "show", cobra.NoArgs, nil),
		verb("freeze", "Stop the clock", "freeze", cobra.NoArgs, nil),
		verb("resume", "Let the clock go on from where it stands", "resume", cobra.NoArgs, nil),
		verb("reset", "Return to the machine's time", "reset", cobra.NoArgs, nil),
		verb("advance DURATION", "Move forward and run all that falls due: 90s, 12h, 30d, 2w", "advance 30d", cobra.ExactArgs(1), func(a string) (any, error) {
			return map[string]string{"by": a}, nil
		}),
		verb("set TIME", "Go to a time: 2027-01-01 or 2027-01-01T12:00:00Z", "set 2027-01-01", cobra.ExactArgs(1), timeToSet),
	)
}

func timeToSet(a string) (any, error) {
	t, err := time.Parse(time.RFC3339, a)
	if err != nil {
		t, err = time.Parse(time.DateOnly, a)
	}
	if err != nil {
		return nil, fmt.Errorf("%q is no time such as 2027-01-01 or 2027-01-01T12:00:00Z", a)
	}
	return map[string]time.Time{"to": t}, nil
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
	k := connect(c)
	quiet := progress(c, k)
	var s node.ClockState
	err := k.do(c.Context(), method, path, in, &s)
	quiet()
	if c.Context().Err() != nil {
		return &exitError{interrupted, "interrupted: the clock stays at the time that it had reached, `pileus clock show` tells which"}
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(c.OutOrStdout(), clockLine(s))
	return nil
}

// clockLine tells where the clock stands, for people.
func clockLine(s node.ClockState) string {
	line := s.Now.Format(time.RFC3339)
	if offset, err := time.ParseDuration(s.Offset); err == nil && offset.Round(time.Second) != 0 {
		line += fmt.Sprintf(" (%s from the machine's time)", days(offset.Round(time.Second)))
	} else {
		line += " (the machine's time)"
	}
	if s.Frozen {
		line += ", frozen"
	}
	return line
}

// days writes a duration with its sign and its days: "+30d", "-1d2h0m0s".
func days(d time.Duration) string {
	sign := "+"
	if d < 0 {
		sign, d = "-", -d
	}
	const day = 24 * time.Hour
	switch whole, rest := d/day, d%day; {
	case whole == 0:
		return sign + rest.String()
	case rest == 0:
		return fmt.Sprintf("%s%dd", sign, whole)
	default:
		return fmt.Sprintf("%s%dd%s", sign, whole, rest)
	}
}

// A move of months has much to do on the way. On a terminal, how far it has
// come is shown from progressAfter on.
const (
	progressAfter = time.Second
	progressEvery = 250 * time.Millisecond
)

// progress begins to show where the clock is; quiet ends it and cleans up.
func progress(c *cobra.Command, k client) (quiet func()) {
	if !isTerminal(os.Stderr) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(c.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		shown := false
		clk := clock.New()
		for wait := progressAfter; clk.Wait(ctx, wait) == nil; wait = progressEvery {
			var s node.ClockState
			if k.do(ctx, http.MethodGet, "/_pileus/clock", nil, &s) == nil {
				fmt.Fprintf(os.Stderr, "\r%s", s.Now.Format(time.RFC3339))
				shown = true
			}
		}
		if shown {
			fmt.Fprint(os.Stderr, "\r\033[K")
		}
	}()
	return func() { cancel(); <-done }
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
