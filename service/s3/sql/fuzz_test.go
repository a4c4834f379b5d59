package sql

import (
	"bytes"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/parquet-go/parquet-go"
)

// FuzzParse: whatever the expression, it is refused with an error of the
// service or runs without failing otherwise.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`SELECT * FROM S3Object`, `SELECT s.a[0]."b", COUNT(*) n FROM S3Object[*].x[*].* AS s WHERE a LIKE 'x!%' ESCAPE '!' OR NOT b BETWEEN 1 AND 2.5e3 LIMIT 5`,
		"SELECT CAST(a AS DECIMAL(3,2)), CASE a WHEN 1 THEN `2010T` ELSE NULL END FROM S3Object WHERE a IN (1,'2') AND b IS NOT MISSING",
		`SELECT TRIM(BOTH 'x' FROM a) || SUBSTRING(a FROM 2 FOR 3), DATE_ADD(day, -a, UTCNOW()), EXTRACT(second FROM TO_TIMESTAMP(a)), TO_STRING(UTCNOW(), 'yyyy') FROM S3Object`,
		`SELECT AVG(a), SUM(a % 3), MIN(a), MAX(-a) FROM S3Object -- x`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, err := askJSON(s, `{"a":1,"b":"2010T","x":[1.5,{"a":[true,null]}]} {"a":9223372036854775807}`, asLines())
		codeOf(t, err)
		_, err = askCSV(s, people, plainCSV, asCSV())
		codeOf(t, err)
	})
}

// FuzzCSV: records are the same however the content arrives, and what is
// written is read again as it was.
func FuzzCSV(f *testing.F) {
	f.Add(people, uint8(0))
	f.Add("a;b|\"x;|\"\"y\";'z|", uint8(1))
	f.Add("a,\"b\\\"c\"\r\n,\n\"", uint8(2))
	f.Fuzz(func(t *testing.T, content string, kind uint8) {
		format := plainCSV
		format.Header, format.Comment = NoHeader, 0
		switch kind % 4 {
		case 1:
			format.Field, format.Record, format.QuotedDelimiter = ";", "|", true
		case 2:
			format.Escape, format.Record = '\\', "\r\n"
		case 3:
			format.QuotedDelimiter = true
		}
		q, err := Parse(`SELECT * FROM S3Object`)
		if err != nil {
			t.Fatal(err)
		}
		read := func(r io.Reader, f CSVFormat) (string, error) {
			return ask(q, NewCSV(r, f, Section{To: math.MaxInt64}), &CSVWriter{Always: true, Quote: '"', Escape: '"', Field: ",", Record: "\n"})
		}
		once, err := read(strings.NewReader(content), format)
		codeOf(t, err)
		slowly, slowErr := read(iotest.OneByteReader(strings.NewReader(content)), format)
		if once != slowly || codeOf(t, err) != codeOf(t, slowErr) {
			t.Fatalf("%q, %v; byte by byte %q, %v", once, err, slowly, slowErr)
		}
		again := plainCSV
		again.Header, again.Comment, again.QuotedDelimiter = NoHeader, 0, true
		if back, err := read(strings.NewReader(once), again); back != once || err != nil {
			t.Fatalf("%q was read again as %q, %v", once, back, err)
		}
	})
}

// FuzzJSON: what is accepted, is read again as it was written; and arrives
// the same in pieces.
func FuzzJSON(f *testing.F) {
	f.Add(`{"a":[1,-2.5e3,"\u00fc\ud83d\ude00\\",null,true],"a":{}} [] 5`)
	f.Add(`{"x":{"y":[1,2`)
	f.Fuzz(func(t *testing.T, content string) {
		for _, from := range []string{`SELECT * FROM S3Object`, `SELECT * FROM S3Object[*].x[*].y r`} {
			q, err := Parse(from)
			if err != nil {
				t.Fatal(err)
			}
			read := func(r io.Reader, q *Query) (string, error) {
				return ask(q, NewJSON(r, q, Section{To: math.MaxInt64}), asLines())
			}
			once, err := read(strings.NewReader(content), q)
			codeOf(t, err)
			if slowly, slowErr := read(iotest.OneByteReader(strings.NewReader(content)), q); once != slowly || codeOf(t, err) != codeOf(t, slowErr) {
				t.Fatalf("%q, %v; byte by byte %q, %v", once, err, slowly, slowErr)
			}
			whole, _ := Parse(`SELECT * FROM S3Object`)
			if back, err := read(strings.NewReader(once), whole); back != once || err != nil {
				t.Fatalf("%q was read again as %q, %v", once, back, err)
			}
		}
	})
}

func FuzzTimestampPattern(f *testing.F) {
	f.Add("MMMM d, y h:m a SSS", "2010-01-02T03:04:05.678Z")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		at, err := parseTimestamp(s)
		if codeOf(t, err) != "" {
			return
		}
		if again, err := parseTimestamp(at.String()); err != nil || !again.At.Equal(at.At) || again.Precision != at.Precision {
			t.Fatalf("%q is %s, then %v, %v", s, at, again, err)
		}
		written, err := at.format(pattern)
		codeOf(t, err)
		_, err = parseWith(written, pattern)
		codeOf(t, err)
	})
}

func BenchmarkFilterCSV(b *testing.B) {
	content := strings.Repeat("1234,some text,5.5,Oslo\n", 10_000)
	b.SetBytes(int64(len(content)))
	format := plainCSV
	format.Header = NoHeader
	for b.Loop() {
		if _, err := askCSV(`SELECT _2 FROM S3Object s WHERE CAST(_1 AS INT) > 9999`, content, format, asCSV()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFilterJSON(b *testing.B) {
	content := strings.Repeat(`{"id":1234,"name":"some text","price":5.5,"city":"Oslo"}`+"\n", 10_000)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		if _, err := askJSON(`SELECT s.name FROM S3Object s WHERE s.id > 9999`, content, asLines()); err != nil {
			b.Fatal(err)
		}
	}
}

// No file makes the reader of Parquet panic, or read for ever.
func FuzzParquet(f *testing.F) {
	type row struct {
		Name string   `parquet:"name,snappy"`
		Age  *int32   `parquet:"age,optional"`
		Tags []string `parquet:"tags,list"`
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, []row{{"a", new(int32(1)), []string{"x", "y"}}, {"b", nil, nil}}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := NewParquet(bytes.NewReader(file), int64(len(file)), Section{To: int64(len(file))})
		if err != nil {
			return
		}
		defer p.Close()
		for range 10_000 {
			if _, err := p.Next(); err != nil {
				return
			}
		}
	})
}
