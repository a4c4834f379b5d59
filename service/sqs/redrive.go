package sqs

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/store"
)

// redrive says where messages go that were received too often.
type redrive struct {
	Raw    string // as it was given
	Target string // ARN of the dead-letter queue
	Max    int    // receives, after which the next one moves the message
}

func (d *redrive) text() string {
	if d == nil {
		return ""
	}
	return d.Raw
}

// redriveAllow says whose dead-letter queue a queue may be.
type redriveAllow struct {
	Raw        string
	Permission string // "allowAll", "denyAll" or "byQueue"
	Sources    []string
}

func (a *redriveAllow) text() string {
	if a == nil {
		return ""
	}
	return a.Raw
}

// admits tells whether the queue named by an ARN may use this one as its
// dead-letter queue.
func (a *redriveAllow) admits(arn string) bool {
	switch {
	case a == nil || a.Permission == "allowAll":
		return true
	case a.Permission == "byQueue":
		return slices.Contains(a.Sources, arn)
	}
	return false
}

// fields reads a JSON object that may have only the fields allowed.
func fields(parameter, text string, allowed ...string) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &m); err != nil || m == nil {
		return nil, badValue(text, parameter, "Redrive policy is not a valid JSON map.")
	}
	for k := range m {
		if !slices.Contains(allowed, k) {
			return nil, badValue(text, parameter, "Only following attributes are supported: ["+strings.Join(allowed, ", ")+"].")
		}
	}
	return m, nil
}

// setRedrive checks a redrive policy against the dead-letter queue that it
// names: it exists, in the same account and region, is of the same type and
// lets itself be used.
func setRedrive(c *cloud.Call, r store.Reader, q *queue, text string) error {
	if text == "" {
		q.Redrive = nil
		return nil
	}
	bad := func(reason string) error { return badValue(text, "RedrivePolicy", reason) }
	m, err := fields("RedrivePolicy", text, "deadLetterTargetArn", "maxReceiveCount")
	if err != nil {
		return err
	}
	for _, name := range []string{"maxReceiveCount", "deadLetterTargetArn"} {
		if _, ok := m[name]; !ok {
			return bad("Redrive policy does not contain mandatory attribute: " + name + ".")
		}
	}
	count := strings.Trim(string(m["maxReceiveCount"]), `"`)
	max, err := strconv.Atoi(count)
	if err != nil || max < 1 || max > 1000 {
		return bad("Invalid value for maxReceiveCount: " + count + ", valid values are from 1 to 1000 both inclusive.")
	}
	var target string
	n := queueName{}
	ok := json.Unmarshal(m["deadLetterTargetArn"], &target) == nil
	if ok {
		n, ok = named(target)
	}
	if !ok || n.Account != q.Account || n.Region != q.Region {
		return bad("Invalid value for deadLetterTargetArn.")
	}
	dead, ok := n.find(r)
	switch {
	case !ok:
		return bad("Dead letter target does not exist.")
	case dead.FIFO != q.FIFO:
		return bad("Dead-letter queue must be same type of queue as the source.")
	case !dead.RedriveAllow.admits(q.arn()):
		return bad("Dead letter target does not allow this queue as its source: its redrive allow policy refuses it.")
	}
	q.Redrive = &redrive{Raw: text, Target: target, Max: max}
	return nil
}

// setRedriveAllow checks who may use a queue as a dead-letter queue.
func setRedriveAllow(_ *cloud.Call, _ store.Reader, q *queue, text string) error {
	if text == "" {
		q.RedriveAllow = nil
		return nil
	}
	bad := func(reason string) error { return badValue(text, "RedriveAllowPolicy", reason) }
	m, err := fields("RedriveAllowPolicy", text, "redrivePermission", "sourceQueueArns")
	if err != nil {
		return err
	}
	a := &redriveAllow{Raw: text}
	if json.Unmarshal(m["redrivePermission"], &a.Permission) != nil || !slices.Contains([]string{"allowAll", "denyAll", "byQueue"}, a.Permission) {
		return bad("Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.")
	}
	if raw, ok := m["sourceQueueArns"]; ok && json.Unmarshal(raw, &a.Sources) != nil {
		return bad("Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.")
	}
	switch {
	case a.Permission == "byQueue" && len(a.Sources) == 0:
		return bad("Amazon SQS can't create the redrive allow policy. When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values.")
	case a.Permission != "byQueue" && len(a.Sources) > 0:
		return bad("Amazon SQS can't create the redrive allow policy. When you specify the sourceQueueArns parameter, you must also specify the byQueue permission type.")
	case len(a.Sources) > 10:
		return bad("Amazon SQS can't create the redrive allow policy. Too many source queue ARNs. The maximum number of source queue ARNs is 10.")
	}
	for _, arn := range a.Sources {
		if _, ok := named(arn); !ok {
			return bad("Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.")
		}
	}
	q.RedriveAllow = a
	return nil
}

// listDeadLetterSourceQueues names the queues whose dead-letter queue this is.
func (s *service) listDeadLetterSourceQueues(c *cloud.Call, r store.Reader, in *api.ListDeadLetterSourceQueuesInput) (*api.ListDeadLetterSourceQueuesOutput, error) {
	q, err := lookup(c, r, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	limit, token, err := page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	list, next, ok := queues.PageIndex(r, "dead", store.K(q.arn()), token, limit, nil)
	if !ok {
		return nil, errToken
	}
	out := &api.ListDeadLetterSourceQueuesOutput{QueueUrls: urls(c, list)}
	if next != "" && in.MaxResults != nil {
		out.NextToken = &next
	}
	s.used(c, "ListDeadLetterSourceQueues", q, 1)
	return out, nil
}
