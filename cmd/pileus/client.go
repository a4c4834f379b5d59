package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"pileus/node"
)

// client talks to a running cloud.
type client struct{ endpoint string }

// connect finds the cloud: --endpoint, the one that was started here last, the
// usual port.
func connect(c *cobra.Command) client {
	if e, _ := c.Flags().GetString("endpoint"); e != "" {
		if !strings.Contains(e, "://") {
			e = "http://" + e
		}
		return client{strings.TrimRight(e, "/")}
	}
	if list := clouds(); len(list) > 0 {
		return client{list[0].Endpoint}
	}
	return client{fmt.Sprintf("http://127.0.0.1:%d", node.DefaultPort)}
}

// local is what this machine knows of the cloud, if it runs here.
func (k client) local() (r running, ok bool) {
	for _, r := range clouds() {
		if r.Endpoint == k.endpoint {
			return r, true
		}
	}
	return r, false
}

// do sends a request to /_pileus/... and decodes the answer into out, if any.
// What is sent is JSON of in, or what in reads.
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
	body, stream := in.(io.Reader)
	if in != nil && !stream {
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
	if in != nil && !stream {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return nil, err
		}
		return nil, fmt.Errorf("no cloud answers at %s. Start one with `pileus up`, or name another with --endpoint (%w)", k.endpoint, reason(err))
	}
	if res.StatusCode >= 400 {
		defer res.Body.Close()
		b, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		var e struct{ Error string }
		if json.Unmarshal(b, &e) == nil && e.Error != "" {
			return nil, errors.New(e.Error)
		}
		text := strings.TrimSpace(string(b))
		if text == "" || strings.HasPrefix(text, "<") {
			return nil, fmt.Errorf("what answers at %s is no pileus: %s", k.endpoint, res.Status)
		}
		return nil, errors.New(text)
	}
	return res, nil
}

// reason is why a request failed, without the request.
func reason(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
