package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"pileus/all"
	"pileus/clock"
	"pileus/node"
	"pileus/node/initscripts"
)

func upCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "up",
		Short: "Start a cloud in the foreground",
		Long: `Start a cloud in the foreground. It prints "Ready." once it answers, and stops
with Ctrl-C or "pileus down". What it holds survives, whichever way it stops.

Every flag can also be set as PILEUS_<FLAG> in the environment (PILEUS_DATA_DIR)
or in the configuration file under its own name (data-dir: /srv/cloud).`,
		Example: `  pileus up
  pileus up --ephemeral --port 4567
  pileus up --data-dir /srv/cloud --log-level debug
  pileus up --postgres "host=/var/run/postgresql dbname=pileus"`,
		Args: cobra.NoArgs,
		RunE: up,
	}
	f := c.Flags()
	f.String("data-dir", filepath.Join(stateDir(), "data"), "where the cloud keeps its state")
	f.Bool("ephemeral", false, "keep everything in memory and forget it at the end")
	f.Int("port", node.DefaultPort, "port to listen on; 0 picks a free one")
	f.String("host", "127.0.0.1", "address to listen on")
	f.String("hostname", "", "host name that answers such as queue URLs carry (default: the one that the client used)")
	f.String("region", node.DefaultRegion, "region of requests that name none")
	f.String("account", node.DefaultAccount, "account of the root access key")
	f.String("access-key", node.DefaultKey, "access key id of the root user")
	f.String("secret-key", node.DefaultSecret, "secret access key of the root user, and of 12-digit access keys")
	f.String("durability", "sync", `"sync": what was acknowledged survives anything; "async": a power cut may lose the last moments; "memory": so may a crash`)
	f.String("postgres", "", "connection string of a PostgreSQL database to keep the state in")
	f.Bool("verify-signatures", true, "refuse requests whose signature is wrong")
	f.Bool("enforce-policies", true, "refuse what policies do not allow")
	f.Bool("profile", false, "serve pprof at /_pileus/pprof/")
	f.String("init-dir", filepath.Join(configDir(), "init"), "scripts in {boot,start,ready,shutdown}.d below it are run, as are those in /etc/localstack/init")
	f.String("log-level", "info", "debug, info, warn or error")
	f.String("log-format", "text", "text or json")
	return c
}

func up(c *cobra.Command, _ []string) error {
	o, err := upOptions(c)
	if err != nil {
		return err
	}
	tuneMemory()
	ctx := c.Context()
	dir, _ := c.Flags().GetString("init-dir")
	scripts := initscripts.Find([]string{"/etc/localstack/init", dir}, os.Stderr, o.Log)
	o.Init = scripts
	scripts.Run(ctx, initscripts.Boot, nil)
	watch := clock.Start()
	n, err := node.Start(ctx, o)
	if err != nil {
		return err
	}
	env := environment(n.Endpoint(), o)
	scripts.Run(ctx, initscripts.Start, env)
	announce(c.OutOrStdout(), n, o, watch)
	forget := remember(running{n.Endpoint(), os.Getpid(), o.DataDir})
	defer forget()
	scripts.Run(ctx, initscripts.Ready, env)
	select {
	case <-ctx.Done():
	case <-n.Asked():
	case err = <-n.Failed():
	}
	stopping := context.WithoutCancel(ctx)
	scripts.Run(stopping, initscripts.Shutdown, env)
	o.Log.Info("stopping")
	if e := n.Stop(stopping); err == nil {
		err = e
	}
	return err
}

func upOptions(c *cobra.Command) (node.Options, error) {
	f := c.Flags()
	text := func(name string) string { v, _ := f.GetString(name); return v }
	yes := func(name string) bool { v, _ := f.GetBool(name); return v }
	port, _ := f.GetInt("port")
	log, err := logger(text("log-level"), text("log-format"))
	if err != nil {
		return node.Options{}, err
	}
	if ephemeralAlias() && !f.Changed("ephemeral") {
		f.Set("ephemeral", "true")
	}
	o := node.Options{
		DataDir: text("data-dir"), SnapshotDir: snapshotDir(), Postgres: text("postgres"), Durability: text("durability"),
		Listen: []string{net.JoinHostPort(text("host"), strconv.Itoa(port))}, Hostname: text("hostname"),
		Region: text("region"), Account: text("account"), RootKey: text("access-key"), RootSecret: text("secret-key"),
		SkipSignatures: !yes("verify-signatures"), SkipPolicies: !yes("enforce-policies"),
		Profile: yes("profile"), Modules: all.Modules, Log: log, Version: version,
	}
	switch o.Durability {
	case "sync", "async", "memory":
	default:
		return o, fmt.Errorf("--durability is sync, async or memory, not %q", o.Durability)
	}
	if yes("ephemeral") {
		o.DataDir = ""
	}
	return o, nil
}

// ephemeralAlias follows LocalStack's PERSISTENCE=0, when somebody says so.
func ephemeralAlias() bool {
	v, _, ok := variable("PERSISTENCE")
	return ok && boolWord(v) == "false"
}

// tuneMemory lets the heap grow further between collections than Go does by
// default, because the live heap is small and requests are short; the limit
// holds that within bounds. What users set in the environment stands.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(256 << 20)
	}
}

func logger(level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level is debug, info, warn or error, not %q", level)
	}
	o := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, o)), nil
	}
	return nil, fmt.Errorf("--log-format is text or json, not %q", format)
}

// announce says where the cloud is and what to try, and last the line that
// scripts wait for.
func announce(w io.Writer, n *node.Node, o node.Options, watch clock.Stopwatch) {
	where := o.DataDir
	if where == "" {
		where = "in memory, gone when it stops"
	}
	if o.Postgres != "" {
		where = "in PostgreSQL, content in " + o.DataDir
	}
	fmt.Fprintf(w, `pileus %s
  endpoint     %s
  credentials  %s / %s   (account %s, region %s)
  state        %s
`, o.Version, n.Endpoint(), o.RootKey, o.RootSecret, o.Account, o.Region, where)
	for _, x := range o.Warnings() {
		fmt.Fprintln(w, "  WARNING      "+x)
	}
	fmt.Fprintf(w, `
Try, in another terminal:
  eval "$(%[1]s env)"
  aws s3 mb s3://hello && aws s3 ls
  %[1]s trail --follow

started in %[2]s
Ready.
`, program(), watch.Elapsed().Round(100_000))
}

// program is how the user called us.
func program() string {
	if strings.ContainsRune(os.Args[0], '/') {
		return os.Args[0]
	}
	return "pileus"
}

// remember writes the run file; the returned function removes it, unless
// another cloud has written its own since.
func remember(r running) (forget func()) {
	b, _ := json.Marshal(r)
	file := runFile()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return func() {}
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		return func() {}
	}
	return func() {
		if now, err := os.ReadFile(file); err == nil && string(now) == string(b) {
			os.Remove(file)
		}
	}
}

func environment(endpoint string, o node.Options) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + endpoint, "AWS_ACCESS_KEY_ID=" + o.RootKey, "AWS_SECRET_ACCESS_KEY=" + o.RootSecret,
		"AWS_DEFAULT_REGION=" + o.Region, "AWS_REGION=" + o.Region,
	}
}
