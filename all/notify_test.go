package all_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pileus/all"
	"pileus/node/nodetest"

	apis3 "pileus/api/s3"
	apisqs "pileus/api/sqs"
)

// S3 sends its events to SQS as its own service principal: the queue's policy
// decides, for the bucket and account that it names.
func TestS3NotifiesSQS(t *testing.T) {
	w := nodetest.With(t, all.Modules)
	nodetest.Do(w, &apis3.CreateBucket, &apis3.CreateBucketInput{Bucket: "uploads"})
	queue := nodetest.Do(w, &apisqs.CreateQueue, &apisqs.CreateQueueInput{QueueName: "events"})
	arn := "arn:aws:sqs:" + nodetest.Region + ":" + nodetest.Account + ":events"
	configure := func() error {
		_, err := nodetest.Try(w, &apis3.PutBucketNotificationConfiguration, &apis3.PutBucketNotificationConfigurationInput{
			Bucket: "uploads", NotificationConfiguration: apis3.NotificationConfiguration{
				QueueConfigurations: []apis3.QueueConfiguration{{QueueArn: arn, Events: []string{"s3:ObjectCreated:*"}}},
			},
		})
		return err
	}
	if err := configure(); err == nil || !strings.Contains(err.Error(), "Unable to validate the following destination configurations") {
		t.Errorf("a queue without a policy: %v", err)
	}
	nodetest.Do(w, &apisqs.SetQueueAttributes, &apisqs.SetQueueAttributesInput{QueueUrl: *queue.QueueUrl, Attributes: map[string]string{
		"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"` + arn + `",
			"Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:s3:::uploads"},"StringEquals":{"aws:SourceAccount":"` + nodetest.Account + `"}}}]}`,
	}})
	if err := configure(); err != nil {
		t.Fatal(err)
	}
	nodetest.Do(w, &apis3.PutObject, &apis3.PutObjectInput{Bucket: "uploads", Key: "a b"})
	w.Drain()
	out := nodetest.Do(w, &apisqs.ReceiveMessage, &apisqs.ReceiveMessageInput{QueueUrl: *queue.QueueUrl, MaxNumberOfMessages: new(int32(10))})
	var got []string
	for _, m := range out.Messages {
		var event struct {
			Event   string
			Records []struct {
				EventName string
				S3        struct{ Object struct{ Key string } }
			}
		}
		if err := json.Unmarshal([]byte(*m.Body), &event); err != nil {
			t.Fatal(err)
		}
		got = append(got, event.Event)
		for _, r := range event.Records {
			got = append(got, r.EventName+" "+r.S3.Object.Key)
		}
	}
	if text := strings.Join(got, ","); text != "s3:TestEvent,,ObjectCreated:Put a+b" && text != ",ObjectCreated:Put a+b,s3:TestEvent" {
		t.Errorf("messages: %q", got)
	}
}
