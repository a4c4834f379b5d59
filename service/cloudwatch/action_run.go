package cloudwatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	autoscaling "pileus/api/autoscaling"
	api "pileus/api/cloudwatch"
	ec2 "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

const serviceName = "cloudwatch.amazonaws.com"

// carryOut delivers an order. What it does and what the history says of it is
// one transaction, where the operation allows it, so that an order that is
// delivered again has no effect.
func carryOut(c *cloud.Call, payload []byte) error {
	var o order
	if err := json.Unmarshal(payload, &o); err != nil {
		return fmt.Errorf("order of an alarm: %w", err)
	}
	done := false
	err := c.Update(func(tx store.Tx) error {
		if done = histories.Has(tx, o.history().key()...); done {
			return nil
		}
		d := *c
		d.Tx = tx
		if err := o.run(o.caller(&d)); err != nil {
			return err
		}
		o.record(tx, nil)
		return nil
	})
	var refused *cloud.Error
	if err == nil || !errors.As(err, &refused) {
		return err
	}
	return c.Update(func(tx store.Tx) error { o.record(tx, refused); return nil })
}

// caller is who acts: the alarm's account, through the role that only
// CloudWatch uses. SourceARN names the alarm.
func (o *order) caller(c *cloud.Call) *cloud.Call {
	d := identity.AsLinked(c.In(o.Account, o.Region), serviceName)
	d.Principal.SourceARN = alarmARN(d, o.Alarm)
	return d
}

// run does what the order says.
func (o *order) run(c *cloud.Call) error {
	switch actionKind(o.Action) {
	case ofInstance:
		return o.onInstance(c)
	case ofScaling:
		return o.onScaling(c)
	}
	return cloud.Errorf(501, "NotImplemented", "this cloud has no service that carries out %s", o.Action)
}

// onInstance acts on the instance whose metric the alarm watches.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/UsingAlarmActions.html
func (o *order) onInstance(c *cloud.Call) (err error) {
	ids := []string{o.Instance}
	switch instanceAction(o.Action) {
	case "stop":
		_, err = ec2.StopInstances.Call(c, &ec2.StopInstancesInput{InstanceIds: ids})
	case "terminate":
		_, err = ec2.TerminateInstances.Call(c, &ec2.TerminateInstancesInput{InstanceIds: ids})
	case "reboot", "recover":
		// A machine that recovers keeps its id, addresses and volumes and begins
		// anew, which on one computer is what a reboot does.
		_, err = ec2.RebootInstances.Call(c, &ec2.RebootInstancesInput{InstanceIds: ids})
	}
	return err
}

func instanceAction(action string) string {
	for _, form := range []interface{ FindStringSubmatch(string) []string }{automateForm, workflowForm} {
		if m := form.FindStringSubmatch(action); m != nil {
			return strings.ToLower(m[1])
		}
	}
	return ""
}

// onScaling executes a scaling policy.
func (o *order) onScaling(c *cloud.Call) error {
	m := scalingForm.FindStringSubmatch(o.Action)
	in := &autoscaling.ExecutePolicyInput{AutoScalingGroupName: &m[1], PolicyName: o.Action, MetricValue: o.Value, BreachThreshold: o.Threshold}
	_, err := autoscaling.ExecutePolicy.Call(c, in)
	return err
}

// history is the place of the order in the alarm's history: the same at each
// delivery.
func (o *order) history() *history {
	h := &history{Account: o.Account, Region: o.Region, Alarm: o.Alarm, Type: o.Type, At: o.At, Seq: "2" + o.ID, Kind: api.HistoryItemTypeAction}
	if o.Contributor != "" {
		h.Kind, h.Contributor, h.Attributes = api.HistoryItemTypeAlarmContributorAction, o.Contributor, o.Attributes
	}
	return h
}

// record tells the outcome of an order in the alarm's history.
func (o *order) record(tx store.Tx, refused *cloud.Error) {
	h := o.history()
	data := map[string]any{"actionState": "Succeeded", "stateUpdateTimestamp": o.Since.UnixMilli(), "notificationResource": o.Action}
	h.Summary = "Successfully executed action " + o.Action
	if refused != nil {
		data["actionState"], data["error"] = "Failed", refused.Message
		h.Summary = fmt.Sprintf("Failed to execute action %s. Received error: %q", o.Action, refused.Message)
	}
	h.Summary = cut(h.Summary, 255)
	if b, err := json.Marshal(data); err == nil {
		h.Data = string(b)
	}
	h.write(tx)
}
