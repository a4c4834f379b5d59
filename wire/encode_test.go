package wire

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pileus/api/ec2"
	"pileus/api/iam"
	"pileus/api/organizations"
	"pileus/api/s3"
	"pileus/api/s3control"
	"pileus/api/sqs"
	"pileus/cloud"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func request(header ...string) *http.Request {
	r := httptest.NewRequest("POST", "/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

var (
	plainForm = request("Content-Type", "application/x-www-form-urlencoded")
	target    = request("X-Amz-Target", "A.B", "Content-Type", "application/x-amz-json-1.0")
)

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		name   string
		op     *cloud.OpInfo
		r      *http.Request
		out    any
		header string // "Name: value" that must be there
		want   string
	}{
		{"JSON", &sqs.SendMessage.OpInfo, target, &sqs.SendMessageOutput{MessageId: new("a\"\\\n\x01é"), SequenceNumber: nil},
			"Content-Type: application/x-amz-json-1.0", `{"MessageId":"a\"\\\n\u0001é"}`},
		{"JSON without output", &sqs.DeleteMessage.OpInfo, target, &cloud.Empty{}, "x-amzn-RequestId: id", `{}`},
		{"JSON times and lists", &organizations.ListAccounts.OpInfo, target,
			&organizations.ListAccountsOutput{Accounts: []organizations.Account{{Id: new("1"), JoinedTimestamp: new(noon.Add(250 * time.Millisecond))}}},
			"Content-Type: application/x-amz-json-1.1", `{"Accounts":[{"Id":"1","JoinedTimestamp":1767355200.250}]}`},
		{"query of a JSON service", &sqs.GetQueueAttributes.OpInfo, plainForm, &sqs.GetQueueAttributesOutput{Attributes: map[string]string{"B": "2", "A": "<1>"}},
			"Content-Type: text/xml", `<GetQueueAttributesResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><GetQueueAttributesResult>` +
				`<Attribute><Name>A</Name><Value>&lt;1&gt;</Value></Attribute><Attribute><Name>B</Name><Value>2</Value></Attribute>` +
				`</GetQueueAttributesResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></GetQueueAttributesResponse>`},
		{"query, messages", &sqs.ReceiveMessage.OpInfo, plainForm, &sqs.ReceiveMessageOutput{Messages: []sqs.Message{{MessageId: new("m"), Attributes: map[string]string{"SenderId": "x"},
			MessageAttributes: map[string]sqs.MessageAttributeValue{"a": {DataType: "String", StringValue: new("v")}}}}},
			"", `<ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><ReceiveMessageResult><Message><MessageId>m</MessageId>` +
				`<Attribute><Name>SenderId</Name><Value>x</Value></Attribute><MessageAttribute><Name>a</Name><Value><StringValue>v</StringValue><DataType>String</DataType></Value></MessageAttribute>` +
				`</Message></ReceiveMessageResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></ReceiveMessageResponse>`},
		{"query", &iam.ListGroups.OpInfo, plainForm, &iam.ListGroupsOutput{Groups: []iam.Group{{Path: "/", GroupName: "g", GroupId: "i", Arn: "a", CreateDate: noon}}},
			"x-amzn-RequestId: id", `<ListGroupsResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListGroupsResult><Groups><member><Path>/</Path><GroupName>g</GroupName><GroupId>i</GroupId><Arn>a</Arn><CreateDate>2026-01-02T12:00:00Z</CreateDate></member></Groups></ListGroupsResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></ListGroupsResponse>`},
		{"query without output", &iam.DeleteUser.OpInfo, plainForm, &cloud.Empty{},
			"", `<DeleteUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DeleteUserResponse>`},
		{"ec2", &ec2.DescribeVpcs.OpInfo, plainForm, &ec2.DescribeVpcsOutput{Vpcs: []ec2.Vpc{{VpcId: new("vpc-1"), IsDefault: new(true), Tags: []ec2.Tag{{Key: new("k"), Value: new("v")}}}}},
			"Content-Type: text/xml;charset=UTF-8", xmlHeader + `<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15"><requestId>id</requestId><vpcSet><item><vpcId>vpc-1</vpcId><isDefault>true</isDefault><tagSet><item><key>k</key><value>v</value></item></tagSet></item></vpcSet></DescribeVpcsResponse>`},
		{"REST-XML", &s3.ListBuckets.OpInfo, nil, &s3.ListBucketsOutput{Buckets: []s3.Bucket{{Name: new("b"), CreationDate: &noon}}, Owner: &s3.Owner{ID: new("o")}},
			"x-amz-id-2: host", xmlHeader + `<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Buckets><Bucket><Name>b</Name><CreationDate>2026-01-02T12:00:00.000Z</CreationDate></Bucket></Buckets><Owner><ID>o</ID></Owner></ListAllMyBucketsResult>`},
		{"REST-XML flat lists", &s3.ListObjectsV2.OpInfo, nil, &s3.ListObjectsV2Output{Name: new("b"), CommonPrefixes: []s3.CommonPrefix{{Prefix: new("a/")}, {Prefix: new("b/")}}, RequestCharged: new("requester")},
			"x-amz-request-charged: requester", xmlHeader + `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes></ListBucketResult>`},
		{"REST-XML attributes", &s3.GetBucketAcl.OpInfo, nil, &s3.GetBucketAclOutput{Grants: []s3.Grant{{Grantee: &s3.Grantee{Type: "CanonicalUser", ID: new("i")}, Permission: new("READ")}}},
			"", xmlHeader + `<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>i</ID></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>`},
		{"REST-XML payload", &s3.GetObjectLegalHold.OpInfo, nil, &s3.GetObjectLegalHoldOutput{LegalHold: &s3.ObjectLockLegalHold{Status: new("ON")}},
			"Content-Type: application/xml", xmlHeader + `<LegalHold xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>ON</Status></LegalHold>`},
		{"a root with text only", &s3.GetBucketLocation.OpInfo, nil, &s3.GetBucketLocationOutput{LocationConstraint: new("eu-west-1")},
			"", xmlHeader + `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-west-1</LocationConstraint>`},
		{"an empty root", &s3.GetBucketLocation.OpInfo, nil, &s3.GetBucketLocationOutput{},
			"", xmlHeader + `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>`},
		{"a text payload", &s3.GetBucketPolicy.OpInfo, nil, &s3.GetBucketPolicyOutput{Policy: new("{}")}, "Content-Length: 2", "{}"},
		{"a stream", &s3.GetObject.OpInfo, nil, &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader("body")), ETag: new(`"e"`), ContentType: new("text/plain"), Metadata: map[string]string{"colour": "red"}},
			"x-amz-meta-colour: red", "body"},
		{"no content", &s3.DeleteBucket.OpInfo, nil, &cloud.Empty{}, "x-amz-request-id: id", ""},
		{"S3 control", &s3control.GetPublicAccessBlock.OpInfo, nil, &s3control.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: &s3control.PublicAccessBlockConfiguration{BlockPublicAcls: new(true)}},
			"x-amz-request-id: id", xmlHeader + `<PublicAccessBlockConfiguration xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if err := For(c.op.Service, c.r).Encode(&Response{W: w, RequestID: "id", HostID: "host"}, c.op, c.out); err != nil {
				t.Fatal(err)
			}
			if got := w.Body.String(); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
			k, v, _ := strings.Cut(c.header, ": ")
			if got := headerOf(w.Header(), k); k != "" && got != v {
				t.Errorf("%s is %q, want %q", k, got, v)
			}
			if want := max(c.op.Status, 200); w.Code != want {
				t.Errorf("status %d, want %d", w.Code, want)
			}
		})
	}
}

func TestEncodeError(t *testing.T) {
	cbor := request("Smithy-Protocol", "rpc-v2-cbor")
	for _, c := range []struct {
		name   string
		op     *cloud.OpInfo
		r      *http.Request
		err    *cloud.Error
		status int
		header string
		want   string
	}{
		{"S3", &s3.GetObject.OpInfo, nil, s3.ErrNoSuchKey.New("The specified key does not exist.").With("Key", "a<b"), 404, "Content-Type: application/xml",
			xmlHeader + `<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>a&lt;b</Key><RequestId>id</RequestId><HostId>host</HostId></Error>`},
		{"S3 with detail", &s3.GetObject.OpInfo, nil, s3.ErrInvalidObjectState.New("x").Details(&s3.InvalidObjectState{StorageClass: new("GLACIER")}), 403, "",
			xmlHeader + `<Error><Code>InvalidObjectState</Code><Message>x</Message><StorageClass>GLACIER</StorageClass><RequestId>id</RequestId><HostId>host</HostId></Error>`},
		{"not modified", &s3.GetObject.OpInfo, nil, cloud.Errorf(304, "NotModified", "Not Modified").Head("ETag", `"e"`), 304, `ETag: "e"`, ""},
		{"S3 control", &s3control.GetAccessPoint.OpInfo, nil, s3control.ErrNotFound.New("no"), 400, "x-amz-id-2: host",
			xmlHeader + `<ErrorResponse xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><Error><Type>Sender</Type><Code>NotFoundException</Code><Message>no</Message></Error><RequestId>id</RequestId></ErrorResponse>`},
		{"query", &iam.GetUser.OpInfo, plainForm, iam.ErrNoSuchEntity.New("The user with name %s cannot be found.", "a"), 404, "Content-Type: text/xml",
			`<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The user with name a cannot be found.</Message></Error><RequestId>id</RequestId></ErrorResponse>`},
		{"query, our fault", &iam.GetUser.OpInfo, plainForm, iam.ErrServiceFailure.New("x"), 500, "",
			`<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Receiver</Type><Code>ServiceFailure</Code><Message>x</Message></Error><RequestId>id</RequestId></ErrorResponse>`},
		{"ec2", &ec2.DescribeVpcs.OpInfo, plainForm, cloud.Errorf(400, "InvalidVpcID.NotFound", "no"), 400, "",
			xmlHeader + `<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code><Message>no</Message></Error></Errors><RequestID>id</RequestID></Response>`},
		{"JSON with query codes", &sqs.SendMessage.OpInfo, target, sqs.ErrQueueDoesNotExist.New("The specified queue does not exist."), 400, "x-amzn-query-error: AWS.SimpleQueueService.NonExistentQueue;Sender",
			`{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}`},
		{"JSON forgets the statuses of the query era", &sqs.SendMessage.OpInfo, target, sqs.ErrReceiptHandleIsInvalid.New("x"), 400, "x-amzn-query-error: ReceiptHandleIsInvalid;Sender",
			`{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid","message":"x"}`},
		{"the same by query", &sqs.SendMessage.OpInfo, plainForm, sqs.ErrReceiptHandleIsInvalid.New("x"), 404, "",
			`<ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error><Type>Sender</Type><Code>ReceiptHandleIsInvalid</Code><Message>x</Message></Error><RequestId>id</RequestId></ErrorResponse>`},
		{"JSON with detail", &organizations.CreateOrganization.OpInfo, target, organizations.ErrConstraintViolation.New("x").Details(&organizations.ConstraintViolationException{Reason: new("R")}), 400, "Content-Type: application/x-amz-json-1.1",
			`{"__type":"ConstraintViolationException","Message":"x","Reason":"R"}`},
		{"CBOR", &sqs.SendMessage.OpInfo, cbor, sqs.ErrOverLimit.New("m"), 403, "smithy-protocol: rpc-v2-cbor",
			"\xbf\x66__type\x78\x1bcom.amazonaws.sqs#OverLimit\x67message\x61m\xff"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if err := For(c.op.Service, c.r).EncodeError(&Response{W: w, RequestID: "id", HostID: "host"}, c.op, c.err); err != nil {
				t.Fatal(err)
			}
			if w.Code != c.status || w.Body.String() != c.want {
				t.Errorf("\n got %d %q\nwant %d %q", w.Code, w.Body.String(), c.status, c.want)
			}
			k, v, _ := strings.Cut(c.header, ": ")
			if got := headerOf(w.Header(), k); k != "" && got != v {
				t.Errorf("%s is %q, want %q", k, got, v)
			}
		})
	}
}

// A HEAD answer has the length of what it leaves out.
func TestHead(t *testing.T) {
	w := httptest.NewRecorder()
	out := &s3.HeadObjectOutput{ContentLength: new(int64(5)), LastModified: &noon}
	if err := For(&s3.Service, nil).Encode(&Response{W: w, Method: "HEAD"}, &s3.HeadObject.OpInfo, out); err != nil {
		t.Fatal(err)
	}
	if w.Body.Len() != 0 || w.Header().Get("Content-Length") != "5" || w.Header().Get("Last-Modified") != "Fri, 02 Jan 2026 12:00:00 GMT" {
		t.Errorf("%v %q", w.Header(), w.Body)
	}
}

// closer counts its closings.
type closer struct {
	io.Reader
	closed int
}

func (c *closer) Close() error { c.closed++; return nil }

func TestStreamIsClosed(t *testing.T) {
	for _, method := range []string{"GET", "HEAD"} {
		body := &closer{Reader: strings.NewReader("x")}
		w := httptest.NewRecorder()
		if err := For(&s3.Service, nil).Encode(&Response{W: w, Method: method}, &s3.GetObject.OpInfo, &s3.GetObjectOutput{Body: body}); err != nil || body.closed != 1 {
			t.Errorf("%s: %v, closed %d times", method, err, body.closed)
		}
	}
}
