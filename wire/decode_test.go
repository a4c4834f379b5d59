package wire

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"pileus/api/dynamodb"
	"pileus/api/ec2"
	"pileus/api/iam"
	"pileus/api/organizations"
	"pileus/api/s3"
	"pileus/api/sqs"
	"pileus/cloud"
)

// decode runs a request through the protocol that its service and headers
// choose. The request is "METHOD URI", header lines, an empty line, the body.
func decode(t testing.TB, op *cloud.OpInfo, in any, request string) error {
	t.Helper()
	head, body, _ := strings.Cut(request, "\n\n")
	lines := strings.Split(head, "\n")
	method, uri, _ := strings.Cut(lines[0], " ")
	r := httptest.NewRequest(method, uri, nil)
	r.ContentLength = int64(len(body))
	for _, l := range lines[1:] {
		k, v, _ := strings.Cut(l, ": ")
		r.Header.Add(k, v)
	}
	req := &Request{HTTP: r, Body: []byte(body)}
	if StreamsRequest(op, reflect.TypeOf(in)) {
		req.Body, req.Stream = nil, io.NopCloser(strings.NewReader(body))
	}
	if strings.HasPrefix(op.Service.Protocol, "rest") {
		name, labels, ok := NewRouter(op.Service).Match(r, "")
		if !ok || name != op.Name {
			t.Fatalf("%s is routed to %q", lines[0], name)
		}
		req.Labels = labels
	}
	return For(op.Service, r).Decode(req, op, in)
}

const (
	formBody = "POST /\nContent-Type: application/x-www-form-urlencoded\n\n"
	sqsJSON  = "POST /\nContent-Type: application/x-amz-json-1.0\nX-Amz-Target: AmazonSQS.X\n\n"
	ddbJSON  = "POST /\nContent-Type: application/x-amz-json-1.0\nX-Amz-Target: DynamoDB_20120810.X\n\n"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name    string
		op      *cloud.OpInfo
		request string
		want    any
	}{
		{"JSON", &sqs.SendMessage.OpInfo,
			sqsJSON + `{"QueueUrl":"http://q/1/a","MessageBody":"h\u00e9\ud83d\ude00\n","DelaySeconds":3.0,"Unknown":[{"a":[1,true,null]}],"MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"AAE="}},"MessageGroupId":null}`,
			&sqs.SendMessageInput{QueueUrl: "http://q/1/a", MessageBody: "hé😀\n", DelaySeconds: new(int32(3)),
				MessageAttributes: map[string]sqs.MessageAttributeValue{"a": {DataType: "Binary", BinaryValue: []byte{0, 1}}}}},
		{"JSON service, query protocol", &sqs.SendMessage.OpInfo,
			formBody + "Action=SendMessage&Version=2012-11-05&QueueUrl=http%3A%2F%2Fq%2F1%2Fa&MessageBody=a+b%26c" +
				"&MessageAttribute.1.Name=x&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=v" +
				"&MessageAttribute.2.Name=y&MessageAttribute.2.Value.DataType=Number&MessageAttribute.2.Value.StringValue=2",
			&sqs.SendMessageInput{QueueUrl: "http://q/1/a", MessageBody: "a b&c", MessageAttributes: map[string]sqs.MessageAttributeValue{
				"x": {DataType: "String", StringValue: new("v")}, "y": {DataType: "Number", StringValue: new("2")}}}},
		{"the queue in the path", &sqs.DeleteQueue.OpInfo,
			"POST http://sqs.localhost:4566/000000000000/a\nContent-Type: application/x-www-form-urlencoded\n\nAction=DeleteQueue",
			&sqs.DeleteQueueInput{QueueUrl: "http://sqs.localhost:4566/000000000000/a"}},
		{"attributes and tags of the query era", &sqs.CreateQueue.OpInfo,
			formBody + "QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5&Attribute.2.Name=FifoQueue&Attribute.2.Value=true&Tag.1.Key=a&Tag.1.Value=b",
			&sqs.CreateQueueInput{QueueName: "q", Attributes: map[string]string{"DelaySeconds": "5", "FifoQueue": "true"}, Tags: map[string]string{"a": "b"}}},
		{"batch of the query era", &sqs.SendMessageBatch.OpInfo,
			formBody + "QueueUrl=u&SendMessageBatchRequestEntry.1.Id=1&SendMessageBatchRequestEntry.1.MessageBody=x&SendMessageBatchRequestEntry.2.Id=2&SendMessageBatchRequestEntry.2.MessageBody=y",
			&sqs.SendMessageBatchInput{QueueUrl: "u", Entries: []sqs.SendMessageBatchRequestEntry{{Id: "1", MessageBody: "x"}, {Id: "2", MessageBody: "y"}}}},
		{"lists of the query era", &sqs.ReceiveMessage.OpInfo,
			formBody + "QueueUrl=u&AttributeName.1=All&MessageAttributeName.1=a&MessageAttributeName.2=b",
			&sqs.ReceiveMessageInput{QueueUrl: "u", AttributeNames: []string{"All"}, MessageAttributeNames: []string{"a", "b"}}},
		{"query by GET", &iam.GetUser.OpInfo, "GET /?Action=GetUser&Version=2010-05-08&UserName=a%2Bb",
			&iam.GetUserInput{UserName: new("a+b")}},
		{"query lists in any order, with gaps", &iam.TagUser.OpInfo,
			formBody + "UserName=u&Tags.member.10.Key=c&Tags.member.1.Key=a&Tags.member.10.Value=3&Tags.member.2.Value=2&Tags.member.2.Key=b&Tags.member.1.Value=",
			&iam.TagUserInput{UserName: "u", Tags: []iam.Tag{{Key: "a"}, {Key: "b", Value: "2"}, {Key: "c", Value: "3"}}}},
		{"ec2, signed in the query string", &ec2.DescribeInstances.OpInfo,
			"GET /?Action=DescribeInstances&Version=2016-11-15&NewerThanTheModel=false&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=s&InstanceId.1=i-1",
			&ec2.DescribeInstancesInput{InstanceIds: []string{"i-1"}}},
		{"ec2", &ec2.RunInstances.OpInfo,
			formBody + "ImageId=ami-1&MinCount=1&MaxCount=2&SecurityGroupId.1=sg-1&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v&BlockDeviceMapping.1.Ebs.VolumeSize=8",
			&ec2.RunInstancesInput{ImageId: new("ami-1"), MinCount: 1, MaxCount: 2, SecurityGroupIds: []string{"sg-1"},
				TagSpecifications:   []ec2.TagSpecification{{ResourceType: new("instance"), Tags: []ec2.Tag{{Key: new("k"), Value: new("v")}}}},
				BlockDeviceMappings: []ec2.BlockDeviceMapping{{Ebs: &ec2.EbsBlockDevice{VolumeSize: new(int32(8))}}}}},
		{"recursive values", &dynamodb.PutItem.OpInfo,
			ddbJSON + `{"TableName":"t","Item":{"l":{"L":[{"S":"a"},{"M":{"n":{"N":"1"}}},{"NULL":true},{"B":"AQ=="},{"SS":["x","y"]}]}}}`,
			&dynamodb.PutItemInput{TableName: "t", Item: map[string]dynamodb.AttributeValue{"l": {L: []dynamodb.AttributeValue{
				{S: new("a")}, {M: map[string]dynamodb.AttributeValue{"n": {N: new("1")}}}, {NULL: new(true)}, {B: []byte{1}}, {SS: []string{"x", "y"}}}}}}},
		{"headers, query and metadata", &s3.HeadObject.OpInfo,
			"HEAD /b/a%20b?versionId=v&partNumber=2\nIf-Match: \"e\"\nIf-Modified-Since: Sun, 25 Jan 2015 08:00:00 GMT\nIf-Unmodified-Since: yesterday",
			&s3.HeadObjectInput{Bucket: "b", Key: "a b", VersionId: new("v"), PartNumber: new(int32(2)), IfMatch: new(`"e"`),
				IfModifiedSince: new(time.Date(2015, 1, 25, 8, 0, 0, 0, time.UTC))}},
		{"XML payload", &s3.DeleteObjects.OpInfo,
			"POST /b?delete\n\n<?xml version='1.0'?><!-- c --><Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet><Object><Key>a&amp;&#x62;<![CDATA[<c>]]></Key></Object>\n<Object><Key/><VersionId>v</VersionId></Object></Delete>\n",
			&s3.DeleteObjectsInput{Bucket: "b", Delete: s3.Delete{Quiet: new(true), Objects: []s3.ObjectIdentifier{{Key: "a&b<c>"}, {VersionId: new("v")}}}}},
		{"XML attributes and namespaces", &s3.PutBucketAcl.OpInfo,
			`PUT /b?acl` + "\n\n" + `<n:AccessControlPolicy xmlns:n="x"><n:AccessControlList><n:Grant><n:Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group"><n:URI>u</n:URI></n:Grantee><n:Permission>READ</n:Permission></n:Grant></n:AccessControlList></n:AccessControlPolicy>`,
			&s3.PutBucketAclInput{Bucket: "b", AccessControlPolicy: &s3.AccessControlPolicy{Grants: []s3.Grant{{Grantee: &s3.Grantee{Type: "Group", URI: new("u")}, Permission: new("READ")}}}}},
		{"flat lists of XML", &s3.CompleteMultipartUpload.OpInfo,
			"POST /b/k?uploadId=u\n\n<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;e&quot;</ETag></Part><Part><ETag>f</ETag><PartNumber>2</PartNumber></Part></CompleteMultipartUpload>",
			&s3.CompleteMultipartUploadInput{Bucket: "b", Key: "k", UploadId: "u", MultipartUpload: &s3.CompletedMultipartUpload{
				Parts: []s3.CompletedPart{{PartNumber: new(int32(1)), ETag: new(`"e"`)}, {PartNumber: new(int32(2)), ETag: new("f")}}}}},
		{"a text payload", &s3.PutBucketPolicy.OpInfo, "PUT /b?policy\n\n{\"Version\":\"2012-10-17\"}",
			&s3.PutBucketPolicyInput{Bucket: "b", Policy: `{"Version":"2012-10-17"}`}},
		{"an empty body", &s3.CreateBucket.OpInfo, "PUT /b\nx-amz-acl: private\n\n",
			&s3.CreateBucketInput{Bucket: "b", ACL: new("private")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := reflect.New(reflect.TypeOf(c.want).Elem()).Interface()
			if err := decode(t, c.op, in, c.request); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(in, c.want) {
				t.Errorf("\n got %+v\nwant %+v", in, c.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := strings.Repeat(`{"M":{"a":`, 60) + `{}` + strings.Repeat("}}", 60)
	for _, c := range []struct {
		name    string
		op      *cloud.OpInfo
		in      any
		request string
		want    string
	}{
		{"a parameter that EC2 does not know", &ec2.RunInstances.OpInfo, &ec2.RunInstancesInput{}, formBody + "Action=RunInstances&Version=2016-11-15&ImageId=ami-1&Size=3", "UnknownParameter: The parameter Size is not recognized"},
		{"one further down", &ec2.RunInstances.OpInfo, &ec2.RunInstancesInput{}, formBody + "BlockDeviceMapping.1.Ebs.VolumeSize=8&BlockDeviceMapping.1.Ebs.Colour=red", "UnknownParameter: The parameter Colour is not recognized"},
		{"truncated JSON", &sqs.SendMessage.OpInfo, &sqs.SendMessageInput{}, sqsJSON + `{"QueueUrl":"a"`, "SerializationException: The request body is not well-formed JSON"},
		{"JSON with a tail", &sqs.SendMessage.OpInfo, &sqs.SendMessageInput{}, sqsJSON + `{}x`, "SerializationException: The request body is not well-formed JSON"},
		{"JSON of the wrong type", &sqs.SendMessage.OpInfo, &sqs.SendMessageInput{}, sqsJSON + `{"QueueUrl":1}`, "SerializationException: A value has the wrong type"},
		{"JSON number too large", &sqs.SendMessage.OpInfo, &sqs.SendMessageInput{}, sqsJSON + `{"DelaySeconds":3000000000}`, "SerializationException: A value has the wrong type"},
		{"JSON that is no UTF-8", &sqs.SendMessage.OpInfo, &sqs.SendMessageInput{}, sqsJSON + "{\"MessageBody\":\"\xff\"}", "SerializationException: The request body is not well-formed JSON"},
		{"JSON too deep", &dynamodb.PutItem.OpInfo, &dynamodb.PutItemInput{}, ddbJSON + `{"Item":{"a":` + deep + `}}`, "SerializationException: Nested too deeply"},
		{"missing in JSON", &organizations.TagResource.OpInfo, &organizations.TagResourceInput{}, "POST /\nX-Amz-Target: A.B\n\n" + `{"ResourceId":"r-1234","Tags":[{"Key":"k"}]}`,
			"ValidationException: 1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null"},
		{"missing in query", &iam.TagUser.OpInfo, &iam.TagUserInput{}, formBody + "Tags.member.1.Key=k&Tags.member.1.Value=v",
			"ValidationError: 1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null"},
		{"missing and wrong", &iam.CreateAccessKey.OpInfo, &iam.UpdateAccessKeyInput{}, formBody + "AccessKeyId=x",
			"ValidationError: 2 validation errors detected: Value 'x' at 'accessKeyId' failed to satisfy constraint: Member must have length greater than or equal to 16; Value null at 'status' failed to satisfy constraint: Member must not be null"},
		{"missing in SQS", &sqs.SendMessage.OpInfo, &sqs.SendMessageInput{}, sqsJSON + `{"QueueUrl":"a"}`, "MissingParameter: The request must contain the parameter MessageBody."},
		{"missing in a batch", &sqs.SendMessageBatch.OpInfo, &sqs.SendMessageBatchInput{}, sqsJSON + `{"QueueUrl":"a","Entries":[{"Id":"1","MessageBody":""},{"Id":"2"}]}`,
			"MissingParameter: The request must contain the parameter SendMessageBatchRequestEntry.2.MessageBody."},
		{"bad escape in query", &iam.GetUser.OpInfo, &iam.GetUserInput{}, formBody + "UserName=%zz", "MalformedQueryString: The query string contains a syntax error."},
		{"bad index in query", &iam.TagUser.OpInfo, &iam.TagUserInput{}, formBody + "UserName=u&Tags.member.x.Key=k", "MalformedInput: Invalid list index of Tags"},
		{"bad number in query", &iam.ListUsers.OpInfo, &iam.ListUsersInput{}, formBody + "MaxItems=ten", "MalformedInput: Invalid value for MaxItems: ten"},
		{"XML without end", &s3.DeleteObjects.OpInfo, &s3.DeleteObjectsInput{}, "POST /b?delete\n\n<Delete><Object>", "MalformedXML"},
		{"XML crossed", &s3.DeleteObjects.OpInfo, &s3.DeleteObjectsInput{}, "POST /b?delete\n\n<Delete><Object><Key>a</Object></Key></Delete>", "MalformedXML"},
		{"XML of another root", &s3.DeleteObjects.OpInfo, &s3.DeleteObjectsInput{}, "POST /b?delete\n\n<Remove><Object><Key>a</Key></Object></Remove>", "MalformedXML"},
		{"XML with a document type", &s3.DeleteObjects.OpInfo, &s3.DeleteObjectsInput{}, "POST /b?delete\n\n<!DOCTYPE Delete [<!ENTITY a \"b\">]><Delete><Object><Key>&a;</Key></Object></Delete>", "MalformedXML"},
		{"XML with an unknown entity", &s3.DeleteObjects.OpInfo, &s3.DeleteObjectsInput{}, "POST /b?delete\n\n<Delete><Object><Key>&nbsp;</Key></Object></Delete>", "MalformedXML"},
		{"XML without a required member", &s3.DeleteObjects.OpInfo, &s3.DeleteObjectsInput{}, "POST /b?delete\n\n<Delete><Object></Object></Delete>", "MalformedXML"},
		{"no body", &s3.DeleteObjects.OpInfo, &s3.DeleteObjectsInput{}, "POST /b?delete\n\n", "MissingRequestBodyError: Request Body is empty"},
		{"bad number in a URI", &s3.ListObjectsV2.OpInfo, &s3.ListObjectsV2Input{}, "GET /b?list-type=2&max-keys=a", "InvalidArgument: Provided max-keys not an integer or within integer range"},
	} {
		err := decode(t, c.op, c.in, c.request)
		var e *cloud.Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Error(), c.want) || e.Status != http.StatusBadRequest {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// Names beyond the limits cost neither time nor memory.
func TestFormLimits(t *testing.T) {
	if _, err := parseForm(strings.Repeat("a=&", maxElements+1)); err == nil {
		t.Error("too many parameters pass")
	}
	if _, err := parseForm(strings.Repeat("a.", maxDepth+2) + "=1"); err == nil {
		t.Error("too deep a name passes")
	}
	in := &iam.TagUserInput{}
	if err := decode(t, &iam.TagUser.OpInfo, in, formBody+"UserName=u&Tags.member.999999999.Key=k&Tags.member.999999999.Value=v"); err != nil || len(in.Tags) != 1 {
		t.Errorf("%v, %d tags", err, len(in.Tags))
	}
	if err := decode(t, &iam.TagUser.OpInfo, in, formBody+"UserName=u&Tags.member.9999999999.Key=k"); err == nil {
		t.Error("an index beyond all bounds passes")
	}
}

// A streaming body is handed on as it is.
func TestDecodeStream(t *testing.T) {
	in := &s3.PutObjectInput{}
	err := decode(t, &s3.PutObject.OpInfo, in, "PUT /b/k\nContent-Type: text/plain\nx-amz-meta-Colour: red\nx-amz-meta-b: é\n\nbody")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(in.Body)
	if err != nil || string(b) != "body" || *in.ContentLength != 4 || *in.ContentType != "text/plain" ||
		!reflect.DeepEqual(in.Metadata, map[string]string{"colour": "red", "b": "é"}) {
		t.Errorf("%q %v %+v", b, err, in)
	}
}
