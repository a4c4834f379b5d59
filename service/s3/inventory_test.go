package s3_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/parquet-go/parquet-go"
)

// A report in Parquet can be read with its own schema, and has the versions and
// what is configured.
func TestInventoryInParquet(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	b, reports := s.bucket("stock"), s.bucket("reports")
	s.version(b)
	s.admit(reports, "s3.amazonaws.com", b)
	s.put(b, "a/ü", "x")
	s.put(b, "a/ü", "xy")
	s.put(b, "z", "x")
	must(t)(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &b, Key: new("z")}))
	must(t)(s.PutBucketInventoryConfiguration(ctx, &sdk.PutBucketInventoryConfigurationInput{Bucket: &b, Id: new("all"), InventoryConfiguration: &types.InventoryConfiguration{
		Id: new("all"), IsEnabled: new(true), IncludedObjectVersions: types.InventoryIncludedObjectVersionsAll,
		Schedule: &types.InventorySchedule{Frequency: types.InventoryFrequencyDaily},
		OptionalFields: []types.InventoryOptionalField{"Size", "LastModifiedDate", "ETag", "StorageClass", "IsMultipartUploaded",
			"ObjectLockRetainUntilDate", "ChecksumAlgorithm"},
		Destination: &types.InventoryDestination{S3BucketDestination: &types.InventoryS3BucketDestination{Bucket: new("arn:aws:s3:::reports"), Format: types.InventoryFormatParquet}},
	}}))
	s.Advance(day)
	var m struct {
		FileFormat, FileSchema string
		Files                  []struct{ Key string }
	}
	if err := json.Unmarshal(s.read(reports, "stock/all/2026-01-02T00-00Z/manifest.json"), &m); err != nil {
		t.Fatal(err)
	}
	if m.FileFormat != "Parquet" || len(m.Files) != 1 || !strings.HasSuffix(m.Files[0].Key, ".parquet") ||
		!strings.Contains(m.FileSchema, "required binary key (STRING); optional int64 last_modified_date (TIMESTAMP(MILLIS,true));") {
		t.Fatalf("the manifest is %+v", m)
	}
	data := s.read(reports, m.Files[0].Key)
	type line struct {
		Key      string     `parquet:"key"`
		Latest   *bool      `parquet:"is_latest"`
		Marker   *bool      `parquet:"is_delete_marker"`
		Size     *int64     `parquet:"size"`
		Modified *time.Time `parquet:"last_modified_date,timestamp(millisecond)"`
		ETag     *string    `parquet:"e_tag"`
		Until    *time.Time `parquet:"object_lock_retain_until_date,timestamp(millisecond)"`
	}
	lines, err := parquet.Read[line](bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines {
		size := int64(-1)
		if l.Size != nil {
			size = *l.Size
		}
		if l.Modified == nil || l.Modified.Year() != 2026 || l.Until != nil || (l.ETag == nil) != *l.Marker {
			t.Errorf("a line is %+v", l)
		}
		got = append(got, fmt.Sprint(l.Key, *l.Latest, *l.Marker, size))
	}
	if want := "[a/ütrue false 2 a/üfalse false 1 ztrue true -1 zfalse false 1]"; fmt.Sprint(got) != want {
		t.Errorf("the report is %v, want %s", got, want)
	}
}
