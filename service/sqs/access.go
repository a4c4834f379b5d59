package sqs

import (
	"slices"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/policy"
	"pileus/store"
)

// access declares what each operation needs, as the service authorization
// reference has it. A batch needs what each of its entries would.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
func (s *service) access() []cloud.Access {
	return []cloud.Access{
		own(&api.AddPermission, func(in *api.AddPermissionInput) string { return in.QueueUrl }),
		own(&api.DeleteQueue, func(in *api.DeleteQueueInput) string { return in.QueueUrl }),
		own(&api.ListQueueTags, func(in *api.ListQueueTagsInput) string { return in.QueueUrl }),
		own(&api.RemovePermission, func(in *api.RemovePermissionInput) string { return in.QueueUrl }),
		unlocked(own(&api.SetQueueAttributes, func(in *api.SetQueueAttributesInput) string { return in.QueueUrl })),

		shared(s, &api.ChangeMessageVisibility, "ChangeMessageVisibility", func(in *api.ChangeMessageVisibilityInput) string { return in.QueueUrl }),
		shared(s, &api.ChangeMessageVisibilityBatch, "ChangeMessageVisibility", func(in *api.ChangeMessageVisibilityBatchInput) string { return in.QueueUrl }),
		shared(s, &api.DeleteMessage, "DeleteMessage", func(in *api.DeleteMessageInput) string { return in.QueueUrl }),
		shared(s, &api.DeleteMessageBatch, "DeleteMessage", func(in *api.DeleteMessageBatchInput) string { return in.QueueUrl }),
		unlocked(shared(s, &api.GetQueueAttributes, "GetQueueAttributes", func(in *api.GetQueueAttributesInput) string { return in.QueueUrl })),
		shared(s, &api.ListDeadLetterSourceQueues, "ListDeadLetterSourceQueues", func(in *api.ListDeadLetterSourceQueuesInput) string { return in.QueueUrl }),
		shared(s, &api.PurgeQueue, "PurgeQueue", func(in *api.PurgeQueueInput) string { return in.QueueUrl }),
		shared(s, &api.ReceiveMessage, "ReceiveMessage", func(in *api.ReceiveMessageInput) string { return in.QueueUrl }),
		shared(s, &api.SendMessage, "SendMessage", func(in *api.SendMessageInput) string { return in.QueueUrl }),
		shared(s, &api.SendMessageBatch, "SendMessage", func(in *api.SendMessageBatchInput) string { return in.QueueUrl }),

		api.ListQueues.Needs("sqs:ListQueues", nil),
		api.GetQueueUrl.Needs("sqs:GetQueueUrl", func(c *cloud.Call, r store.Reader, in *api.GetQueueUrlInput) (cloud.Resource, error) {
			n := queueName{cloud.Or(in.QueueOwnerAWSAccountId, c.Account), c.Region, in.QueueName}
			if q, ok := n.find(r); ok {
				return q.resource(true), nil
			}
			return cloud.Resource{}, errNoQueue
		}),
		api.CreateQueue.Decides([]string{"sqs:CreateQueue", "sqs:TagQueue"}, checkCreate),
		api.TagQueue.Decides([]string{"sqs:TagQueue"}, func(c *cloud.Call, r store.Reader, in *api.TagQueueInput) ([]cloud.Check, error) {
			return checkTagging(c, r, in.QueueUrl, "sqs:TagQueue", cloud.TagKeys(in.Tags))
		}),
		api.UntagQueue.Decides([]string{"sqs:UntagQueue"}, func(c *cloud.Call, r store.Reader, in *api.UntagQueueInput) ([]cloud.Check, error) {
			return checkTagging(c, r, in.QueueUrl, "sqs:UntagQueue", cloud.Keys{"aws:tagkeys": in.TagKeys})
		}),
		api.StartMessageMoveTask.Decides(moveActions("StartMessageMoveTask", "SendMessage"), checkStart),
		api.CancelMessageMoveTask.Decides(moveActions("CancelMessageMoveTask"), func(c *cloud.Call, r store.Reader, in *api.CancelMessageMoveTaskInput) ([]cloud.Check, error) {
			_, n, err := parseTaskHandle(in.TaskHandle)
			if err != nil {
				return nil, err
			}
			return checkMove(r, n.arn(), moveActions("CancelMessageMoveTask"))
		}),
		api.ListMessageMoveTasks.Decides(moveActions("ListMessageMoveTasks"), func(c *cloud.Call, r store.Reader, in *api.ListMessageMoveTasksInput) ([]cloud.Check, error) {
			return checkMove(r, in.SourceArn, moveActions("ListMessageMoveTasks"))
		}),
	}
}

// shared declares an operation on a queue that its policy can open to other
// accounts.
func shared[In, Out any](s *service, o *cloud.Op[In, Out], action string, url func(In) string) cloud.Access {
	return o.Needs("sqs:"+action, func(c *cloud.Call, r store.Reader, in In) (cloud.Resource, error) {
		q, err := s.recall(c, r, url(in))
		if err != nil {
			return cloud.Resource{}, err
		}
		return q.resource(true), nil
	})
}

// own declares an operation that only the queue's own account can be allowed.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-customer-managed-policy-examples.html
func own[In, Out any](o *cloud.Op[In, Out], url func(In) string) cloud.Access {
	return o.Needs("sqs:"+o.Name, func(c *cloud.Call, r store.Reader, in In) (cloud.Resource, error) {
		q, err := lookup(c, r, url(in))
		if err != nil {
			return cloud.Resource{}, err
		}
		return q.resource(c.Account == q.Account), nil
	})
}

// unlocked keeps a queue's policy from locking out the root user of the queue's
// account, who has to be able to put it right (SQSUnlockQueuePolicy).
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user-privileged-task.html
func unlocked(a cloud.Access) cloud.Access {
	checks := a.Checks
	a.Checks = func(c *cloud.Call, r store.Reader, in any) ([]cloud.Check, error) {
		list, err := checks(c, r, in)
		for i := range list {
			if c.Principal.Kind == cloud.Root && c.Principal.Account == list[i].Resource.Account {
				list[i].Resource.Policies = nil
			}
		}
		return list, err
	}
	return a
}

// resource is the queue as authorisation sees it; withPolicy for callers to
// whom its policy applies.
func (q *queue) resource(withPolicy bool) cloud.Resource {
	res := cloud.Resource{ARN: q.arn(), Account: q.Account, Tags: q.Tags}
	if q.Policy != "" && withPolicy {
		if doc, err := policy.Cached(q.Policy, policy.ResourceBased); err == nil {
			res.Policies = []policy.Attached{{ID: "queue policy of " + q.Name, Doc: doc}}
		}
	}
	return res
}

func checkCreate(c *cloud.Call, _ store.Reader, in *api.CreateQueueInput) ([]cloud.Check, error) {
	n := queueName{c.Account, c.Region, in.QueueName}
	keys := cloud.TagKeys(in.Tags)
	res := cloud.Resource{ARN: n.arn()}
	checks := []cloud.Check{{Action: "sqs:CreateQueue", Resource: res, Keys: keys}}
	if len(in.Tags) > 0 {
		checks = append(checks, cloud.Check{Action: "sqs:TagQueue", Resource: res, Keys: keys})
	}
	return checks, nil
}

func checkTagging(c *cloud.Call, r store.Reader, url, action string, keys cloud.Keys) ([]cloud.Check, error) {
	q, err := lookup(c, r, url)
	if err != nil {
		return nil, err
	}
	return []cloud.Check{{Action: action, Resource: q.resource(c.Account == q.Account), Keys: keys}}, nil
}

// moveActions are what a move task's operations need beside the action of
// their own name.
func moveActions(names ...string) []string {
	list := make([]string, 0, len(names)+3)
	for _, n := range slices.Concat(names, []string{"ReceiveMessage", "DeleteMessage", "GetQueueAttributes"}) {
		list = append(list, "sqs:"+n)
	}
	return list
}

// checkMove needs all actions on the dead-letter queue.
func checkMove(r store.Reader, arn string, actions []string) (checks []cloud.Check, err error) {
	q, err := byARN(r, arn, "SourceArn")
	if err != nil {
		return nil, err
	}
	for _, a := range actions {
		checks = append(checks, cloud.Check{Action: a, Resource: q.resource(true)})
	}
	return checks, nil
}

// checkStart also needs to send to wherever messages may go.
func checkStart(c *cloud.Call, r store.Reader, in *api.StartMessageMoveTaskInput) ([]cloud.Check, error) {
	checks, err := checkMove(r, in.SourceArn, moveActions("StartMessageMoveTask"))
	if err != nil {
		return nil, err
	}
	if in.DestinationArn != nil {
		to, err := byARN(r, *in.DestinationArn, "DestinationArn")
		if err != nil {
			return nil, err
		}
		return append(checks, cloud.Check{Action: "sqs:SendMessage", Resource: to.resource(true)}), nil
	}
	for to := range queues.Index(r, "dead", in.SourceArn) {
		checks = append(checks, cloud.Check{Action: "sqs:SendMessage", Resource: to.resource(true)})
	}
	return checks, nil
}
