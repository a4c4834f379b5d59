package sqs

import (
	"strings"
	"testing"
	"time"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
)

// trial runs one operation as somebody.
type trial func(c *cloud.Call) error

func of[In, Out any](op *cloud.Op[In, Out], in In) trial {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}

// stage is a cloud with a queue, its dead-letter queue and a message in hand.
type stage struct {
	w                    *nodetest.World
	url, dead            string
	handle, handle2, tsk string
}

func newStage(t *testing.T) *stage {
	w, _ := world(t)
	x := &stage{w: w, dead: create(w, "dead")}
	x.url = create(w, "q", "RedrivePolicy", `{"deadLetterTargetArn":"`+arnOf("dead")+`","maxReceiveCount":"5"}`)
	send(w, x.url, "a")
	send(w, x.url, "b")
	list := receive(w, x.url, 2)
	x.handle, x.handle2 = *list[0].ReceiptHandle, *list[1].ReceiptHandle
	return x
}

// operations are all that there are, each with the actions that it needs.
func (x *stage) operations() map[string]struct {
	actions []string
	try     trial
} {
	task := func(action string, more ...string) []string {
		return append([]string{"sqs:" + action, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}, more...)
	}
	type row = struct {
		actions []string
		try     trial
	}
	one := func(action string, try trial) row { return row{[]string{"sqs:" + action}, try} }
	return map[string]row{
		"AddPermission":                one("AddPermission", of(&api.AddPermission, &api.AddPermissionInput{QueueUrl: x.url, Label: "l", AWSAccountIds: []string{"111111111111"}, Actions: []string{"SendMessage"}})),
		"ChangeMessageVisibility":      one("ChangeMessageVisibility", of(&api.ChangeMessageVisibility, &api.ChangeMessageVisibilityInput{QueueUrl: x.url, ReceiptHandle: x.handle, VisibilityTimeout: 5})),
		"ChangeMessageVisibilityBatch": one("ChangeMessageVisibility", of(&api.ChangeMessageVisibilityBatch, &api.ChangeMessageVisibilityBatchInput{QueueUrl: x.url, Entries: []api.ChangeMessageVisibilityBatchRequestEntry{{Id: "1", ReceiptHandle: x.handle, VisibilityTimeout: new(int32(5))}}})),
		"CreateQueue":                  one("CreateQueue", of(&api.CreateQueue, &api.CreateQueueInput{QueueName: "new"})),
		"CreateQueue with tags":        {[]string{"sqs:CreateQueue", "sqs:TagQueue"}, of(&api.CreateQueue, &api.CreateQueueInput{QueueName: "newer", Tags: map[string]string{"a": "b"}})},
		"DeleteMessage":                one("DeleteMessage", of(&api.DeleteMessage, &api.DeleteMessageInput{QueueUrl: x.url, ReceiptHandle: x.handle})),
		"DeleteMessageBatch":           one("DeleteMessage", of(&api.DeleteMessageBatch, &api.DeleteMessageBatchInput{QueueUrl: x.url, Entries: []api.DeleteMessageBatchRequestEntry{{Id: "1", ReceiptHandle: x.handle2}}})),
		"GetQueueAttributes":           one("GetQueueAttributes", of(&api.GetQueueAttributes, &api.GetQueueAttributesInput{QueueUrl: x.url, AttributeNames: []string{"All"}})),
		"GetQueueUrl":                  one("GetQueueUrl", of(&api.GetQueueUrl, &api.GetQueueUrlInput{QueueName: "q"})),
		"ListDeadLetterSourceQueues":   one("ListDeadLetterSourceQueues", of(&api.ListDeadLetterSourceQueues, &api.ListDeadLetterSourceQueuesInput{QueueUrl: x.dead})),
		"ListMessageMoveTasks":         {task("ListMessageMoveTasks"), of(&api.ListMessageMoveTasks, &api.ListMessageMoveTasksInput{SourceArn: arnOf("dead")})},
		"ListQueueTags":                one("ListQueueTags", of(&api.ListQueueTags, &api.ListQueueTagsInput{QueueUrl: x.url})),
		"ListQueues":                   one("ListQueues", of(&api.ListQueues, &api.ListQueuesInput{})),
		"PurgeQueue":                   one("PurgeQueue", of(&api.PurgeQueue, &api.PurgeQueueInput{QueueUrl: x.url})),
		"ReceiveMessage":               one("ReceiveMessage", of(&api.ReceiveMessage, &api.ReceiveMessageInput{QueueUrl: x.url})),
		"RemovePermission":             one("RemovePermission", of(&api.RemovePermission, &api.RemovePermissionInput{QueueUrl: x.url, Label: "r"})),
		"SendMessage":                  one("SendMessage", of(&api.SendMessage, &api.SendMessageInput{QueueUrl: x.url, MessageBody: "x"})),
		"SendMessageBatch":             one("SendMessage", of(&api.SendMessageBatch, &api.SendMessageBatchInput{QueueUrl: x.url, Entries: []api.SendMessageBatchRequestEntry{{Id: "1", MessageBody: "x"}}})),
		"SetQueueAttributes":           one("SetQueueAttributes", of(&api.SetQueueAttributes, &api.SetQueueAttributesInput{QueueUrl: x.url, Attributes: map[string]string{"DelaySeconds": "1"}})),
		"StartMessageMoveTask":         {task("StartMessageMoveTask", "sqs:SendMessage"), of(&api.StartMessageMoveTask, &api.StartMessageMoveTaskInput{SourceArn: arnOf("dead")})},
		"TagQueue":                     one("TagQueue", of(&api.TagQueue, &api.TagQueueInput{QueueUrl: x.url, Tags: map[string]string{"a": "b"}})),
		"UntagQueue":                   one("UntagQueue", of(&api.UntagQueue, &api.UntagQueueInput{QueueUrl: x.url, TagKeys: []string{"a"}})),
		"CancelMessageMoveTask":        {task("CancelMessageMoveTask"), of(&api.CancelMessageMoveTask, &api.CancelMessageMoveTaskInput{TaskHandle: x.tsk})},
		"DeleteQueue":                  one("DeleteQueue", of(&api.DeleteQueue, &api.DeleteQueueInput{QueueUrl: x.url})),
	}
}

// TestWhoMay runs each operation with no permission, with all but one of those
// that it needs, and with exactly those.
func TestWhoMay(t *testing.T) {
	names := map[string]bool{}
	for name := range newStage(t).operations() {
		names[name] = true
		t.Run(name, func(t *testing.T) {
			x := newStage(t)
			nodetest.Do(x.w, &api.AddPermission, &api.AddPermissionInput{QueueUrl: x.url, Label: "r", AWSAccountIds: []string{"111111111111"}, Actions: []string{"SendMessage"}})
			if name == "CancelMessageMoveTask" {
				send(x.w, x.dead, "x")
				x.tsk = *nodetest.Do(x.w, &api.StartMessageMoveTask, &api.StartMessageMoveTaskInput{SourceArn: arnOf("dead"), DestinationArn: new(arnOf("q")), MaxNumberOfMessagesPerSecond: new(int32(1))}).TaskHandle
			}
			op := x.operations()[name]
			fails(t, op.try(x.w.As(x.w.User("none", ""))), "AccessDenied", "is not authorized to perform: sqs:")
			for i := range op.actions {
				rest := append(append([]string{}, op.actions[:i]...), op.actions[i+1:]...)
				if len(rest) == 0 {
					rest = []string{"sqs:Nothing"}
				}
				fails(t, op.try(x.w.As(x.w.User("nearly", nodetest.Allow(rest...)))), "AccessDenied", strings.ToLower(op.actions[i]))
			}
			fails(t, op.try(x.w.As(x.w.User("allowed", nodetest.Allow(op.actions...)))), "", "")
		})
	}
	for _, op := range api.Service.Ops {
		if !names[op.Name] {
			t.Errorf("%s has no case", op.Name)
		}
	}
	declared := map[string]bool{}
	for _, a := range newService().access() {
		declared[a.Op.Name] = true
	}
	if len(declared) != len(api.Service.Ops) {
		t.Errorf("%d operations declare access, of %d", len(declared), len(api.Service.Ops))
	}
}

func TestOtherAccounts(t *testing.T) {
	x := newStage(t)
	other := x.w.As(x.w.UserIn("222222222222", "eve", nodetest.Allow("sqs:*")))
	for name := range x.operations() {
		if name == "CreateQueue" || name == "CreateQueue with tags" || name == "ListQueues" || name == "GetQueueUrl" || name == "CancelMessageMoveTask" {
			continue // act on the caller's own account, or were seen to above
		}
		fails(t, x.operations()[name].try(other), "AccessDenied", "")
	}
	_, err := api.GetQueueUrl.Call(other, &api.GetQueueUrlInput{QueueName: "q", QueueOwnerAWSAccountId: new(nodetest.Account)})
	fails(t, err, "AccessDenied", "")

	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"sqs:*","Resource":"` + arnOf("q") + `"}]}`
	nodetest.Do(x.w, &api.SetQueueAttributes, &api.SetQueueAttributesInput{QueueUrl: x.url, Attributes: map[string]string{"Policy": policy}})
	got, err := api.GetQueueUrl.Call(other, &api.GetQueueUrlInput{QueueName: "q", QueueOwnerAWSAccountId: new(nodetest.Account)})
	if err != nil || *got.QueueUrl != x.url {
		t.Errorf("GetQueueUrl: %v", err)
	}
	for _, name := range []string{"SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibilityBatch", "PurgeQueue"} {
		fails(t, x.operations()[name].try(other), "", "")
	}
	// What a policy cannot open.
	for _, name := range []string{"AddPermission", "RemovePermission", "SetQueueAttributes", "TagQueue", "UntagQueue", "ListQueueTags", "DeleteQueue"} {
		fails(t, x.operations()[name].try(other), "AccessDenied", "")
	}
}

func TestTagsDecide(t *testing.T) {
	x := newStage(t)
	byTag := x.w.As(x.w.User("t", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}}]}`))
	fails(t, x.operations()["SendMessage"].try(byTag), "AccessDenied", "")
	nodetest.Do(x.w, &api.TagQueue, &api.TagQueueInput{QueueUrl: x.url, Tags: map[string]string{"team": "blue"}})
	fails(t, x.operations()["SendMessage"].try(byTag), "", "")
}

// TestChangesCountAtOnce runs as users do, where queues are remembered between
// requests: what has been answered counts for the next request.
func TestChangesCountAtOnce(t *testing.T) {
	w := nodetest.Start(t, node.Options{Modules: func(node.Parts) []cloud.Module { return []cloud.Module{Module()} }})
	url := create(w, "q")
	eve := w.As(w.UserIn("222222222222", "eve", nodetest.Allow("sqs:*")))
	try := of(&api.SendMessage, &api.SendMessageInput{QueueUrl: url, MessageBody: "x"})
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"` + arnOf("q") + `"}]}`
	set := func(name, value string) {
		nodetest.Do(w, &api.SetQueueAttributes, &api.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{name: value}})
	}
	for range 3 {
		fails(t, try(eve), "AccessDenied", "")
		set("Policy", policy)
		fails(t, try(eve), "", "")
		set("MaximumMessageSize", "1024")
		fails(t, of(&api.SendMessage, &api.SendMessageInput{QueueUrl: url, MessageBody: strings.Repeat("x", 1025)})(eve), "InvalidParameterValue", "1024")
		nodetest.Do(w, &api.DeleteQueue, &api.DeleteQueueInput{QueueUrl: url})
		fails(t, try(eve), "AWS.SimpleQueueService.NonExistentQueue", "")
		w.Advance(time.Minute)
		create(w, "q")
	}
}
