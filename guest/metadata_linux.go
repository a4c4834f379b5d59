package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pileus/clock"
)

// metadata asks the instance metadata service, with a token as version 2 does.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
type metadata struct {
	client *http.Client
	clock  clock.Clock
	token  string
}

const metadataService = "http://169.254.169.254/latest/"

// errAbsent is what the service does not have: no key pair, no user data.
var errAbsent = errors.New("not in the metadata")

// errSilent is a service that does not answer, or not now: its cloud may not
// run at the moment, which is no reason for the machine to be another one than
// it was to be.
var errSilent = errors.New("no answer")

const (
	metadataPause    = 200 * time.Millisecond // before it is asked again
	metadataPatience = 2 * time.Second        // before the machine goes on without it, and asks again meanwhile
	metadataLimit    = 2 * time.Second        // for one answer
	userDataLimit    = 16 << 10 << 6          // bytes; more than any user data
)

func newMetadata(c clock.Clock) *metadata {
	t := &http.Transport{DialContext: (&net.Dialer{Timeout: metadataLimit}).DialContext, MaxIdleConns: 1}
	return &metadata{client: &http.Client{Transport: t, Timeout: metadataLimit}, clock: c}
}

func (m *metadata) close() { m.client.CloseIdleConnections() }

// connect gets a token. Whatever is wrong, it tries again for a while, since
// the service may come to know of the machine after it has started.
func (m *metadata) connect(ctx context.Context) error {
	watch := clock.Start()
	for {
		b, err := m.send(ctx, http.MethodPut, "api/token", "X-aws-ec2-metadata-token-ttl-seconds", "300")
		if err == nil {
			m.token = string(b)
			return nil
		}
		if errors.Is(err, errAbsent) {
			return nil // a service of version 1
		}
		if watch.Elapsed() > metadataPatience {
			return err
		}
		if e := m.clock.Wait(ctx, metadataPause); e != nil {
			return e
		}
	}
}

// reconnect gets a token as soon as there is a service again, or until ctx ends.
func (m *metadata) reconnect(ctx context.Context) error {
	err := m.connect(ctx)
	for errors.Is(err, errSilent) && m.clock.Wait(ctx, metadataPause) == nil {
		err = m.connect(ctx)
	}
	return err
}

// get reads one entry; it waits for a service that has gone away.
func (m *metadata) get(ctx context.Context, path string) (string, error) {
	for {
		b, err := m.send(ctx, http.MethodGet, path, "X-aws-ec2-metadata-token", m.token)
		if !errors.Is(err, errSilent) {
			return string(b), err
		}
		if err := m.clock.Wait(ctx, metadataPause); err != nil {
			return "", err
		}
		if err := m.reconnect(ctx); err != nil {
			return "", err
		}
	}
}

func (m *metadata) send(ctx context.Context, method, path, header, value string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, metadataService+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(header, value)
	res, err := m.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSilent, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, userDataLimit))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errSilent, err)
	case res.StatusCode >= http.StatusInternalServerError || method == http.MethodGet && res.StatusCode == http.StatusUnauthorized: // another token, then
		return nil, fmt.Errorf("%w: metadata %s: %s", errSilent, path, res.Status)
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusMethodNotAllowed:
		return nil, errAbsent
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("metadata %s: %s", path, res.Status)
	}
	return b, nil
}

// pushed are keys that EC2 Instance Connect lets a user in with for a minute.
func (m *metadata) pushed(ctx context.Context, user string) (string, error) {
	if err := m.connect(ctx); err != nil {
		return "", err
	}
	return m.get(ctx, "meta-data/managed-ssh-keys/active-keys/"+url.PathEscape(user))
}

// keys are the public keys of the machine's key pair.
func (m *metadata) keys(ctx context.Context) (keys []string, err error) {
	list, err := m.get(ctx, "meta-data/public-keys/")
	if errors.Is(err, errAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(list) {
		index, _, _ := strings.Cut(strings.TrimSpace(line), "=")
		if index == "" {
			continue
		}
		k, err := m.get(ctx, "meta-data/public-keys/"+index+"/openssh-key")
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}
