package s3

import (
	"net/http"
	"regexp"
	"strings"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// Directory buckets (S3 Express One Zone) are buckets whose names tell the zone
// in which they lie. They share the tables of all others, hold one storage
// class, and offer fewer operations.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-buckets-overview.html
const (
	directorySuffix = "--x-s3"
	expressClass    = "EXPRESS_ONEZONE"
)

var directoryName = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?--([a-z0-9]+(?:-[a-z0-9]+)+)--x-s3$`)

func isDirectory(name string) bool { return strings.HasSuffix(name, directorySuffix) }

// Directory tells whether this is a directory bucket.
func (b *Bucket) Directory() bool { return isDirectory(b.Name) }

// directoryZone is the zone in a directory bucket's name, "" where the name is
// not one.
func directoryZone(name string) string {
	m := directoryName.FindStringSubmatch(name)
	if m == nil || len(name) > 63 {
		return ""
	}
	return m[1]
}

// checkDirectory holds a new directory bucket's name and configuration to S3's
// rules: the zone that both tell is one of the region's.
func checkDirectory(c *cloud.Call, in *api.CreateBucketInput) error {
	zone := directoryZone(in.Bucket)
	if zone == "" {
		return errBucketName(in.Bucket)
	}
	q := in.CreateBucketConfiguration
	if q == nil || q.Location == nil || q.Bucket == nil {
		return errInvalidRequest("The request to create a directory bucket must name its location and its bucket type.")
	}
	kind, redundancy := cloud.Or(q.Location.Type, ""), "SingleAvailabilityZone"
	if kind == "LocalZone" {
		redundancy = "SingleLocalZone"
	} else if kind != "AvailabilityZone" {
		return errInvalidRequest("The location type of a directory bucket must be AvailabilityZone or LocalZone.")
	}
	switch {
	case q.LocationConstraint != nil:
		return errInvalidRequest("A location constraint cannot be given for a directory bucket.")
	case cloud.Or(q.Location.Name, "") != zone || !strings.HasPrefix(zone, zonePrefix(c.Region)+"-"):
		return errInvalidRequest("The zone %q of the location is not that of the bucket's name in %s.", cloud.Or(q.Location.Name, ""), c.Region)
	case cloud.Or(q.Bucket.Type, "") != "Directory", cloud.Or(q.Bucket.DataRedundancy, redundancy) != redundancy:
		return errInvalidRequest("A directory bucket has the type Directory and the data redundancy %s.", redundancy)
	}
	return nil
}

// zonePrefix is how the ids of a region's zones begin: "use1" for us-east-1.
func zonePrefix(region string) string {
	parts := strings.Split(region, "-")
	short := ""
	for i, p := range parts {
		switch {
		case i == 0 || i == len(parts)-1:
			short += p
		case len(p) > len("south") && (strings.HasPrefix(p, "north") || strings.HasPrefix(p, "south")): // "southeast"
			short += p[:1] + p[5:6]
		default:
			short += p[:1]
		}
	}
	return short
}

// settleClass gives an object in a directory bucket the one storage class that
// there is, and keeps that class from all other buckets.
func settleClass(b *Bucket, o *Object) error {
	switch {
	case b.Directory() && (o.Class == "" || o.Class == expressClass):
		o.Class = expressClass
		return nil
	case b.Directory(), o.Class == expressClass:
		return errStorageClass(o.StorageClass())
	}
	return nil
}

// unbuiltInDirectories are headers for what directory buckets do not have.
var unbuiltInDirectories = []string{
	"x-amz-acl", "x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp", "x-amz-grant-write", "x-amz-grant-write-acp",
	"x-amz-tagging", "x-amz-tagging-directive", "x-amz-website-redirect-location", "x-amz-mfa", "x-amz-request-payer",
	"x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "x-amz-object-lock-legal-hold", "x-amz-bypass-governance-retention",
	"x-amz-server-side-encryption-customer-algorithm", "x-amz-bucket-object-lock-enabled", "x-amz-object-ownership",
}

// checkDirectoryHeaders refuses a request to a directory bucket for what only
// other buckets have.
func checkDirectoryHeaders(c *cloud.Call) error {
	if c.HTTP == nil || c.HTTP.Request == nil {
		return nil
	}
	r := c.HTTP.Request
	for _, name := range unbuiltInDirectories {
		if r.Header.Get(name) != "" {
			return errHeaderUnbuilt(name, "Directory buckets do not support it")
		}
	}
	if v := r.URL.Query().Get("versionId"); v != "" && v != "null" {
		return errArgument("versionId", v, "Invalid version id specified")
	}
	return nil
}

// checkDirectoryPage holds a listing of a directory bucket to what its flat
// hierarchy of directories can answer.
func checkDirectoryPage(b *Bucket, p *page, startAfter *string) error {
	switch {
	case !b.Directory():
	case p.prefix != "" && !strings.HasSuffix(p.prefix, "/"):
		return errInvalidRequest("This bucket does not support a prefix that does not end in a delimiter. Specify a prefix that ends with a delimiter and try again.")
	case p.delimiter != "" && p.delimiter != "/":
		return errInvalidRequest("This bucket does not support a delimiter other than a forward slash (/).")
	case startAfter != nil:
		return errHeaderUnbuilt("start-after", "Directory buckets do not support it")
	}
	return nil
}

func listDirectoryBuckets(c *cloud.Call, r store.Reader, in *api.ListDirectoryBucketsInput) (*api.ListDirectoryBucketsOutput, error) {
	limit := int(cloud.Or(in.MaxDirectoryBuckets, 1000))
	if limit == 0 {
		limit = 1000
	}
	after := ""
	if t := cloud.Or(in.ContinuationToken, ""); t != "" {
		last, err := parseToken(t)
		if err != nil {
			return nil, err
		}
		after = last
	}
	out := &api.ListDirectoryBucketsOutput{Buckets: []api.Bucket{}}
	for b := range buckets.Between(r, "account", store.K(c.Account, after), store.K(c.Account, "\U0010ffff")) {
		if b.Name == after || !b.Directory() || b.Region != c.Region {
			continue
		}
		if len(out.Buckets) == limit {
			out.ContinuationToken = new(newToken(*out.Buckets[limit-1].Name))
			break
		}
		out.Buckets = append(out.Buckets, api.Bucket{Name: &b.Name, CreationDate: &b.Created, BucketRegion: &b.Region, BucketArn: new(b.ARN())})
	}
	return out, nil
}

// getObjectTorrent answers as AWS does since it ended the feature.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTorrent.html
func getObjectTorrent(c *cloud.Call, _ store.Reader, _ *api.GetObjectTorrentInput) (*api.GetObjectTorrentOutput, error) {
	return nil, errMethod(method(c, http.MethodGet), "TORRENT")
}
