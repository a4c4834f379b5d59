//go:build linux

package toolbox

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"strings"

	"pileus/clock"
	"pileus/sigv4"
)

// sign signs a request as curl's --aws-sigv4 does, with the key and secret of
// --user and the session token of an x-amz-security-token header. What the
// option leaves out comes from the host: s3.us-east-1.amazonaws.com.
// https://curl.se/docs/manpage.html#--aws-sigv4
func (t *transfer) sign(req *http.Request) error {
	parts := append(strings.Split(t.p.value("y"), ":"), "", "", "", "") // aws:amz:REGION:SERVICE
	labels := append(strings.Split(req.URL.Hostname(), "."), "", "")
	service, region := cmp.Or(parts[3], labels[0]), cmp.Or(parts[2], labels[1])
	if region == "" || service == "" {
		return usage("--aws-sigv4 wants PROVIDER1:PROVIDER2:REGION:SERVICE")
	}
	sum := sigv4.UnsignedPayload
	if _, file := req.Body.(*os.File); req.Body != nil && !file && !t.p.has("T") {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return err
		}
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		hash := sha256.Sum256(b)
		sum = hex.EncodeToString(hash[:])
	} else if req.Body == nil {
		sum = sigv4.EmptyPayload
	}
	key, secret, _ := strings.Cut(t.p.value("u"), ":")
	req.Header.Del("Authorization")
	sigv4.Sign(req, sigv4.Credential{AccessKey: key, Secret: secret, SessionToken: req.Header.Get("X-Amz-Security-Token")}, region, service, clock.Machine(), sum)
	return nil
}
