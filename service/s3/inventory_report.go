package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"strconv"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/identity"
	"pileus/store"

	api "pileus/api/s3"
)

const (
	inventoryController = "s3.inventory"
	inventoryBatch      = 1000 // keys read on one snapshot
)

// inventoryFields are the optional columns, by name.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html#storage-inventory-contents
var inventoryFields = map[string]func(b *Bucket, o *Object) string{
	"Size":                      func(_ *Bucket, o *Object) string { return unlessMarker(o, strconv.FormatInt(o.Size, 10)) },
	"LastModifiedDate":          func(_ *Bucket, o *Object) string { return o.Modified.UTC().Format(eventTime) },
	"StorageClass":              func(_ *Bucket, o *Object) string { return unlessMarker(o, o.StorageClass()) },
	"ETag":                      func(_ *Bucket, o *Object) string { return o.ETag },
	"IsMultipartUploaded":       func(_ *Bucket, o *Object) string { return unlessMarker(o, strconv.FormatBool(o.Parts > 0)) },
	"ReplicationStatus":         func(_ *Bucket, o *Object) string { return o.Replication },
	"EncryptionStatus":          func(_ *Bucket, o *Object) string { return unlessMarker(o, encryptionStatus(o)) },
	"ObjectLockMode":            func(_ *Bucket, o *Object) string { return o.LockMode },
	tierField:                   func(*Bucket, *Object) string { return "" }, // see inventoryText
	"ObjectLockLegalHoldStatus": func(_ *Bucket, o *Object) string { return map[bool]string{true: "ON"}[o.LegalHold] },
	"BucketKeyStatus":           func(_ *Bucket, o *Object) string { return unlessMarker(o, "DISABLED") },
	"ChecksumAlgorithm":         func(_ *Bucket, o *Object) string { return o.Sum.Algorithm },
	"ObjectOwner":               func(_ *Bucket, o *Object) string { return identity.CanonicalID(o.Owner) },
	"ObjectAccessControlList":   inventoryACL,
	"ObjectLockRetainUntilDate": func(_ *Bucket, o *Object) string {
		if o.LockUntil.IsZero() {
			return ""
		}
		return o.LockUntil.UTC().Format(eventTime)
	},
}

const tierField = "IntelligentTieringAccessTier"

// inventoryText is what the report of a time says in an optional column.
func inventoryText(field string, b *Bucket, o *Object, now time.Time) string {
	if field == tierField {
		return b.tier(o, now)
	}
	return inventoryFields[field](b, o)
}

func unlessMarker(o *Object, s string) string {
	if o.Marker {
		return ""
	}
	return s
}

func encryptionStatus(o *Object) string {
	if o.CustomerKeyMD5 != "" {
		return "SSE-C"
	}
	return "SSE-S3"
}

// inventoryACL is an object's ACL in the report's form: JSON in base64.
func inventoryACL(b *Bucket, o *Object) string {
	if o.Marker {
		return ""
	}
	acl := o.ACL
	if b.ACLsDisabled() {
		acl = nil
	}
	grants := []map[string]string{}
	for _, g := range acl.list(o.Owner) {
		x := map[string]string{"type": g.Grantee.Type, "permission": *g.Permission}
		if g.Grantee.URI != nil {
			x["uri"] = *g.Grantee.URI
		} else {
			x["canonicalId"] = *g.Grantee.ID
		}
		grants = append(grants, x)
	}
	text, err := json.Marshal(map[string]any{"version": "2022-11-10", "status": "AVAILABLE", "grants": grants})
	if err != nil {
		panic(err) // strings
	}
	return base64.StdEncoding.EncodeToString(text)
}

// inventoryReader writes the report as it is read, so that its size does not
// matter: a page of objects at a time.
type inventoryReader struct {
	c      *cloud.Call
	config *api.InventoryConfiguration
	bucket string
	from   store.Key
	ended  bool
	out    bytes.Buffer
	format inventoryFormat
	sum    hash.Hash
	size   int64
}

func newInventoryReader(c *cloud.Call, bucket string, config *api.InventoryConfiguration) *inventoryReader {
	x := &inventoryReader{c: c, bucket: bucket, config: config, from: store.K(bucket), sum: md5.New()}
	x.format = newInventoryFormat(config, c.Now, &x.out)
	return x
}

func (x *inventoryReader) Read(p []byte) (int, error) {
	for x.out.Len() == 0 && !x.ended {
		if err := x.fill(); err != nil {
			return 0, err
		}
	}
	if x.out.Len() == 0 {
		return 0, io.EOF
	}
	n, err := x.out.Read(p)
	x.sum.Write(p[:n])
	x.size += int64(n)
	return n, err
}

// fill writes the lines of the next page of keys.
func (x *inventoryReader) fill() error {
	more := false
	err := x.c.View(func(r store.Reader) error {
		b, ok := buckets.Get(r, x.bucket)
		if !ok {
			return nil
		}
		seen := 0
		for o := range objects.ScanFrom(r, store.K(x.bucket), x.from) {
			if seen == inventoryBatch {
				x.from, more = store.K(x.bucket, o.Key), true
				break
			}
			seen++
			if err := x.lines(r, b, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || more {
		return err
	}
	x.ended = true
	return x.format.close()
}

func (x *inventoryReader) lines(r store.Reader, b *Bucket, o *Object) error {
	if f := x.config.Filter; f != nil && !strings.HasPrefix(o.Key, f.Prefix) {
		return nil
	}
	all := x.config.IncludedObjectVersions == "All"
	if o.Marker && !all {
		return nil
	}
	if err := x.format.line(b, o); err != nil || !all || !o.Older {
		return err
	}
	for old := range versions.Scan(r, b.Name, o.Key) {
		if err := x.format.line(b, old); err != nil {
			return err
		}
	}
	return nil
}

// writeInventory is the controller of one inventory configuration: it writes
// the report and asks for the next one.
func writeInventory(c *cloud.Call, key store.Key) error {
	name, _ := key[0].(string)
	id, _ := key[1].(string)
	var b *Bucket
	var config *api.InventoryConfiguration
	err := c.View(func(r store.Reader) error {
		if found, ok := buckets.Get(r, name); ok {
			b = found
			config, _ = findID(b.Inventory, id, inventoryID)
		}
		return nil
	})
	if err != nil || config == nil || !config.IsEnabled {
		return err
	}
	err = report(c.In(b.Account, b.Region).AsService(service, b.ARN()), b, config)
	var e *cloud.Error
	if err != nil && !(errors.As(err, &e) && e.Status < 500) {
		return err // a destination that refuses it gets no report, as on AWS
	}
	return c.Update(func(tx store.Tx) error {
		tx.After(nextReport(c.Now, config.Schedule.Frequency), inventoryController, key)
		return nil
	})
}

type inventoryFile struct {
	Key  string `json:"key"`
	Size int64  `json:"size"`
	MD5  string `json:"MD5checksum"`
}

// report writes data, manifest and checksum.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
func report(c *cloud.Call, b *Bucket, config *api.InventoryConfiguration) error {
	to := config.Destination.S3BucketDestination
	target := strings.TrimPrefix(to.Bucket, "arn:aws:s3:::")
	at := c.Now.UTC()
	folder := b.Name + "/" + config.Id
	if prefix := strings.TrimSuffix(cloud.Or(to.Prefix, ""), "/"); prefix != "" {
		folder = prefix + "/" + folder
	}
	put := func(key string, body io.Reader) error {
		_, err := api.PutObject.Call(c, &api.PutObjectInput{Bucket: target, Key: key, Body: io.NopCloser(body), ACL: ownerACL(b, to)})
		return err
	}
	data := newInventoryReader(c, b.Name, config)
	file := inventoryFile{Key: folder + "/data/" + c.Rand().UUID() + data.format.extension()}
	if err := put(file.Key, data); err != nil {
		return err
	}
	file.Size, file.MD5 = data.size, hex.EncodeToString(data.sum.Sum(nil))
	manifest, err := json.MarshalIndent(map[string]any{
		"sourceBucket": b.Name, "destinationBucket": to.Bucket, "version": "2016-11-30",
		"creationTimestamp": strconv.FormatInt(at.UnixMilli(), 10), "fileFormat": to.Format,
		"fileSchema": data.format.schema(), "files": []inventoryFile{file},
	}, "", "  ")
	if err != nil {
		return err
	}
	sum := md5.Sum(manifest)
	day := folder + "/" + at.Format("2006-01-02T15-04Z")
	if err := put(day+"/manifest.json", bytes.NewReader(manifest)); err != nil {
		return err
	}
	if err := put(day+"/manifest.checksum", strings.NewReader(hex.EncodeToString(sum[:]))); err != nil {
		return err
	}
	return put(folder+"/hive/dt="+at.Format(hiveTime)+"/symlink.txt", strings.NewReader("s3://"+target+"/"+file.Key))
}

const hiveTime = "2006-01-02-15-04"

// ownerACL gives a report that goes to another account to that account.
func ownerACL(b *Bucket, to api.InventoryS3BucketDestination) *string {
	if to.AccountId != nil && *to.AccountId != b.Account {
		return new("bucket-owner-full-control")
	}
	return nil
}
