// Command pileus is a cloud that runs on your own machine and speaks AWS's API.
// This package is the command line only: one command a file.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// version is set by the build.
var version = "dev"

func main() {
	becomeGuest()
	becomeServant()
	ctx := untilInterrupted()
	if err := rootCommand().ExecuteContext(ctx); err != nil {
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			os.Exit(interrupted)
		}
		var quiet *exitError
		if errors.As(err, &quiet) {
			if quiet.message != "" {
				fmt.Fprintln(os.Stderr, "pileus: "+quiet.message)
			}
			os.Exit(quiet.code)
		}
		fmt.Fprintln(os.Stderr, "pileus: "+err.Error())
		os.Exit(1)
	}
}

// interrupted is the exit code that shells give to what Ctrl-C ended.
const interrupted = 130

// exitError ends the program with a code of its own.
type exitError struct {
	code    int
	message string
}

func (e *exitError) Error() string { return e.message }

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "pileus",
		Short: "A cloud on your own machine that speaks AWS's API",
		Long: `pileus is a cloud on your own machine that speaks AWS's API, and in which
everything works: policies deny and say why, data survives kill -9, and months
pass in a second under a virtual clock.`,
		Example: `  pileus up                      # start a cloud in the foreground
  eval "$(pileus env)"           # point the aws CLI, SDKs and Terraform at it
  aws s3 mb s3://hello
  pileus why REQUEST_ID          # why was this request refused?
  pileus clock advance 30d       # let a month pass`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	root.PersistentFlags().String("endpoint", "", "the cloud to talk to (default: the one that runs here; also PILEUS_ENDPOINT)")
	root.PersistentFlags().String("config", "", "configuration file (default: $XDG_CONFIG_HOME/pileus/config.yaml)")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w. `%s --help` shows what there is", err, c.CommandPath())
	})
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error { return configure(c) }
	root.AddCommand(
		upCommand(), downCommand(), statusCommand(), waitCommand(), envCommand(), resetCommand(),
		snapshotCommand(), clockCommand(), faultCommand(), drillCommand(), trailCommand(), whyCommand(), onpremCommand(), billCommand(), sshCommand(), connectCommand(), imageCommand(),
		doctorCommand(), coverageCommand(), referenceCommand(),
	)
	return root
}

// group makes a command that only has others below it say so, rather than
// pass over a word that it does not know.
func group(c *cobra.Command, below ...*cobra.Command) *cobra.Command {
	c.AddCommand(below...)
	c.Args = cobra.NoArgs
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return c
}

// complete has the shell offer a flag's values.
func complete(c *cobra.Command, flag string, values ...string) {
	err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // there is no such flag
	}
}
