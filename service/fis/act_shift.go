package fis

import (
	"slices"
	"strings"
	"time"

	"pileus/api/arczonalshift"
	"pileus/api/autoscaling"
	"pileus/api/elbv2"
	"pileus/cloud"
	"pileus/region"
)

const (
	ofManaged = "aws:arc:zonal-shift-managed-resource"

	// shiftLasts is for how long the shift of an experiment is good: it ends
	// soon by itself if the experiment cannot go on. shiftRenewed is how often
	// it is made good again.
	shiftLasts   = "1m"
	shiftRenewed = 30 * time.Second
)

// shiftActions move traffic away from a zone.
// https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html#fis-actions-recovery
func shiftActions() []*kind {
	return []*kind{{
		id: "aws:arc:start-zonal-autoshift", about: "Shift the traffic of the specified resources away from an Availability Zone.",
		targets: map[string]string{"ManagedResources": ofManaged}, lasts: "duration",
		params: []param{
			duration(true),
			{name: zoneParam, about: "The name or id of the Availability Zone that traffic moves away from.", required: true},
			{name: "managedResourceTypes", about: "The types of resources, with commas between them: ASG, ALB, NLB, EKS.", required: true, check: checkManagedTypes},
			{name: "zonalAutoshiftStatus", about: "The zonal autoshift status of the resources: ENABLED, DISABLED or ANY.", check: checkAutoshiftStatus},
		},
		begin: beginShift, during: renewShift, end: endShift,
	}}
}

func checkManagedTypes(v string) error {
	for _, t := range strings.Split(v, ",") {
		if !slices.Contains([]string{"ASG", "ALB", "NLB", "EKS"}, strings.TrimSpace(t)) {
			return errInvalid("Invalid managed resource type: %s", t)
		}
	}
	return nil
}

func checkAutoshiftStatus(v string) error {
	if !slices.Contains([]string{"ENABLED", "DISABLED", "ANY"}, v) {
		return errInvalid("Invalid zonal autoshift status: %s", v)
	}
	return nil
}

// managedType is the type of a resource that can be shifted, by its ARN.
func managedType(arn string) string {
	a, _ := cloud.ParseARN(arn)
	switch {
	case a.Service == "autoscaling" && strings.HasPrefix(a.Resource, "autoScalingGroup:"):
		return "ASG"
	case a.Service == "elasticloadbalancing" && strings.HasPrefix(a.Resource, "loadbalancer/app/"):
		return "ALB"
	case a.Service == "elasticloadbalancing" && strings.HasPrefix(a.Resource, "loadbalancer/net/"):
		return "NLB"
	}
	return ""
}

func isManaged(a cloud.ARN) bool { return managedType(a.String()) != "" }

// shifting is the call by which an experiment's shifts are known as such.
func shifting(c *cloud.Call) *cloud.Call {
	p := *c.Principal
	p.LinkedService = serviceName
	return c.As(&p)
}

// beginShift shifts those of the targets that the parameters mean. A shift that
// an earlier run has started is found by its comment.
func beginShift(k *task) error {
	where, _ := region.Find(k.Region)
	z, ok := where.FindZone(k.action.Parameters[zoneParam])
	if !ok {
		return errInvalid("Invalid Availability Zone: %s", k.action.Parameters[zoneParam])
	}
	shifted := false
	for _, x := range k.targets["ManagedResources"] {
		a, _ := cloud.ParseARN(x.ARN)
		err := k.as(a.Account, func(c *cloud.Call) error {
			id, err := k.shiftOne(shifting(c), x.ARN, z.ID)
			if err != nil || id == "" {
				return err
			}
			shifted = true
			return k.note(x.ARN, id)
		})
		if err != nil {
			return err
		}
	}
	if !shifted {
		return errInvalid("None of the targets is of the types %s with the zonal autoshift status %s.", k.action.Parameters["managedResourceTypes"], k.autoshiftStatus())
	}
	return nil
}

func (k *task) autoshiftStatus() string { return k.parameter("zonalAutoshiftStatus", "ENABLED") }

// mark is the comment of the shifts of an action.
func (k *task) mark() string { return "AWS FIS-managed: " + k.ID + " " + k.name }

// shiftOne shifts a resource, and answers the shift's id; "" where the resource
// is not meant.
func (k *task) shiftOne(c *cloud.Call, arn, zone string) (id string, err error) {
	types := strings.Split(strings.ReplaceAll(k.action.Parameters["managedResourceTypes"], " ", ""), ",")
	if !slices.Contains(types, managedType(arn)) {
		return "", nil
	}
	now, err := arczonalshift.GetManagedResource.Call(c, &arczonalshift.GetManagedResourceInput{ResourceIdentifier: arn})
	if err != nil {
		return "", err
	}
	if want := k.autoshiftStatus(); want != "ANY" && want != cloud.Or(now.ZonalAutoshiftStatus, "") {
		return "", nil
	}
	for _, s := range now.ZonalShifts {
		if cloud.Or(s.ShiftType, "") == arczonalshift.ShiftTypeFisExperiment && s.Comment == k.mark() {
			return s.ZonalShiftId, nil
		}
	}
	s, err := arczonalshift.StartZonalShift.Call(c, &arczonalshift.StartZonalShiftInput{ResourceIdentifier: arn, AwayFrom: zone, ExpiresIn: shiftLasts, Comment: k.mark()})
	if err != nil {
		return "", err
	}
	return s.ZonalShiftId, nil
}

// eachShift calls f for each shift that was started, as the role.
func (k *task) eachShift(f func(c *cloud.Call, id string) error) error {
	for _, arn := range sortedKeys(k.step.Notes) {
		a, _ := cloud.ParseARN(arn)
		if err := k.as(a.Account, func(c *cloud.Call) error { return f(shifting(c), k.step.Notes[arn]) }); err != nil {
			return err
		}
	}
	return nil
}

// renewShift makes the shifts good for another while. One that was ended by
// somebody, or by a shift that takes precedence, ends the experiment.
func renewShift(k *task) (time.Time, error) {
	err := k.eachShift(func(c *cloud.Call, id string) error {
		_, err := arczonalshift.UpdateZonalShift.Call(c, &arczonalshift.UpdateZonalShiftInput{ZonalShiftId: id, ExpiresIn: new(shiftLasts)})
		return err
	})
	return k.c.Now.Add(shiftRenewed), err
}

func endShift(k *task) error {
	return k.eachShift(func(c *cloud.Call, id string) error {
		_, err := arczonalshift.CancelZonalShift.Call(c, &arczonalshift.CancelZonalShiftInput{ZonalShiftId: id})
		if arczonalshift.ErrConflict.Is(err) || arczonalshift.ErrResourceNotFound.Is(err) {
			return nil // it is over
		}
		return err
	})
}

// findManaged finds what Zonal Shift manages, with its tags where these are
// asked for.
func findManaged(c *cloud.Call, w wanted) (list []found, err error) {
	in := &arczonalshift.ListManagedResourcesInput{}
	for {
		out, err := arczonalshift.ListManagedResources.Call(c, in)
		if err != nil {
			return nil, err
		}
		for i := range out.Items {
			x := &out.Items[i]
			f := found{arn: *x.Arn, thing: x}
			if len(w.ids) > 0 && !slices.Contains(w.ids, resolved{ARN: f.arn}.id()) {
				continue
			}
			if len(w.tags) > 0 {
				if f.tags, err = tagsOfManaged(c, x); err != nil {
					return nil, err
				}
			}
			list = append(list, f)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	for _, id := range w.ids {
		if !slices.ContainsFunc(list, func(f found) bool { return resolved{ARN: f.arn}.id() == id }) {
			return nil, errInvalid("The resource %s is not enabled for zonal shift.", id)
		}
	}
	return list, nil
}

func tagsOfManaged(c *cloud.Call, x *arczonalshift.ManagedResourceSummary) (map[string]string, error) {
	tags := map[string]string{}
	if managedType(*x.Arn) == "ASG" {
		out, err := autoscaling.DescribeTags.Call(c, &autoscaling.DescribeTagsInput{Filters: []autoscaling.Filter{{Name: new("auto-scaling-group"), Values: []string{*x.Name}}}})
		if err != nil {
			return nil, err
		}
		for _, t := range out.Tags {
			tags[cloud.Or(t.Key, "")] = cloud.Or(t.Value, "")
		}
		return tags, nil
	}
	out, err := elbv2.DescribeTags.Call(c, &elbv2.DescribeTagsInput{ResourceArns: []string{*x.Arn}})
	if err != nil {
		return nil, err
	}
	for _, d := range out.TagDescriptions {
		for _, t := range d.Tags {
			tags[t.Key] = cloud.Or(t.Value, "")
		}
	}
	return tags, nil
}
