package s3

import (
	"bytes"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/parquet-go/parquet-go"
)

type parquetPerson struct {
	Name  string    `parquet:"name,snappy"`
	Age   *int32    `parquet:"age,optional"`
	Score float64   `parquet:"score"`
	Price int64     `parquet:"price,decimal(2:18)"`
	Born  time.Time `parquet:"born,timestamp(millisecond)"`
	Tags  []string  `parquet:"tags,list"`
	Home  struct {
		City string `parquet:"city,zstd"`
	} `parquet:"home"`
	Member bool `parquet:"member"`
}

func parquetPeople(t *testing.T) string {
	t.Helper()
	age := int32(30)
	born := time.Date(1990, 2, 3, 4, 5, 6, 789e6, time.UTC)
	rows := []parquetPerson{
		{Name: "Ann", Age: &age, Score: 1.5, Price: 1234, Born: born, Tags: []string{"a", "b"}, Member: true},
		{Name: "Bob", Score: -2, Price: -5, Born: born.AddDate(10, 0, 0)},
	}
	rows[0].Home.City, rows[1].Home.City = "Ulm", "Bonn"
	var b bytes.Buffer
	w := parquet.NewGenericWriter[parquetPerson](&b)
	for _, row := range rows { // a row group for each
		if _, err := w.Write([]parquetPerson{row}); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSelectParquet(t *testing.T) {
	_, s := selectWorld(t)
	file := parquetPeople(t)
	put(t, s, "bucket", "people", file)
	put(t, s, "bucket", "broken", file[:len(file)/2]+"PAR1")
	ask := func(key, expression string, more ...func(*sdk.SelectObjectContentInput)) (answer, error) {
		in := query(expression, more...)
		in.Key = &key
		in.InputSerialization = &types.InputSerialization{Parquet: &types.ParquetInput{}}
		if len(more) == 0 {
			in.OutputSerialization = &types.OutputSerialization{CSV: &types.CSVOutput{}}
		}
		return selectAll(s, in, nil)
	}
	for expression, want := range map[string]string{
		`SELECT s.name, s.age, s.score, s.price, s.member FROM S3Object s`:      "Ann,30,1.5,12.34,true\nBob,,-2,-0.05,false\n",
		`SELECT s.name FROM S3Object s WHERE s.age IS NULL`:                     "Bob\n",
		`SELECT s.home.city FROM S3Object s WHERE s.home.city LIKE 'U%'`:        "Ulm\n",
		`SELECT s.born FROM S3Object s WHERE s.member`:                          "1990-02-03T04:05:06.789Z\n",
		`SELECT EXTRACT(YEAR FROM s.born) FROM S3Object s LIMIT 2`:              "1990\n2000\n",
		`SELECT s.tags[1] FROM S3Object s WHERE s.name = 'Ann'`:                 "b\n",
		`SELECT COUNT(*), SUM(s.price), MAX(s.age) FROM S3Object s`:             "2,12.29,30\n",
		`SELECT s._1 FROM S3Object s WHERE s."name" = 'Bob'`:                    "Bob\n",
		`SELECT COUNT(*) FROM S3Object s WHERE s.score BETWEEN -3 AND 0`:        "1\n",
		`SELECT s.NAME FROM S3Object s WHERE CAST(s.price AS DECIMAL) > 12.339`: "Ann\n",
	} {
		if got, err := ask("people", expression); err != nil || got.records != want {
			t.Errorf("%s: %q, %v; want %q", expression, got.records, err, want)
		}
	}
	got, err := ask("people", `SELECT * FROM S3Object`, func(in *sdk.SelectObjectContentInput) {
		in.OutputSerialization = &types.OutputSerialization{JSON: &types.JSONOutput{}}
	})
	if err != nil || !strings.Contains(got.records, `"tags":["a","b"],"home":{"city":"Ulm"}`) || !strings.Contains(got.records, `"tags":[]`) {
		t.Errorf("SELECT *: %s, %v", got.records, err)
	}
	if *got.stats.BytesScanned == 0 || *got.stats.BytesReturned != int64(len(got.records)) {
		t.Errorf("the statistics are %+v", got.stats)
	}
	got, err = ask("people", `SELECT s.name FROM S3Object s`, func(in *sdk.SelectObjectContentInput) {
		in.ScanRange = &types.ScanRange{Start: new(int64(10)), End: new(int64(len(file)))}
	})
	if err != nil || got.records != `{"name":"Bob"}`+"\n" {
		t.Errorf("the row group that begins within a range: %q, %v", got.records, err)
	}
	for expression, code := range map[string]string{
		`SELECT s.nothing FROM S3Object s`: "MissingHeaders",
		`SELECT * FROM S3Object[*].a`:      "InvalidKeyPath",
	} {
		_, err := ask("people", expression)
		wantCode(t, err, code)
	}
	_, err = ask("broken", `SELECT * FROM S3Object`)
	wantCode(t, err, "ParquetParsingError")
}
