package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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

// A service that does not answer is asked again for this long, since it may
// start after the machine.
const (
	metadataTries = 10
	metadataPause = 200 * time.Millisecond
	metadataLimit = 2 * time.Second // for one answer
	userDataLimit = 16 << 10 << 6   // bytes; more than any user data
)

func newMetadata(c clock.Clock) *metadata {
	t := &http.Transport{DialContext: (&net.Dialer{Timeout: metadataLimit}).DialContext, MaxIdleConns: 1}
	return &metadata{client: &http.Client{Transport: t, Timeout: metadataLimit}, clock: c}
}

func (m *metadata) close() { m.client.CloseIdleConnections() }

// connect gets a token.
func (m *metadata) connect(ctx context.Context) (err error) {
	for range metadataTries {
		var b []byte
		b, err = m.send(ctx, http.MethodPut, "api/token", "X-aws-ec2-metadata-token-ttl-seconds", "300")
		if err == nil {
			m.token = string(b)
			return nil
		}
		if errors.Is(err, errAbsent) {
			return nil // a service of version 1
		}
		if e := m.clock.Wait(ctx, metadataPause); e != nil {
			return e
		}
	}
	return err
}

// get reads one entry.
func (m *metadata) get(ctx context.Context, path string) (string, error) {
	b, err := m.send(ctx, http.MethodGet, path, "X-aws-ec2-metadata-token", m.token)
	return string(b), err
}

func (m *metadata) send(ctx context.Context, method, path, header, value string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, metadataService+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(header, value)
	res, err := m.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, userDataLimit))
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusMethodNotAllowed:
		return nil, errAbsent
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("metadata %s: %s", path, res.Status)
	}
	return b, nil
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
