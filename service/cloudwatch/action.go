package cloudwatch

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

const actionTopic = "cloudwatch.action"

// The kinds of actions, by what carries them out.
const (
	ofInstance = "ec2"
	ofScaling  = "autoscaling"
	ofTopic    = "sns"
	ofFunction = "lambda"
	ofSystems  = "ssm"
	ofIncident = "ssm-incidents"
	ofOps      = "aiops"
)

var (
	automateForm = regexp.MustCompile(`^arn:[a-z-]+:automate:[a-z0-9-]+:ec2:(stop|terminate|reboot|recover)$`)
	workflowForm = regexp.MustCompile(`^arn:[a-z-]+:swf:[a-z0-9-]+:[0-9]*:action/actions/AWS_EC2\.InstanceId\.(Stop|Terminate|Reboot|Recover)/1\.0$`)
	scalingForm  = regexp.MustCompile(`^arn:[a-z-]+:autoscaling:[a-z0-9-]+:[0-9]{12}:scalingPolicy:[^:]+:autoScalingGroupName/([^:]+):policyName/(.+)$`)
)

// actionKind tells who carries out an action; "" where nobody does.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
func actionKind(action string) string {
	if automateForm.MatchString(action) || workflowForm.MatchString(action) {
		return ofInstance
	}
	if scalingForm.MatchString(action) {
		return ofScaling
	}
	if parts := strings.SplitN(action, ":", 4); len(parts) == 4 {
		if service := parts[2]; slices.Contains([]string{ofTopic, ofFunction, ofSystems, ofIncident, ofOps}, service) {
			return service
		}
	}
	return ""
}

func scalingAction(action string) bool { return actionKind(action) == ofScaling }

func anyAction(string) bool { return true }

// order is an action that is to be carried out, as the outbox keeps it.
type order struct {
	ID, Account, Region, Alarm, Type string
	Action, Instance                 string
	Contributor                      string            `json:",omitempty"` // its id; "" for the alarm itself
	Attributes                       map[string]string `json:",omitempty"`
	State                            string
	At                               time.Time // of the state, or of its repetition
	Since                            time.Time // when the state was entered
	Value, Threshold                 *float64
	Message                          json.RawMessage `json:",omitempty"` // for those who are notified
}

// act has an alarm's actions carried out on its coming into a state, unless
// something holds them back.
func act(c *cloud.Call, tx store.Tx, a *alarm, v verdict) error {
	a.lift()
	if !*a.ActionsEnabled || len(a.actions(v.state)) == 0 {
		return nil
	}
	if mute(c, tx, a) {
		return nil
	}
	if a.Composite != nil && a.Composite.Suppressor != "" {
		if suppress(c, tx, a) {
			return nil
		}
	}
	return emit(c, tx, a, v, anyAction)
}

// emit puts the actions of an alarm's state into the outbox.
func emit(c *cloud.Call, tx store.Tx, a *alarm, v verdict, which func(action string) bool) error {
	for _, action := range a.actions(*a.StateValue) {
		if !which(action) || a.grouped() && actionKind(action) == ofInstance {
			continue
		}
		o := &order{
			ID: strconv.FormatUint(c.Rand().Uint64(), 36), Account: a.Account, Region: a.Region, Alarm: *a.AlarmName, Type: a.kind(),
			Action: action, Instance: a.instance(), State: *a.StateValue, At: c.Now, Since: *a.StateTransitionedTimestamp, Value: v.value, Threshold: v.threshold,
		}
		b, err := json.Marshal(o)
		if err != nil {
			return fmt.Errorf("action of %s: %w", *a.AlarmName, err)
		}
		tx.Emit(actionTopic, a.key(), b)
	}
	return nil
}

// kind is the alarm's AlarmType.
func (a *alarm) kind() string {
	if a.Composite != nil {
		return api.AlarmTypeCompositeAlarm
	}
	return api.AlarmTypeMetricAlarm
}
