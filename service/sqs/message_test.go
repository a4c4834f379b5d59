package sqs

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/node/nodetest"
)

func text(kind, value string) api.MessageAttributeValue {
	return api.MessageAttributeValue{DataType: kind, StringValue: &value}
}

func TestWhatCanBeSent(t *testing.T) {
	w, _ := world(t)
	urls := map[string]string{
		"q": create(w, "q"), "small": create(w, "small", "MaximumMessageSize", "1024"),
		"q.fifo": create(w, "q.fifo"), "content.fifo": create(w, "content.fifo", "ContentBasedDeduplication", "true"),
	}
	with := func(name string, v api.MessageAttributeValue) api.SendMessageInput {
		return api.SendMessageInput{MessageBody: "x", MessageAttributes: map[string]api.MessageAttributeValue{name: v}}
	}
	body := func(s string) api.SendMessageInput { return api.SendMessageInput{MessageBody: s} }
	const param = "InvalidParameterValue"
	eleven := map[string]api.MessageAttributeValue{}
	for i := range 11 {
		eleven[string(rune('a'+i))] = text("String", "x")
	}
	group, id := new("g"), new("d")
	for name, test := range map[string]struct {
		queue      string
		in         api.SendMessageInput
		code, text string
	}{
		"empty body":            {"q", body(""), "MissingParameter", "The request must contain the parameter MessageBody."},
		"control character":     {"q", body("a\x0bb"), "InvalidMessageContents", "#x9 | #xA | #xD"},
		"U+FFFE":                {"q", body("a\ufffe"), "InvalidMessageContents", "Invalid characters found."},
		"not UTF-8":             {"q", body("a\xff"), "InvalidMessageContents", "Invalid characters found."},
		"tab, newline, emoji":   {"q", body("\t\n\r ü 😀 \ufffd"), "", ""},
		"one MiB":               {"q", body(strings.Repeat("x", 1<<20)), "", ""},
		"more than one MiB":     {"q", body(strings.Repeat("x", 1<<20+1)), param, "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."},
		"just small enough":     {"small", body(strings.Repeat("x", 1024)), "", ""},
		"attributes count":      {"small", with("name", text("String", strings.Repeat("x", 1014))), param, "Message must be shorter than 1024 bytes."},
		"delay":                 {"q", api.SendMessageInput{MessageBody: "x", DelaySeconds: new(int32(901))}, param, "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."},
		"negative delay":        {"q", api.SendMessageInput{MessageBody: "x", DelaySeconds: new(int32(-1))}, param, "DelaySeconds"},
		"dedup in standard":     {"q", api.SendMessageInput{MessageBody: "x", MessageDeduplicationId: id}, param, "The request include parameter that is not valid for this queue type."},
		"group in standard":     {"q", api.SendMessageInput{MessageBody: "x", MessageGroupId: group}, "", ""},
		"no group":              {"q.fifo", api.SendMessageInput{MessageBody: "x", MessageDeduplicationId: id}, "MissingParameter", "The request must contain the parameter MessageGroupId."},
		"no dedup":              {"q.fifo", api.SendMessageInput{MessageBody: "x", MessageGroupId: group}, param, "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"},
		"content dedup":         {"content.fifo", api.SendMessageInput{MessageBody: "x", MessageGroupId: group}, "", ""},
		"delay in FIFO":         {"q.fifo", api.SendMessageInput{MessageBody: "x", MessageGroupId: group, MessageDeduplicationId: id, DelaySeconds: new(int32(2))}, param, "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type."},
		"bad group":             {"q.fifo", api.SendMessageInput{MessageBody: "x", MessageGroupId: new("a b"), MessageDeduplicationId: id}, param, "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."},
		"long dedup":            {"q.fifo", api.SendMessageInput{MessageBody: "x", MessageGroupId: group, MessageDeduplicationId: new(strings.Repeat("d", 129))}, param, "MessageDeduplicationId"},
		"eleven attributes":     {"q", api.SendMessageInput{MessageBody: "x", MessageAttributes: eleven}, param, "Number of message attributes [11] exceeds the allowed maximum [10]."},
		"dotted name":           {"q", with("a.b-c_d", text("String", "x")), "", ""},
		"dot first":             {"q", with(".a", text("String", "x")), param, "starting with character '.'"},
		"dot last":              {"q", with("a.", text("String", "x")), param, "ending with character '.'"},
		"two dots":              {"q", with("a..b", text("String", "x")), param, "successive"},
		"name with a space":     {"q", with("a b", text("String", "x")), param, "Can only include alphanumeric characters, hyphens, underscores, or dots."},
		"AWS's name":            {"q", with("AWS.x", text("String", "x")), param, "reserved for internal use"},
		"Amazon's name":         {"q", with("amazon.x", text("String", "x")), param, "reserved for internal use"},
		"long name":             {"q", with(strings.Repeat("n", 257), text("String", "x")), param, "256"},
		"no type":               {"q", with("a", text("", "x")), param, "must contain non-empty message attribute type"},
		"unknown type":          {"q", with("a", text("Boolean", "x")), param, "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."},
		"type that only begins": {"q", with("a", text("Stringy", "x")), param, "has an invalid message attribute type"},
		"custom type":           {"q", with("a", text("String.json", "{}")), "", ""},
		"empty value":           {"q", with("a", text("String", "")), param, "must contain non-empty message attribute value for message attribute type 'String'."},
		"bytes in a string":     {"q", with("a", api.MessageAttributeValue{DataType: "String", BinaryValue: []byte("x")}), param, "must use field 'String'."},
		"string in a binary":    {"q", with("a", text("Binary", "x")), param, "must use field 'Binary'."},
		"a list":                {"q", with("a", api.MessageAttributeValue{DataType: "String", StringListValues: []string{"x"}}), "AWS.SimpleQueueService.UnsupportedOperation", "list values"},
		"number":                {"q", with("a", text("Number", "-12.5e3")), "", ""},
		"no number":             {"q", with("a", text("Number", "twelve")), param, "Can't cast the value of message (user) attribute 'a' to a number."},
		"hexadecimal":           {"q", with("a", text("Number", "0x1p2")), param, "to a number"},
		"huge number":           {"q", with("a", text("Number", "1e127")), param, "to a number"},
		"other system name":     {"q", api.SendMessageInput{MessageBody: "x", MessageSystemAttributes: map[string]api.MessageSystemAttributeValue{"SenderId": {DataType: "String", StringValue: new("x")}}}, param, "SenderId"},
		"binary trace":          {"q", api.SendMessageInput{MessageBody: "x", MessageSystemAttributes: map[string]api.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: "Binary", BinaryValue: []byte("x")}}}, param, "AWSTraceHeader"},
	} {
		t.Run(name, func(t *testing.T) {
			test.in.QueueUrl = urls[test.queue]
			_, err := nodetest.Try(w, &api.SendMessage, &test.in)
			fails(t, err, test.code, test.text)
		})
	}
}

func TestBatches(t *testing.T) {
	w, _ := world(t)
	url, fifo := create(w, "q"), create(w, "q.fifo")
	entry := func(id, body string) api.SendMessageBatchRequestEntry {
		return api.SendMessageBatchRequestEntry{Id: id, MessageBody: body}
	}
	half := strings.Repeat("x", 1<<19)
	eleven := make([]api.SendMessageBatchRequestEntry, 11)
	for i := range eleven {
		eleven[i] = entry(string(rune('a'+i)), "x")
	}
	for name, test := range map[string]struct {
		url        string
		entries    []api.SendMessageBatchRequestEntry
		code, text string
	}{
		"empty":            {url, nil, "AWS.SimpleQueueService.EmptyBatchRequest", "There should be at least one SendMessageBatchRequestEntry in the request."},
		"too many":         {url, eleven, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent 11."},
		"same id":          {url, []api.SendMessageBatchRequestEntry{entry("a", "x"), entry("a", "y")}, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", "Id a repeated."},
		"bad id":           {url, []api.SendMessageBatchRequestEntry{entry("a:b", "x")}, "AWS.SimpleQueueService.InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."},
		"no id":            {url, []api.SendMessageBatchRequestEntry{entry("", "x")}, "AWS.SimpleQueueService.InvalidBatchEntryId", "batch entry id"},
		"one MiB in all":   {url, []api.SendMessageBatchRequestEntry{entry("a", half), entry("b", half)}, "", ""},
		"more than that":   {url, []api.SendMessageBatchRequestEntry{entry("a", half), entry("b", half+"x")}, "AWS.SimpleQueueService.BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."},
		"FIFO, no group":   {fifo, []api.SendMessageBatchRequestEntry{entry("a", "x")}, "InvalidParameterValue", "The request must contain the parameter MessageGroupId."},
		"FIFO, no dedup":   {fifo, []api.SendMessageBatchRequestEntry{{Id: "a", MessageBody: "x", MessageGroupId: new("g")}}, "InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled"},
		"FIFO, duplicates": {fifo, []api.SendMessageBatchRequestEntry{{Id: "a", MessageBody: "x", MessageGroupId: new("g"), MessageDeduplicationId: new("d")}, {Id: "b", MessageBody: "y", MessageGroupId: new("g"), MessageDeduplicationId: new("d")}}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := nodetest.Try(w, &api.SendMessageBatch, &api.SendMessageBatchInput{QueueUrl: test.url, Entries: test.entries})
			fails(t, err, test.code, test.text)
			if err == nil && len(out.Successful) != len(test.entries) {
				t.Errorf("%d of %d were sent: %+v", len(out.Successful), len(test.entries), out.Failed)
			}
		})
	}
	if n := numbers(w, fifo); n != "1 0 0" {
		t.Errorf("the FIFO queue has %s", n)
	}
}

func TestWhatCanBeReceived(t *testing.T) {
	w, _ := world(t)
	url := create(w, "q")
	for name, test := range map[string]struct {
		in         api.ReceiveMessageInput
		code, text string
	}{
		"none":           {api.ReceiveMessageInput{MaxNumberOfMessages: new(int32(0))}, "InvalidParameterValue", "Value 0 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."},
		"eleven":         {api.ReceiveMessageInput{MaxNumberOfMessages: new(int32(11))}, "InvalidParameterValue", "Value 11 for"},
		"a long wait":    {api.ReceiveMessageInput{WaitTimeSeconds: new(int32(21))}, "InvalidParameterValue", "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."},
		"a long timeout": {api.ReceiveMessageInput{VisibilityTimeout: new(int32(43201))}, "InvalidParameterValue", "VisibilityTimeout"},
		"an attempt id":  {api.ReceiveMessageInput{ReceiveRequestAttemptId: new("x")}, "InvalidParameterValue", "not valid for this queue type"},
		"an attribute":   {api.ReceiveMessageInput{AttributeNames: []string{"Colour"}}, "InvalidAttributeName", "Unknown Attribute Colour."},
		"nothing":        {api.ReceiveMessageInput{}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.in.QueueUrl = url
			_, err := nodetest.Try(w, &api.ReceiveMessage, &test.in)
			fails(t, err, test.code, test.text)
		})
	}
}

// TestDigests has the digests that AWS answered with.
func TestDigests(t *testing.T) {
	if got := digest("msg"); got != "6e2baaf3b97dbeef01c0043275f9a0e7" {
		t.Errorf("digest of a body: %s", got)
	}
	hello, general, help := attribute{"Hello", "String", "There"}, attribute{"General", "String", "Kenobi"}, attribute{"Help.Me", "String", "Me"}
	for want, list := range map[string][]attribute{
		"4c360f3fdafd970e05fae2f149d997f5": {hello, general, help},
		"fca026605781cb4126a1e9044df24232": {general, hello},
		"a311262e065454b75da111d535b8dacd": {hello},
		"83fee93c1bcd8b9a5a923ffacdc636c7": {help, hello},
		"8cbe4db156db8a94db8b801b7addb984": {{"attr1", "Binary", "traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"}},
	} {
		if got := digestAttributes(list); *got != want {
			t.Errorf("digest of %v: %s, want %s", list, *got, want)
		}
	}
	if digestAttributes(nil) != nil {
		t.Error("no attributes have a digest")
	}
}

func TestChosenAttributes(t *testing.T) {
	w, _ := world(t)
	url := create(w, "q", "VisibilityTimeout", "0")
	nodetest.Do(w, &api.SendMessage, &api.SendMessageInput{QueueUrl: url, MessageBody: "msg", MessageAttributes: map[string]api.MessageAttributeValue{
		"Hello": text("String", "There"), "General": text("String", "Kenobi"), "Help.Me": text("String", "Me")}})
	for _, test := range []struct {
		names  []string
		n      int
		digest string
	}{
		{nil, 0, ""}, {[]string{"All"}, 3, "4c360f3fdafd970e05fae2f149d997f5"}, {[]string{".*"}, 3, "4c360f3fdafd970e05fae2f149d997f5"},
		{[]string{"Hel.*"}, 2, "83fee93c1bcd8b9a5a923ffacdc636c7"}, {[]string{"Hello", "Nope"}, 1, "a311262e065454b75da111d535b8dacd"},
		{[]string{"AWS."}, 0, ""}, {[]string{"..foo"}, 0, ""},
	} {
		m := nodetest.Do(w, &api.ReceiveMessage, &api.ReceiveMessageInput{QueueUrl: url, MessageAttributeNames: test.names}).Messages[0]
		if len(m.MessageAttributes) != test.n || cloud.Or(m.MD5OfMessageAttributes, "") != test.digest {
			t.Errorf("%v: %d attributes, digest %s", test.names, len(m.MessageAttributes), cloud.Or(m.MD5OfMessageAttributes, ""))
		}
	}
	for _, test := range []struct {
		names []string
		n     int
	}{{nil, 0}, {[]string{"All"}, 4}, {[]string{"SenderId", "SequenceNumber"}, 1}} {
		m := nodetest.Do(w, &api.ReceiveMessage, &api.ReceiveMessageInput{QueueUrl: url, AttributeNames: test.names}).Messages[0]
		if len(m.Attributes) != test.n {
			t.Errorf("%v: system attributes %v", test.names, m.Attributes)
		}
	}
}

func TestRecordIsReadAsWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, random.IntN(20))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return string(b)
	}
	when := func() time.Time {
		if random.IntN(3) == 0 {
			return time.Time{}
		}
		return time.Unix(random.Int64N(1e9), random.Int64N(1e9)).UTC()
	}
	for range 500 {
		m := &message{
			Queue: random.Int64(), Visible: when(), Order: random.Int64(), Node: -random.Int64(), ID: word(), Sent: when(),
			Sender: word(), Group: word(), Dedup: word(), Seq: random.Int64(), Source: word(), Trace: word(),
			Receives: random.IntN(1000), Tries: random.IntN(3), First: when(), Taken: when(), Receipt: when(), Spilled: random.IntN(2) == 0, Body: word(),
		}
		for range random.IntN(4) {
			m.Attributes = append(m.Attributes, attribute{word(), word(), word()})
		}
		b := m.AppendRecord(nil)
		var got message
		if err := got.ParseRecord(b); err != nil || !reflect.DeepEqual(&got, m) {
			t.Fatalf("%v\n%+v\nwant\n%+v", err, got, m)
		}
		for n := range b {
			if err := new(message).ParseRecord(b[:n]); err == nil {
				t.Fatalf("a record cut to %d of %d bytes was read", n, len(b))
			}
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add((&message{ID: "x", Body: "y", Attributes: []attribute{{"a", "b", "c"}}}).AppendRecord(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again message
		if m.ParseRecord(b) == nil {
			if err := again.ParseRecord(m.AppendRecord(nil)); err != nil || !reflect.DeepEqual(m, again) {
				t.Errorf("%v: %+v and %+v", err, m, again)
			}
		}
	})
}

func FuzzHandle(f *testing.F) {
	f.Add((&message{Queue: 7, Order: 1, Node: 2, Receipt: time.Unix(1, 2)}).handle())
	f.Add("AQ==")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parseHandle(&queue{ID: 7}, s)
		if err == nil && h.queue != 7 {
			t.Errorf("%q leads to another queue: %+v", s, h)
		}
		var e *cloud.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%q: %v", s, err)
		}
	})
}

// TestFairQueue has a tenant fill a standard queue: the others' messages, sent
// later, do not wait for it.
func TestFairQueue(t *testing.T) {
	w, _ := world(t)
	url := create(w, "q")
	put := func(group, body string) {
		in := &api.SendMessageInput{QueueUrl: url, MessageBody: body}
		if group != "" {
			in.MessageGroupId = &group
		}
		nodetest.Do(w, &api.SendMessage, in)
	}
	for range 700 {
		put("noisy", "n")
	}
	if got := bodies(receive(w, url, 1)); got != "n" {
		t.Fatalf("received %q", got)
	}
	put("quiet", "q0")
	put("quiet", "q1")
	put("", "alone")
	got := receive(w, url, 5)
	if text := bodies(got); !strings.Contains(text, "q0") || !strings.Contains(text, "q1") {
		t.Errorf("received %q, want the quiet group's messages among them", text)
	}
	seen := len(got) + 1
	for {
		more := receive(w, url, 10)
		if len(more) == 0 {
			break
		}
		seen += len(more)
	}
	if seen != 703 {
		t.Errorf("received %d messages, want 703", seen)
	}
	if m := got[0].Attributes["MessageGroupId"]; m == "" {
		t.Error("the group is not shown")
	}
}
