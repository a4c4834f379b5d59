package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configure fills in the flags that were not given: from PILEUS_<FLAG> in the
// environment, from the variables that other local clouds use, then from the
// configuration file. All of these describe a cloud: of commands that talk to
// one, they only say where it is, so that a region set for the cloud does not
// narrow what `pileus trail` shows.
func configure(c *cobra.Command) error {
	describes := c.Name() == "up" || c.Name() == "env"
	file, err := readConfig(c)
	if err != nil {
		return err
	}
	var failed error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil || !describes && f.Name != "endpoint" || f.Name == "config" || f.Name == "help" {
			return
		}
		value, from, ok := lookup(f.Name, file)
		if !ok {
			return
		}
		if err := c.Flags().Set(f.Name, value); err != nil {
			failed = fmt.Errorf("%s: %q is no value for --%s: %w", from, value, f.Name, err)
		}
	})
	return failed
}

// alias tells what a variable of LocalStack says of a flag; empty: nothing.
type alias func() (value, from string)

// aliases are LocalStack's variables that mean the same as a flag.
var aliases = map[string]alias{
	"port": func() (string, string) {
		if _, port, from := gatewayListen(); port != "" {
			return port, from
		}
		return variable("EDGE_PORT")
	},
	"host": func() (string, string) {
		if host, _, from := gatewayListen(); host != "" {
			return host, from
		}
		return variable("EDGE_BIND_HOST")
	},
	"hostname": func() (string, string) {
		v, from := variable("LOCALSTACK_HOST", "LOCALSTACK_HOSTNAME")
		host, _, _ := strings.Cut(v, ":")
		return host, from
	},
	"data-dir":         func() (string, string) { return variable("LOCALSTACK_VOLUME_DIR") },
	"region":           func() (string, string) { return variable("DEFAULT_REGION") },
	"log-level":        logLevel,
	"enforce-policies": func() (string, string) { v, from := variable("ENFORCE_IAM"); return boolWord(v), from },
	"ephemeral":        func() (string, string) { v, from := variable("PERSISTENCE"); return not(boolWord(v)), from },
}

// gatewayListen reads the first address of GATEWAY_LISTEN: "0.0.0.0:4566",
// ":4566", "4566" or "0.0.0.0".
func gatewayListen() (host, port, from string) {
	const name = "GATEWAY_LISTEN"
	v, from := variable(name)
	first, _, _ := strings.Cut(v, ",")
	if host, port, err := net.SplitHostPort(strings.TrimSpace(first)); err == nil {
		return host, port, from
	}
	if _, err := strconv.Atoi(first); err == nil {
		return "", first, from
	}
	return strings.Trim(first, "[]"), "", from
}

// logLevel reads DEBUG and LS_LOG. Programs of other kinds use DEBUG as well,
// so only a yes counts.
func logLevel() (string, string) {
	if v, from := variable("DEBUG"); boolWord(v) == "true" {
		return "debug", from
	}
	v, from := variable("LS_LOG")
	switch v = strings.ToLower(v); v {
	case "trace", "trace-internal":
		v = "debug"
	case "warning":
		v = "warn"
	}
	return v, from
}

// variable is the first of the variables that is set to something.
func variable(names ...string) (value, from string) {
	for _, n := range names {
		if v := os.Getenv(n); v != "" {
			return v, n
		}
	}
	return "", ""
}

// boolWord is "true" or "false"; empty where nothing is said.
func boolWord(v string) string {
	switch strings.ToLower(v) {
	case "":
		return ""
	case "1", "true", "yes", "on":
		return "true"
	}
	return "false"
}

func not(word string) string {
	switch word {
	case "true":
		return "false"
	case "false":
		return "true"
	}
	return word
}

func lookup(flag string, file map[string]any) (value, from string, ok bool) {
	if v, from := variable("PILEUS_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))); from != "" {
		return v, from, true
	}
	if a := aliases[flag]; a != nil {
		if v, from := a(); v != "" {
			return v, from, true
		}
	}
	if v, ok := file[flag]; ok {
		return fmt.Sprint(v), "the configuration file", true
	}
	return "", "", false
}

// readConfig reads the configuration file, whose keys are flags of `pileus up`.
func readConfig(c *cobra.Command) (map[string]any, error) {
	path, _ := c.Flags().GetString("config")
	named := path != ""
	if !named {
		if path = os.Getenv("PILEUS_CONFIG"); path == "" {
			path = filepath.Join(configDir(), "config.yaml")
		}
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(b, &values); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, checkConfig(path, values)
}

// checkConfig refuses what would be ignored.
func checkConfig(path string, values map[string]any) error {
	known := upCommand().Flags()
	for key, v := range values {
		if known.Lookup(key) == nil && key != "endpoint" {
			return fmt.Errorf("%s: there is no setting %q. The flags of `pileus up --help` are the settings", path, key)
		}
		switch v.(type) {
		case string, bool, int, int64, uint64, float64:
		default:
			return fmt.Errorf("%s: %s needs one value", path, key)
		}
	}
	return nil
}

// The directories of the XDG Base Directory Specification.

func configDir() string { return xdg("XDG_CONFIG_HOME", ".config") }

func stateDir() string { return xdg("XDG_DATA_HOME", ".local/share") }

func xdg(variable, fallback string) string {
	if d := os.Getenv(variable); filepath.IsAbs(d) {
		return filepath.Join(d, "pileus")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = os.TempDir()
	}
	return filepath.Join(home, fallback, "pileus")
}
