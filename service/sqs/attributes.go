package sqs

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pileus/cloud"
	"pileus/policy"
	"pileus/store"
)

// Limits of SQS, as its developer guide lists them under quotas.
const (
	maxSize       = 1 << 20 // bytes of a message, and of a batch
	batchLimit    = 10
	maxDelay      = 900
	maxVisibility = 43200
	maxWait       = 20
	tagLimit      = 50
)

// setting is a queue attribute that can be given: how it is set from its text,
// and what it shows; "" where it is not shown.
type setting struct {
	name string
	fifo bool // FIFO queues only
	set  func(c *cloud.Call, r store.Reader, q *queue, text string) error
	show func(q *queue) string
}

// settings are in the order in which they are applied.
var settings = []setting{
	number("VisibilityTimeout", 0, maxVisibility, func(q *queue) *int { return &q.VisibilityTimeout }),
	number("MaximumMessageSize", 1024, maxSize, func(q *queue) *int { return &q.MaxSize }),
	number("MessageRetentionPeriod", 60, 1209600, func(q *queue) *int { return &q.Retention }),
	number("DelaySeconds", 0, maxDelay, func(q *queue) *int { return &q.Delay }),
	number("ReceiveMessageWaitTimeSeconds", 0, maxWait, func(q *queue) *int { return &q.Wait }),
	{name: "Policy", set: setPolicy, show: func(q *queue) string { return q.Policy }},
	{name: "RedrivePolicy", set: setRedrive, show: func(q *queue) string { return q.Redrive.text() }},
	{name: "RedriveAllowPolicy", set: setRedriveAllow, show: func(q *queue) string { return q.RedriveAllow.text() }},
	flag("SqsManagedSseEnabled", false, func(q *queue) *bool { return &q.SSE }),
	{name: "KmsMasterKeyId", set: setKey, show: func(*queue) string { return "" }},
	{name: "KmsDataKeyReusePeriodSeconds", set: setReuse, show: func(*queue) string { return "" }},
	flag("ContentBasedDeduplication", true, func(q *queue) *bool { return &q.ContentDedup }),
	choice("DeduplicationScope", []string{"queue", "messageGroup"}, func(q *queue) *string { return &q.DedupScope }),
	choice("FifoThroughputLimit", []string{"perQueue", "perMessageGroupId"}, func(q *queue) *string { return &q.ThroughputLimit }),
}

// derived are attributes that cannot be set.
var derived = map[string]bool{
	"QueueArn": true, "CreatedTimestamp": true, "LastModifiedTimestamp": true,
	"ApproximateNumberOfMessages": true, "ApproximateNumberOfMessagesNotVisible": true, "ApproximateNumberOfMessagesDelayed": true,
}

func number(name string, low, high int, at func(*queue) *int) setting {
	return setting{name: name,
		set: func(_ *cloud.Call, _ store.Reader, q *queue, text string) error {
			n, err := strconv.Atoi(text)
			if err != nil || n < low || n > high {
				return errAttributeValue(name)
			}
			*at(q) = n
			return nil
		},
		show: func(q *queue) string { return strconv.Itoa(*at(q)) },
	}
}

func flag(name string, fifo bool, at func(*queue) *bool) setting {
	return setting{name: name, fifo: fifo,
		set: func(_ *cloud.Call, _ store.Reader, q *queue, text string) error {
			b, ok := parseBool(text)
			if !ok {
				return errAttributeValue(name)
			}
			*at(q) = b
			return nil
		},
		show: func(q *queue) string { return strconv.FormatBool(*at(q)) },
	}
}

func choice(name string, values []string, at func(*queue) *string) setting {
	return setting{name: name, fifo: true,
		set: func(_ *cloud.Call, _ store.Reader, q *queue, text string) error {
			if !slices.Contains(values, text) {
				return errAttributeValue(name)
			}
			*at(q) = text
			return nil
		},
		show: func(q *queue) string { return *at(q) },
	}
}

func parseBool(text string) (value, ok bool) {
	switch text {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// setKey refuses keys, because there is no service that keeps them; an empty
// one is what a queue without a key has.
func setKey(_ *cloud.Call, _ store.Reader, _ *queue, text string) error {
	if text != "" {
		return errNoKMS
	}
	return nil
}

// setReuse accepts what only has a meaning with a key.
func setReuse(_ *cloud.Call, _ store.Reader, _ *queue, text string) error {
	if n, err := strconv.Atoi(text); err != nil || n < 60 || n > 86400 {
		return errAttributeValue("KmsDataKeyReusePeriodSeconds")
	}
	return nil
}

// policyLimit is what the policy of a queue may measure, in bytes.
const policyLimit = 8192

func setPolicy(_ *cloud.Call, _ store.Reader, q *queue, text string) error {
	if text == "" || text == "{}" {
		q.Policy = ""
		return nil
	}
	doc, err := policy.Parse(text, policy.ResourceBased)
	if err != nil || len(text) > policyLimit {
		return errAttributeValue("Policy")
	}
	for i := range doc.Statements {
		actions, _ := doc.Statements[i].Actions()
		if slices.ContainsFunc(actions, foreignAction) {
			return errAttributeValue("Policy")
		}
	}
	q.Policy = text
	return nil
}

// foreignAction tells of an action that is none of this service's.
func foreignAction(action string) bool {
	return action != "*" && !strings.HasPrefix(strings.ToLower(action), "sqs:")
}

// newQueue is a queue with the defaults of its type.
func newQueue(c *cloud.Call, name string, fifo bool) *queue {
	q := &queue{
		Account: c.Account, Region: c.Region, Name: name, FIFO: fifo,
		Created: c.Now, Modified: c.Now,
		VisibilityTimeout: 30, Retention: 345600, MaxSize: maxSize, SSE: true,
	}
	if fifo {
		q.DedupScope, q.ThroughputLimit = "queue", "perQueue"
	}
	return q
}

// apply sets attributes. It changes q, also where it fails.
func apply(c *cloud.Call, r store.Reader, q *queue, attributes map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if !settable(name, q.FIFO) {
			return errAttributeName(name)
		}
	}
	if on, _ := parseBool(attributes["SqsManagedSseEnabled"]); on && attributes["KmsMasterKeyId"] != "" {
		return errOneEncryption
	}
	for i := range settings {
		s := &settings[i]
		text, ok := attributes[s.name]
		if !ok {
			continue
		}
		if err := s.set(c, r, q, text); err != nil {
			return err
		}
	}
	if q.ThroughputLimit == "perMessageGroupId" && q.DedupScope != "messageGroup" {
		return badValue(q.ThroughputLimit, "FifoThroughputLimit", "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.")
	}
	return nil
}

func settable(name string, fifo bool) bool {
	for i := range settings {
		if settings[i].name == name {
			return fifo || !settings[i].fifo
		}
	}
	return false
}

// same tells whether the attributes that were asked for are those that q has,
// and if not, which one differs.
func same(q, asked *queue, attributes map[string]string) (different string, ok bool) {
	for i := range settings {
		s := &settings[i]
		if _, given := attributes[s.name]; given && s.show(q) != s.show(asked) && !sameJSON(s.show(q), s.show(asked)) {
			return s.name, false
		}
	}
	return "", true
}

// sameJSON compares documents without regard to order and white space.
func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	p, errP := json.Marshal(x)
	q, errQ := json.Marshal(y)
	return errP == nil && errQ == nil && string(p) == string(q)
}

// attributes are those of the wanted that the queue has; the approximate
// numbers are counted only where they are asked for.
func (q *queue) attributes(wanted []string, counts func() (tally, error)) (map[string]string, error) {
	all := slices.Contains(wanted, "All")
	for _, name := range wanted {
		if name != "All" && name != "FifoQueue" && !derived[name] && !settable(name, true) {
			return nil, errAttributeName(name)
		}
	}
	want := func(name string) bool { return all || slices.Contains(wanted, name) }
	out := map[string]string{}
	put := func(name, value string) {
		if value != "" && want(name) {
			out[name] = value
		}
	}
	put("QueueArn", q.arn())
	put("CreatedTimestamp", strconv.FormatInt(q.Created.Unix(), 10))
	put("LastModifiedTimestamp", strconv.FormatInt(q.Modified.Unix(), 10))
	if q.FIFO {
		put("FifoQueue", "true")
	}
	for i := range settings {
		if s := &settings[i]; q.FIFO || !s.fifo {
			put(s.name, s.show(q))
		}
	}
	const visible, hidden, delayed = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"
	if want(visible) || want(hidden) || want(delayed) {
		n, err := counts()
		if err != nil {
			return nil, err
		}
		put(visible, strconv.FormatInt(n.visible, 10))
		put(hidden, strconv.FormatInt(n.flying, 10))
		put(delayed, strconv.FormatInt(n.delayed, 10))
	}
	return out, nil
}
