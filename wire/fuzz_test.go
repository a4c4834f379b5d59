package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pileus/api/cloudwatch"
	"pileus/api/dynamodb"
	"pileus/api/ec2"
	"pileus/api/iam"
	"pileus/api/s3"
	"pileus/api/sqs"
	"pileus/cloud"
)

// clientError fails the test for errors that are not the client's fault.
func clientError(t *testing.T, err error) {
	t.Helper()
	if e, ok := err.(*cloud.Error); !ok || e.Status != 400 {
		t.Fatalf("%T %v", err, err)
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		"", "{}", "null", "[", `{"TableName":"t","Item":{"a":{"S":"x"},"b":{"L":[{"N":"1"},{"M":{}}]},"c":{"B":"AQ=="},"d":{"BS":["AQ=="]}}}`,
		`{"Item":{"\ud83d\ude00":{"NULL":true}},"Expected":{"a":{"Exists":false}},"ReturnValues":"NONE"}`,
		`{"Item":{"a":{"S":"\ud83d\u0041"}}}`, `{"x":[1.5e3,-0,{"y":[]}],"TableName":"\"\\\/\b\f\n\r\t"}`,
	} {
		f.Add([]byte(s))
	}
	op := &dynamodb.PutItem.OpInfo
	f.Fuzz(func(t *testing.T, body []byte) {
		in := &dynamodb.PutItemInput{}
		v := reflect.ValueOf(in).Elem()
		if _, err := readJSON(body, v, planOf(v.Type()), nil); err != nil {
			clientError(t, jsonFailure(err))
			return
		}
		if len(bytes.TrimSpace(body)) > 0 && !json.Valid(body) {
			t.Fatalf("%q is no JSON", body)
		}
		out := jsonStruct(nil, v, planOf(v.Type()))
		if !json.Valid(out) {
			t.Fatalf("%q is written", out)
		}
		again := &dynamodb.PutItemInput{}
		av := reflect.ValueOf(again).Elem()
		if _, err := readJSON(out, av, planOf(av.Type()), nil); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if twice := jsonStruct(nil, av, planOf(av.Type())); !bytes.Equal(out, twice) {
			t.Fatalf("\n%q\n%q", out, twice)
		}
		_ = Validate(op, in)
	})
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{
		"", "Action=TagUser&UserName=a&Tags.member.1.Key=k&Tags.member.1.Value=v", "Tags=", "Tags.member.1=x", "Tags.1.Key=a&Tags.2.Key=b",
		"UserName=%41+b&Tags.member.3.Key=a&Tags.member.1.Key=b", "a.b.c.d.e=1&a.b.c.d.f=2&&=&.=.", "Tags.member.-1.Key=x", "%",
		"ImageId=a&MinCount=1&TagSpecification.1.Tag.2.Key=v&SecurityGroupId.1=x&BlockDeviceMapping.1.Ebs.VolumeSize=9",
		"QueueUrl=u&MessageAttribute.1.Name=x&MessageAttribute.1.Value.BinaryValue=AQ%3D%3D",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, c := range []struct {
			op *cloud.OpInfo
			in any
		}{
			{&iam.TagUser.OpInfo, &iam.TagUserInput{}},
			{&ec2.RunInstances.OpInfo, &ec2.RunInstancesInput{}},
			{&sqs.SendMessage.OpInfo, &sqs.SendMessageInput{}},
		} {
			if err := For(c.op.Service, plainForm).Decode(&Request{HTTP: plainForm, Body: []byte(body)}, c.op, c.in); err != nil {
				clientError(t, err)
				continue
			}
			if err := Validate(c.op, c.in); err != nil {
				clientError(t, err)
			}
		}
		Action(plainForm, []byte(body))
	})
}

func FuzzXML(f *testing.F) {
	for _, s := range []string{
		"", "<a/>", "<Delete><Object><Key>a</Key></Object></Delete>", "<?xml version='1.0'?><!-- x --><Delete><Quiet>true</Quiet><Object><Key>&#65;<![CDATA[]]]]></Key></Object></Delete>",
		`<Delete xmlns="a" b='c'><Object><Key/><VersionId>v</VersionId></Object></Delete> `, "<!DOCTYPE a><a/>", "<Delete><a><b/></a></Delete>", "<Delete",
		`<AccessControlPolicy><AccessControlList><Grant><Grantee xsi:type="Group"><URI>u</URI></Grantee></Grant></AccessControlList></AccessControlPolicy>`,
		"\uFEFF<Delete>&lt;&bad;</Delete>", "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, in := range []any{&s3.Delete{}, &s3.AccessControlPolicy{}, &s3.CompletedMultipartUpload{}, &s3.BucketLifecycleConfiguration{}} {
			v := reflect.ValueOf(in).Elem()
			p := planOf(v.Type())
			if _, err := readXML(body, v, p, nil, ""); err != nil {
				continue
			}
			x := xmlWriter{ts: tsISOMilli}
			x.open("r")
			x.members(v, p)
			x.shut("r")
			if !utf8.Valid(x.b) {
				t.Fatalf("%q is written", x.b)
			}
			if _, err := parseXML(x.b); err != nil {
				t.Fatalf("%q is written: %v", x.b, err)
			}
			again := reflect.New(v.Type())
			if _, err := readXML(x.b, again.Elem(), p, nil, ""); err != nil {
				t.Fatalf("%q: %v", x.b, err)
			}
		}
	})
}

func FuzzCBOR(f *testing.F) {
	v := reflect.ValueOf(metric).Elem()
	f.Add(cborStruct(nil, v, planOf(v.Type())))
	for _, s := range []string{"", "\xa0", "\xbf\xff", "\xa1\x69Namespace\x7f\x61a\x61b\xff", "\xf6", "\xa1\x61x\xc1\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00", "\x9f\x9f\x9f"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		in := &cloudwatch.PutMetricDataInput{}
		v := reflect.ValueOf(in).Elem()
		d := &cborReader{b: body}
		if d.structure(v, planOf(v.Type())) != nil {
			return
		}
		out := cborStruct(nil, v, planOf(v.Type()))
		again := reflect.New(v.Type()).Elem()
		d = &cborReader{b: out}
		if err := d.structure(again, planOf(v.Type())); err != nil || d.i != len(out) {
			t.Fatalf("%x: %v", out, err)
		}
		if twice := cborStruct(nil, again, planOf(v.Type())); !bytes.Equal(out, twice) {
			t.Fatalf("\n%x\n%x", out, twice)
		}
	})
}

func FuzzEventStream(f *testing.F) {
	for _, s := range []string{"000000100000000005c248eb7d98c8ff", "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936",
		"0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b27666f6f273a27626172277d8d9c08b1"} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		for {
			m, err := readFrame(r)
			if err != nil {
				break
			}
			if m.headers == nil && !bytes.Equal(m.append(nil)[12:], b[len(b)-r.Len()-len(m.payload)-4:len(b)-r.Len()]) {
				t.Fatalf("%x is not written as it was read", b)
			}
		}
		// The headers' parser is behind checksums that no mutation survives.
		list, err := parseFrameHeaders(b)
		if err == nil && len(list) > 0 {
			if _, ok := list[0].value.(int64); !ok {
				_ = (&frame{headers: list[:1]}).append(nil)
			}
		}
	})
}

func FuzzRouter(f *testing.F) {
	for _, s := range []string{"GET /", "PUT /b/k?partNumber=1&uploadId=u", "GET /b//../%2e%2e/%zz?acl", "POST /b?delete", "DELETE /%00/%ff?%61cl&&=&=="} {
		f.Add(s)
	}
	rt := NewRouter(&s3.Service)
	f.Fuzz(func(t *testing.T, s string) {
		method, uri, _ := strings.Cut(s, " ")
		path, query, _ := strings.Cut(uri, "?")
		op, labels, ok := rt.match(method, path, query, nil)
		if ok != (op != "") {
			t.Fatalf("%q %v", op, ok)
		}
		for _, l := range labels {
			if l.Value == "" {
				t.Fatalf("%s: label %s is empty", s, l.Name)
			}
		}
		// What a label says must be what the path says, unescaped once.
		if ok && len(labels) == 2 {
			want, _ := unescapePath(strings.TrimPrefix(path, "/"))
			if got := labels[0].Value + "/" + labels[1].Value; got != want {
				t.Fatalf("%q, want %q", got, want)
			}
		}
		parseQuery(query)
	})
}

func FuzzHeaders(f *testing.F) {
	for _, s := range []string{`a, "b\",c", d`, "Sun, 25 Jan 2015 08:00:00 GMT, Mon, 26 Jan 2015 08:00:00 GMT", `"`, ",,", "1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := httptest.NewRequest("GET", "/b/k", nil)
		for _, name := range []string{"x-amz-object-attributes", "Range", "If-Modified-Since", "Content-Length"} {
			r.Header[name] = []string{s}
		}
		in := &s3.GetObjectAttributesInput{}
		_, _ = readBound(&Request{HTTP: r}, reflect.ValueOf(in).Elem(), planOf(reflect.TypeOf(*in)))
		for rest, n := s, 0; rest != ""; n++ {
			before := len(rest)
			if _, rest = nextItem(rest, n%2 == 0); len(rest) >= before {
				t.Fatalf("no progress in %q", s)
			}
		}
	})
}

func FuzzTimestamp(f *testing.F) {
	for _, s := range []string{"2015-01-25T08:00:00Z", "2015-01-25T08:00:00.123+02:00", "1422172800", "1422172800.5", "Sun, 25 Jan 2015 08:00:00 GMT", "-1", "1e18", "NaN", "2015-01-25", "0x1p4", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := parseTime(s)
		if err != nil {
			return
		}
		if y := at.UTC().Year(); y < 0 || y > 9999 {
			t.Fatalf("%q is %v", s, at)
		}
		for _, form := range []tsFormat{tsUnix, tsISO, tsISOMilli} {
			again, err := parseTime(string(appendTime(nil, at, form)))
			if err != nil || again.Sub(at).Abs() >= time.Second {
				t.Fatalf("%q is %v, again %v %v", s, at, again, err)
			}
		}
	})
}
