package s3_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/policy"
	"pileus/service/s3"
	"pileus/store"

	apisqs "pileus/api/sqs"
)

// queued is a message that a queue has received.
type queued struct {
	Queue string
	N     int
	Text  string
}

var inbox = &store.Table[queued]{Name: "test.inbox", Key: func(q *queued) store.Key { return store.K(q.Queue, q.N) }}

// queues is as much of SQS as a service that only sends to it can see: queues
// named ok-*, whose policy lets S3 send for buckets named like them, and
// others that let nobody.
func queues() cloud.Module {
	return cloud.Module{
		API: &apisqs.Service,
		Operations: []cloud.Binding{apisqs.SendMessage.Update(func(c *cloud.Call, tx store.Tx, in *apisqs.SendMessageInput) (*apisqs.SendMessageOutput, error) {
			name := in.QueueUrl[strings.LastIndexByte(in.QueueUrl, '/')+1:]
			n := 0
			for range inbox.Scan(tx, name) {
				n++
			}
			inbox.Put(tx, &queued{name, n, in.MessageBody})
			return &apisqs.SendMessageOutput{MessageId: new("1")}, nil
		})},
		Access: []cloud.Access{apisqs.SendMessage.Needs("sqs:SendMessage", func(c *cloud.Call, r store.Reader, in *apisqs.SendMessageInput) (cloud.Resource, error) {
			name := in.QueueUrl[strings.LastIndexByte(in.QueueUrl, '/')+1:]
			if strings.HasPrefix(name, "no-") {
				return cloud.Resource{}, cloud.Errorf(400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
			}
			res := cloud.Resource{ARN: "arn:aws:sqs:us-east-1:" + nodetest.Account + ":" + name, Account: nodetest.Account}
			if rest, ok := strings.CutPrefix(name, "ok-"); ok {
				doc, err := policy.Cached(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*",
					"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::`+rest+`"},"StringEquals":{"aws:SourceAccount":"`+nodetest.Account+`"}}}]}`, policy.ResourceBased)
				if err != nil {
					return res, err
				}
				res.Policies = []policy.Attached{{ID: "queue policy", Doc: doc}}
			}
			return res, nil
		})},
	}
}

type message struct {
	Event   string
	Records []struct {
		EventVersion, EventSource, AwsRegion, EventName, EventTime string
		UserIdentity                                               struct{ PrincipalId string }
		RequestParameters                                          struct{ SourceIPAddress string }
		S3                                                         struct {
			ConfigurationId string
			Bucket          struct{ Name, Arn string }
			Object          struct {
				Key, ETag, VersionId, Sequencer string
				Size                            *int64
			}
		}
	}
}

// events empties the queue.
func (s *stage) events(queue string) (out []message) {
	s.T.Helper()
	s.Drain()
	s.Update(func(tx store.Tx) {
		out = nil
		for q := range inbox.Scan(tx, queue) {
			var m message
			if err := json.Unmarshal([]byte(q.Text), &m); err != nil {
				s.T.Errorf("message %s: %v", q.Text, err)
			}
			out = append(out, m)
		}
		inbox.DeleteAll(tx, queue)
	})
	return out
}

func (s *stage) names(queue string) string {
	s.T.Helper()
	var list []string
	for _, m := range s.events(queue) {
		for _, r := range m.Records {
			list = append(list, r.EventName+" "+r.S3.Object.Key)
		}
	}
	slices.SortStableFunc(list, func(x, y string) int { // only events of one object come in order
		return strings.Compare(x[strings.IndexByte(x, ' '):], y[strings.IndexByte(y, ' '):])
	})
	return strings.Join(list, ", ")
}

func newQueueStage(t *testing.T) *stage {
	t.Helper()
	w := nodetest.New(t, s3.Module(), queues())
	return &stage{w, client(w.Config())}
}

func queueARN(name string) string { return "arn:aws:sqs:us-east-1:" + nodetest.Account + ":" + name }

func (s *stage) notify(bucket string, list ...types.QueueConfiguration) error {
	_, err := s.PutBucketNotificationConfiguration(s.T.Context(), &sdk.PutBucketNotificationConfigurationInput{
		Bucket: &bucket, NotificationConfiguration: &types.NotificationConfiguration{QueueConfigurations: list},
	})
	return err
}

func to(queue string, events ...types.Event) types.QueueConfiguration {
	return types.QueueConfiguration{QueueArn: new(queueARN(queue)), Events: events}
}

func filtered(c types.QueueConfiguration, prefix, suffix string) types.QueueConfiguration {
	c.Filter = &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{
		{Name: types.FilterRuleNamePrefix, Value: &prefix}, {Name: types.FilterRuleNameSuffix, Value: &suffix},
	}}}
	return c
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
func TestNotifications(t *testing.T) {
	s := newQueueStage(t)
	ctx := t.Context()
	b := s.bucket("events")
	c := to("ok-events", "s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*")
	c.Id = new("mine")
	if err := s.notify(b, c); err != nil {
		t.Fatal(err)
	}
	if got := s.events("ok-events"); len(got) != 1 || got[0].Event != "s3:TestEvent" {
		t.Fatalf("test event: %+v", got)
	}
	put := s.put(b, "a folder/é+ü", "four")
	all := s.events("ok-events")
	if len(all) != 1 || len(all[0].Records) != 1 {
		t.Fatalf("after a put: %+v", all)
	}
	r := all[0].Records[0]
	if r.EventVersion != "2.1" || r.EventSource != "aws:s3" || r.AwsRegion != "us-east-1" || r.EventName != "ObjectCreated:Put" ||
		r.EventTime != "2026-01-01T00:00:00.000Z" || r.RequestParameters.SourceIPAddress != "127.0.0.1" || r.UserIdentity.PrincipalId != "AWS:"+nodetest.Account ||
		r.S3.ConfigurationId != "mine" || r.S3.Bucket.Name != b || r.S3.Bucket.Arn != "arn:aws:s3:::events" ||
		r.S3.Object.Key != "a+folder/%C3%A9%2B%C3%BC" || *r.S3.Object.Size != 4 || `"`+r.S3.Object.ETag+`"` != *put.ETag {
		t.Errorf("record: %+v", r)
	}
	first := r.S3.Object.Sequencer
	s.put(b, "a folder/é+ü", "other")
	if r := s.events("ok-events")[0].Records[0]; r.S3.Object.Sequencer <= first || len(r.S3.Object.Sequencer) != len(first) {
		t.Errorf("sequencer %q after %q", r.S3.Object.Sequencer, first)
	}
	must(t)(s.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: &b, Key: new("copy"), CopySource: new("events/a%20folder/%C3%A9%2B%C3%BC")}))
	must(t)(s.PutObjectTagging(ctx, &sdk.PutObjectTaggingInput{Bucket: &b, Key: new("copy"), Tagging: &types.Tagging{TagSet: []types.Tag{}}}))
	must(t)(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &b, Key: new("copy")}))
	must(t)(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &b, Key: new("copy")})) // nothing there: no event
	if got := s.names("ok-events"); got != "ObjectCreated:Copy copy, ObjectTagging:Put copy, ObjectRemoved:Delete copy" {
		t.Errorf("events: %s", got)
	}
	s.version(b)
	s.put(b, "v", "")
	must(t)(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &b, Key: new("v")}))
	if got := s.names("ok-events"); got != "ObjectCreated:Put v, ObjectRemoved:DeleteMarkerCreated v" {
		t.Errorf("events of versions: %s", got)
	}
	got, err := s.GetBucketNotificationConfiguration(ctx, &sdk.GetBucketNotificationConfigurationInput{Bucket: &b})
	must(t)(got, err)
	if len(got.QueueConfigurations) != 1 || *got.QueueConfigurations[0].Id != "mine" || len(got.QueueConfigurations[0].Events) != 3 {
		t.Errorf("configuration: %+v", got.QueueConfigurations)
	}
	if err := s.notify(b); err != nil {
		t.Fatal(err)
	}
	s.put(b, "silent", "")
	if got := s.names("ok-events"); got != "" {
		t.Errorf("without a configuration: %s", got)
	}
}

func TestNotificationFilters(t *testing.T) {
	s := newQueueStage(t)
	b := s.bucket("filters")
	if err := s.notify(b, filtered(to("ok-filters", "s3:ObjectCreated:Put"), "img/", ".jpg"), filtered(to("ok-f*", "s3:ObjectCreated:Put"), "img/", ".png")); err != nil {
		t.Fatal(err)
	}
	s.events("ok-filters")
	for _, key := range []string{"img/a.jpg", "img/a.png", "img/b.jpg", "a.jpg", "img/jpg"} {
		s.put(b, key, "")
	}
	if got := s.names("ok-filters"); got != "ObjectCreated:Put img/a.jpg, ObjectCreated:Put img/b.jpg" {
		t.Errorf("events: %s", got)
	}
}

func TestNotificationsAreChecked(t *testing.T) {
	s := newQueueStage(t)
	b := s.bucket("checked")
	both := func(x, y types.QueueConfiguration) []types.QueueConfiguration {
		return []types.QueueConfiguration{x, y}
	}
	for name, test := range map[string]struct {
		list []types.QueueConfiguration
		text string
	}{
		"denied":      {[]types.QueueConfiguration{to("shut", "s3:ObjectCreated:*")}, "Unable to validate the following destination configurations"},
		"gone":        {[]types.QueueConfiguration{to("no-queue", "s3:ObjectCreated:*")}, "Unable to validate the following destination configurations"},
		"other":       {[]types.QueueConfiguration{to("ok-other", "s3:ObjectCreated:*")}, "Unable to validate the following destination configurations"},
		"fifo":        {[]types.QueueConfiguration{to("ok-checked.fifo", "s3:ObjectCreated:*")}, "Unable to validate the following destination configurations"},
		"event":       {[]types.QueueConfiguration{to("ok-checked", "s3:ObjectBought")}, "The event 's3:ObjectBought' is not supported for notifications"},
		"overlap":     {both(to("ok-checked", "s3:ObjectCreated:*"), to("ok-checked", "s3:ObjectCreated:Put")), "Configurations overlap. Configurations on the same bucket cannot share a common event type."},
		"overlapping": {both(filtered(to("ok-checked", "s3:ObjectCreated:*"), "a", ""), filtered(to("ok-checked", "s3:ObjectCreated:*"), "ab", "x")), "Configuration is ambiguously defined."},
		"not an ARN":  {[]types.QueueConfiguration{{QueueArn: new("queue"), Events: []types.Event{"s3:ObjectCreated:*"}}}, "The ARN could not be parsed"},
		"elsewhere":   {[]types.QueueConfiguration{{QueueArn: new("arn:aws:sqs:eu-west-1:000000000000:ok-checked"), Events: []types.Event{"s3:ObjectCreated:*"}}}, "The notification destination service region is not valid for the bucket location constraint"},
	} {
		if err := s.notify(b, test.list...); code(err) != "InvalidArgument" || !strings.Contains(fmt.Sprint(err), test.text) {
			t.Errorf("%s: %v, want %s", name, err, test.text)
		}
	}
	for name, c := range map[string]*types.NotificationConfiguration{
		"SNS":    {TopicConfigurations: []types.TopicConfiguration{{TopicArn: new("arn:aws:sns:us-east-1:000000000000:t"), Events: []types.Event{"s3:ObjectCreated:*"}}}},
		"Lambda": {LambdaFunctionConfigurations: []types.LambdaFunctionConfiguration{{LambdaFunctionArn: new("arn:aws:lambda:us-east-1:000000000000:function:f"), Events: []types.Event{"s3:ObjectCreated:*"}}}},
	} {
		_, err := s.PutBucketNotificationConfiguration(t.Context(), &sdk.PutBucketNotificationConfigurationInput{Bucket: &b, NotificationConfiguration: c})
		if code(err) != "NotImplemented" || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.notify(b, to("ok-checked", "s3:LifecycleExpiration:*", "s3:ObjectRestore:*", "s3:LifecycleTransition")); err != nil {
		t.Fatal(err)
	}
}

// What the cloud does by itself is told as well.
func TestLifecycleAndRestoreEvents(t *testing.T) {
	s := newQueueStage(t)
	b := s.bucket("auto")
	if err := s.notify(b, to("ok-auto", "s3:LifecycleExpiration:*", "s3:ObjectRestore:*", "s3:LifecycleTransition")); err != nil {
		t.Fatal(err)
	}
	s.events("ok-auto")
	s.lifecycle(b,
		types.LifecycleRule{ID: new("a"), Filter: &types.LifecycleRuleFilter{Prefix: new("a")}, Expiration: expireAfter(1)},
		types.LifecycleRule{ID: new("b"), Filter: &types.LifecycleRuleFilter{Prefix: new("b")}, Transitions: []types.Transition{{Days: new(int32(1)), StorageClass: "GLACIER"}}},
	)
	s.put(b, "a", "")
	s.put(b, "b", strings.Repeat("x", 200<<10))
	s.Advance(day)
	if got := s.names("ok-auto"); got != "LifecycleExpiration:Delete a, LifecycleTransition b" {
		t.Errorf("lifecycle: %s", got)
	}
	must(t)(s.RestoreObject(t.Context(), &sdk.RestoreObjectInput{Bucket: &b, Key: new("b"), RestoreRequest: &types.RestoreRequest{Days: new(int32(1))}}))
	s.Advance(3 * day)
	if got := s.names("ok-auto"); got != "ObjectRestore:Post b, ObjectRestore:Completed b, ObjectRestore:Delete b" {
		t.Errorf("restore: %s", got)
	}
}
