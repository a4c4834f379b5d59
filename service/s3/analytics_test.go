package s3_test

import (
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Each day's analysis has what is stored, by class and age, and what was read.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/analytics-storage-class.html
func TestAnalyticsExport(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	b, reports := s.bucket("stock"), s.bucket("reports")
	s.admit(reports, "s3.amazonaws.com", b)
	mb := strings.Repeat("x", 1<<20)
	s.put(b, "a/old", mb)
	s.put(b, "a/cold", mb, func(in *sdk.PutObjectInput) { in.StorageClass = types.StorageClassStandardIa })
	s.put(b, "a/glacier", mb, func(in *sdk.PutObjectInput) { in.StorageClass = types.StorageClassGlacier })
	s.put(b, "b/other", mb)
	s.Advance(20 * day)
	must(t)(s.PutBucketAnalyticsConfiguration(ctx, &sdk.PutBucketAnalyticsConfigurationInput{Bucket: &b, Id: new("all"), AnalyticsConfiguration: &types.AnalyticsConfiguration{
		Id: new("all"), Filter: &types.AnalyticsFilterMemberPrefix{Value: "a/"},
		StorageClassAnalysis: &types.StorageClassAnalysis{DataExport: &types.StorageClassAnalysisDataExport{OutputSchemaVersion: types.StorageClassAnalysisSchemaVersionV1,
			Destination: &types.AnalyticsExportDestination{S3BucketDestination: &types.AnalyticsS3BucketDestination{
				Bucket: new("arn:aws:s3:::reports"), Format: types.AnalyticsS3ExportFileFormatCsv, Prefix: new("out")}}}},
	}}))
	s.put(b, "a/new", mb)
	for range 3 {
		s.read(b, "a/old")
	}
	s.read(b, "b/other")
	s.Advance(day)
	lines := strings.Split(strings.TrimSpace(string(s.read(reports, "out/stock/all/2026-01-21.csv"))), "\n")
	var got []string
	for _, l := range lines[1:] {
		f := strings.Split(l, ",")
		got = append(got, fmt.Sprint(f[0] == "2026-01-21", f[1:10]))
	}
	want := []string{
		"true [all prefix=a/ STANDARD ALL 2 1.0000 2.0000 3.0000 3]",
		"true [all prefix=a/ STANDARD 000-014 1 1.0000 1.0000 0.0000 0]",
		"true [all prefix=a/ STANDARD 015-029 1 0.0000 1.0000 3.0000 3]",
		"true [all prefix=a/ STANDARD_IA ALL 1 0.0000 1.0000 0.0000 0]",
		"true [all prefix=a/ STANDARD_IA 015-029 1 0.0000 1.0000 0.0000 0]",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the analysis is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s.Advance(day) // nothing was read since
	if text := string(s.read(reports, "out/stock/all/2026-01-22.csv")); !strings.Contains(text, "STANDARD,ALL,2,0.0000,2.0000,0.0000,0,") {
		t.Errorf("the day after:\n%s", text)
	}
	must(t)(s.DeleteBucketAnalyticsConfiguration(ctx, &sdk.DeleteBucketAnalyticsConfigurationInput{Bucket: &b, Id: new("all")}))
	before := s.keys(reports)
	if s.Advance(2 * day); s.keys(reports) != before {
		t.Error("exports go on after deletion")
	}
}
