package gate

import (
	"net"
	"strings"

	"pileus/store"
)

// suffixes are the domains under which virtual hosts are understood. All of
// them resolve to the loopback address, or inside a VPC to this cloud.
var suffixes = []string{".localhost.localstack.cloud", ".localhost", ".vpce.amazonaws.com", ".amazonaws.com", ".aws.amazon.com"}

// hostName is what a host name says of the request: for
// "b.s3.eu-west-1.localhost" the bucket b, the service s3 and the region.
type hostName struct {
	Service string // "s3", "sqs", "s3-website", "s3-accesspoint", "s3-control"
	Region  string
	Prefix  string // labels before the service: a bucket, an account, an access point
	Bare    string // the labels of a local name without a service, which may be a bucket's
}

// parseHost reads a virtual host; a plain host name or address says nothing.
func parseHost(host string) (h hostName) {
	name := strings.ToLower(stripPort(host))
	labels, local := "", false
	for _, s := range suffixes {
		if rest, ok := strings.CutSuffix(name, s); ok {
			labels, local = rest, strings.HasPrefix(s, ".localhost")
			break
		}
	}
	if labels == "" {
		return h
	}
	parts := strings.Split(labels, ".")
	// The service is the last label that names one; what stands before it
	// (a bucket may contain dots) is the prefix, what comes after the region.
	for i := len(parts) - 1; i >= 0 && i >= len(parts)-3; i-- {
		service, region := parts[i], ""
		if s, r, ok := websiteLabel(service); ok {
			service, region = s, r
		}
		if !hostService(service) && !(service == "elb" && len(parts) > 2) {
			continue
		}
		h.Service = service
		h.Prefix = withoutEndpoint(strings.Join(parts[:i], "."))
		for _, after := range parts[i+1:] {
			if after != "dualstack" && after != "fips" {
				region = after
			}
		}
		h.Region = region
		return h
	}
	if local {
		h.Bare = labels
	}
	return h
}

// withoutEndpoint is a prefix without the label of a VPC endpoint, and what S3
// has before that label: "photos.bucket.vpce-1a2b-3c4d" is "photos".
func withoutEndpoint(prefix string) string {
	n := strings.LastIndex("."+prefix, ".vpce-")
	if n < 0 {
		return prefix
	}
	before := strings.TrimSuffix(prefix[:n], ".")
	if before == "bucket" {
		return ""
	}
	return strings.TrimSuffix(before, ".bucket")
}

// claim has a service say whether it knows a name without a service's label.
func (x *exchange) claim() error {
	if x.host.Bare == "" || x.svc.Host == nil {
		return nil
	}
	return x.gate.Options.DB.View(x.call, func(r store.Reader) error {
		if x.svc.Host(r, x.host.Bare) {
			x.host.Service, x.host.Prefix = x.svc.api.Name, x.host.Bare
		}
		return nil
	})
}

// websiteLabel splits the older form of website endpoints, s3-website-REGION.
func websiteLabel(label string) (service, region string, ok bool) {
	if r, ok := strings.CutPrefix(label, "s3-website-"); ok {
		return "s3-website", r, true
	}
	if label == "s3-accelerate" || strings.HasPrefix(label, express+"-") { // s3express-ZONE, s3express-control
		return "s3", "", true
	}
	return "", "", false
}

// hostService tells whether a label is one of the service names that appear in
// host names. Services with a global or unusual name are found by signature.
func hostService(label string) bool {
	switch label {
	case "s3", "s3-website", "s3-accesspoint", "s3-control", "sqs", "sns", "sts", "iam", "organizations", "queue", "signin":
		return true
	}
	return false
}

func stripPort(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

// Virtual tells whether a host name chooses a bucket, or something else that
// paths below it belong to.
func Virtual(host string) bool { return parseHost(host).Prefix != "" }
