package arczonalshift

import (
	"fmt"
	"strings"

	"pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/api/elbv2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/zone/shift"
)

// capacity tells why a resource cannot do without a zone, in words; "" where it
// can. Hosts must be balanced over a load balancer's zones, and an Auto Scaling
// group must have what it wants.
// https://docs.aws.amazon.com/r53recovery/latest/dg/arc-zonal-autoshift.how-it-works.capacity-check.html
func capacity(c *cloud.Call, x *shift.Resource) (lacks string, err error) {
	as := identity.AsLinked(c, practiceService)
	if a, _ := cloud.ParseARN(x.ARN); a.Service == "autoscaling" {
		return groupLacks(as, x.Name)
	}
	out, err := elbv2.DescribeTargetGroups.Call(as, &elbv2.DescribeTargetGroupsInput{LoadBalancerArn: &x.ARN})
	if err != nil {
		return "", err
	}
	for _, g := range out.TargetGroups {
		if kind := cloud.Or(g.TargetType, ""); kind != "instance" && kind != "ip" {
			continue // its targets are in no zone
		}
		hosts, err := hostsOf(as, x, g)
		if err != nil {
			return "", err
		}
		if uneven(hosts) {
			return fmt.Sprintf("The capacity check failed: the healthy hosts of %s are not balanced: %s", cloud.Or(g.TargetGroupName, ""), counts(x, hosts)), nil
		}
	}
	return "", nil
}

// groupLacks is capacity for an Auto Scaling group.
func groupLacks(as *cloud.Call, name string) (string, error) {
	out, err := autoscaling.DescribeAutoScalingGroups.Call(as, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		return "", err
	}
	for _, g := range out.AutoScalingGroups {
		well := int32(0)
		for _, i := range g.Instances {
			if i.HealthStatus == "Healthy" && i.LifecycleState == autoscaling.LifecycleStateInService {
				well++
			}
		}
		if well < g.DesiredCapacity {
			return fmt.Sprintf("The capacity check failed: %d of %d instances are healthy", well, g.DesiredCapacity), nil
		}
	}
	return "", nil
}

// hostsOf counts the healthy hosts of a target group by their zone.
func hostsOf(as *cloud.Call, x *shift.Resource, g elbv2.TargetGroup) (map[string]int, error) {
	hosts := map[string]int{}
	for _, z := range x.Zones {
		hosts[z] = 0
	}
	out, err := elbv2.DescribeTargetHealth.Call(as, &elbv2.DescribeTargetHealthInput{TargetGroupArn: *g.TargetGroupArn})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, d := range out.TargetHealthDescriptions {
		if cloud.Or(d.TargetHealth.State, "") != elbv2.TargetHealthStateEnumHealthy {
			continue
		}
		if z := cloud.Or(d.Target.AvailabilityZone, ""); z != "" {
			if _, ok := hosts[z]; ok {
				hosts[z]++
			}
		} else if strings.HasPrefix(d.Target.Id, "i-") {
			ids = append(ids, d.Target.Id)
		}
	}
	if len(ids) == 0 {
		return hosts, nil
	}
	found, err := ec2.DescribeInstances.Call(as, &ec2.DescribeInstancesInput{InstanceIds: ids})
	if err != nil {
		return nil, err
	}
	for _, r := range found.Reservations {
		for _, i := range r.Instances {
			hosts[cloud.Or(i.Placement.AvailabilityZone, "")]++
		}
	}
	return hosts, nil
}

// uneven tells whether zones differ by more than one host and a tenth.
func uneven(hosts map[string]int) bool {
	least, most := -1, 0
	for _, n := range hosts {
		if most = max(most, n); least < 0 || n < least {
			least = n
		}
	}
	return most-least > max(1, most/10)
}

func counts(x *shift.Resource, hosts map[string]int) string {
	var list []string
	for _, z := range x.Zones {
		list = append(list, fmt.Sprintf("%s %d", zoneID(z), hosts[z]))
	}
	return strings.Join(list, ", ")
}
