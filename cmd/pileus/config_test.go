package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pileus/node"
)

// options are what `pileus up` would start a node with.
func options(t *testing.T, env map[string]string, file string, args ...string) (node.Options, error) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	for _, name := range []string{"XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "PILEUS_CONFIG", "GATEWAY_LISTEN", "EDGE_PORT", "DEBUG", "LS_LOG", "PERSISTENCE"} {
		t.Setenv(name, "")
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	if file != "" {
		path := filepath.Join(home, ".config", "pileus", "config.yaml")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	up, _, err := rootCommand().Find([]string{"up"})
	if err != nil {
		t.Fatal(err)
	}
	if err := up.ParseFlags(args); err != nil {
		return node.Options{}, err
	}
	if err := configure(up); err != nil {
		return node.Options{}, err
	}
	return upOptions(up)
}

func TestConfiguration(t *testing.T) {
	listen := func(o node.Options) string { return o.Listen[0] }
	region := func(o node.Options) string { return o.Region }
	name := func(o node.Options) string { return o.Hostname }
	dir := func(o node.Options) string { return filepath.Base(o.DataDir) }
	policies := func(o node.Options) string {
		if o.SkipPolicies {
			return "off"
		}
		return "on"
	}
	type env = map[string]string
	for _, c := range []struct {
		name string
		env  env
		file string
		args []string
		of   func(node.Options) string
		want string
	}{
		{name: "default", of: listen, want: "127.0.0.1:4566"},
		{name: "file", file: "port: 1", of: listen, want: "127.0.0.1:1"},
		{name: "alias over file", env: env{"EDGE_PORT": "2"}, file: "port: 1", of: listen, want: "127.0.0.1:2"},
		{name: "environment over alias", env: env{"EDGE_PORT": "2", "PILEUS_PORT": "3"}, file: "port: 1", of: listen, want: "127.0.0.1:3"},
		{name: "flag over all", env: env{"EDGE_PORT": "2", "PILEUS_PORT": "3"}, file: "port: 1", args: []string{"--port", "4"}, of: listen, want: "127.0.0.1:4"},
		{name: "a flag that says the default", env: env{"PILEUS_REGION": "eu-west-1"}, args: []string{"--region", "us-east-1"}, of: region, want: "us-east-1"},
		{name: "empty variables say nothing", env: env{"PILEUS_PORT": "", "EDGE_PORT": ""}, of: listen, want: "127.0.0.1:4566"},
		{name: "dashes", env: env{"PILEUS_DATA_DIR": "/x/data-here"}, of: dir, want: "data-here"},
		{name: "booleans in a file", file: "enforce-policies: false", of: policies, want: "off"},

		{name: "GATEWAY_LISTEN", env: env{"GATEWAY_LISTEN": "0.0.0.0:5000,0.0.0.0:443", "EDGE_PORT": "2"}, of: listen, want: "0.0.0.0:5000"},
		{name: "GATEWAY_LISTEN, port", env: env{"GATEWAY_LISTEN": ":5000"}, of: listen, want: "127.0.0.1:5000"},
		{name: "GATEWAY_LISTEN, only a port", env: env{"GATEWAY_LISTEN": "5000"}, of: listen, want: "127.0.0.1:5000"},
		{name: "GATEWAY_LISTEN, address", env: env{"GATEWAY_LISTEN": "0.0.0.0"}, of: listen, want: "0.0.0.0:4566"},
		{name: "GATEWAY_LISTEN, IPv6", env: env{"GATEWAY_LISTEN": "[::]:5000"}, of: listen, want: "[::]:5000"},
		{name: "LOCALSTACK_HOST", env: env{"LOCALSTACK_HOST": "localhost.localstack.cloud:4566"}, of: name, want: "localhost.localstack.cloud"},
		{name: "PERSISTENCE=0", env: env{"PERSISTENCE": "0"}, of: dir, want: "."},
		{name: "PERSISTENCE=1", env: env{"PERSISTENCE": "1"}, of: dir, want: "data"},
		{name: "PERSISTENCE=0 and the flag", env: env{"PERSISTENCE": "0"}, args: []string{"--ephemeral=false"}, of: dir, want: "data"},
		{name: "LOCALSTACK_VOLUME_DIR", env: env{"LOCALSTACK_VOLUME_DIR": "/x/volume"}, of: dir, want: "volume"},
		{name: "ENFORCE_IAM=0", env: env{"ENFORCE_IAM": "0"}, of: policies, want: "off"},
		{name: "ENFORCE_IAM=1", env: env{"ENFORCE_IAM": "1"}, of: policies, want: "on"},
		{name: "DEFAULT_REGION", env: env{"DEFAULT_REGION": "eu-central-1"}, of: region, want: "eu-central-1"},
		{name: "DEBUG", env: env{"DEBUG": "1"}, of: level, want: "DEBUG"},
		{name: "somebody else's DEBUG", env: env{"DEBUG": "express:*"}, of: level, want: "INFO"},
		{name: "LS_LOG", env: env{"LS_LOG": "WARNING"}, of: level, want: "WARN"},
		{name: "LS_LOG=trace", env: env{"LS_LOG": "trace"}, of: level, want: "DEBUG"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := options(t, c.env, c.file, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.of(o); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// level is the lowest that is logged.
func level(o node.Options) string {
	for _, l := range []string{"DEBUG", "INFO", "WARN", "ERROR"} {
		if o.Log.Enabled(context.Background(), levels[l]) {
			return l
		}
	}
	return ""
}

func TestConfigurationMistakes(t *testing.T) {
	type env = map[string]string
	for _, c := range []struct {
		name string
		env  env
		file string
		args []string
		says string
	}{
		{name: "a variable's value", env: env{"PILEUS_PORT": "many"}, says: `PILEUS_PORT: "many" is no value for --port`},
		{name: "an alias's value", env: env{"EDGE_PORT": "many"}, says: `EDGE_PORT: "many"`},
		{name: "the file's value", file: "port: many", says: `the configuration file: "many"`},
		{name: "an unknown setting", file: "prot: 1", says: `there is no setting "prot"`},
		{name: "a list", file: "port: [1, 2]", says: "port needs one value"},
		{name: "no YAML", file: "port: [", says: "config.yaml"},
		{name: "a file that is not there", args: []string{"--config", "/nonexistent.yaml"}, says: "/nonexistent.yaml"},
		{name: "durability", args: []string{"--durability", "maybe"}, says: "sync, async or memory"},
		{name: "level", args: []string{"--log-level", "loud"}, says: "debug, info, warn or error"},
		{name: "format", args: []string{"--log-format", "xml"}, says: "text or json"},
		{name: "two places for the state", args: []string{"--ephemeral", "--postgres", "dbname=x"}, says: "choose one"},
		{name: "an unknown flag", args: []string{"--prot", "1"}, says: "unknown flag: --prot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := options(t, c.env, c.file, c.args...); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// TestSettingsDoNotNarrow: what describes the cloud is no filter for commands
// that have a flag of the same name.
func TestSettingsDoNotNarrow(t *testing.T) {
	d := newDesk(t)
	t.Setenv("DEFAULT_REGION", "eu-west-1")
	t.Setenv("PILEUS_REGION", "eu-west-1")
	t.Setenv("PILEUS_ACCOUNT", "111122223333")
	d.bucket("seen")
	d.says([]string{"CreateBucket", "arn:aws:s3:::seen"}, "trail")
	d.Advance(time.Hour)
	d.says([]string{"AmazonS3"}, "bill")
}
