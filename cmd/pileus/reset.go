package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

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
