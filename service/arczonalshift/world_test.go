package arczonalshift_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/all"
	"pileus/ami"
	api "pileus/api/arczonalshift"
	"pileus/api/autoscaling"
	"pileus/api/cloudwatch"
	"pileus/api/ec2"
	"pileus/api/elbv2"
	"pileus/cloud"
	"pileus/names"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/store"
	"pileus/zone"
)

// world is a cloud with a load balancer over three zones that traffic can be
// shifted away from.
type world struct {
	*nodetest.World
	vpc     string
	subnets []string
	lb, dns string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{World: nodetest.With(t, func(p node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(p), func(m cloud.Module) bool {
			return !slices.Contains([]string{"arczonalshift", "autoscaling", "cloudwatch", "ec2", "elbv2", "iam", "ssm"}, m.API.Name)
		})
	})}
	w.vpc = *nodetest.Do(w.World, &ec2.CreateVpc, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16")}).Vpc.VpcId
	for n, z := range []string{"us-east-1a", "us-east-1b", "us-east-1c"} {
		s := nodetest.Do(w.World, &ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: w.vpc, CidrBlock: new(fmt.Sprintf("10.0.%d.0/24", n)), AvailabilityZone: &z}).Subnet
		w.subnets = append(w.subnets, *s.SubnetId)
	}
	w.lb = w.balancer("web")
	w.dns = *nodetest.Do(w.World, &elbv2.DescribeLoadBalancers, &elbv2.DescribeLoadBalancersInput{Names: []string{"web"}}).LoadBalancers[0].DNSName
	return w
}

// balancer makes a load balancer that Zonal Shift manages.
func (w *world) balancer(name string) string {
	w.T.Helper()
	arn := *nodetest.Do(w.World, &elbv2.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: name, Scheme: new("internal"), Subnets: w.subnets}).LoadBalancers[0].LoadBalancerArn
	w.enable(arn, "true")
	return arn
}

func (w *world) enable(arn, on string) {
	w.T.Helper()
	nodetest.Do(w.World, &elbv2.ModifyLoadBalancerAttributes, &elbv2.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: arn, Attributes: []elbv2.LoadBalancerAttribute{{Key: new("zonal_shift.config.enabled"), Value: &on}},
	})
	w.Drain()
}

// listener has the load balancer lead to a group of addresses.
func (w *world) listener(addresses ...string) string {
	w.T.Helper()
	g := *nodetest.Do(w.World, &elbv2.CreateTargetGroup, &elbv2.CreateTargetGroupInput{
		Name: "web", Protocol: new("HTTP"), Port: new(int32(80)), VpcId: &w.vpc, TargetType: new("ip"),
	}).TargetGroups[0].TargetGroupArn
	var list []elbv2.TargetDescription
	for _, a := range addresses {
		list = append(list, elbv2.TargetDescription{Id: a})
	}
	nodetest.Do(w.World, &elbv2.RegisterTargets, &elbv2.RegisterTargetsInput{TargetGroupArn: g, Targets: list})
	nodetest.Do(w.World, &elbv2.CreateListener, &elbv2.CreateListenerInput{
		LoadBalancerArn: w.lb, Protocol: new("HTTP"), Port: new(int32(80)), DefaultActions: []elbv2.Action{{Type: "forward", TargetGroupArn: &g}},
	})
	w.Drain()
	return g
}

// start shifts traffic away from a zone by its id.
func (w *world) start(id, lasts string) api.ZonalShift {
	w.T.Helper()
	out := nodetest.Do(w.World, &api.StartZonalShift, &api.StartZonalShiftInput{ResourceIdentifier: w.lb, AwayFrom: id, ExpiresIn: lasts, Comment: "test"})
	w.Drain()
	return *out
}

// summary is a shift as it is listed.
func (w *world) summary(id string) api.ZonalShiftSummary {
	w.T.Helper()
	for _, s := range nodetest.Do(w.World, &api.ListZonalShifts, &api.ListZonalShiftsInput{}).Items {
		if s.ZonalShiftId == id {
			return s
		}
	}
	w.T.Fatalf("the shift %s is not listed", id)
	return api.ZonalShiftSummary{}
}

func (w *world) managed() *api.GetManagedResourceOutput {
	w.T.Helper()
	return nodetest.Do(w.World, &api.GetManagedResource, &api.GetManagedResourceInput{ResourceIdentifier: w.lb})
}

// gone is the id of the zone that the resource's traffic has left; "" for none.
func (w *world) gone() string {
	w.T.Helper()
	var list []string
	for z, weight := range w.managed().AppliedWeights {
		if weight == 0 {
			list = append(list, z)
		}
	}
	return strings.Join(list, " ")
}

// inDNS are the third numbers of the addresses that the name leads to: those of
// the subnets.
func (w *world) inDNS() string {
	w.T.Helper()
	w.Drain()
	list := []string{}
	w.View(func(r store.Reader) {
		n, _ := names.Find(r, w.dns)
		for _, a := range n.Addresses {
			list = append(list, strings.Split(a.String(), ".")[2])
		}
	})
	slices.Sort(list)
	return strings.Join(list, " ")
}

// wantAway holds the resource to a zone that its traffic has left, and its name
// to the others.
func (w *world) wantAway(when, id, dns string) {
	w.T.Helper()
	if got, in := w.gone(), w.inDNS(); got != id || in != dns {
		w.T.Errorf("%s: away from %q with %q in DNS, want %q and %q", when, got, in, id, dns)
	}
}

// alarm makes an alarm and answers its ARN.
func (w *world) alarm(name string) string {
	w.T.Helper()
	nodetest.Do(w.World, &cloudwatch.PutMetricAlarm, &cloudwatch.PutMetricAlarmInput{
		AlarmName: name, Namespace: new("test"), MetricName: &name, Statistic: new("Sum"), Period: new(int32(60)), EvaluationPeriods: new(int32(1)),
		Threshold: new(1.0), ComparisonOperator: new("GreaterThanThreshold"), TreatMissingData: new("ignore"),
	})
	w.set(name, "OK")
	return "arn:aws:cloudwatch:us-east-1:" + nodetest.Account + ":alarm:" + name
}

func (w *world) set(alarm, state string) {
	w.T.Helper()
	nodetest.Do(w.World, &cloudwatch.SetAlarmState, &cloudwatch.SetAlarmStateInput{AlarmName: alarm, StateValue: state, StateReason: "test"})
}

func conditions(arns ...string) (list []api.ControlCondition) {
	for _, a := range arns {
		list = append(list, api.ControlCondition{AlarmIdentifier: a, Type: api.ControlConditionTypeCloudwatch})
	}
	return list
}

// configure has practice runs with an alarm "outcome" and one "blocking".
func (w *world) configure(change func(*api.CreatePracticeRunConfigurationInput)) {
	w.T.Helper()
	in := &api.CreatePracticeRunConfigurationInput{
		ResourceIdentifier: w.lb, OutcomeAlarms: conditions(w.alarm("outcome")), BlockingAlarms: conditions(w.alarm("blocking")),
	}
	if change != nil {
		change(in)
	}
	nodetest.Do(w.World, &api.CreatePracticeRunConfiguration, in)
	w.Drain()
}

func (w *world) autoshift(status string) {
	w.T.Helper()
	nodetest.Do(w.World, &api.UpdateZonalAutoshiftConfiguration, &api.UpdateZonalAutoshiftConfigurationInput{ResourceIdentifier: w.lb, ZonalAutoshiftStatus: status})
	w.Drain()
}

// dark takes a zone out, or brings it back.
func (w *world) dark(name string, down bool) {
	w.T.Helper()
	w.Update(func(tx store.Tx) {
		if down {
			zone.Put(tx, &zone.Fault{Zone: name, Down: true, Since: w.Now()})
		} else {
			zone.Heal(tx, name)
		}
	})
	w.Drain()
}

// practices are the practice runs that there have been.
func (w *world) practices() (list []api.ZonalShiftSummary) {
	w.T.Helper()
	for _, s := range nodetest.Do(w.World, &api.ListZonalShifts, &api.ListZonalShiftsInput{}).Items {
		if *s.ShiftType == api.ShiftTypePracticeRun {
			list = append(list, s)
		}
	}
	return list
}

// group makes an Auto Scaling group over the zones that Zonal Shift manages.
func (w *world) group(name string) string {
	w.T.Helper()
	t := nodetest.Do(w.World, &ec2.CreateLaunchTemplate, &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: name, LaunchTemplateData: ec2.RequestLaunchTemplateData{ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro")},
	}).LaunchTemplate
	nodetest.Do(w.World, &autoscaling.CreateAutoScalingGroup, &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: name, MinSize: 0, MaxSize: 6, VPCZoneIdentifier: new(strings.Join(w.subnets, ",")),
		LaunchTemplate:                   &autoscaling.LaunchTemplateSpecification{LaunchTemplateId: t.LaunchTemplateId},
		AvailabilityZoneImpairmentPolicy: &autoscaling.AvailabilityZoneImpairmentPolicy{ZonalShiftEnabled: new(true), ImpairedZoneHealthCheckBehavior: new("ReplaceUnhealthy")},
	})
	w.Drain()
	return *nodetest.Do(w.World, &autoscaling.DescribeAutoScalingGroups, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}}).AutoScalingGroups[0].AutoScalingGroupARN
}

// wants fails the test unless err has the code, and the reason in its details.
// An empty code wants no error.
func wants(t testing.TB, err error, code, reason string) {
	t.Helper()
	var e *cloud.Error
	switch {
	case code == "" && err == nil:
	case !errors.As(err, &e) || e.Code != code:
		t.Errorf("got %v, want %s", err, code)
	case reason != "" && !strings.Contains(fmt.Sprintf("%+v", e.Detail), reason):
		t.Errorf("the details are %+v, want the reason %s", e.Detail, reason)
	}
}

const week = 7 * 24 * time.Hour

// suspend has a group want instances that it may not launch.
func (w *world) suspend(group string, desired int32) {
	w.T.Helper()
	nodetest.Do(w.World, &autoscaling.SuspendProcesses, &autoscaling.ScalingProcessQuery{AutoScalingGroupName: group, ScalingProcesses: []string{"Launch"}})
	nodetest.Do(w.World, &autoscaling.SetDesiredCapacity, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: group, DesiredCapacity: desired})
	w.Drain()
}
