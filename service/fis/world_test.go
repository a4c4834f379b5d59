package fis_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/all"
	"pileus/ami"
	"pileus/api/cloudwatch"
	"pileus/api/ec2"
	api "pileus/api/fis"
	"pileus/api/iam"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane/sim"
)

// world is a cloud with what experiments break.
type world struct {
	*nodetest.World
	plane *sim.Plane
	role  string
}

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"fis.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func newWorld(t testing.TB) *world { return newWorldOn(t, node.Options{}) }

func newWorldOn(t testing.TB, o node.Options) *world {
	t.Helper()
	p := sim.New(t.TempDir())
	o.Plane, o.Rehearse, o.Seed = p, true, 1
	o.Modules = func(parts node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(parts), func(m cloud.Module) bool {
			return !slices.Contains([]string{"fis", "ec2", "iam", "sts", "cloudwatch", "s3", "sqs", "autoscaling", "elbv2", "arczonalshift"}, m.API.Name)
		})
	}
	return &world{World: nodetest.Start(t, o), plane: p}
}

// roleFor makes the role that experiments act as.
func (w *world) roleFor(actions ...string) string {
	w.T.Helper()
	nodetest.Do(w.World, &iam.CreateRole, &iam.CreateRoleInput{RoleName: "chaos", AssumeRolePolicyDocument: trust})
	nodetest.Do(w.World, &iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: "chaos", PolicyName: "p", PolicyDocument: nodetest.Allow(actions...)})
	w.role = "arn:aws:iam::" + nodetest.Account + ":role/chaos"
	return w.role
}

// instance runs an instance in a zone.
func (w *world) instance(zone string, tags ...string) string {
	w.T.Helper()
	in := &ec2.RunInstancesInput{
		ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1, Placement: &ec2.Placement{AvailabilityZone: &zone},
	}
	var list []ec2.Tag
	for i := 0; i < len(tags); i += 2 {
		list = append(list, ec2.Tag{Key: &tags[i], Value: &tags[i+1]})
	}
	if list != nil {
		in.TagSpecifications = []ec2.TagSpecification{{ResourceType: new("instance"), Tags: list}}
	}
	out := nodetest.Do(w.World, &ec2.RunInstances, in)
	w.Drain()
	return *out.Instances[0].InstanceId
}

func (w *world) state(id string) string {
	w.T.Helper()
	out := nodetest.Do(w.World, &ec2.DescribeInstances, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	return *out.Reservations[0].Instances[0].State.Name
}

func arn(service, resource string) string {
	return "arn:aws:" + service + ":" + nodetest.Region + ":" + nodetest.Account + ":" + resource
}

// recipe is a template in the making.
type recipe struct {
	api.CreateExperimentTemplateInput
}

func (w *world) recipe() *recipe {
	return &recipe{api.CreateExperimentTemplateInput{
		ClientToken: "token", Description: "test", RoleArn: w.role,
		StopConditions: []api.CreateExperimentTemplateStopConditionInput{{Source: "none"}},
		Targets:        map[string]api.CreateExperimentTemplateTargetInput{}, Actions: map[string]api.CreateExperimentTemplateActionInput{},
	}}
}

// action adds an action: its parameters and targets as "name=value" and
// "Name>target", and "after:name".
func (r *recipe) action(name, id string, options ...string) *recipe {
	a := api.CreateExperimentTemplateActionInput{ActionId: id, Parameters: map[string]string{}, Targets: map[string]string{}}
	for _, o := range options {
		if k, v, ok := strings.Cut(o, "after:"); ok && k == "" {
			a.StartAfter = append(a.StartAfter, v)
		} else if k, v, ok := strings.Cut(o, ">"); ok {
			a.Targets[k] = v
		} else if k, v, ok := strings.Cut(o, "="); ok {
			a.Parameters[k] = v
		}
	}
	r.Actions[name] = a
	return r
}

// aim adds a target by ARNs.
func (r *recipe) aim(name, kind string, arns ...string) *recipe {
	r.Targets[name] = api.CreateExperimentTemplateTargetInput{ResourceType: kind, ResourceArns: arns, SelectionMode: "ALL"}
	return r
}

func (w *world) create(r *recipe) string {
	w.T.Helper()
	r.ClientToken += w.Call().RequestID
	return *nodetest.Do(w.World, &api.CreateExperimentTemplate, &r.CreateExperimentTemplateInput).ExperimentTemplate.Id
}

// start starts an experiment of a recipe and lets it begin.
func (w *world) start(r *recipe) string {
	w.T.Helper()
	id := w.create(r)
	out := nodetest.Do(w.World, &api.StartExperiment, &api.StartExperimentInput{ClientToken: "start" + id, ExperimentTemplateId: id})
	w.Drain()
	return *out.Experiment.Id
}

func (w *world) experiment(id string) *api.Experiment {
	w.T.Helper()
	return nodetest.Do(w.World, &api.GetExperiment, &api.GetExperimentInput{Id: id}).Experiment
}

// is compares the states of the experiment and its actions: "running a:running
// b:pending".
func (w *world) is(id, want string) {
	w.T.Helper()
	e := w.experiment(id)
	got := []string{*e.State.Status}
	for _, name := range sorted(e.Actions) {
		got = append(got, name+":"+*e.Actions[name].State.Status)
	}
	if strings.Join(got, " ") != want {
		b, _ := json.MarshalIndent(e, "", " ")
		w.T.Errorf("the experiment is %s, want %s (%s)\n%s", strings.Join(got, " "), want, *e.State.Reason, b)
	}
}

func sorted[V any](m map[string]V) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// alarm makes an alarm and gives it a state.
func (w *world) alarm(name, state string) string {
	w.T.Helper()
	nodetest.Do(w.World, &cloudwatch.PutMetricAlarm, &cloudwatch.PutMetricAlarmInput{
		AlarmName: name, MetricName: new("m"), Namespace: new("n"), Statistic: new("Average"), Period: new(int32(60)),
		EvaluationPeriods: new(int32(1)), Threshold: new(1.0), ComparisonOperator: new("GreaterThanThreshold"), TreatMissingData: new("ignore"),
	})
	w.setAlarm(name, state)
	return arn("cloudwatch", "alarm:"+name)
}

func (w *world) setAlarm(name, state string) {
	w.T.Helper()
	nodetest.Do(w.World, &cloudwatch.SetAlarmState, &cloudwatch.SetAlarmStateInput{AlarmName: name, StateValue: state, StateReason: "test"})
}

func code(err error) string {
	var e *cloud.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Code
}

const minute = time.Minute
