package sql

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"pileus/cloud"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)

const people = "name,age,city\nAnn,30,Oslo\nBob,4,\"New York, NY\"\nCid,,Rome\nDee,17.5,Oslo\n"

var plainCSV = CSVFormat{Header: UseHeader, Quote: '"', Escape: '"', Comment: '#', Field: ",", Record: "\n"}

type rows interface{ Next() (Value, error) }

// ask runs a query over records and is what it writes.
func ask(q *Query, from rows, w Writer) (string, error) {
	r := q.Start(now)
	var out []byte
	write := func(row *Row, err error) error {
		if err == nil && row != nil {
			out, err = w.Append(out, row)
		}
		return err
	}
	for !r.Done() {
		v, err := from.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return string(out), err
		}
		if err := write(r.Record(v)); err != nil {
			return string(out), err
		}
	}
	err := write(r.Final())
	return string(out), err
}

func askCSV(query, content string, f CSVFormat, w Writer) (string, error) {
	q, err := Parse(query)
	if err == nil {
		err = q.CheckCSV(f.Header == UseHeader)
	}
	if err != nil {
		return "", err
	}
	c := NewCSV(strings.NewReader(content), f, Section{To: math.MaxInt64})
	names, err := c.ReadHeader()
	if err == nil && names != nil {
		err = q.CheckHeader(names)
	}
	if err != nil {
		return "", err
	}
	return ask(q, c, w)
}

func askJSON(query, content string, w Writer) (string, error) {
	q, err := Parse(query)
	if err != nil {
		return "", err
	}
	return ask(q, NewJSON(strings.NewReader(content), q, Section{To: math.MaxInt64}), w)
}

func asLines() Writer { return &JSONWriter{Record: "\n"} }
func asCSV() Writer {
	return &CSVWriter{Quote: '"', Escape: '"', Field: ",", Record: "\n"}
}

// codeOf is the code of an error of the service; "" for none.
func codeOf(t *testing.T, err error) string {
	t.Helper()
	var e *cloud.Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("not an error of the service: %v", err)
	}
	if e == nil {
		return ""
	}
	if e.Status != 400 || e.Message == "" {
		t.Errorf("%+v", e)
	}
	return e.Code
}

func TestQueriesOfCSV(t *testing.T) {
	for _, x := range []struct{ query, want string }{
		{`SELECT * FROM S3Object`, "Ann,30,Oslo\nBob,4,\"New York, NY\"\nCid,,Rome\nDee,17.5,Oslo\n"},
		{`select s.name from s3object s where s.city = 'Oslo'`, "Ann\nDee\n"},
		{`SELECT NAME, _2 FROM S3Object AS s LIMIT 1`, "Ann,30\n"},
		{`SELECT s.* FROM S3Object s LIMIT 1`, "Ann,30,Oslo\n"},
		{`SELECT "name" FROM S3Object[*] s LIMIT 1;`, "Ann\n"},
		{`SELECT _1 FROM S3Object[*] LIMIT 1`, "Ann\n"},
		{`SELECT name FROM S3Object WHERE age > 4`, "Ann\nDee\n"},
		{`SELECT name FROM S3Object WHERE CAST(age AS FLOAT) = 17.5`, ""},
		{`SELECT name FROM S3Object WHERE age <> '' AND CAST(age AS FLOAT) = 17.5`, "Dee\n"},
		{`SELECT name FROM S3Object WHERE city LIKE '%o%' AND NOT name = 'Ann'`, "Bob\nCid\nDee\n"},
		{`SELECT COUNT(*), COUNT(age), SUM(age), MIN(name), MAX(city) FROM S3Object WHERE age <> ''`, "3,3,51.5,Ann,Oslo\n"},
		{`SELECT AVG(CAST(age AS INT)) FROM S3Object WHERE name IN ('Ann', 'Bob')`, "17\n"},
		{`SELECT SUM(age) / COUNT(*) AS mean FROM S3Object WHERE name IN ('Ann', 'Bob')`, "17\n"},
		{`SELECT COUNT(*) FROM S3Object WHERE name = 'nobody'`, "0\n"},
		{`SELECT MAX(age) FROM S3Object WHERE name = 'nobody'`, "\n"},
		{`SELECT name FROM S3Object LIMIT 0`, ""},
		{`SELECT name FROM S3Object WHERE _9 IS MISSING LIMIT 1`, "Ann\n"},
		{`SELECT name || '!' , 1 FROM S3Object LIMIT 1`, "Ann!,1\n"},
		{`SELECT name FROM S3Object -- a comment
		  WHERE name BETWEEN 'B' AND 'D'`, "Bob\nCid\n"},
	} {
		got, err := askCSV(x.query, people, plainCSV, asCSV())
		if code := codeOf(t, err); code != "" && code != "CastFailed" {
			t.Errorf("%s: %v", x.query, err)
		}
		if got != x.want {
			t.Errorf("%s\n got %q\nwant %q", x.query, got, x.want)
		}
	}
}

// Expressions, over nothing.
func TestExpressions(t *testing.T) {
	for _, x := range [][2]string{
		{`1 + 2 * 3`, `7`}, {`(1 + 2) * 3`, `9`}, {`7 / 2`, `3`}, {`7.0 / 2`, `3.5`}, {`-7 % 3`, `-1`}, {`0.1 + 0.2`, `0.3`},
		{`- -1`, `1`}, {`2 - -3`, `5`}, {`1e2`, `1E+2`}, {`1e2 + 0`, `100`}, {`CAST(0.1 AS FLOAT) + 0.2`, `0.30000000000000004`},
		{`.5`, `0.5`}, {`007`, `7`}, {`9223372036854775807 + 0.5`, `9223372036854775807.5`},
		{`1 < 2 AND 2 < 3`, `true`}, {`1 = 1.0`, `true`}, {`1 = '1'`, `false`}, {`1 != 2 OR NULL`, `true`}, {`NULL AND FALSE`, `false`}, {`NULL AND TRUE`, `null`},
		{`NOT NULL`, `null`}, {`NULL IS NULL`, `true`}, {`MISSING IS NULL`, `true`}, {`NULL IS MISSING`, `false`}, {`MISSING IS NOT MISSING`, `false`}, {`NULL = NULL`, `null`},
		{`3 BETWEEN 1 AND 3`, `true`}, {`3 NOT BETWEEN 1 AND 3`, `false`}, {`2 IN (1, 2)`, `true`}, {`3 NOT IN (1, 2)`, `true`}, {`3 IN (1, NULL)`, `null`},
		{`'50%' LIKE '5_!%' ESCAPE '!'`, `true`}, {`'501' LIKE '5_!%' ESCAPE '!'`, `false`}, {`'abc' LIKE 'a%c'`, `true`}, {`'abc' LIKE '_'`, `false`}, {`'ü' LIKE '_'`, `true`}, {`'' LIKE ''`, `true`}, {`'' LIKE '%'`, `true`},
		{`'aXbXc' LIKE '%X%X%'`, `true`}, {`'a' NOT LIKE 'b'`, `true`}, {`'it''s'`, `"it's"`},
		{`CHAR_LENGTH('abcdefg')`, `7`}, {`CHARACTER_LENGTH('ü')`, `1`}, {`LOWER('AbC!')`, `"abc!"`}, {`UPPER('AbC!')`, `"ABC!"`},
		{`SUBSTRING('123456789', 0)`, `"123456789"`}, {`SUBSTRING('123456789' FROM 2)`, `"23456789"`}, {`SUBSTRING('123456789', -4)`, `"123456789"`}, {`SUBSTRING('123456789', 0, 999)`, `"123456789"`}, {`SUBSTRING('123456789' FROM 1 FOR 5)`, `"12345"`},
		{`TRIM('  foobar   ')`, `"foobar"`}, {`TRIM(LEADING FROM '  foobar  ')`, `"foobar  "`}, {`TRIM(TRAILING FROM '  foobar  ')`, `"  foobar"`}, {`TRIM(BOTH '12' FROM '1112211foobar22211122')`, `"foobar"`}, {`TRIM('x' FROM 'xax')`, `"a"`},
		{`COALESCE(NULL, MISSING, 1)`, `1`}, {`COALESCE(NULL)`, `null`}, {`NULLIF(1, 1)`, `null`}, {`NULLIF(1.0, 1)`, `null`}, {`NULLIF(1, '1')`, `1`}, {`NULLIF(1, NULL)`, `1`}, {`NULLIF(NULL, 1)`, `null`},
		{`CASE WHEN 1 > 2 THEN 'a' WHEN TRUE THEN 'b' END`, `"b"`}, {`CASE 3 WHEN 1 THEN 'a' ELSE 'c' END`, `"c"`}, {`CASE 1 WHEN 1 THEN 'a' END`, `"a"`}, {`CASE WHEN FALSE THEN 1 END`, `null`},
		{`CAST('5' AS INT)`, `5`}, {`CAST(5.7 AS INTEGER)`, `5`}, {`CAST('1.50' AS DECIMAL(10, 2))`, `1.50`}, {`CAST(5 AS STRING)`, `"5"`}, {`CAST('TRUE' AS BOOL)`, `true`}, {`CAST(NULL AS INT)`, `null`}, {`CAST('1e3' AS FLOAT)`, `1000`}, {`CAST('a' AS VARCHAR(3))`, `"a"`},
		{"DATE_ADD(year, 5, `2010-01-01T`)", `"2015-01-01"`}, {"DATE_ADD(month, 1, `2010T`)", `"2010-02T"`}, {"DATE_ADD(month, 13, `2010T`)", `"2011-02T"`}, {"DATE_ADD(day, -1, `2017-01-10T`)", `"2017-01-09"`},
		{"DATE_ADD(hour, 1, `2017-01-02T03:04Z`)", `"2017-01-02T04:04Z"`}, {"DATE_ADD(minute, 1, `2017-01-02T03:04:05.006Z`)", `"2017-01-02T03:05:05.006Z"`}, {"DATE_ADD(second, 1, `2017-01-02T03:04:05.006Z`)", `"2017-01-02T03:04:06.006Z"`}, {"DATE_ADD(month, 1, `2015-01-31T`)", `"2015-02-28"`},
		{"DATE_DIFF(year, `2010-01-01T`, `2011-01-01T`)", `1`}, {"DATE_DIFF(month, `2010T`, `2010-05T`)", `4`}, {"DATE_DIFF(month, `2011T`, `2010T`)", `-12`}, {"DATE_DIFF(day, `2010-01-01T23:00Z`, `2010-01-02T01:00Z`)", `0`},
		{"EXTRACT(YEAR FROM `2010-01-01T`)", `2010`}, {"EXTRACT(HOUR FROM `2017-01-02T03:04:05+07:08`)", `3`}, {"EXTRACT(TIMEZONE_HOUR FROM `2017-01-02T03:04:05+07:08`)", `7`}, {"EXTRACT(TIMEZONE_MINUTE FROM `2017-01-02T03:04:05+07:08`)", `8`},
		{"TO_STRING(`1969-07-20T20:18Z`, 'MMMM d, y')", `"July 20, 1969"`}, {"TO_STRING(`1969-07-20T20:18Z`, 'M-d-yy')", `"7-20-69"`}, {"TO_STRING(`1969-07-20T20:18Z`, 'MMMM d, y h:m a')", `"July 20, 1969 8:18 PM"`},
		{"TO_STRING(`1969-07-20T20:18Z`, 'y-MM-dd''T''H:m:ssX')", `"1969-07-20T20:18:00Z"`}, {"TO_STRING(`1969-07-20T20:18+08:00`, 'y-MM-dd''T''H:m:ssXXXX')", `"1969-07-20T20:18:00+0800"`},
		{`TO_TIMESTAMP('2007T')`, `"2007T"`}, {`TO_TIMESTAMP('2007-02-23T12:14:33.079-08:00')`, `"2007-02-23T12:14:33.079-08:00"`}, {`TO_TIMESTAMP('23.02.2007', 'dd.MM.y')`, `"2007-02-23"`},
		{`UTCNOW()`, `"2026-03-04T05:06:07.890Z"`}, {"`2010T` < UTCNOW()", `true`},
	} {
		got, err := askJSON(`SELECT `+x[0]+` AS v FROM S3Object`, `{}`, asLines())
		if want := `{"v":` + x[1] + "}\n"; got != want || err != nil {
			t.Errorf("%s: got %q, %v", x[0], got, err)
		}
	}
}

func TestQueriesOfJSON(t *testing.T) {
	const rules = `{ "Rules": [ {"id": "1"}, {"expr": "y > x"}, {"id": "2", "expr": "z = DEBUG"} ]}
{ "created": "June 27", "modified": "July 6" }`
	const susan = `{"name":"Susan Smith","org":"engineering","n":1.50,"none":null,"tags":["a","b"],"projects":[{"project_name":"project1","completed":false},{"project_name":"project2","completed":true}]}`
	for _, x := range []struct{ content, query, want string }{
		{rules, `SELECT id FROM S3Object[*].Rules[*].id`, "{\"id\":\"1\"}\n{}\n{\"id\":\"2\"}\n{}\n"},
		{rules, `SELECT id FROM S3Object[*].Rules[*].id WHERE id IS NOT MISSING`, "{\"id\":\"1\"}\n{\"id\":\"2\"}\n"},
		{rules, `SELECT _1.id FROM S3Object[*].Rules[*] LIMIT 1`, "{\"id\":\"1\"}\n"},
		{rules, `SELECT COUNT(r.id) AS n FROM S3Object[*].Rules[*] r`, "{\"n\":2}\n"},
		{rules, `SELECT * FROM S3Object[*].Rules[1]`, "{\"expr\":\"y > x\"}\n{}\n"},
		{rules, `SELECT * FROM S3Object[*].* LIMIT 2`, "{\"_1\":[{\"id\":\"1\"},{\"expr\":\"y > x\"},{\"id\":\"2\",\"expr\":\"z = DEBUG\"}]}\n{\"_1\":\"June 27\"}\n"},
		{susan, `Select s.name from S3Object s`, "{\"name\":\"Susan Smith\"}\n"},
		{susan, `Select s.projects[0].project_name from S3Object s`, "{\"project_name\":\"project1\"}\n"},
		{susan, `SELECT s.PROJECTS[1]['completed'], s."none", s.nothing FROM S3Object s`, "{\"completed\":true,\"none\":null}\n"},
		{susan, `SELECT s."NAME" FROM S3Object s`, "{}\n"},
		{susan, `SELECT s.n, s.n * 2 FROM S3Object s WHERE 'b' IN s.tags`, "{\"n\":1.50,\"_2\":3.00}\n"},
		{susan, `SELECT s.projects[0].* FROM S3Object s`, "{\"project_name\":\"project1\",\"completed\":false}\n"},
		{susan, `SELECT * FROM S3Object`, susan + "\n"},
		{`1 "two" [3]`, `SELECT * FROM S3Object`, "{\"_1\":1}\n{\"_1\":\"two\"}\n{\"_1\":[3]}\n"},
		{"\xef\xbb\xbf" + `{"a":"\u00fc\ud83d\ude00\n\"\u0001"}`, `SELECT * FROM S3Object`, "{\"a\":\"ü😀\\n\\\"\\u0001\"}\n"},
		{`[{"a":1},{"a":2}]`, `SELECT s.a FROM S3Object[*][*] s WHERE s.a > 1`, "{\"a\":2}\n"},
		{``, `SELECT COUNT(*) FROM S3Object`, "{\"_1\":0}\n"},
	} {
		if got, err := askJSON(x.query, x.content, asLines()); got != x.want || err != nil {
			t.Errorf("%s\n got %q, %v\nwant %q", x.query, got, err, x.want)
		}
	}
}

func TestErrorsOfExpressions(t *testing.T) {
	for _, x := range [][2]string{
		{``, "ParseUnexpectedToken"}, {`SELECT`, "ParseEmptySelect"}, {`SELECT FROM S3Object`, "ParseEmptySelect"}, {`SELECT a`, "ParseSelectMissingFrom"}, {`DELETE FROM S3Object`, "UnsupportedSqlOperation"},
		{`SELECT a WHERE b`, "ParseUnexpectedToken"}, {`SELECT * FROM S3Object WHERE`, "ParseUnexpectedToken"}, {`SELECT * FROM S3Object s extra`, "ParseUnexpectedToken"},
		{`SELECT * FROM other`, "InvalidTableAlias"}, {`SELECT * FROM S3Object.path`, "ParseInvalidPathComponent"}, {`SELECT s.date FROM S3Object s`, "ParseInvalidPathComponent"},
		{`SELECT *, a FROM S3Object`, "ParseAsteriskIsNotAloneInSelectList"}, {`SELECT a, * FROM S3Object`, "ParseAsteriskIsNotAloneInSelectList"}, {`SELECT s[*].a FROM S3Object s`, "ParseInvalidContextForWildcardInSelectList"},
		{`SELECT DISTINCT a FROM S3Object`, "ParseUnsupportedSelect"}, {`SELECT * FROM S3Object, S3Object`, "MultipleDataSourcesUnsupported"}, {`SELECT * FROM S3Object s JOIN S3Object t`, "ParseMalformedJoin"},
		{`SELECT a FROM S3Object GROUP BY a`, "UnsupportedSqlStructure"}, {`SELECT a, COUNT(*) FROM S3Object`, "UnsupportedSqlStructure"}, {`SELECT a FROM S3Object WHERE COUNT(*) > 1`, "UnsupportedSqlStructure"}, {`SELECT SUM(MAX(a)) FROM S3Object`, "UnsupportedSqlStructure"},
		{`SELECT # FROM S3Object`, "LexerInvalidChar"}, {`SELECT 'a FROM S3Object`, "LexerInvalidLiteral"}, {`SELECT 1x FROM S3Object`, "LexerInvalidLiteral"}, {"SELECT `x` FROM S3Object", "LexerInvalidIONLiteral"},
		{`SELECT SUM(*) FROM S3Object`, "ParseUnsupportedCallWithStar"}, {`SELECT SUM(a, b) FROM S3Object`, "ParseNonUnaryAgregateFunctionCall"}, {`SELECT SIZE(a) FROM S3Object`, "UnsupportedFunction"}, {`SELECT foo(a) FROM S3Object`, "UnsupportedFunction"},
		{`SELECT CAST a AS INT FROM S3Object`, "ParseExpectedLeftParenAfterCast"}, {`SELECT CAST(a AS foo) FROM S3Object`, "ParseExpectedTypeName"}, {`SELECT CAST(a AS BLOB) FROM S3Object`, "InvalidDataType"}, {`SELECT CASE a END FROM S3Object`, "ParseExpectedWhenClause"},
		{`SELECT LOWER(a, b) FROM S3Object`, "EvaluatorInvalidArguments"}, {`SELECT LOWER a FROM S3Object`, "ParseExpectedLeftParenBuiltinFunctionCall"}, {`SELECT LOWER(a FROM S3Object`, "ParseExpectedRightParenBuiltinFunctionCall"}, {`SELECT DATE_ADD(week, 1, a) FROM S3Object`, "ParseExpectedDatePart"},
		{`SELECT a FROM S3Object LIMIT -1`, "EvaluatorNegativeLimit"}, {`SELECT a FROM S3Object LIMIT x`, "ParseExpectedNumber"}, {`SELECT a AS 5 FROM S3Object`, "ParseExpectedIdentForAlias"},
		{`SELECT a FROM S3Object WHERE a LIKE 'x!' ESCAPE '!'`, "EvaluatorLikePatternInvalidEscapeSequence"},
		{`SELECT ` + strings.Repeat("(", 1000) + `1` + strings.Repeat(")", 1000) + ` FROM S3Object`, "MaxOperatorsExceeded"}, {`SELECT 1` + strings.Repeat("+1", 10_000) + ` FROM S3Object`, "MaxOperatorsExceeded"},
		{`SELECT '` + strings.Repeat("x", maxExpression) + `' FROM S3Object`, "ExpressionTooLong"},
		{`SELECT 1/0 FROM S3Object`, "ExternalEvalException"}, {`SELECT 9223372036854775807 + 1 FROM S3Object`, "IntegerOverflow"}, {`SELECT 'a' + 1 FROM S3Object`, "IncorrectSqlFunctionArgumentType"}, {`SELECT CAST('x' AS INT) FROM S3Object`, "CastFailed"}, {`SELECT CAST('1.5' AS INT) FROM S3Object`, "CastFailed"},
		{`SELECT TO_TIMESTAMP('x') FROM S3Object`, "ValueParseFailure"}, {`SELECT TO_STRING(UTCNOW(), 'q') FROM S3Object`, "EvaluatorInvalidTimestampFormatPatternSymbol"}, {`SELECT TO_STRING(UTCNOW(), '''q') FROM S3Object`, "EvaluatorUnterminatedTimestampFormatPatternToken"},
		{`SELECT SUM(s.t) FROM S3Object s`, "IncorrectSqlFunctionArgumentType"}, {`SELECT s.twin FROM S3Object s`, "AmbiguousFieldName"},
	} {
		_, err := askJSON(x[0], `{"t":"text","twin":1,"Twin":2}`, asLines())
		if code := codeOf(t, err); code != x[1] {
			t.Errorf("%.80s: %v, want %s", x[0], err, x[1])
		}
	}
}

func TestErrorsOfCSVQueries(t *testing.T) {
	none := plainCSV
	none.Header = NoHeader
	for _, x := range []struct {
		query  string
		format CSVFormat
		want   string
	}{
		{`SELECT s.nothing FROM S3Object s`, plainCSV, "MissingHeaders"},
		{`SELECT s."NAME" FROM S3Object s`, plainCSV, "MissingHeaders"},
		{`SELECT s.name FROM S3Object s`, none, "InvalidColumnIndex"},
		{`SELECT s._0 FROM S3Object s`, none, "InvalidColumnIndex"},
		{`SELECT s.a.b FROM S3Object s`, plainCSV, "InvalidKeyPath"},
		{`SELECT * FROM S3Object[*].a s`, plainCSV, "InvalidKeyPath"},
	} {
		_, err := askCSV(x.query, people, x.format, asCSV())
		if code := codeOf(t, err); code != x.want {
			t.Errorf("%s: %v, want %s", x.query, err, x.want)
		}
	}
}

func TestPlacesInMessages(t *testing.T) {
	_, err := Parse("SELECT a\nFROM S3Object WHERE ^")
	if err == nil || !strings.HasSuffix(err.Error(), "at line 2, column 21.") {
		t.Error(err)
	}
}
