package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/identity"
	"pileus/store"

	api "pileus/api/s3"
)

const (
	logController = "s3.log"
	// logService delivers logs, and is whom target buckets give access to.
	logService = "logging.s3.amazonaws.com"
	// logPeriod is how long lines are gathered before they are delivered.
	logPeriod = time.Hour
	logBatch  = 10_000 // lines of one object
)

// LogLine is a line of a server access log that waits for its delivery.
type LogLine struct {
	Bucket string    `cbor:"1,keyasint"`
	Time   time.Time `cbor:"2,keyasint"`
	ID     string    `cbor:"3,keyasint"`
	Text   string    `cbor:"4,keyasint"`
}

var logLines = &store.Table[LogLine]{
	Name: "s3.logline",
	Key:  func(l *LogLine) store.Key { return store.K(l.Bucket, l.Time, l.ID) },
}

// logRequest has the request written to the bucket's access log, if it has
// one, once it was answered. A log is best effort, as on AWS: a line that
// cannot be written is lost.
func logRequest(c *cloud.Call, b *Bucket) {
	if b.Logging == nil || c.HTTP == nil || c.HTTP.Request == nil || c.HTTP.Answered != nil {
		return
	}
	c.HTTP.Answered = func(a cloud.Answer) {
		// The client may be gone by now.
		_ = c.Cloud.DB().Update(context.WithoutCancel(c), func(tx store.Tx) error {
			if b, ok := buckets.Get(tx, b.Name); ok && b.Logging != nil {
				addLine(c, tx, b, requestLine(c, b, addressedKey(c, a.Input), a))
			}
			return nil
		})
	}
}

// addressedKey is the key that a request was for.
func addressedKey(c *cloud.Call, in any) string {
	if _, ok := websiteHost(c.HTTP.Host); ok {
		return strings.TrimPrefix(c.HTTP.Request.URL.Path, "/")
	}
	if v := reflect.Indirect(reflect.ValueOf(in)); v.IsValid() && v.Kind() == reflect.Struct {
		if f := v.FieldByName("Key"); f.IsValid() && f.Kind() == reflect.String {
			return f.String()
		}
	}
	return ""
}

func addLine(c *cloud.Call, tx store.Tx, b *Bucket, text string) {
	logLines.Insert(tx, &LogLine{Bucket: b.Name, Time: c.Now, ID: c.RequestID, Text: text})
	tx.After(c.Now.Add(logPeriod), logController, store.K(b.Name))
}

// requestLine is one line in AWS's format.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
func requestLine(c *cloud.Call, b *Bucket, key string, a cloud.Answer) string {
	r := c.HTTP.Request
	sent, size := "-", "-"
	if a.BytesOut > 0 {
		sent = strconv.FormatInt(a.BytesOut, 10)
	}
	switch {
	case a.Operation == "GetObject" && a.Code == "":
		size = sent
	case r.Method == http.MethodPut && key != "" && r.ContentLength > 0:
		size = strconv.FormatInt(r.ContentLength, 10)
	}
	ms := strconv.FormatInt(a.Latency.Milliseconds(), 10)
	signature := "-"
	if c.HTTP.SigV != "" {
		signature = "SigV4"
	}
	cipher, version := "-", "-"
	if r.TLS != nil {
		cipher = tls.CipherSuiteName(r.TLS.CipherSuite)
		version = strings.Replace(tls.VersionName(r.TLS.Version), "TLS ", "TLSv", 1)
	}
	return strings.Join([]string{
		identity.CanonicalID(b.Account), b.Name, logTime(c.Now), c.HTTP.SourceIP, logRequester(c.Principal), c.RequestID,
		restOperation(c, a.Operation, key), dash(escapePath(key)), quoted(r.Method + " " + r.URL.RequestURI() + " " + r.Proto),
		strconv.Itoa(a.Status), dash(a.Code), sent, size, ms, ms, quoted(r.Referer()), quoted(r.UserAgent()),
		dash(r.URL.Query().Get("versionId")), c.RequestID, signature, cipher, dash(logAuth(c.HTTP.AuthType)), dash(r.Host), version, "-", "-",
	}, " ") + "\n"
}

func logTime(t time.Time) string { return t.UTC().Format("[02/Jan/2006:15:04:05 -0700]") }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func quoted(s string) string { return `"` + strings.ReplaceAll(dash(s), `"`, "%22") + `"` }

func logRequester(p *cloud.Principal) string {
	switch p.Kind {
	case cloud.Anonymous:
		return "-"
	case cloud.Root:
		return identity.CanonicalID(p.Account)
	}
	return p.ARN
}

func logAuth(kind string) string {
	switch kind {
	case "REST-HEADER":
		return "AuthHeader"
	case "REST-QUERY-STRING":
		return "QueryString"
	}
	return ""
}

// restOperation is the operation as logs name it: REST.GET.OBJECT.
func restOperation(c *cloud.Call, operation, key string) string {
	r := c.HTTP.Request
	if operation == "DeleteObjects" {
		return "REST.POST.MULTI_OBJECT_DELETE"
	}
	if _, ok := websiteHost(c.HTTP.Host); ok {
		return "WEBSITE." + r.Method + ".OBJECT"
	}
	what := "BUCKET"
	if key != "" {
		what = "OBJECT"
	}
	if strings.HasPrefix(operation, "CopyObject") {
		return "REST.COPY.OBJECT"
	}
	query := r.URL.Query()
	for _, sub := range [...]struct{ query, name string }{
		{"acl", "ACL"}, {"accelerate", "ACCELERATE"}, {"analytics", "ANALYTICS"}, {"cors", "CORS"}, {"encryption", "ENCRYPTION"},
		{"intelligent-tiering", "INTELLIGENT_TIERING"}, {"inventory", "INVENTORY"}, {"legal-hold", "LEGAL_HOLD"}, {"lifecycle", "LIFECYCLE"},
		{"location", "LOCATION"}, {"logging", "LOGGING_STATUS"}, {"metrics", "METRICS"}, {"notification", "NOTIFICATION"},
		{"object-lock", "OBJECT_LOCK_CONFIGURATION"}, {"ownershipControls", "OWNERSHIP_CONTROLS"}, {"policy", "BUCKETPOLICY"},
		{"policyStatus", "POLICY_STATUS"}, {"publicAccessBlock", "PUBLIC_ACCESS_BLOCK"}, {"replication", "REPLICATION"},
		{"requestPayment", "REQUEST_PAYMENT"}, {"restore", "RESTORE"}, {"retention", "OBJECT_LOCK_RETENTION"}, {"tagging", what + "_TAGGING"},
		{"uploads", "UPLOADS"}, {"uploadId", "UPLOAD"}, {"versioning", "VERSIONING"}, {"versions", "BUCKETVERSIONS"}, {"website", "WEBSITE"},
	} {
		if query.Has(sub.query) {
			if what = sub.name; what == "UPLOAD" && query.Has("partNumber") {
				what = "PART"
			}
			break
		}
	}
	return "REST." + r.Method + "." + what
}

// logLifecycle notes what lifecycle did, as AWS does.
func logLifecycle(c *cloud.Call, tx store.Tx, b *Bucket, o *Object, event string) {
	operation := map[string]string{
		eventExpired: "S3.EXPIRE.OBJECT", eventExpiredMarker: "S3.CREATE.DELETEMARKER",
		eventTransition: "S3.TRANSITION_" + map[string]string{
			"STANDARD_IA": "SIA", "ONEZONE_IA": "ZIA", "INTELLIGENT_TIERING": "INT", "GLACIER_IR": "GIR", "GLACIER": "GL", "DEEP_ARCHIVE": "GDA",
		}[o.StorageClass()] + ".OBJECT",
	}[event]
	id := c.Rand().String(16, "0123456789ABCDEF")
	text := fmt.Sprintf("%s %s %s - AmazonS3 %s %s %s \"-\" - - - %d - - \"-\" \"-\" %s - - - - - - - -\n",
		identity.CanonicalID(b.Account), b.Name, logTime(c.Now), id, operation, dash(escapePath(o.Key)), o.Size, dash(o.Version))
	logLines.Insert(tx, &LogLine{Bucket: b.Name, Time: c.Now, ID: id, Text: text})
	tx.After(c.Now.Add(logPeriod), logController, store.K(b.Name))
}

// deliverLogs is the controller that writes a bucket's waiting lines to its
// target, as the logging service: the target's policy or ACL has to let it.
func deliverLogs(c *cloud.Call, key store.Key) error {
	name, _ := key[0].(string)
	for {
		var lines []*LogLine
		var put *api.PutObjectInput
		var b *Bucket
		err := c.View(func(r store.Reader) error {
			for l := range logLines.Scan(r, name) {
				if lines = append(lines, l); len(lines) == logBatch {
					break
				}
			}
			var ok bool
			if b, ok = buckets.Get(r, name); !ok || b.Logging == nil || len(lines) == 0 {
				return nil
			}
			put = &api.PutObjectInput{Bucket: b.Logging.TargetBucket, Key: logKey(c, b), ContentType: new("text/plain")}
			put.GrantFullControl, put.GrantRead = logGrants(r, b.Logging.TargetGrants)
			return nil
		})
		if err != nil || len(lines) == 0 {
			return err
		}
		if put != nil {
			put.Body = io.NopCloser(lineReader(lines))
			_, err := api.PutObject.Call(c.In(b.Account, b.Region).AsService(logService, b.ARN()), put)
			var e *cloud.Error
			if err != nil && !(errors.As(err, &e) && e.Status < 500) {
				return err // what is refused is lost, as on AWS
			}
		}
		if err := c.Update(func(tx store.Tx) error {
			for _, l := range lines {
				logLines.Delete(tx, l.Bucket, l.Time, l.ID)
			}
			return nil
		}); err != nil {
			return err
		}
	}
}

func lineReader(lines []*LogLine) io.Reader {
	var s strings.Builder
	for _, l := range lines {
		s.WriteString(l.Text)
	}
	return strings.NewReader(s.String())
}
