package drill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"pileus/clock"
	"pileus/sigv4"
)

// client asks a cloud over HTTP, signed, as any AWS client does.
type client struct {
	endpoint, region string
	as               sigv4.Credential
	http             *http.Client
}

// service is a service with the query protocol.
type service struct{ name, version string }

var (
	ec2         = service{"ec2", "2016-11-15"}
	iam         = service{"iam", "2010-05-08"}
	elb         = service{"elasticloadbalancing", "2015-12-01"}
	autoscaling = service{"autoscaling", "2011-01-01"}
	cloudwatch  = service{"monitoring", "2010-08-01"}
)

// query does an operation: params are names and values in turn. Into out, if
// any, goes the answer's XML.
func (k *client) query(ctx context.Context, s service, action string, out any, params ...string) error {
	form := url.Values{"Action": {action}, "Version": {s.version}}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	body, err := k.send(ctx, s.name, http.MethodPost, "/", "application/x-www-form-urlencoded; charset=utf-8", form.Encode())
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	if out == nil {
		return nil
	}
	return xml.Unmarshal(body, out)
}

// send sends a signed request and reads the answer.
func (k *client) send(ctx context.Context, service, method, path, kind, body string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, k.endpoint+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	sum := sha256.Sum256([]byte(body))
	sigv4.Sign(req, k.as, k.region, service, clock.Machine(), hex.EncodeToString(sum[:]))
	res, err := k.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		return nil, refused(res.Status, b)
	}
	return b, nil
}

// refusal is an error that the cloud answered.
type refusal struct{ Code, Message string }

func (e *refusal) Error() string { return e.Code + ": " + e.Message }

// refused reads an error of any of the protocols in XML.
func refused(status string, body []byte) error {
	var e struct {
		Query refusal `xml:"Error"`
		EC2   refusal `xml:"Errors>Error"`
		refusal
	}
	if xml.Unmarshal(body, &e) != nil {
		return &refusal{status, strings.TrimSpace(string(body))}
	}
	for _, r := range []refusal{e.Query, e.EC2, e.refusal} {
		if r.Code != "" {
			return &r
		}
	}
	return &refusal{status, strings.TrimSpace(string(body))}
}
