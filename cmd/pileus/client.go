package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// running is what a cloud leaves in its run file, so that other commands find
// it.
type running struct {
	Endpoint string `json:"endpoint"`
	PID      int    `json:"pid"`
	DataDir  string `json:"dataDir,omitempty"`
}

// runFile is where the cloud that runs here for this user says so.
func runFile() string {
	if d := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(d) {
		if _, err := os.Stat(d); err == nil {
			return filepath.Join(d, "pileus.json")
		}
	}
	return filepath.Join(stateDir(), "run.json")
}

// client talks to a running cloud.
type client struct{ endpoint string }

// connect finds the cloud: --endpoint, the run file, the usual port.
func connect(c *cobra.Command) client {
	if e, _ := c.Flags().GetString("endpoint"); e != "" {
		return client{strings.TrimSuffix(e, "/")}
	}
	var r running
	if b, err := os.ReadFile(runFile()); err == nil && json.Unmarshal(b, &r) == nil && r.Endpoint != "" {
		return client{r.Endpoint}
	}
	return client{"http://localhost:4566"}
}

// do sends a request to /_pileus/... and decodes the answer into out, if any.
func (k client) do(ctx context.Context, method, path string, in, out any) error {
	res, err := k.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if out == nil {
		_, err := io.Copy(io.Discard, res.Body)
		return err
	}
	return json.NewDecoder(res.Body).Decode(out)
}

// send is do for answers that are streams or text.
func (k client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, k.endpoint+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return nil, err
		}
		return nil, fmt.Errorf("no cloud answers at %s. Start one with `pileus up`, or name another with --endpoint", k.endpoint)
	}
	if res.StatusCode >= 400 {
		defer res.Body.Close()
		b, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		var e struct{ Error string }
		if json.Unmarshal(b, &e) == nil && e.Error != "" {
			return nil, errors.New(e.Error)
		}
		return nil, fmt.Errorf("%s: %s", res.Status, strings.TrimSpace(string(b)))
	}
	return res, nil
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
