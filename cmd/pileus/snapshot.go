package main

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pileus/node"
)

func snapshotCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "snapshot", Short: "Save the whole cloud under a name, and go back to it",
		Example: `  pileus snapshot save before-migration
  pileus snapshot list
  pileus snapshot load before-migration`,
	}
	load := &cobra.Command{
		Use: "load NAME", Short: "Replace the cloud by what was saved", Args: cobra.ExactArgs(1), Example: "  pileus snapshot load before-migration",
		ValidArgsFunction: snapshotNames,
		RunE: func(c *cobra.Command, args []string) error {
			return askSnapshot(c, http.MethodPost, url.PathEscape(args[0])+"/load", "loaded")
		},
	}
	return group(c, load,
		&cobra.Command{Use: "save NAME", Short: "Save the cloud as it is at this moment", Args: cobra.ExactArgs(1), Example: "  pileus snapshot save before-migration", RunE: func(c *cobra.Command, args []string) error {
			return askSnapshot(c, http.MethodPut, url.PathEscape(args[0]), "saved")
		}},
		&cobra.Command{Use: "list", Short: "List what was saved, whether a cloud runs or not", Args: cobra.NoArgs, Example: "  pileus snapshot list", RunE: listSnapshots},
	)
}

// snapshotNames has the shell offer what was saved.
func snapshotNames(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	list, err := node.ListSnapshots(snapshotDir())
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func askSnapshot(c *cobra.Command, method, path, done string) error {
	var s node.Snapshot
	if err := connect(c).do(c.Context(), method, "/_pileus/snapshots/"+path, nil, &s); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s %s: %s\n", done, s.Name, holds(s.Holds))
	return nil
}

// listSnapshots reads the folder itself: no cloud has to run.
func listSnapshots(c *cobra.Command, _ []string) error {
	list, err := node.ListSnapshots(snapshotDir())
	if err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintln(c.OutOrStdout(), "nothing was saved yet: `pileus snapshot save NAME` saves the cloud that runs")
		return nil
	}
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSAVED\tCLOCK\tHOLDS")
	for _, s := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Name, s.Saved.Format(time.RFC3339), s.Clock.Now.Format(time.RFC3339), holds(s.Holds))
	}
	return t.Flush()
}

func snapshotDir() string { return filepath.Join(stateDir(), "snapshots") }

func holds(m map[string]int) string {
	text := ""
	for _, what := range sorted(m) {
		if m[what] == 0 {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d %s", m[what], what)
	}
	if text == "" {
		return "empty"
	}
	return text
}
