package s3

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	api "pileus/api/s3"
	"pileus/node/nodetest"
)

const people = "name,age\nAnn,30\nBob,4\n# none\n\nDee,17\n"

// query is a request over CSV with a header to JSON, to be changed.
func query(expression string, change ...func(*sdk.SelectObjectContentInput)) *sdk.SelectObjectContentInput {
	in := &sdk.SelectObjectContentInput{
		Bucket: bucketAnd, Key: keyName, Expression: &expression, ExpressionType: types.ExpressionTypeSql,
		InputSerialization:  &types.InputSerialization{CSV: &types.CSVInput{FileHeaderInfo: types.FileHeaderInfoUse}},
		OutputSerialization: &types.OutputSerialization{JSON: &types.JSONOutput{}},
	}
	for _, f := range change {
		f(in)
	}
	return in
}

// selectWorld is a cloud with a bucket, and a client of AWS's SDK for it.
func selectWorld(t *testing.T) (*nodetest.World, *sdk.Client) {
	t.Helper()
	w := nodetest.New(t, Module())
	s := sdk.NewFromConfig(w.Config(), func(o *sdk.Options) { o.UsePathStyle = true })
	makeBucket(t, s, "bucket")
	return w, s
}

// answer is what a stream of events came to.
type answer struct {
	records  string
	kinds    string // a letter for each event: Records, Progress, Cont, Stats, End
	stats    types.Stats
	progress *types.Progress
	longest  int // bytes of a Records event
}

func selectAll(s *sdk.Client, in *sdk.SelectObjectContentInput, each func([]byte)) (a answer, err error) {
	out, err := s.SelectObjectContent(context.Background(), in)
	if err != nil {
		return a, err
	}
	stream := out.GetStream()
	defer stream.Close()
	for event := range stream.Events() {
		switch e := event.(type) {
		case *types.SelectObjectContentEventStreamMemberRecords:
			a.kinds += "R"
			a.longest = max(a.longest, len(e.Value.Payload))
			if each != nil {
				each(e.Value.Payload)
			} else {
				a.records += string(e.Value.Payload)
			}
		case *types.SelectObjectContentEventStreamMemberProgress:
			a.kinds, a.progress = a.kinds+"P", e.Value.Details
		case *types.SelectObjectContentEventStreamMemberCont:
			a.kinds += "C"
		case *types.SelectObjectContentEventStreamMemberStats:
			a.kinds, a.stats = a.kinds+"S", *e.Value.Details
		case *types.SelectObjectContentEventStreamMemberEnd:
			a.kinds += "E"
		}
	}
	return a, stream.Err()
}

func zip(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, s)
	z.Close()
	return b.String()
}

// bzipped is "name,age\nAnn,30\n" as bzip2 packs it, for which Go has no writer.
const bzipped = "QlpoOTFBWSZTWbK+X9EAAAddAAAQAARIACAAIoMgADEAMCAaHqZRKSi+BqR4u5IpwoSFlfL+iA=="

func TestSelectOverHTTP(t *testing.T) {
	_, s := selectWorld(t)
	csv := func(f func(*types.CSVInput)) func(*sdk.SelectObjectContentInput) {
		return func(in *sdk.SelectObjectContentInput) { f(in.InputSerialization.CSV) }
	}
	output := func(o types.CSVOutput) func(*sdk.SelectObjectContentInput) {
		return func(in *sdk.SelectObjectContentInput) { in.OutputSerialization = &types.OutputSerialization{CSV: &o} }
	}
	asJSON := func(kind types.JSONType) func(*sdk.SelectObjectContentInput) {
		return func(in *sdk.SelectObjectContentInput) {
			in.InputSerialization = &types.InputSerialization{JSON: &types.JSONInput{Type: kind}}
		}
	}
	for _, x := range []struct {
		name, content string
		in            *sdk.SelectObjectContentInput
		want          string
	}{
		{"where", people, query(`SELECT s.name FROM S3Object s WHERE CAST(s.age AS INT) > 10`), "{\"name\":\"Ann\"}\n{\"name\":\"Dee\"}\n"},
		{"aggregate", people, query(`SELECT SUM(CAST(age AS INT)) AS total FROM S3Object`), "{\"total\":51}\n"},
		{"header ignored", people, query(`SELECT _2 FROM S3Object LIMIT 1`, csv(func(c *types.CSVInput) { c.FileHeaderInfo = types.FileHeaderInfoIgnore })), "{\"_2\":\"30\"}\n"},
		{"no header", people, query(`SELECT * FROM S3Object LIMIT 1`, csv(func(c *types.CSVInput) { c.FileHeaderInfo = types.FileHeaderInfoNone })), "{\"_1\":\"name\",\"_2\":\"age\"}\n"},
		{"delimiters", "a|b;'x|''y'|2;", query(`SELECT * FROM S3Object`, csv(func(c *types.CSVInput) {
			c.FieldDelimiter, c.RecordDelimiter, c.QuoteCharacter = new("|"), new(";"), new("'")
		}), output(types.CSVOutput{QuoteFields: types.QuoteFieldsAlways, FieldDelimiter: new("\t"), RecordDelimiter: new("!\n")})), "\"x|'y\"\t\"2\"!\n"},
		{"quoted delimiter", "a,b\n\"x\ny\",2\n", query(`SELECT a FROM S3Object`, csv(func(c *types.CSVInput) { c.AllowQuotedRecordDelimiter = new(true) }), output(types.CSVOutput{})), "\"x\ny\"\n"},
		{"gzip", zip(people), query(`SELECT COUNT(*) FROM S3Object`, func(in *sdk.SelectObjectContentInput) {
			in.InputSerialization.CompressionType = types.CompressionTypeGzip
		}), "{\"_1\":3}\n"},
		{"json lines", "{\"a\":1}\n{\"a\":2}\n", query(`SELECT s.a FROM S3Object s WHERE s.a = 2`, asJSON(types.JSONTypeLines)), "{\"a\":2}\n"},
		{"json document", `{"a":[{"b":1},{"b":2}]}`, query(`SELECT r.b FROM S3Object[*].a[*] r`, asJSON(types.JSONTypeDocument), output(types.CSVOutput{})), "1\n2\n"},
		{"clock", "a\n1\n", query("SELECT UTCNOW() > `2000T` AS later FROM S3Object"), "{\"later\":true}\n"},
		{"empty", "", query(`SELECT a FROM S3Object`), ""},
	} {
		put(t, s, "bucket", "key", x.content)
		a, err := selectAll(s, x.in, nil)
		if err != nil || a.records != x.want || a.kinds != map[bool]string{true: "SE", false: "RSE"}[x.want == ""] {
			t.Errorf("%s: %v, %s, got %q, want %q", x.name, err, a.kinds, a.records, x.want)
		}
		if *a.stats.BytesReturned != int64(len(x.want)) || !strings.Contains(*x.in.Expression, "LIMIT") && *a.stats.BytesScanned != int64(len(x.content)) {
			t.Errorf("%s: %d scanned, %d returned", x.name, *a.stats.BytesScanned, *a.stats.BytesReturned)
		}
	}
}

func TestSelectBzip2(t *testing.T) {
	_, s := selectWorld(t)
	packed, err := base64.StdEncoding.DecodeString(bzipped)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "bucket", "key", string(packed))
	a, err := selectAll(s, query(`SELECT name FROM S3Object`, func(in *sdk.SelectObjectContentInput) {
		in.InputSerialization.CompressionType = types.CompressionTypeBzip2
	}), nil)
	if err != nil || a.records != "{\"name\":\"Ann\"}\n" {
		t.Error(a.records, err)
	}
}

func TestSelectErrorsBeforeTheStream(t *testing.T) {
	_, s := selectWorld(t)
	input := func(i types.InputSerialization) func(*sdk.SelectObjectContentInput) {
		return func(in *sdk.SelectObjectContentInput) { in.InputSerialization = &i }
	}
	scan := func(start, end int64) func(*sdk.SelectObjectContentInput) {
		return func(in *sdk.SelectObjectContentInput) { in.ScanRange = &types.ScanRange{Start: &start, End: &end} }
	}
	plain := types.CSVInput{FileHeaderInfo: types.FileHeaderInfoUse}
	for _, x := range []struct {
		content string
		in      *sdk.SelectObjectContentInput
		want    string
	}{
		{people, query(`SELECT a b c`), "ParseUnexpectedToken"},
		{people, query(`SELECT ^ FROM S3Object`), "LexerInvalidChar"},
		{people, query(`SELECT nothing FROM S3Object`), "MissingHeaders"},
		{people, query(`SELECT CAST(name AS INT) FROM S3Object`), "CastFailed"},
		{people, query(`SELECT 1 FROM S3Object`, input(types.InputSerialization{})), "InvalidDataSource"},
		{people, query(`SELECT 1 FROM S3Object`, input(types.InputSerialization{Parquet: &types.ParquetInput{}})), "ParquetParsingError"},
		{people, query(`SELECT 1 FROM S3Object`, input(types.InputSerialization{CSV: &plain, JSON: &types.JSONInput{Type: "LINES"}})), "ObjectSerializationConflict"},
		{people, query(`SELECT 1 FROM S3Object`, input(types.InputSerialization{CSV: &plain, CompressionType: types.CompressionTypeGzip})), "InvalidCompressionFormat"},
		{people, query(`SELECT 1 FROM S3Object`, input(types.InputSerialization{CSV: &plain, CompressionType: types.CompressionTypeBzip2})), "InvalidCompressionFormat"},
		{zip(people)[:30], query(`SELECT 1 FROM S3Object`, input(types.InputSerialization{CSV: &plain, CompressionType: types.CompressionTypeGzip})), "TruncatedInput"},
		{people, query(`SELECT 1 FROM S3Object`, input(types.InputSerialization{CSV: &types.CSVInput{FieldDelimiter: new("")}})), "InvalidRequestParameter"},
		{people, query(`SELECT 1 FROM S3Object`, input(types.InputSerialization{JSON: &types.JSONInput{Type: "LINES"}})), "JSONParsingError"},
		{"a\n\"x", query(`SELECT 1 FROM S3Object`), "CSVEscapingRecordDelimiter"},
		{"a\n\"x\"y", query(`SELECT 1 FROM S3Object`), "CSVUnescapedQuote"},
		{"a\n" + strings.Repeat("x", 1<<20+1), query(`SELECT 1 FROM S3Object`), "OverMaxRecordSize"},
		{"a\n\xff", query(`SELECT 1 FROM S3Object`), "InvalidTextEncoding"},
		{people, query(`SELECT 1 FROM S3Object`, scan(5, 1)), "InvalidScanRange"},
		{people, query(`SELECT 1 FROM S3Object`, scan(5, 9), input(types.InputSerialization{JSON: &types.JSONInput{Type: "DOCUMENT"}})), "UnsupportedScanRangeInput"},
		{people, query(`SELECT 1 FROM S3Object`, func(in *sdk.SelectObjectContentInput) { in.Key = new("none") }), "NoSuchKey"},
		{people, query(`SELECT 1 FROM S3Object`, func(in *sdk.SelectObjectContentInput) { in.OutputSerialization = &types.OutputSerialization{} }), "MissingRequiredParameter"},
	} {
		put(t, s, "bucket", "key", x.content)
		_, err := s.SelectObjectContent(context.Background(), x.in)
		wantCode(t, err, x.want)
	}
	must(s.PutObject(context.Background(), &sdk.PutObjectInput{Bucket: bucketAnd, Key: keyName, StorageClass: types.StorageClassGlacier}))(t)
	_, err := s.SelectObjectContent(context.Background(), query(`SELECT 1 FROM S3Object`))
	wantCode(t, err, "UnsupportedStorageClass")
}

// What goes wrong after the first event is an event, behind all results before.
func TestSelectErrorWithinTheStream(t *testing.T) {
	_, s := selectWorld(t)
	put(t, s, "bucket", "key", "n\n"+strings.Repeat("12345\n", 50_000)+"x\n")
	a, err := selectAll(s, query(`SELECT CAST(n AS INT) AS n FROM S3Object`), nil)
	wantCode(t, err, "CastFailed")
	if a.records != strings.Repeat("{\"n\":12345}\n", 50_000) || strings.Trim(a.kinds, "R") != "" {
		t.Errorf("%d bytes, %s", len(a.records), a.kinds)
	}
}

// Records that begin within the range are scanned, each by one range alone.
func TestSelectScanRange(t *testing.T) {
	_, s := selectWorld(t)
	content := "n,m\r\n"
	for i := range 40 {
		content += fmt.Sprintf("%d,%s\r\n", i, strings.Repeat("x", i%7))
	}
	put(t, s, "bucket", "key", content)
	scan := func(delimiter string, start, end *int64) string {
		a, err := selectAll(s, query(`SELECT n FROM S3Object`, func(in *sdk.SelectObjectContentInput) {
			in.InputSerialization.CSV.RecordDelimiter = &delimiter
			in.ScanRange = &types.ScanRange{Start: start, End: end}
		}), nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.records
	}
	whole := scan("\n", nil, nil)
	for _, step := range []int64{1, 2, 7, 50} {
		for _, delimiter := range []string{"\n", "\r\n"} {
			if step == 1 && delimiter == "\n" {
				continue
			}
			var all string
			for from := int64(0); from < int64(len(content)); from += step {
				all += scan(delimiter, aws.Int64(from), aws.Int64(from+step-1))
			}
			if all != whole {
				t.Errorf("in steps of %d: %q", step, all)
			}
		}
	}
	if got := scan("\n", nil, aws.Int64(9)); got != "{\"n\":\"39\"}\n" {
		t.Errorf("the last bytes: %q", got)
	}
}

func TestSelectWithCustomerKey(t *testing.T) {
	_, s := selectWorld(t)
	raw := pattern(32)
	sum := md5.Sum(raw)
	key, digest := base64.StdEncoding.EncodeToString(raw), base64.StdEncoding.EncodeToString(sum[:])
	must(s.PutObject(context.Background(), &sdk.PutObjectInput{Bucket: bucketAnd, Key: keyName, Body: strings.NewReader(people), SSECustomerAlgorithm: new("AES256"), SSECustomerKey: &key, SSECustomerKeyMD5: &digest}))(t)
	_, err := s.SelectObjectContent(context.Background(), query(`SELECT COUNT(*) AS n FROM S3Object`))
	wantCode(t, err, "InvalidRequest")
	a, err := selectAll(s, query(`SELECT COUNT(*) AS n FROM S3Object`, func(in *sdk.SelectObjectContentInput) {
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5 = new("AES256"), &key, &digest
	}), nil)
	if err != nil || a.records != "{\"n\":3}\n" {
		t.Error(a.records, err)
	}
}

// bigContent is 32 MiB of records.
func bigContent() string {
	line := "0123456789,abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz\n"
	return "a,b\n" + strings.Repeat(line, 32<<20/len(line))
}

// Memory does not grow with the object.
func TestSelectMemory(t *testing.T) {
	w, s := selectWorld(t)
	content := bigContent()
	put(t, s, "bucket", "key", content)
	out := nodetest.Do(w, &api.SelectObjectContent, &api.SelectObjectContentInput{Bucket: "bucket", Key: "key", Expression: `SELECT _2, _1 FROM S3Object`, ExpressionType: "SQL",
		InputSerialization: api.InputSerialization{CSV: &api.CSVInput{}}, OutputSerialization: api.OutputSerialization{CSV: &api.CSVOutput{}}})
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, n, most := heap(), 0, int64(0)
	for e, err := range out.Payload {
		if err != nil {
			t.Fatal(err)
		}
		if e.Records != nil {
			if n += len(e.Records.Payload); n%(4<<20) < len(e.Records.Payload) {
				most = max(most, heap()-before)
			}
		}
	}
	if n != len(content) || most > 2<<20 {
		t.Errorf("%d bytes of results took %d of memory", n, most)
	}
}

// A large object comes in many events, none of them large.
func TestSelectStreams(t *testing.T) {
	_, s := selectWorld(t)
	content := bigContent()
	put(t, s, "bucket", "key", content)
	n := 0
	a, err := selectAll(s, query(`SELECT b FROM S3Object`, func(in *sdk.SelectObjectContentInput) {
		in.OutputSerialization = &types.OutputSerialization{CSV: &types.CSVOutput{}}
		in.RequestProgress = &types.RequestProgress{Enabled: new(true)}
	}), func(b []byte) { n += len(b) })
	if err != nil || n != int(*a.stats.BytesReturned) || *a.stats.BytesProcessed != int64(len(content)) {
		t.Fatal(err, n, a.stats)
	}
	if a.longest > 128<<10 || !strings.HasPrefix(a.kinds, "RPRP") || !strings.HasSuffix(a.kinds, "SE") || *a.progress.BytesProcessed == 0 {
		t.Errorf("longest %d, %.20s", a.longest, a.kinds)
	}
	// What is silent for long says that it lives.
	a, err = selectAll(s, query(`SELECT b FROM S3Object WHERE a = 'x'`), nil)
	if err != nil || strings.Trim(a.kinds, "C") != "SE" || len(a.kinds) < 8 {
		t.Error(a.kinds, err)
	}
}

func TestSelectIsMetered(t *testing.T) {
	w, s := selectWorld(t)
	put(t, s, "bucket", "key", people)
	before := usage(t, w)
	a, err := selectAll(s, query(`SELECT name FROM S3Object`), nil)
	if err != nil {
		t.Fatal(err)
	}
	after := usage(t, w)
	for kind, want := range map[string]float64{"Requests-Tier2": 1, "Select-Scanned-Bytes": float64(len(people)) / gib, "Select-Returned-Bytes": float64(len(a.records)) / gib} {
		if got := after[kind] - before[kind]; math.Abs(got-want) > want/1e6 {
			t.Errorf("%s: %g, want %g", kind, got, want)
		}
	}
}
