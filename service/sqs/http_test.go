package sqs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"pileus/clock"
	"pileus/node/nodetest"
)

// TestEveryOperationOverHTTP uses AWS's own client, which checks the digests
// that SQS answers with.
func TestEveryOperationOverHTTP(t *testing.T) {
	w, _ := world(t)
	c := sdk.NewFromConfig(w.Config())
	ctx := t.Context()
	ok := func(op string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", op, err)
		}
	}
	dead, err := c.CreateQueue(ctx, &sdk.CreateQueueInput{QueueName: aws.String("dead")})
	ok("CreateQueue", err)
	q, err := c.CreateQueue(ctx, &sdk.CreateQueueInput{QueueName: aws.String("jobs"), Tags: map[string]string{"a": "b"},
		Attributes: map[string]string{"VisibilityTimeout": "60"}})
	ok("CreateQueue", err)
	if want := w.Endpoint + "/000000000000/jobs"; *q.QueueUrl != want {
		t.Errorf("URL %s, want %s", *q.QueueUrl, want)
	}
	_, err = c.SetQueueAttributes(ctx, &sdk.SetQueueAttributesInput{QueueUrl: q.QueueUrl, Attributes: map[string]string{
		"RedrivePolicy": `{"deadLetterTargetArn":"` + arnOf("dead") + `","maxReceiveCount":"3"}`}})
	ok("SetQueueAttributes", err)
	got, err := c.GetQueueAttributes(ctx, &sdk.GetQueueAttributesInput{QueueUrl: q.QueueUrl, AttributeNames: []types.QueueAttributeName{"All"}})
	ok("GetQueueAttributes", err)
	if got.Attributes["VisibilityTimeout"] != "60" {
		t.Errorf("attributes %v", got.Attributes)
	}
	u, err := c.GetQueueUrl(ctx, &sdk.GetQueueUrlInput{QueueName: aws.String("jobs")})
	ok("GetQueueUrl", err)
	list, err := c.ListQueues(ctx, &sdk.ListQueuesInput{})
	ok("ListQueues", err)
	sources, err := c.ListDeadLetterSourceQueues(ctx, &sdk.ListDeadLetterSourceQueuesInput{QueueUrl: dead.QueueUrl})
	ok("ListDeadLetterSourceQueues", err)
	if *u.QueueUrl != *q.QueueUrl || len(list.QueueUrls) != 2 || len(sources.QueueUrls) != 1 {
		t.Errorf("%s, %v, %v", *u.QueueUrl, list.QueueUrls, sources.QueueUrls)
	}
	_, err = c.TagQueue(ctx, &sdk.TagQueueInput{QueueUrl: q.QueueUrl, Tags: map[string]string{"c": "d"}})
	ok("TagQueue", err)
	_, err = c.UntagQueue(ctx, &sdk.UntagQueueInput{QueueUrl: q.QueueUrl, TagKeys: []string{"a"}})
	ok("UntagQueue", err)
	tags, err := c.ListQueueTags(ctx, &sdk.ListQueueTagsInput{QueueUrl: q.QueueUrl})
	ok("ListQueueTags", err)
	if len(tags.Tags) != 1 || tags.Tags["c"] != "d" {
		t.Errorf("tags %v", tags.Tags)
	}
	_, err = c.AddPermission(ctx, &sdk.AddPermissionInput{QueueUrl: q.QueueUrl, Label: aws.String("l"), AWSAccountIds: []string{"111111111111"}, Actions: []string{"*"}})
	ok("AddPermission", err)
	_, err = c.RemovePermission(ctx, &sdk.RemovePermissionInput{QueueUrl: q.QueueUrl, Label: aws.String("l")})
	ok("RemovePermission", err)
	messagesOverHTTP(t, c, q.QueueUrl)

	_, err = c.SendMessage(ctx, &sdk.SendMessageInput{QueueUrl: dead.QueueUrl, MessageBody: aws.String("x")})
	ok("SendMessage", err)
	task, err := c.StartMessageMoveTask(ctx, &sdk.StartMessageMoveTaskInput{SourceArn: aws.String(arnOf("dead")), DestinationArn: aws.String(arnOf("jobs")), MaxNumberOfMessagesPerSecond: aws.Int32(1)})
	ok("StartMessageMoveTask", err)
	moves, err := c.ListMessageMoveTasks(ctx, &sdk.ListMessageMoveTasksInput{SourceArn: aws.String(arnOf("dead"))})
	ok("ListMessageMoveTasks", err)
	if len(moves.Results) != 1 || *moves.Results[0].TaskHandle != *task.TaskHandle {
		t.Errorf("tasks %+v", moves.Results)
	}
	_, err = c.CancelMessageMoveTask(ctx, &sdk.CancelMessageMoveTaskInput{TaskHandle: task.TaskHandle})
	ok("CancelMessageMoveTask", err)
	_, err = c.PurgeQueue(ctx, &sdk.PurgeQueueInput{QueueUrl: q.QueueUrl})
	ok("PurgeQueue", err)
	_, err = c.DeleteQueue(ctx, &sdk.DeleteQueueInput{QueueUrl: q.QueueUrl})
	ok("DeleteQueue", err)
	_, err = c.DeleteQueue(ctx, &sdk.DeleteQueueInput{QueueUrl: q.QueueUrl})
	if !strings.Contains(err.Error(), "NonExistentQueue") && !strings.Contains(err.Error(), "QueueDoesNotExist") {
		t.Errorf("deleting it again: %v", err)
	}
}

func messagesOverHTTP(t *testing.T, c *sdk.Client, url *string) {
	ctx := t.Context()
	attributes := map[string]types.MessageAttributeValue{
		"Name":       {DataType: aws.String("String"), StringValue: aws.String("Ünï")},
		"Count":      {DataType: aws.String("Number.int"), StringValue: aws.String("-12.5")},
		"Blob.Bytes": {DataType: aws.String("Binary.png"), BinaryValue: []byte{0, 1, 255}},
	}
	body := "héllo\n\t" + strings.Repeat("x", 20_000) // more than lies in line
	_, err := c.SendMessage(ctx, &sdk.SendMessageInput{QueueUrl: url, MessageBody: &body, MessageAttributes: attributes,
		MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1-2-3")}}})
	if err != nil {
		t.Fatalf("SendMessage: %v", err)
	}
	sent, err := c.SendMessageBatch(ctx, &sdk.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("one"), MessageBody: aws.String("1"), MessageAttributes: attributes},
		{Id: aws.String("two"), MessageBody: aws.String("\x01")},
		{Id: aws.String("three"), MessageBody: aws.String("3"), DelaySeconds: 901},
		{Id: aws.String("four"), MessageBody: aws.String("4")},
	}})
	if err != nil || len(sent.Successful) != 2 || len(sent.Failed) != 2 {
		t.Fatalf("SendMessageBatch: %+v, %v", sent, err)
	}
	if f := sent.Failed[0]; *f.Id != "two" || *f.Code != "InvalidMessageContents" || !f.SenderFault {
		t.Errorf("failed entry %+v", f)
	}
	got, err := c.ReceiveMessage(ctx, &sdk.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}, MessageAttributeNames: []string{"All"}})
	if err != nil || len(got.Messages) != 3 {
		t.Fatalf("ReceiveMessage: %v, %v", got, err)
	}
	m := got.Messages[0]
	if *m.Body != body || m.Attributes["AWSTraceHeader"] != "Root=1-2-3" || m.Attributes["SenderId"] != "000000000000" || m.Attributes["ApproximateReceiveCount"] != "1" {
		t.Errorf("message %.30q %v", *m.Body, m.Attributes)
	}
	if len(m.MessageAttributes) != 3 || !bytes.Equal(m.MessageAttributes["Blob.Bytes"].BinaryValue, []byte{0, 1, 255}) {
		t.Errorf("attributes %v", m.MessageAttributes)
	}
	if _, err := c.ChangeMessageVisibility(ctx, &sdk.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 100}); err != nil {
		t.Errorf("ChangeMessageVisibility: %v", err)
	}
	change, err := c.ChangeMessageVisibilityBatch(ctx, &sdk.ChangeMessageVisibilityBatchInput{QueueUrl: url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
		{Id: aws.String("a"), ReceiptHandle: got.Messages[1].ReceiptHandle, VisibilityTimeout: 5}, {Id: aws.String("b"), ReceiptHandle: aws.String("no"), VisibilityTimeout: 5},
	}})
	if err != nil || len(change.Successful) != 1 || len(change.Failed) != 1 || *change.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Errorf("ChangeMessageVisibilityBatch: %+v, %v", change, err)
	}
	if _, err := c.DeleteMessage(ctx, &sdk.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle}); err != nil {
		t.Errorf("DeleteMessage: %v", err)
	}
	deleted, err := c.DeleteMessageBatch(ctx, &sdk.DeleteMessageBatchInput{QueueUrl: url, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("a"), ReceiptHandle: got.Messages[1].ReceiptHandle}, {Id: aws.String("b"), ReceiptHandle: got.Messages[2].ReceiptHandle},
	}})
	if err != nil || len(deleted.Successful) != 2 {
		t.Errorf("DeleteMessageBatch: %+v, %v", deleted, err)
	}
}

// query sends a signed request of the query protocol, as clients did before
// SQS moved to JSON.
func query(t *testing.T, w *nodetest.World, path string, form url.Values) (int, string) {
	t.Helper()
	form.Set("Version", "2012-11-05")
	body := form.Encode()
	r, err := http.NewRequest("POST", w.Endpoint+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	sum := sha256.Sum256([]byte(body))
	keys, err := w.Config().Credentials.Retrieve(context.Background())
	if err == nil {
		err = v4.NewSigner().SignHTTP(context.Background(), keys, r, hex.EncodeToString(sum[:]), "sqs", nodetest.Region, clock.Machine())
	}
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestQueryProtocol(t *testing.T) {
	w, _ := world(t)
	for _, step := range []struct {
		path   string
		form   string
		status int
		want   []string
	}{
		{"/", "Action=CreateQueue&QueueName=jobs&Attribute.1.Name=VisibilityTimeout&Attribute.1.Value=40&Tag.1.Key=a&Tag.1.Value=b", 200,
			[]string{"<CreateQueueResponse", "<QueueUrl>" + w.Endpoint + "/000000000000/jobs</QueueUrl>"}},
		{"/000000000000/jobs", "Action=GetQueueAttributes&AttributeName.1=VisibilityTimeout", 200,
			[]string{"<Attribute><Name>VisibilityTimeout</Name><Value>40</Value></Attribute>"}},
		{"/000000000000/jobs", "Action=SendMessage&MessageBody=hello&MessageAttribute.1.Name=n&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=v", 200,
			[]string{"<MD5OfMessageBody>5d41402abc4b2a76b9719d911017c592</MD5OfMessageBody>", "<MD5OfMessageAttributes>"}},
		{"/000000000000/jobs", "Action=SendMessageBatch&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=x&SendMessageBatchRequestEntry.2.Id=a&SendMessageBatchRequestEntry.2.MessageBody=y", 400,
			[]string{"<Code>AWS.SimpleQueueService.BatchEntryIdsNotDistinct</Code>", "<Message>Id a repeated.</Message>"}},
		{"/", "Action=ReceiveMessage&QueueUrl=http://any.host/000000000000/jobs&AttributeName.1=All&MessageAttributeName.1=n", 200,
			[]string{"<Body>hello</Body>", "<Name>ApproximateReceiveCount</Name><Value>1</Value>", "<MessageAttribute><Name>n</Name><Value>"}},
		{"/", "Action=ListQueues", 200, []string{"<ListQueuesResult><QueueUrl>"}},
		{"/000000000000/jobs", "Action=ListQueueTags", 200, []string{"<Tag><Key>a</Key><Value>b</Value></Tag>"}},
		{"/000000000000/none", "Action=PurgeQueue", 400, []string{"<Code>AWS.SimpleQueueService.NonExistentQueue</Code>", "<Type>Sender</Type>"}},
		{"/000000000000/jobs", "Action=DeleteMessage&ReceiptHandle=x", 404, []string{"<Code>ReceiptHandleIsInvalid</Code>"}},
		{"/000000000000/jobs", "Action=SendMessage", 400, []string{"<Code>MissingParameter</Code>", "The request must contain the parameter MessageBody."}},
		{"/000000000000/jobs", "Action=DeleteQueue", 200, []string{"<DeleteQueueResponse"}},
	} {
		form, err := url.ParseQuery(step.form)
		if err != nil {
			t.Fatal(err)
		}
		status, body := query(t, w, step.path, form)
		if status != step.status {
			t.Errorf("%s: status %d, want %d", step.form, status, step.status)
		}
		for _, text := range step.want {
			if !strings.Contains(body, text) {
				t.Errorf("%s:\n%s\nlacks %s", step.form, body, text)
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	w, _ := world(t)
	c := sdk.NewFromConfig(w.Config())
	if _, err := c.CreateQueue(t.Context(), &sdk.CreateQueueInput{QueueName: aws.String("q")}); err != nil {
		t.Fatal(err)
	}
	for url, code := range map[string]string{
		"http://localhost:4566/000000000000/q":                                  "",
		"http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/q":   "",
		"http://us-east-1.queue.localhost.localstack.cloud:4566/000000000000/q": "",
		"http://localhost:4566/queue/us-east-1/000000000000/q":                  "",
		"https://sqs.us-east-1.amazonaws.com/000000000000/q/":                   "",
		"/000000000000/q":                          "",
		"http://localhost:4566/000000000000/other": "NonExistentQueue",
		"http://localhost:4566/111111111111/q":     "NonExistentQueue",
		"http://localhost:4566/q":                  "InvalidAddress",
		"q":                                        "InvalidAddress",
	} {
		_, err := c.SendMessage(t.Context(), &sdk.SendMessageInput{QueueUrl: aws.String(url), MessageBody: aws.String("x")})
		if code == "" && err != nil || code != "" && (err == nil || !strings.Contains(err.Error(), code)) {
			t.Errorf("%s: %v, want %q", url, err, code)
		}
	}
}
