package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"pileus/clock"
	"pileus/node"
)

// stopsWithin is how long `pileus down` waits for the end.
const stopsWithin = 30 * time.Second

func downCommand() *cobra.Command {
	d := &cobra.Command{
		Use: "down", Short: "Stop the cloud that runs here", Args: cobra.NoArgs,
		Long: `Stop the cloud that runs here, or the one that --endpoint names, and return once
it has ended. What it holds is there again when it is started the next time.
Instances go on running meanwhile; with --all they end, and no namespace, rule,
mount, device or process of the cloud is left on this machine. Their volumes
stay, and they boot again with the cloud. Where no cloud runs, --all removes what
one that was killed has left; --data-dir says which.`,
		Example: "  pileus down\n  pileus down --all\n  pileus down --endpoint http://127.0.0.1:4567",
		RunE: func(c *cobra.Command, _ []string) error {
			k := connect(c)
			local, here := k.local()
			path := "/_pileus/down"
			all, _ := c.Flags().GetBool("all")
			if all {
				path += "?all=true"
			}
			if err := k.do(c.Context(), http.MethodPost, path, nil, nil); err != nil {
				if all && !here && !c.Flags().Changed("endpoint") {
					return clearLeft(c)
				}
				return err
			}
			ended := func() bool { return k.do(c.Context(), http.MethodGet, "/_pileus/health", nil, nil) != nil }
			if here { // it closes its state after it has stopped to answer
				ended = func() bool { _, still := k.local(); return !still || !alive(local.PID) }
			}
			ctx, cancel := context.WithTimeout(c.Context(), stopsWithin)
			defer cancel()
			for clk := clock.New(); !ended(); {
				if clk.Wait(ctx, 20*time.Millisecond) != nil {
					return fmt.Errorf("%s was asked to stop and has not yet ended after %v", k.endpoint, stopsWithin)
				}
			}
			fmt.Fprintln(c.OutOrStdout(), "stopped", k.endpoint)
			for _, other := range clouds() {
				fmt.Fprintf(c.OutOrStdout(), "another one runs at %[1]s: `pileus down --endpoint %[1]s` stops it\n", other.Endpoint)
			}
			return nil
		},
	}
	d.Flags().Bool("all", false, "end instances, too, and remove every trace of the cloud from the kernel")
	d.Flags().String("data-dir", filepath.Join(stateDir(), "data"), "with --all and no cloud that runs: the state of the one whose instances end")
	return d
}

// clearLeft removes what a cloud that does not run any more left in the kernel.
func clearLeft(c *cobra.Command) error {
	dir, _ := c.Flags().GetString("data-dir")
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("no cloud runs here, and none has left anything: %w", err)
	}
	if err := enterLeft(dir); err != nil {
		return err
	}
	po, err := planeFor(node.Options{DataDir: dir}, false)
	if err != nil {
		return err
	}
	p, err := openPlane(planeAuto, po, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if err := errors.Join(p.Clear(), p.Close()); err != nil {
		return err
	}
	fmt.Fprintln(c.OutOrStdout(), "no cloud runs here; what one has left of", dir, "in the kernel is removed")
	return nil
}

func waitCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "wait", Short: "Wait until the cloud is ready, and its init scripts have run", Args: cobra.NoArgs,
		Example: `  pileus up & pileus wait --timeout 10s && eval "$(pileus env)"`,
		RunE: func(c *cobra.Command, _ []string) error {
			limit, _ := c.Flags().GetDuration("timeout")
			ctx, cancel := context.WithTimeout(c.Context(), limit)
			defer cancel()
			for clk := clock.New(); ; {
				k := connect(c)
				var ready struct{ Completed bool }
				err := k.do(ctx, http.MethodGet, "/_localstack/init/ready", nil, &ready)
				if err == nil && ready.Completed {
					return nil
				}
				if clk.Wait(ctx, 50*time.Millisecond) == nil {
					continue
				}
				if err == nil {
					return &exitError{1, fmt.Sprintf("the init scripts of %s have not ended within %v", k.endpoint, limit)}
				}
				return &exitError{1, fmt.Sprintf("no cloud was ready at %s within %v", k.endpoint, limit)}
			}
		},
	}
	c.Flags().Duration("timeout", time.Minute, "how long to wait")
	return c
}
