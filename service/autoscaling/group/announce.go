package group

import (
	"encoding/json"
	"strings"

	api "pileus/api/autoscaling"
	"pileus/api/sqs"
	"pileus/api/sts"
	"pileus/cloud"
	"pileus/store"
)

// deliverTopic is the outbox's topic of what lifecycle hooks tell their targets.
const deliverTopic = "autoscaling.lifecycle"

// ServiceName is who Auto Scaling is to others.
const ServiceName = "autoscaling.amazonaws.com"

// message is what is on its way to a hook's target.
type message struct {
	Target, Role, Source string
	Body                 []byte
}

// lifecycleMessage is the body that a target gets.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/prepare-for-lifecycle-notifications.html
type lifecycleMessage struct {
	Origin               string `json:",omitempty"`
	LifecycleHookName    string `json:",omitempty"`
	Destination          string `json:",omitempty"`
	AccountID            string `json:"AccountId"`
	RequestID            string `json:"RequestId"`
	LifecycleTransition  string `json:",omitempty"`
	AutoScalingGroupARN  string `json:",omitempty"`
	AutoScalingGroupName string
	Service              string
	Event                string `json:",omitempty"`
	Time                 string
	EC2InstanceID        string `json:"EC2InstanceId,omitempty"`
	NotificationMetadata string `json:",omitempty"`
	LifecycleActionToken string `json:",omitempty"`
	Action               string `json:",omitempty"`
}

// announce tells the targets of a transition's hooks that an instance waits.
func announce(c *cloud.Call, tx store.Tx, g *Group, i *Instance, transition string) error {
	for _, w := range i.Hooks {
		h, ok := Hooking.Get(tx, g.Account, g.Region, g.Name, w.Hook)
		if !ok || h.Target == "" {
			continue
		}
		from, to := "EC2", "AutoScalingGroup"
		switch {
		case transition == launching && i.Warm:
			to = "WarmPool"
		case transition == launching && i.Pooled:
			from = "WarmPool"
		case transition == terminating && i.Warm:
			from, to = "WarmPool", "EC2"
		case transition == terminating:
			from, to = to, from
		}
		m := newMessage(c, g)
		m.Origin, m.Destination, m.LifecycleHookName, m.LifecycleTransition = from, to, h.Name, transition
		if i.Renewal != nil {
			m.Action = api.RefreshStrategyReplaceRootVolume
		}
		m.EC2InstanceID, m.NotificationMetadata, m.LifecycleActionToken = i.ID, h.Metadata, w.Token
		if err := emit(c, tx, g, h, m); err != nil {
			return err
		}
	}
	return nil
}

// try tells the target of a new hook that it is one.
func try(c *cloud.Call, tx store.Tx, g *Group, h *Hook) error {
	m := newMessage(c, g)
	m.AutoScalingGroupARN, m.Event = g.ARN(c), "autoscaling:TEST_NOTIFICATION"
	return emit(c, tx, g, h, m)
}

func newMessage(c *cloud.Call, g *Group) lifecycleMessage {
	return lifecycleMessage{
		AccountID: g.Account, RequestID: c.Rand().UUID(), AutoScalingGroupName: g.Name, Service: "AWS Auto Scaling",
		Time: c.Now.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
}

func emit(c *cloud.Call, tx store.Tx, g *Group, h *Hook, m lifecycleMessage) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(message{Target: h.Target, Role: h.Role, Source: g.ARN(c), Body: body})
	if err != nil {
		return err
	}
	tx.Emit(deliverTopic, g.Key(), payload)
	return nil
}

// deliver hands a message to its target as the hook's role. A target that does
// not exist, or refuses the role, gets nothing after some tries.
func deliver(c *cloud.Call, payload []byte) error {
	var m message
	if err := json.Unmarshal(payload, &m); err != nil {
		return err
	}
	at, ok := cloud.ParseARN(m.Target)
	if !ok || at.Service != "sqs" {
		return nil // topics are told once there are any
	}
	as, err := assume(c, m.Role, m.Source)
	if err != nil {
		return err
	}
	as = as.In(as.Account, at.Region)
	q, err := sqs.GetQueueUrl.Call(as, &sqs.GetQueueUrlInput{QueueName: at.Resource, QueueOwnerAWSAccountId: &at.Account})
	if err != nil {
		return err
	}
	_, err = sqs.SendMessage.Call(as, &sqs.SendMessageInput{QueueUrl: cloud.Or(q.QueueUrl, ""), MessageBody: string(m.Body)})
	return err
}

// assume is the call as a role that trusts the service; without a role it is
// the service itself.
func assume(c *cloud.Call, role, source string) (*cloud.Call, error) {
	who := c.AsService(ServiceName, source)
	if role == "" || strings.Contains(role, ":role/aws-service-role/") {
		return who, nil
	}
	out, err := sts.AssumeRole.Call(who, &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: "AutoScaling"})
	if err != nil {
		return nil, err
	}
	_, p, err := c.Cloud.Credential(c, out.Credentials.AccessKeyId, out.Credentials.SessionToken)
	if err != nil {
		return nil, err
	}
	return c.As(p), nil
}
