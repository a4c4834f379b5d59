package s3_test

import (
	"compress/gzip"
	"crypto/md5"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"pileus/node/nodetest"
)

func (s *stage) read(bucket, key string) []byte {
	s.T.Helper()
	out, err := s.GetObject(s.T.Context(), &sdk.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		s.T.Fatalf("get %s/%s: %v", bucket, key, err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return b
}

// admit lets a service write to a bucket on behalf of another bucket.
func (s *stage) admit(bucket, service, source string) {
	s.T.Helper()
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::` + bucket + `/*",
		"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::` + source + `"},"StringEquals":{"aws:SourceAccount":"` + nodetest.Account + `"}}}]}`
	must(s.T)(s.PutBucketPolicy(s.T.Context(), &sdk.PutBucketPolicyInput{Bucket: &bucket, Policy: &text}))
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
var logLine = regexp.MustCompile(`^([0-9a-f]{64}) (\S+) \[(.+?)\] (\S+) (\S+) (\S+) (\S+) (\S+) "([^"]*)" (\d{3}) (\S+) (\S+) (\S+) (\d+) (\d+) "([^"]*)" "([^"]*)" (\S+) (\S+) (\S+) (\S+) (\S+) (\S+) (\S+) (\S+) (\S+)$`)

func TestServerAccessLogs(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	b, logs := s.open("web"), s.bucket("logs")
	wantCode(t, "InvalidTargetBucketForLogging")(s.PutBucketLogging(ctx, &sdk.PutBucketLoggingInput{Bucket: &b, BucketLoggingStatus: &types.BucketLoggingStatus{LoggingEnabled: &types.LoggingEnabled{TargetBucket: new("none"), TargetPrefix: new("")}}}))
	s.admit(logs, "logging.s3.amazonaws.com", b)
	must(t)(s.PutBucketLogging(ctx, &sdk.PutBucketLoggingInput{Bucket: &b, BucketLoggingStatus: &types.BucketLoggingStatus{LoggingEnabled: &types.LoggingEnabled{TargetBucket: &logs, TargetPrefix: new("web/")}}}))
	got, err := s.GetBucketLogging(ctx, &sdk.GetBucketLoggingInput{Bucket: &b})
	if must(t)(got, err); *got.LoggingEnabled.TargetBucket != logs {
		t.Errorf("logging is %+v", got.LoggingEnabled)
	}
	s.put(b, "a b", "four")
	s.read(b, "a b")
	s.fetch("GET", "", "/web/none", "User-Agent", `tool "x"`)
	if s.keys(logs) != "" {
		t.Error("logs are there at once")
	}
	s.Advance(time.Hour)
	key := s.keys(logs)
	if !regexp.MustCompile(`^web/2026-01-01-01-00-00-[0-9A-F]{16}$`).MatchString(key) {
		t.Fatalf("log objects: %q", key)
	}
	type line struct{ requester, operation, key, status, code string }
	var lines []line
	for text := range strings.Lines(string(s.read(logs, key))) {
		m := logLine.FindStringSubmatch(strings.TrimSuffix(text, "\n"))
		if m == nil {
			t.Errorf("line is not in AWS's format: %s", text)
			continue
		}
		lines = append(lines, line{m[5], m[7], m[8], m[10], m[11]})
		if m[2] != b || m[3] != "01/Jan/2026:00:00:00 +0000" || m[4] != "127.0.0.1" {
			t.Errorf("line: %s", text)
		}
	}
	owner := lines[0].requester
	want := []line{
		{owner, "REST.GET.LOGGING_STATUS", "-", "200", "-"},
		{owner, "REST.PUT.OBJECT", "a%20b", "200", "-"}, {owner, "REST.GET.OBJECT", "a%20b", "200", "-"}, {"-", "REST.GET.OBJECT", "none", "403", "AccessDenied"},
	}
	seen := map[line]int{}
	for _, l := range lines {
		seen[l]++
	}
	for _, l := range want {
		if seen[l] != 1 {
			t.Errorf("no line %+v among %+v", l, lines)
		}
	}
	if len(lines) != len(want) {
		t.Errorf("%d lines: %+v", len(lines), lines)
	}
	// A target that refuses them loses the logs.
	must(t)(s.DeleteBucketPolicy(ctx, &sdk.DeleteBucketPolicyInput{Bucket: &logs}))
	s.put(b, "lost", "")
	s.Advance(2 * time.Hour)
	if got := s.keys(logs); got != key {
		t.Errorf("logs hold %s", got)
	}
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
func TestInventory(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	b, reports := s.bucket("stock"), s.bucket("reports")
	s.version(b)
	s.admit(reports, "s3.amazonaws.com", b)
	s.put(b, "a/1", "x")
	s.put(b, "a/1", "xy")
	s.put(b, "a/2", "x")
	must(t)(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &b, Key: new("a/2")}))
	s.put(b, "b", "x")
	put := func(format types.InventoryFormat) error {
		_, err := s.PutBucketInventoryConfiguration(ctx, &sdk.PutBucketInventoryConfigurationInput{Bucket: &b, Id: new("all"), InventoryConfiguration: &types.InventoryConfiguration{
			Id: new("all"), IsEnabled: new(true), IncludedObjectVersions: types.InventoryIncludedObjectVersionsAll, Filter: &types.InventoryFilter{Prefix: new("a/")},
			Schedule:       &types.InventorySchedule{Frequency: types.InventoryFrequencyDaily},
			OptionalFields: []types.InventoryOptionalField{"Size", "StorageClass"},
			Destination:    &types.InventoryDestination{S3BucketDestination: &types.InventoryS3BucketDestination{Bucket: new("arn:aws:s3:::reports"), Format: format, Prefix: new("inv")}},
		}})
		return err
	}
	wantCode(t, "NotImplemented")(nil, put(types.InventoryFormatOrc))
	if err := put(types.InventoryFormatCsv); err != nil {
		t.Fatal(err)
	}
	s.Advance(day)
	folder := "inv/stock/all/2026-01-02T00-00Z/"
	manifest := s.read(reports, folder+"manifest.json")
	sum := md5.Sum(manifest)
	if got := string(s.read(reports, folder+"manifest.checksum")); got != hex.EncodeToString(sum[:]) {
		t.Errorf("checksum is %s", got)
	}
	var m struct {
		SourceBucket, DestinationBucket, FileFormat, FileSchema string
		Files                                                   []struct {
			Key         string
			Size        int
			MD5checksum string
		}
	}
	if err := json.Unmarshal(manifest, &m); err != nil {
		t.Fatal(err)
	}
	if m.SourceBucket != b || m.DestinationBucket != "arn:aws:s3:::reports" || m.FileFormat != "CSV" || len(m.Files) != 1 ||
		m.FileSchema != "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, StorageClass" {
		t.Fatalf("manifest: %s", manifest)
	}
	data := s.read(reports, m.Files[0].Key)
	if sum := md5.Sum(data); len(data) != m.Files[0].Size || hex.EncodeToString(sum[:]) != m.Files[0].MD5checksum {
		t.Errorf("data of %d bytes, manifest: %+v", len(data), m.Files[0])
	}
	zip, err := gzip.NewReader(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(zip).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, strings.Join(append(r[:2:2], r[3:]...), ","))
	}
	if want := "stock,a/1,true,false,2,STANDARD stock,a/1,false,false,1,STANDARD stock,a/2,true,true,, stock,a/2,false,false,1,STANDARD"; strings.Join(got, " ") != want {
		t.Errorf("report: %s", strings.Join(got, " "))
	}
	s.Advance(day)
	s.read(reports, "inv/stock/all/2026-01-03T00-00Z/manifest.json")
	must(t)(s.DeleteBucketInventoryConfiguration(ctx, &sdk.DeleteBucketInventoryConfigurationInput{Bucket: &b, Id: new("all")}))
	before := s.keys(reports)
	if s.Advance(2 * day); s.keys(reports) != before {
		t.Error("reports go on after deletion")
	}
}
