//go:build unix

package wire

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"pileus/api/dynamodb"
	"pileus/api/ec2"
	"pileus/api/iam"
	"pileus/api/s3"
	"pileus/api/sqs"
	"pileus/cloud"
)

// The cases that decided how the codec is built; docs/wire.md has the numbers.

var (
	sendBody = []byte(`{"QueueUrl":"http://localhost:4566/000000000000/orders","MessageBody":"` + strings.Repeat("0123456789", 100) +
		`","DelaySeconds":0,"MessageAttributes":{"trace":{"DataType":"String","StringValue":"abc-123"},"n":{"DataType":"Number","StringValue":"42"}}}`)
	putBody       = []byte(`{"TableName":"orders","ReturnConsumedCapacity":"TOTAL","ConditionExpression":"attribute_not_exists(#id)","ExpressionAttributeNames":{"#id":"id"},"Item":{` + item + `}}`)
	item          = itemJSON()
	runBody       = []byte(runInstances())
	queryRequests = request("Content-Type", "application/x-www-form-urlencoded")
)

// itemJSON is an item of 20 attributes of several kinds.
func itemJSON() string {
	var parts []string
	for i := range 12 {
		parts = append(parts, fmt.Sprintf(`"name%d":{"S":"value number %d"}`, i, i), fmt.Sprintf(`"n%d":{"N":"%d"}`, i, i*1000))
	}
	return strings.Join(parts[:20], ",") + `,"list":{"L":[{"S":"a"},{"N":"1"},{"M":{"x":{"BOOL":true}}}]}`
}

// runInstances has the 40 parameters of a launch with disks, an interface and
// tags.
func runInstances() string {
	v := url.Values{}
	v.Set("Action", "RunInstances")
	v.Set("Version", "2016-11-15")
	v.Set("ImageId", "ami-0123456789abcdef0")
	v.Set("InstanceType", "t3.micro")
	v.Set("MinCount", "1")
	v.Set("MaxCount", "4")
	v.Set("KeyName", "ops")
	v.Set("UserData", "IyEvYmluL3NoCmVjaG8gaGVsbG8K")
	v.Set("IamInstanceProfile.Name", "web")
	v.Set("Monitoring.Enabled", "true")
	v.Set("MetadataOptions.HttpTokens", "required")
	for i := 1; i <= 3; i++ {
		p := fmt.Sprintf("BlockDeviceMapping.%d.", i)
		v.Set(p+"DeviceName", "/dev/sda"+fmt.Sprint(i))
		v.Set(p+"Ebs.VolumeSize", "20")
		v.Set(p+"Ebs.VolumeType", "gp3")
		v.Set(p+"Ebs.DeleteOnTermination", "true")
	}
	for i := 1; i <= 2; i++ {
		p := fmt.Sprintf("TagSpecification.%d.", i)
		v.Set(p+"ResourceType", "instance")
		for j := 1; j <= 4; j++ {
			v.Set(fmt.Sprintf("%sTag.%d.Key", p, j), "key"+fmt.Sprint(j))
			v.Set(fmt.Sprintf("%sTag.%d.Value", p, j), "a value")
		}
	}
	return v.Encode()
}

// loop runs f and reports the processor time that it took beside the wall
// clock's, for machines that have other work.
func loop(b *testing.B, f func() error) {
	b.ReportAllocs()
	start := cpuTime()
	for b.Loop() {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op")
}

func cpuTime() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func benchDecode(b *testing.B, op *cloud.OpInfo, r *http.Request, body []byte, fresh func() any) {
	req := &Request{HTTP: r, Body: body}
	p := For(op.Service, r)
	b.SetBytes(int64(len(body)))
	loop(b, func() error { return p.Decode(req, op, fresh()) })
}

func BenchmarkDecodeSendMessage(b *testing.B) {
	b.Run("json", func(b *testing.B) {
		benchDecode(b, &sqs.SendMessage.OpInfo, target, sendBody, func() any { return &sqs.SendMessageInput{} })
	})
	b.Run("encoding/json into map", func(b *testing.B) {
		loop(b, func() error {
			var m map[string]any
			return json.Unmarshal(sendBody, &m)
		})
	})
}

func BenchmarkDecodePutItem(b *testing.B) {
	b.Run("wire", func(b *testing.B) {
		benchDecode(b, &dynamodb.PutItem.OpInfo, target, putBody, func() any { return &dynamodb.PutItemInput{} })
	})
	b.Run("encoding/json into the same struct", func(b *testing.B) {
		loop(b, func() error { return json.Unmarshal(putBody, &dynamodb.PutItemInput{}) })
	})
	b.Run("encoding/json into map", func(b *testing.B) {
		loop(b, func() error {
			var m map[string]any
			return json.Unmarshal(putBody, &m)
		})
	})
}

func BenchmarkDecodeRunInstances(b *testing.B) {
	b.Run("wire", func(b *testing.B) {
		benchDecode(b, &ec2.RunInstances.OpInfo, queryRequests, runBody, func() any { return &ec2.RunInstancesInput{} })
	})
	b.Run("url.ParseQuery alone", func(b *testing.B) {
		loop(b, func() error {
			_, err := url.ParseQuery(string(runBody))
			return err
		})
	})
}

// BenchmarkDecodePutObject is mostly headers that are not there.
func BenchmarkDecodePutObject(b *testing.B) {
	r := httptest.NewRequest("PUT", "/bucket/folder/key?x-id=PutObject", nil)
	for k, v := range map[string]string{"Content-Type": "text/plain", "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD", "X-Amz-Date": "20260102T030405Z",
		"Authorization": "AWS4-HMAC-SHA256", "X-Amz-Checksum-Crc32": "AAAAAA==", "X-Amz-Meta-Colour": "red", "User-Agent": "bench"} {
		r.Header.Set(k, v)
	}
	req := &Request{HTTP: r, Labels: Labels{{"Bucket", "bucket"}, {"Key", "folder/key"}}, Stream: http.NoBody}
	p := For(&s3.Service, r)
	loop(b, func() error { return p.Decode(req, &s3.PutObject.OpInfo, &s3.PutObjectInput{}) })
}

// discard is a response that goes nowhere.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func benchEncode(b *testing.B, op *cloud.OpInfo, r *http.Request, out any) {
	p := For(op.Service, r)
	w := &Response{W: &discard{http.Header{}}, RequestID: "id", HostID: "host"}
	loop(b, func() error { return p.Encode(w, op, out) })
}

func listing(n int) *s3.ListObjectsV2Output {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	out := &s3.ListObjectsV2Output{Name: new("bucket"), KeyCount: new(int32(n)), MaxKeys: new(int32(n)), IsTruncated: new(true)}
	for i := range n {
		out.Contents = append(out.Contents, s3.Object{Key: new(fmt.Sprintf("folder/sub/object-%06d", i)), ETag: new(`"d41d8cd98f00b204e9800998ecf8427e"`),
			LastModified: &at, Size: new(int64(i)), StorageClass: new("STANDARD")})
	}
	return out
}

func BenchmarkEncodeListObjectsV2(b *testing.B) {
	benchEncode(b, &s3.ListObjectsV2.OpInfo, nil, listing(1000))
}

func BenchmarkEncodeDescribeInstances(b *testing.B) {
	out := &ec2.DescribeInstancesOutput{}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 100 {
		id := fmt.Sprintf("i-%017d", i)
		out.Reservations = append(out.Reservations, ec2.Reservation{ReservationId: &id, OwnerId: new("000000000000"), Instances: []ec2.Instance{{
			InstanceId: &id, ImageId: new("ami-1"), InstanceType: new("t3.micro"), LaunchTime: &at, PrivateIpAddress: new("10.0.0.1"),
			State: &ec2.InstanceState{Code: new(int32(16)), Name: new("running")}, SubnetId: new("subnet-1"), VpcId: new("vpc-1"),
			SecurityGroups: []ec2.GroupIdentifier{{GroupId: new("sg-1"), GroupName: new("default")}},
			Tags:           []ec2.Tag{{Key: new("Name"), Value: new("web")}, {Key: new("team"), Value: new("red")}},
		}}})
	}
	benchEncode(b, &ec2.DescribeInstances.OpInfo, queryRequests, out)
}

func BenchmarkEncodeSendMessage(b *testing.B) {
	benchEncode(b, &sqs.SendMessage.OpInfo, target, &sqs.SendMessageOutput{MessageId: new("5fea7756-0ea4-451a-a703-a558b933e274"), MD5OfMessageBody: new("fafb00f5732ab283681e124bf8747ed1")})
}

func BenchmarkEncodeGetItem(b *testing.B) {
	in := &dynamodb.PutItemInput{}
	if err := For(&dynamodb.Service, target).Decode(&Request{Body: putBody}, &dynamodb.PutItem.OpInfo, in); err != nil {
		b.Fatal(err)
	}
	benchEncode(b, &dynamodb.GetItem.OpInfo, target, &dynamodb.GetItemOutput{Item: in.Item})
}

func BenchmarkValidateTagUser(b *testing.B) {
	in := &iam.TagUserInput{UserName: "alice", Tags: []iam.Tag{{Key: "team", Value: "red"}, {Key: "stage", Value: "live"}}}
	loop(b, func() error { return Validate(&iam.TagUser.OpInfo, in) })
}

func BenchmarkRouteS3(b *testing.B) {
	rt := NewRouter(&s3.Service)
	for _, c := range []struct{ method, path, query string }{{"GET", "/bucket/folder/key", ""}, {"GET", "/bucket", "list-type=2&prefix=a&delimiter=%2F"}} {
		b.Run(c.method+" "+c.path+"?"+c.query, func(b *testing.B) {
			loop(b, func() error {
				if _, _, ok := rt.match(c.method, c.path, c.query, nil); !ok {
					return errType
				}
				return nil
			})
		})
	}
}
