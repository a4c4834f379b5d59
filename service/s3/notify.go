package s3

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pileus/cloud"
	"pileus/rng"
	"pileus/store"

	api "pileus/api/s3"
	apisqs "pileus/api/sqs"
)

// notifyTopic holds events on their way to queues, bridgeTopic those on their
// way to EventBridge.
const (
	notifyTopic = "s3.notify"
	bridgeTopic = "events.put"

	service = "s3.amazonaws.com"
)

func getBucketNotificationConfiguration(c *cloud.Call, r store.Reader, in *api.GetBucketNotificationConfigurationInput) (*api.NotificationConfiguration, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Notification == nil {
		return &api.NotificationConfiguration{}, nil
	}
	return b.Notification, nil
}

// putBucketNotificationConfiguration sends every queue a test event first, as
// S3: a queue that does not let it is not taken.
func putBucketNotificationConfiguration(c *cloud.Call, in *api.PutBucketNotificationConfigurationInput) (*cloud.Empty, error) {
	q := in.NotificationConfiguration
	var b *Bucket
	if err := c.View(func(r store.Reader) (err error) {
		b, err = findBucket(r, in.Bucket)
		return err
	}); err != nil {
		return nil, err
	}
	q.QueueConfigurations = slices.Clone(q.QueueConfigurations)
	if err := checkNotification(c, b, &q); err != nil {
		return nil, err
	}
	if !cloud.Or(in.SkipDestinationValidation, false) {
		for i := range q.QueueConfigurations {
			if err := testQueue(c, b, q.QueueConfigurations[i].QueueArn); err != nil {
				return nil, err
			}
		}
	}
	err := c.Update(func(tx store.Tx) error {
		_, err := configure(tx, in.Bucket, func(b *Bucket) error {
			if b.Notification = &q; len(q.QueueConfigurations) == 0 && q.EventBridgeConfiguration == nil {
				b.Notification = nil
			}
			return nil
		})
		return err
	})
	return &cloud.Empty{}, err
}

func checkNotification(c *cloud.Call, b *Bucket, q *api.NotificationConfiguration) error {
	if len(q.TopicConfigurations) > 0 {
		return errNotBuilt("pileus cannot notify SNS topics yet: it has no SNS. SQS queues can be notified.")
	}
	if len(q.LambdaFunctionConfigurations) > 0 {
		return errNotBuilt("pileus cannot notify Lambda functions yet: it has no Lambda. SQS queues can be notified.")
	}
	ids := map[string]bool{}
	for i := range q.QueueConfigurations {
		t := &q.QueueConfigurations[i]
		if t.Id == nil || *t.Id == "" {
			t.Id = new(c.Rand().String(48, rng.Base62))
		}
		if ids[*t.Id] {
			return errArgument("Id", *t.Id, "Same ID used for multiple configurations. IDs must be unique")
		}
		ids[*t.Id] = true
		if err := checkTarget(b, t); err != nil {
			return err
		}
		for j := range i {
			if overlaps(t, &q.QueueConfigurations[j]) {
				return errOverlap(t)
			}
		}
	}
	return nil
}

func checkTarget(b *Bucket, t *api.QueueConfiguration) error {
	if len(*t.Id) > 255 {
		return errArgument("Id", *t.Id, "ID length should not exceed allowed limit of 255")
	}
	arn, ok := cloud.ParseARN(t.QueueArn)
	switch {
	case !ok || arn.Service != "sqs":
		return errArgument("QueueArn", t.QueueArn, "The ARN could not be parsed")
	case arn.Region != b.Region:
		return errArgument("QueueArn", t.QueueArn, "The notification destination service region is not valid for the bucket location constraint")
	case strings.HasSuffix(arn.Resource, ".fifo"):
		return errDestination(t.QueueArn, "FIFO SQS queues are not supported as a notification destination")
	case len(t.Events) == 0:
		return errMalformedXML
	}
	for _, e := range t.Events {
		if !slices.Contains(eventNames, e) {
			return errArgument("Event", e, "The event '%s' is not supported for notifications", e)
		}
	}
	return checkFilter(t.Filter)
}

func checkFilter(f *api.NotificationConfigurationFilter) error {
	if f == nil || f.Key == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, rule := range f.Key.FilterRules {
		name := strings.ToLower(cloud.Or(rule.Name, ""))
		switch {
		case !oneOf(name, "prefix", "suffix"):
			return errArgument("FilterRule.Name", cloud.Or(rule.Name, "null"), "filter rule name must be either prefix or suffix")
		case seen[name]:
			return errArgument("FilterRule.Name", name, "Cannot specify more than one %s rule in a filter.", name)
		case len(cloud.Or(rule.Value, "")) > 1024:
			return errArgument("FilterRule.Value", *rule.Value, "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation")
		}
		seen[name] = true
	}
	return nil
}

// keyFilter is what keys must begin and end with.
func keyFilter(f *api.NotificationConfigurationFilter) (prefix, suffix string) {
	if f == nil || f.Key == nil {
		return "", ""
	}
	for _, rule := range f.Key.FilterRules {
		if strings.EqualFold(cloud.Or(rule.Name, ""), "prefix") {
			prefix = cloud.Or(rule.Value, "")
		} else {
			suffix = cloud.Or(rule.Value, "")
		}
	}
	return prefix, suffix
}

// overlaps tells whether one event could be for both targets, which S3 does
// not take.
func overlaps(x, y *api.QueueConfiguration) bool {
	xp, xs := keyFilter(x.Filter)
	yp, ys := keyFilter(y.Filter)
	if !strings.HasPrefix(xp, yp) && !strings.HasPrefix(yp, xp) || !strings.HasSuffix(xs, ys) && !strings.HasSuffix(ys, xs) {
		return false
	}
	for _, a := range x.Events {
		for _, b := range y.Events {
			if a == b || glob(a, b) || glob(b, a) {
				return true
			}
		}
	}
	return false
}

func errOverlap(t *api.QueueConfiguration) error {
	if prefix, suffix := keyFilter(t.Filter); prefix+suffix != "" {
		return api.ErrInvalidArgument.New("Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.")
	}
	return api.ErrInvalidArgument.New("Configurations overlap. Configurations on the same bucket cannot share a common event type.")
}

func errDestination(arn, why string) *cloud.Error {
	return api.ErrInvalidArgument.New("Unable to validate the following destination configurations").
		With("ArgumentName1", arn).With("ArgumentValue1", why)
}

// testQueue sends the test event.
func testQueue(c *cloud.Call, b *Bucket, queue string) error {
	text, err := json.Marshal(map[string]string{
		"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": c.Now.UTC().Format(eventTime),
		"Bucket": b.Name, "RequestId": c.RequestID, "HostId": c.RequestID,
	})
	if err != nil {
		return err
	}
	err = sendToQueue(c, b.Account, b.ARN(), queue, string(text))
	var e *cloud.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return fmt.Errorf("send a test event to %s: %w", queue, err)
	case strings.Contains(e.Code, "NonExistentQueue") || strings.Contains(e.Code, "QueueDoesNotExist"):
		return errDestination(queue, "The destination queue does not exist")
	case e.Status == 501:
		return err
	case e.Server:
		return fmt.Errorf("send a test event to %s: %w", queue, err)
	}
	return errDestination(queue, "Permissions on the destination queue do not allow S3 to publish notifications from this bucket")
}

// sendToQueue sends a message as S3, for a bucket of an account.
func sendToQueue(c *cloud.Call, account, bucketARN, queue, text string) error {
	arn, ok := cloud.ParseARN(queue)
	if !ok {
		return fmt.Errorf("queue ARN %q", queue)
	}
	d := c.In(account, arn.Region).AsService(service, bucketARN)
	d.HTTP, d.Tx = nil, nil
	_, err := apisqs.SendMessage.Call(d, &apisqs.SendMessageInput{
		QueueUrl:    c.Cloud.Endpoint() + "/" + arn.Account + "/" + arn.Resource,
		MessageBody: text,
	})
	return err
}

// note is an event in the outbox.
type note struct {
	Account, Bucket string // the bucket's account and ARN
	Queue, Text     string
}

// notify writes the event to the outbox for each target that wants it.
func notify(c *cloud.Call, tx store.Tx, b *Bucket, o *Object, name string) {
	var e *eventRecord
	key := store.K(b.Name, o.Key) // events of one object arrive in their order
	for i := range b.Notification.QueueConfigurations {
		t := &b.Notification.QueueConfigurations[i]
		prefix, suffix := keyFilter(t.Filter)
		if !strings.HasPrefix(o.Key, prefix) || !strings.HasSuffix(o.Key, suffix) || !wants(t.Events, name) {
			continue
		}
		if e == nil {
			e = newEvent(c, b, o, name)
		}
		payload, err := json.Marshal(note{b.Account, b.ARN(), t.QueueArn, e.message(*t.Id)})
		if err != nil {
			panic(err) // strings
		}
		tx.Emit(notifyTopic, key, payload)
	}
	if b.Notification.EventBridgeConfiguration != nil && c.Cloud.Implements("events", "PutEvents") {
		if e == nil {
			e = newEvent(c, b, o, name)
		}
		tx.Emit(bridgeTopic, key, e.eventBridge(c, b, o))
	}
}

func wants(events []string, name string) bool {
	for _, e := range events {
		if glob(strings.TrimPrefix(e, "s3:"), name) {
			return true
		}
	}
	return false
}

// deliverNotification sends an event to its queue. A queue that is gone, or
// that does not let S3 any more, loses it, as on AWS.
func deliverNotification(c *cloud.Call, payload []byte) error {
	var n note
	if err := json.Unmarshal(payload, &n); err != nil {
		return fmt.Errorf("notification: %w", err)
	}
	err := sendToQueue(c, n.Account, n.Bucket, n.Queue, n.Text)
	var e *cloud.Error
	if errors.As(err, &e) && !e.Server && e.Status < 500 {
		return nil
	}
	return err
}

// eventNames are the events that a configuration can name.
var eventNames = []string{
	"s3:ReducedRedundancyLostObject",
	"s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy", "s3:ObjectCreated:CompleteMultipartUpload",
	"s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated",
	"s3:ObjectRestore:*", "s3:ObjectRestore:Post", "s3:ObjectRestore:Completed", "s3:ObjectRestore:Delete",
	"s3:Replication:*", "s3:Replication:OperationFailedReplication", "s3:Replication:OperationNotTracked",
	"s3:Replication:OperationMissedThreshold", "s3:Replication:OperationReplicatedAfterThreshold",
	"s3:LifecycleTransition", "s3:IntelligentTiering", "s3:ObjectAcl:Put",
	"s3:LifecycleExpiration:*", "s3:LifecycleExpiration:Delete", "s3:LifecycleExpiration:DeleteMarkerCreated",
	"s3:ObjectTagging:*", "s3:ObjectTagging:Put", "s3:ObjectTagging:Delete",
}
