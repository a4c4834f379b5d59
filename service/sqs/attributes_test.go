package sqs

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	api "pileus/api/sqs"
	"pileus/node/nodetest"
)

func TestDefaultAttributes(t *testing.T) {
	w, _ := world(t)
	created := strconv.FormatInt(w.Now().Unix(), 10)
	standard := map[string]string{
		"QueueArn": arnOf("q"), "CreatedTimestamp": created, "LastModifiedTimestamp": created,
		"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0",
		"VisibilityTimeout": "30", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600",
		"DelaySeconds": "0", "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
	}
	fifo := maps.Clone(standard)
	maps.Copy(fifo, map[string]string{"QueueArn": arnOf("q.fifo"), "FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"})
	for name, want := range map[string]map[string]string{"q": standard, "q.fifo": fifo} {
		url := create(w, name)
		get := func(names ...string) map[string]string {
			return nodetest.Do(w, &api.GetQueueAttributes, &api.GetQueueAttributesInput{QueueUrl: url, AttributeNames: names}).Attributes
		}
		if got := get("All"); !maps.Equal(got, want) {
			t.Errorf("%s has\n%v\nwant\n%v", name, got, want)
		}
		if got := get("DelaySeconds", "Policy"); !maps.Equal(got, map[string]string{"DelaySeconds": "0"}) {
			t.Errorf("two attributes of %s: %v", name, got)
		}
		if got := get(); len(got) != 0 {
			t.Errorf("no attributes of %s: %v", name, got)
		}
		_, err := nodetest.Try(w, &api.GetQueueAttributes, &api.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []string{"Colour"}})
		fails(t, err, "InvalidAttributeName", "Unknown Attribute Colour.")
	}
	if got := nodetest.Do(w, &api.ListQueues, &api.ListQueuesInput{QueueNamePrefix: new("q.")}).QueueUrls; len(got) != 1 || !strings.HasSuffix(got[0], "/q.fifo") {
		t.Errorf("queues with a prefix: %v", got)
	}
}

func TestAttributeValues(t *testing.T) {
	w, _ := world(t)
	create(w, "dead")
	create(w, "dead.fifo")
	create(w, "closed", "RedriveAllowPolicy", `{"redrivePermission":"denyAll"}`)
	create(w, "some", "RedriveAllowPolicy", `{"redrivePermission":"byQueue","sourceQueueArns":["`+arnOf("friend")+`"]}`)
	redriveTo := func(name string) string { return `{"deadLetterTargetArn":"` + arnOf(name) + `","maxReceiveCount":3}` }
	const param, value, names = "InvalidParameterValue", "InvalidAttributeValue", "InvalidAttributeName"
	for i, test := range []struct {
		queue      string
		attributes []string
		code, text string
	}{
		{"q", []string{"VisibilityTimeout", "43200", "DelaySeconds", "900", "MessageRetentionPeriod", "1209600", "MaximumMessageSize", "1024", "ReceiveMessageWaitTimeSeconds", "20"}, "", ""},
		{"q", []string{"VisibilityTimeout", "43201"}, value, "Invalid value for the parameter VisibilityTimeout."},
		{"q", []string{"VisibilityTimeout", "-1"}, value, "VisibilityTimeout"},
		{"q", []string{"VisibilityTimeout", ""}, value, "VisibilityTimeout"},
		{"q", []string{"VisibilityTimeout", "ten"}, value, "VisibilityTimeout"},
		{"q", []string{"DelaySeconds", "901"}, value, "DelaySeconds"},
		{"q", []string{"MaximumMessageSize", "1023"}, value, "MaximumMessageSize"},
		{"q", []string{"MaximumMessageSize", "1048577"}, value, "MaximumMessageSize"},
		{"q", []string{"MessageRetentionPeriod", "59"}, value, "MessageRetentionPeriod"},
		{"q", []string{"MessageRetentionPeriod", "1209601"}, value, "MessageRetentionPeriod"},
		{"q", []string{"ReceiveMessageWaitTimeSeconds", "21"}, value, "ReceiveMessageWaitTimeSeconds"},
		{"q", []string{"SqsManagedSseEnabled", "perhaps"}, value, "SqsManagedSseEnabled"},
		{"q", []string{"SqsManagedSseEnabled", "false"}, "", ""},
		{"q", []string{"KmsMasterKeyId", "alias/x"}, "KMS.NotFoundException", "KMS"},
		{"q", []string{"KmsMasterKeyId", "alias/x", "SqsManagedSseEnabled", "true"}, names, "You can use one type of server-side encryption (SSE) at one time."},
		{"q", []string{"KmsMasterKeyId", "", "KmsDataKeyReusePeriodSeconds", "300"}, "", ""},
		{"q", []string{"KmsDataKeyReusePeriodSeconds", "59"}, value, "KmsDataKeyReusePeriodSeconds"},
		{"q", []string{"Colour", "red"}, names, "Unknown Attribute Colour."},
		{"q", []string{"QueueArn", "x"}, names, "Unknown Attribute QueueArn."},
		{"q", []string{"ContentBasedDeduplication", "true"}, names, "Unknown Attribute ContentBasedDeduplication."},
		{"q", []string{"FifoQueue", "false"}, names, "Unknown Attribute FifoQueue."},
		{"q", []string{"FifoQueue", "true"}, param, "must end with .fifo suffix"},
		{"q.fifo", []string{"FifoQueue", "true", "ContentBasedDeduplication", "true", "DeduplicationScope", "messageGroup", "FifoThroughputLimit", "perMessageGroupId"}, "", ""},
		{"q.fifo", []string{"FifoQueue", "true", "FifoThroughputLimit", "perMessageGroupId"}, param, "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup."},
		{"q.fifo", []string{"FifoQueue", "true", "DeduplicationScope", "world"}, value, "DeduplicationScope"},
		{"q.fifo", nil, param, "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"},
		{"no spaces", nil, param, "Can only include"},
		{strings.Repeat("n", 81), nil, param, "Can only include"},
		{"", nil, param, "Can only include"},
		{"q", []string{"Policy", "{"}, value, "Invalid value for the parameter Policy."},
		{"q", []string{"Policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}`}, value, "Policy"},
		{"q", []string{"Policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}]}`}, value, "Policy"},
		{"q", []string{"Policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"SQS:SendMessage","Resource":"*"}]}`}, "", ""},
		{"q", []string{"Policy", ""}, "", ""},
		{"q", []string{"RedrivePolicy", redriveTo("dead")}, "", ""},
		{"q", []string{"RedrivePolicy", ""}, "", ""},
		{"q", []string{"RedrivePolicy", "no"}, param, "Redrive policy is not a valid JSON map."},
		{"q", []string{"RedrivePolicy", `{"maxReceiveCount":"1"}`}, param, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."},
		{"q", []string{"RedrivePolicy", `{"deadLetterTargetArn":"` + arnOf("dead") + `"}`}, param, "Redrive policy does not contain mandatory attribute: maxReceiveCount."},
		{"q", []string{"RedrivePolicy", `{"deadLetterTargetArn":"` + arnOf("dead") + `","maxReceiveCount":1001}`}, param, "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive."},
		{"q", []string{"RedrivePolicy", `{"deadLetterTargetArn":"dummy","maxReceiveCount":42}`}, param, "Invalid value for deadLetterTargetArn."},
		{"q", []string{"RedrivePolicy", `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:dead","maxReceiveCount":42}`}, param, "Invalid value for deadLetterTargetArn."},
		{"q", []string{"RedrivePolicy", `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:111111111111:dead","maxReceiveCount":42}`}, param, "Invalid value for deadLetterTargetArn."},
		{"q", []string{"RedrivePolicy", `{"deadLetterTargetArn":"` + arnOf("dead") + `","maxReceiveCount":1,"x":1}`}, param, "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount]."},
		{"q", []string{"RedrivePolicy", redriveTo("none")}, param, "Dead letter target does not exist."},
		{"q", []string{"RedrivePolicy", redriveTo("dead.fifo")}, param, "Dead-letter queue must be same type of queue as the source."},
		{"q", []string{"RedrivePolicy", redriveTo("closed")}, param, "redrive allow policy"},
		{"q", []string{"RedrivePolicy", redriveTo("some")}, param, "redrive allow policy"},
		{"friend", []string{"RedrivePolicy", redriveTo("some")}, "", ""},
		{"q", []string{"RedriveAllowPolicy", `{"redrivePermission":"byQueue"}`}, param, "you must also specify one or more sourceQueueArns"},
		{"q", []string{"RedriveAllowPolicy", `{"redrivePermission":"allowAll","sourceQueueArns":["` + arnOf("x") + `"]}`}, param, "you must also specify the byQueue"},
		{"q", []string{"RedriveAllowPolicy", `{"redrivePermission":"maybe"}`}, param, "RedriveAllowPolicy"},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			in := &api.CreateQueueInput{QueueName: test.queue, Attributes: pairs(test.attributes)}
			out, err := nodetest.Try(w, &api.CreateQueue, in)
			fails(t, err, test.code, test.text)
			if err == nil {
				nodetest.Do(w, &api.DeleteQueue, &api.DeleteQueueInput{QueueUrl: *out.QueueUrl})
				w.Advance(time.Minute)
			}
		})
	}
}

func TestCreateAgain(t *testing.T) {
	w, _ := world(t)
	create(w, "dead")
	url := create(w, "q", "DelaySeconds", "1", "RedrivePolicy", `{"deadLetterTargetArn":"`+arnOf("dead")+`","maxReceiveCount":3}`)
	for name, test := range map[string]struct {
		attributes []string
		code, text string
	}{
		"nothing asked":        {nil, "", ""},
		"the same":             {[]string{"DelaySeconds", "1"}, "", ""},
		"the same JSON":        {[]string{"RedrivePolicy", `{ "maxReceiveCount": 3, "deadLetterTargetArn": "` + arnOf("dead") + `" }`}, "", ""},
		"another value":        {[]string{"DelaySeconds", "2"}, "QueueAlreadyExists", "A queue already exists with the same name and a different value for attribute DelaySeconds"},
		"other than a default": {[]string{"VisibilityTimeout", "31"}, "QueueAlreadyExists", "VisibilityTimeout"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := nodetest.Try(w, &api.CreateQueue, &api.CreateQueueInput{QueueName: "q", Attributes: pairs(test.attributes)})
			fails(t, err, test.code, test.text)
			if err == nil && *out.QueueUrl != url {
				t.Errorf("URL %s, want %s", *out.QueueUrl, url)
			}
		})
	}
}

func TestSetAttributes(t *testing.T) {
	w, _ := world(t)
	url := create(w, "q.fifo")
	w.Advance(time.Hour)
	set := func(attributes ...string) error {
		_, err := nodetest.Try(w, &api.SetQueueAttributes, &api.SetQueueAttributesInput{QueueUrl: url, Attributes: pairs(attributes)})
		return err
	}
	fails(t, set("VisibilityTimeout", "5", "FifoQueue", "true"), "", "")
	fails(t, set("FifoQueue", "false"), "InvalidAttributeName", "FifoQueue")
	fails(t, set("DelaySeconds", "901", "VisibilityTimeout", "6"), "InvalidAttributeValue", "DelaySeconds")
	a := nodetest.Do(w, &api.GetQueueAttributes, &api.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []string{"All"}}).Attributes
	if a["VisibilityTimeout"] != "5" {
		t.Errorf("VisibilityTimeout %s: a refused change has changed something", a["VisibilityTimeout"])
	}
	if a["CreatedTimestamp"] == a["LastModifiedTimestamp"] || a["LastModifiedTimestamp"] != strconv.FormatInt(w.Now().Unix(), 10) {
		t.Errorf("created %s, modified %s", a["CreatedTimestamp"], a["LastModifiedTimestamp"])
	}
}

func TestPermissions(t *testing.T) {
	w, _ := world(t)
	url := create(w, "q")
	add := func(label string, ids, actions []string) error {
		_, err := nodetest.Try(w, &api.AddPermission, &api.AddPermissionInput{QueueUrl: url, Label: label, AWSAccountIds: ids, Actions: actions})
		return err
	}
	policyOf := func() string {
		return nodetest.Do(w, &api.GetQueueAttributes, &api.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []string{"Policy"}}).Attributes["Policy"]
	}
	removeLabel := func(label string) error {
		_, err := nodetest.Try(w, &api.RemovePermission, &api.RemovePermissionInput{QueueUrl: url, Label: label})
		return err
	}
	fails(t, add("both", []string{"111111111111", "668614515564"}, []string{"ReceiveMessage"}), "", "")
	const doc = `{"Version":"2008-10-17","Id":"arn:aws:sqs:us-east-1:000000000000:q/SQSDefaultPolicy","Statement":[{"Sid":"both","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:root","arn:aws:iam::668614515564:root"]},"Action":"SQS:ReceiveMessage","Resource":"arn:aws:sqs:us-east-1:000000000000:q"}]}`
	if got := policyOf(); got != doc {
		t.Errorf("policy %s\nwant   %s", got, doc)
	}
	fails(t, add("both", []string{"111111111111"}, []string{"SendMessage"}), "InvalidParameterValue", "Value both for parameter Label is invalid. Reason: Already exists.")
	fails(t, add("more", []string{"111111111111"}, []string{"SendMessage", "DeleteMessage"}), "", "")
	fails(t, add("x", []string{"me"}, []string{"SendMessage"}), "InvalidParameterValue", "PrincipalId")
	fails(t, add("x", []string{"111111111111"}, []string{"CreateQueue"}), "InvalidParameterValue", "SQS:CreateQueue")
	fails(t, add("x", nil, []string{"SendMessage"}), "MissingParameter", "AWSAccountIds")
	fails(t, add("a b", []string{"111111111111"}, []string{"SendMessage"}), "InvalidParameterValue", "Label")
	fails(t, add("x", []string{"111111111111"}, slices.Repeat([]string{"SendMessage"}, 8)), "OverLimit", "8 Actions")
	fails(t, removeLabel("both"), "", "")
	fails(t, removeLabel("both"), "InvalidParameterValue", "Value both for parameter Label is invalid. Reason: can't find label.")
	fails(t, removeLabel("more"), "", "")
	if got := policyOf(); got != "" {
		t.Errorf("policy %s after the last label was removed", got)
	}
}

func TestTags(t *testing.T) {
	w, _ := world(t)
	url := *nodetest.Do(w, &api.CreateQueue, &api.CreateQueueInput{QueueName: "q", Tags: map[string]string{"a": "1"}}).QueueUrl
	nodetest.Do(w, &api.TagQueue, &api.TagQueueInput{QueueUrl: url, Tags: map[string]string{"b": "2", "c": ""}})
	nodetest.Do(w, &api.UntagQueue, &api.UntagQueueInput{QueueUrl: url, TagKeys: []string{"a", "none"}})
	if got := nodetest.Do(w, &api.ListQueueTags, &api.ListQueueTagsInput{QueueUrl: url}).Tags; !maps.Equal(got, map[string]string{"b": "2", "c": ""}) {
		t.Errorf("tags %v", got)
	}
	many := map[string]string{}
	for i := range 49 {
		many[strconv.Itoa(i)] = ""
	}
	for name, tags := range map[string]map[string]string{"too many": many, "empty key": {"": "x"}, "reserved": {"aws:x": ""}, "long key": {strings.Repeat("k", 129): ""}, "long value": {"k": strings.Repeat("v", 257)}} {
		_, err := nodetest.Try(w, &api.TagQueue, &api.TagQueueInput{QueueUrl: url, Tags: tags})
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestListQueuesInPages(t *testing.T) {
	w, _ := world(t)
	for i := range 7 {
		create(w, "q"+strconv.Itoa(i))
	}
	var all []string
	in := &api.ListQueuesInput{MaxResults: new(int32(3))}
	for {
		out := nodetest.Do(w, &api.ListQueues, in)
		all = append(all, out.QueueUrls...)
		if out.NextToken == nil {
			break
		}
		in.NextToken = out.NextToken
	}
	if len(all) != 7 || !slices.IsSorted(all) {
		t.Errorf("pages give %v", all)
	}
	_, err := nodetest.Try(w, &api.ListQueues, &api.ListQueuesInput{MaxResults: new(int32(0))})
	fails(t, err, "InvalidParameterValue", "MaxResults")
	_, err = nodetest.Try(w, &api.ListQueues, &api.ListQueuesInput{MaxResults: new(int32(3)), NextToken: new("?")})
	fails(t, err, "InvalidParameterValue", "token")
}
