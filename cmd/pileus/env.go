package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"pileus/node"
)

func envCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "env", Short: "Print the variables that point AWS clients at the cloud", Args: cobra.NoArgs,
		Example: `  eval "$(pileus env)"
  pileus env --format json`,
		RunE: func(c *cobra.Command, _ []string) error {
			k := connect(c)
			text := func(name string) string { v, _ := c.Flags().GetString(name); return v }
			o := node.Options{Region: text("region"), RootKey: text("access-key"), RootSecret: text("secret-key")}
			if r, ok := k.local(); ok {
				o.RootKey = unlessGiven(c, "access-key", r.AccessKey)
				o.RootSecret = unlessGiven(c, "secret-key", r.SecretKey)
			}
			var s node.Status
			if err := k.do(c.Context(), http.MethodGet, "/_pileus/status", nil, &s); err == nil {
				o.Region = unlessGiven(c, "region", s.Region)
			} else {
				fmt.Fprintln(c.ErrOrStderr(), "pileus: no cloud answers at", k.endpoint, "yet: start it with `pileus up`")
			}
			return printEnv(c, text("format"), environment(k.endpoint, o))
		},
	}
	f := c.Flags()
	f.String("format", "sh", "sh, fish, powershell, dotenv or json")
	f.String("region", node.DefaultRegion, "region (default: the cloud's)")
	f.String("access-key", node.DefaultKey, "access key id; a 12-digit one selects that account (default: the cloud's)")
	f.String("secret-key", node.DefaultSecret, "secret access key (default: the cloud's)")
	complete(c, "format", "sh", "fish", "powershell", "dotenv", "json")
	return c
}

// unlessGiven is what the user said of a flag, or else the value.
func unlessGiven(c *cobra.Command, flag, value string) string {
	if v, _ := c.Flags().GetString(flag); c.Flags().Changed(flag) {
		return v
	}
	return value
}

// environment points AWS clients at a cloud. Init scripts get it as well.
func environment(endpoint string, o node.Options) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + endpoint, "AWS_ACCESS_KEY_ID=" + o.RootKey, "AWS_SECRET_ACCESS_KEY=" + o.RootSecret,
		"AWS_DEFAULT_REGION=" + o.Region, "AWS_REGION=" + o.Region,
	}
}

// shells are how each of them, or a file, sets a variable, and how it quotes.
var shells = map[string]struct {
	line  string
	quote func(string) string
}{
	"sh":         {"export %s=%s\n", quoteWith(`'\''`)},
	"fish":       {"set -gx %s %s\n", quoteWith(`\'`)},
	"powershell": {"$Env:%s = %s\n", quoteWith("''")},
	"dotenv":     {"%s=%s\n", func(s string) string { return s }},
}

// quoteWith puts a value into single quotes, and those within it as said.
func quoteWith(inner string) func(string) string {
	return func(s string) string { return "'" + strings.ReplaceAll(s, "'", inner) + "'" }
}

func printEnv(c *cobra.Command, format string, env []string) error {
	shell, ok := shells[format]
	if !ok && format != "json" {
		return fmt.Errorf("--format is sh, fish, powershell, dotenv or json, not %q", format)
	}
	values := map[string]string{}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		values[name] = value
		if ok {
			fmt.Fprintf(c.OutOrStdout(), shell.line, name, shell.quote(value))
		}
	}
	if format == "json" {
		return printJSON(c.OutOrStdout(), values)
	}
	if format == "sh" && legacyCLI(c.Context()) {
		fmt.Fprintln(c.OutOrStdout(), legacyFunction)
	}
	return nil
}

// legacyFunction works around versions of the aws CLI that ignore
// AWS_ENDPOINT_URL: 1 for SQS and some others, 2 before 2.13 for all.
const legacyFunction = `aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; } # this version of the aws CLI ignores AWS_ENDPOINT_URL for some services`

// legacyVersion is what a CLI says of itself that needs legacyFunction.
var legacyVersion = regexp.MustCompile(`^aws-cli/(1|2\.([0-9]|1[0-2]))\.`)

// legacyCLI tells whether the aws CLI on this machine needs legacyFunction. One
// that does is a script; it is asked only then, because it takes its time.
func legacyCLI(ctx context.Context) bool {
	path, err := exec.LookPath("aws")
	if err != nil {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, 2)
	if _, err := f.Read(start); err != nil || !bytes.Equal(start, []byte("#!")) {
		return false
	}
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	return err == nil && legacyVersion.Match(out)
}
