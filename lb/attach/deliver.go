package attach

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	api "pileus/api/s3"
	"pileus/cloud"
	"pileus/identity"
	"pileus/lb"
	"pileus/rng"
)

// Bucket is where a load balancer's log records go.
type Bucket struct {
	Name, Prefix string
	// Owner is the load balancer's ARN, Label what its files call it:
	// "app.web.50dc6c495c0c9188", or the name of a classic one.
	Owner, Label string
	Kind         lb.Kind
	Connections  bool // records of connections; of requests otherwise
}

// Who delivers: by the policies of buckets that AWS asks for.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
const (
	logService     = "logdelivery.elasticloadbalancing.amazonaws.com"
	networkService = "delivery.logs.amazonaws.com"
)

// TestFile writes the file by which AWS finds out whether it may write at all.
// Its error is S3's.
func (b Bucket) TestFile(c *cloud.Call) error {
	name := "ELBAccessLogTestFile"
	if b.Connections {
		name = "ELBConnectionLogTestFile"
	}
	text := "Enable AccessLog for ELB: " + b.Owner[strings.LastIndexByte(b.Owner, ':')+1:] + " at " + c.Now.UTC().Format("2006-01-02T15:04:05.000Z")
	if b.Connections {
		text = strings.Replace(text, "AccessLog", "ConnectionLog", 1)
	}
	return b.put(c, "AWSLogs/"+c.Account+"/"+name, "text/plain", []byte(text))
}

// Send writes a file of records of one node up to a time.
func (b Bucket) Send(c *cloud.Call, until time.Time, node netip.Addr, lines []string) error {
	var content bytes.Buffer
	var w io.Writer = &content
	var z *gzip.Writer
	if b.Kind != lb.Classic {
		z = gzip.NewWriter(&content)
		w = z
	}
	for _, line := range lines {
		if _, err := io.WriteString(w, line+"\n"); err != nil {
			return err
		}
	}
	if z != nil {
		if err := z.Close(); err != nil {
			return err
		}
	}
	return b.put(c, b.key(c, until, node), "application/octet-stream", content.Bytes())
}

// key is the name of a file below the prefix.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#access-log-file-format
func (b Bucket) key(c *cloud.Call, until time.Time, node netip.Addr) string {
	until = until.UTC()
	first, last, extension := "", "", ".log.gz"
	if b.Connections {
		first = "conn_log."
	}
	switch b.Kind {
	case lb.Classic:
		extension = ".log"
		fallthrough
	case lb.Application:
		last = node.String() + "_"
	}
	return fmt.Sprintf("AWSLogs/%s/elasticloadbalancing/%s/%s/%s%s_elasticloadbalancing_%s_%s_%s_%s%s%s", c.Account, c.Region, until.Format("2006/01/02"),
		first, c.Account, c.Region, b.Label, until.Format("20060102T1504Z"), last, c.Rand().String(8, rng.Base62), extension)
}

// put writes an object: as the service of today, or, where the bucket does not
// let that in, as the account that older policies name.
func (b Bucket) put(c *cloud.Call, key, kind string, content []byte) error {
	if p := strings.Trim(b.Prefix, "/"); p != "" {
		key = p + "/" + key
	}
	inside := *c
	inside.HTTP = nil // whose request had it written does not matter, nor what its headers say
	c = &inside
	write := func(as *cloud.Call, acl *string) error {
		_, err := api.PutObject.Call(as, &api.PutObjectInput{
			Bucket: b.Name, Key: key, Body: io.NopCloser(bytes.NewReader(content)), ContentType: &kind, ACL: acl,
		})
		return err
	}
	full := new("bucket-owner-full-control")
	source := b.Owner
	if b.Kind == lb.Network {
		return write(c.AsService(networkService, c.ARN("logs", "*")), full)
	}
	err := write(c.AsService(logService, source), full)
	if account := identity.LogDelivery[c.Region]; account != "" && IsCode(err, "AccessDenied") {
		// Its policies allow s3:PutObject and nothing that an ACL needs.
		if old := write(c.As(identity.RootPrincipal(account)), nil); old == nil {
			return nil
		}
	}
	return err
}
