package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

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
or in the configuration file under its own name (data-dir: /srv/cloud). A flag
wins over the environment, and that over the file. LocalStack's GATEWAY_LISTEN,
EDGE_PORT, LOCALSTACK_HOST, PERSISTENCE, DEBUG, LS_LOG and ENFORCE_IAM are
understood as well.`,
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
	f.String("dns", "", "address of a name server for this host that knows the cloud's load balancers and instances, such as 127.0.0.1:4553 (default: none)")
	f.String("region", node.DefaultRegion, "region of requests that name none")
	f.String("account", node.DefaultAccount, "account of the root access key")
	f.String("access-key", node.DefaultKey, "access key id of the root user")
	f.String("secret-key", node.DefaultSecret, "secret access key of the root user, and of 12-digit access keys")
	f.String("durability", "sync", `"sync": what was acknowledged survives anything; "async": a power cut may lose the last moments; "memory": so may a crash`)
	f.String("postgres", "", "connection string of a PostgreSQL database to keep the state in")
	f.Bool("verify-signatures", true, "refuse requests whose signature is wrong")
	f.Bool("enforce-policies", true, "refuse what policies do not allow")
	f.Bool("profile", false, "serve pprof at /_pileus/pprof/")
	f.String("plane", planeAuto, `networks, machines and volumes: "linux" makes them of the kernel's parts, as root or in a user namespace, "sim" only keeps their states, "auto" takes what is possible`)
	f.String("engine", engineContainer, `what instances run on: "container" is process trees on this machine's kernel, "qemu" virtual machines with a kernel of their own, "auto" virtual machines where the processor runs them; images that only a virtual machine can boot, as those of Windows, always run on QEMU`)
	f.String("kernel", "", "Linux kernel of virtual machines whose image has none (default: the newest in /boot)")
	f.Bool("uplink", true, "let instances reach the real internet through this machine, where their network allows it")
	f.String("init-dir", filepath.Join(configDir(), "init"), "scripts in {boot,start,ready,shutdown}.d below it are run, as are those in /etc/localstack/init")
	f.String("log-level", "info", "debug, info, warn or error")
	f.String("log-format", "text", "text or json")
	complete(c, "plane", planeAuto, planeLinux, planeSimulated)
	complete(c, "engine", engineAuto, engineContainer, engineQemu)
	complete(c, "durability", "sync", "async", "memory")
	complete(c, "log-level", "debug", "info", "warn", "error")
	complete(c, "log-format", "text", "json")
	return c
}

func up(c *cobra.Command, _ []string) error {
	o, err := upOptions(c)
	if err != nil {
		return err
	}
	kind, err := planeKind(c)
	if err != nil {
		return err
	}
	if err := enterPlane(kind, o.DataDir); err != nil {
		return err
	}
	tuneMemory()
	ctx := c.Context()
	dir, _ := c.Flags().GetString("init-dir")
	scripts := initscripts.Find([]string{"/etc/localstack/init", dir}, os.Stderr, o.Log)
	o.Init = scripts
	scripts.Run(ctx, initscripts.Boot, nil)
	watch := clock.Start()
	letGo, err := givePlane(c, &o)
	if err != nil {
		return err
	}
	n, err := node.Start(ctx, o)
	if err != nil {
		return errors.Join(err, letGo(false))
	}
	took := watch.Elapsed()
	env := environment(n.Endpoint(), o)
	scripts.Run(ctx, initscripts.Start, env)
	forget, err := remember(running{Endpoint: n.Endpoint(), DataDir: o.DataDir, AccessKey: o.RootKey, SecretKey: o.RootSecret})
	if err != nil {
		o.Log.Warn("other commands need --endpoint to find this cloud", "err", err)
	} else {
		defer forget() // once all is closed
	}
	announce(c.OutOrStdout(), n, o, took)
	ctx, end := context.WithCancel(ctx)
	defer end()
	ended := make(chan error, 1)
	go func() {
		ended <- untilEnd(ctx, n)
		end()
	}()
	scripts.Run(ctx, initscripts.Ready, env)
	err = <-ended
	stopping := context.WithoutCancel(ctx)
	o.Log.Info("stopping")
	scripts.Run(stopping, initscripts.Shutdown, env)
	err = errors.Join(err, n.Stop(stopping))
	return errors.Join(err, letGo(n.AskedAll()))
}

// untilEnd waits for Ctrl-C, `pileus down`, or a node that cannot go on.
func untilEnd(ctx context.Context, n *node.Node) error {
	select {
	case <-ctx.Done():
	case <-n.Asked():
	case err := <-n.Failed():
		return err
	}
	return nil
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
	o := node.Options{
		DataDir: text("data-dir"), SnapshotDir: snapshotDir(), Postgres: text("postgres"), Durability: text("durability"),
		Listen: []string{net.JoinHostPort(text("host"), strconv.Itoa(port))}, Hostname: text("hostname"), DNS: text("dns"),
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
		if o.DataDir = ""; o.Postgres != "" {
			return o, errors.New("--ephemeral keeps nothing and --postgres keeps the state: choose one of them")
		}
		return o, nil
	}
	o.DataDir, err = filepath.Abs(o.DataDir)
	return o, err
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
func announce(w io.Writer, n *node.Node, o node.Options, took time.Duration) {
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
`, program(), took.Round(100*time.Microsecond))
}

// program is how the user called us.
func program() string {
	if strings.ContainsRune(os.Args[0], '/') {
		return os.Args[0]
	}
	return "pileus"
}
