package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configure fills in the flags that were not given: from PILEUS_<FLAG> in the
// environment, from the variables that other local clouds use, then from the
// configuration file, whose keys are the flags' names.
func configure(c *cobra.Command) error {
	file, err := readConfig(c)
	if err != nil {
		return err
	}
	var failed error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil || f.Name == "config" || f.Name == "help" || f.Name == "version" {
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

// aliases are the variables of LocalStack that mean the same as a flag.
var aliases = map[string]func() (value, from string, ok bool){
	"port": func() (string, string, bool) {
		if v, ok := os.LookupEnv("GATEWAY_LISTEN"); ok {
			first, _, _ := strings.Cut(v, ",")
			return first[strings.LastIndexByte(first, ':')+1:], "GATEWAY_LISTEN", true
		}
		return variable("EDGE_PORT")
	},
	"host": func() (string, string, bool) {
		if v, ok := os.LookupEnv("GATEWAY_LISTEN"); ok {
			first, _, _ := strings.Cut(v, ",")
			if i := strings.LastIndexByte(first, ':'); i > 0 {
				return first[:i], "GATEWAY_LISTEN", true
			}
		}
		return "", "", false
	},
	"hostname": func() (string, string, bool) {
		v, from, ok := variable("LOCALSTACK_HOST", "LOCALSTACK_HOSTNAME")
		host, _, _ := strings.Cut(v, ":")
		return host, from, ok
	},
	"data-dir":  func() (string, string, bool) { return variable("LOCALSTACK_VOLUME_DIR") },
	"region":    func() (string, string, bool) { return variable("DEFAULT_REGION") },
	"log-level": logLevelAlias,
	"enforce-policies": func() (string, string, bool) {
		v, from, ok := variable("ENFORCE_IAM")
		return boolWord(v), from, ok
	},
}

func logLevelAlias() (string, string, bool) {
	if v, from, ok := variable("DEBUG"); ok && boolWord(v) == "true" {
		return "debug", from, true
	}
	v, from, ok := variable("LS_LOG")
	switch strings.ToLower(v) {
	case "trace", "trace-internal":
		v = "debug"
	case "warning":
		v = "warn"
	}
	return v, from, ok
}

func variable(names ...string) (value, from string, ok bool) {
	for _, n := range names {
		if v, ok := os.LookupEnv(n); ok && v != "" {
			return v, n, true
		}
	}
	return "", "", false
}

func boolWord(v string) string {
	switch strings.ToLower(v) {
	case "1", "true", "yes", "on":
		return "true"
	}
	return "false"
}

func lookup(flag string, file map[string]any) (value, from string, ok bool) {
	name := "PILEUS_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
	if v, ok := os.LookupEnv(name); ok {
		return v, name, true
	}
	if f := aliases[flag]; f != nil {
		if v, from, ok := f(); ok {
			return v, from, true
		}
	}
	if v, ok := file[flag]; ok {
		return fmt.Sprint(v), "the configuration file", true
	}
	return "", "", false
}

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
	return values, nil
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
