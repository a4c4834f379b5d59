// Package ec2 is Elastic Compute Cloud: it puts its rooms together.
//
//	resource/  what all resources share: ids, tags, filters, pages
//	vpc/       networks
//	vpn/       connections with networks on premises
//	ebs/       volumes and snapshots
//	image/     machine images
//	template/  launch templates
//	instance/  instances
//	market/    spot instances and fleets
//	reserve/   reserved capacity, hosts and prices
//	metadata/  what instances are told about themselves
//	connect/   ways for people into VPCs
//	insight/   whether somebody reaches somebody else
//	resolver/  DNS inside of VPCs
package ec2

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"time"

	"pileus/api/autoscaling"
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/plane"
	"pileus/service/ec2/connect"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/image"
	"pileus/service/ec2/insight"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/market"
	"pileus/service/ec2/reserve"
	"pileus/service/ec2/resolver"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/template"
	"pileus/service/ec2/vpc"
	"pileus/service/ec2/vpn"
	"pileus/store"
)

// Parts are what EC2 is made with.
type Parts struct {
	Plane plane.Plane
	// Authority is the certificate that machines trust, in PEM; nil for none.
	Authority func() ([]byte, error)
	Log       *slog.Logger
}

// Module lists what the service offers; see cloud.Module.
func Module(p Parts) cloud.Module {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	dns := resolver.New(p.Log)
	over := dns.On(p.Plane)
	networks, volumes, images := vpc.New(over), ebs.New(over), image.New(over)
	networks.LookupText = net.DefaultResolver.LookupTXT
	instances := instance.New(over, networks, volumes, launchable{})
	instances.Authority = p.Authority
	instances.Hooks.Template = fromTemplate
	instances.Hooks.Tags = template.Tags
	instances.Hooks.Changed = append(instances.Hooks.Changed, tellGroup)
	instances.Hooks.Lifecycle = targetState
	instances.Hooks.ImageMetadata = image.Metadata
	sales := market.New(instances)
	volumes.ImageOf = image.OfSnapshot
	images.Disks = volumes
	images.Instance = forImage
	images.Reboot = reboot
	return resource.Module(
		resource.Room{
			Operations: networks.Bindings(), Access: networks.Access(), Controllers: networks.Controllers(),
			Start: networks.Start, Stored: networks.Stored, Count: networks.Count, Reset: networks.Reset, Through: vpc.Through,
			Web: networks.Web, Metrics: networks.Metrics(),
		},
		insight.Room(), connect.Room(networks), vpn.Room(over), volumes.Room(), images.Room(), template.Room(), instances.Room(), sales.Room(), reserve.Room(instances),
		resource.Room{Start: func(ctx context.Context, c cloud.Cloud) error { return dns.Start(ctx, c) }, Reset: dns.Reset},
	)
}

// launchable are the images as the room of instances asks for them.
type launchable struct{}

// Find implements instance.Images.
func (launchable) Find(c *cloud.Call, r store.Reader, id string) (instance.Image, error) {
	id, err := template.ResolveImage(c, id)
	if err != nil {
		return instance.Image{}, err
	}
	l, err := image.Find(c, r, id)
	if err != nil {
		return instance.Image{}, err
	}
	return instance.Image(l), nil
}

func fromTemplate(c *cloud.Call, r store.Reader, in *api.RunInstancesInput) (*api.RunInstancesInput, error) {
	run, _, _, err := template.Applied(c, r, in)
	return run, err
}

// Auto Scaling marks its instances with the name of their group, which its
// controller of groups is woken by.
const (
	groupTag        = "aws:autoscaling:groupName"
	groupController = "autoscaling.group"
)

// tellGroup has the Auto Scaling group of an instance look at it. Only Auto
// Scaling can set the tag.
func tellGroup(c *cloud.Call, tx store.Tx, i *instance.Instance, _ instance.State) {
	e, ok := resource.Find(c.In(i.Account, i.Region), tx, i.ID)
	if !ok {
		return
	}
	if name := e.Tags.Map()[groupTag]; name != "" {
		tx.After(time.Time{}, groupController, store.K(i.Account, i.Region, name))
	}
}

// targetState is the lifecycle state that an instance of an Auto Scaling group
// is heading for, or is in; "" outside of a group.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
func targetState(c *cloud.Call, _ store.Reader, id string) string {
	as := identity.AsAccount(c)
	out, err := autoscaling.DescribeAutoScalingInstances.Call(as, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{id}})
	if err != nil || len(out.AutoScalingInstances) == 0 {
		return "" // metadata is told without it
	}
	switch i := out.AutoScalingInstances[0]; {
	case strings.HasPrefix(i.LifecycleState, "Warmed:Pending"):
		return warmState(as, i.AutoScalingGroupName)
	case strings.HasPrefix(i.LifecycleState, autoscaling.LifecycleStatePending):
		return autoscaling.LifecycleStateInService
	case strings.Contains(i.LifecycleState, autoscaling.LifecycleStateTerminating):
		return autoscaling.LifecycleStateTerminated
	case i.LifecycleState == autoscaling.LifecycleStateDetaching:
		return autoscaling.LifecycleStateDetached
	case i.LifecycleState == autoscaling.LifecycleStateEnteringStandby:
		return autoscaling.LifecycleStateStandby
	default:
		return i.LifecycleState
	}
}

// warmState is the state in which a group's warm pool keeps its instances.
func warmState(c *cloud.Call, group string) string {
	out, err := autoscaling.DescribeAutoScalingGroups.Call(c, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{group}})
	if err != nil || len(out.AutoScalingGroups) == 0 || out.AutoScalingGroups[0].WarmPoolConfiguration == nil {
		return ""
	}
	return "Warmed:" + cloud.Or(out.AutoScalingGroups[0].WarmPoolConfiguration.PoolState, autoscaling.WarmPoolStateStopped)
}

// reboot restarts an instance as part of what somebody else was allowed to do.
func reboot(c *cloud.Call, _ store.Tx, id string) error {
	_, err := api.RebootInstances.Call(identity.AsAccount(c), &api.RebootInstancesInput{InstanceIds: []string{id}})
	return err
}

// forImage is an instance as CreateImage has to know it.
func forImage(c *cloud.Call, r store.Reader, id string) (image.Instance, error) {
	i, err := instance.Find(c, r, id)
	if err != nil {
		return image.Instance{}, err
	}
	return image.Instance{Image: i.Image, RootDevice: i.RootDevice, Architecture: i.Architecture, NoENA: i.NoENA, Running: i.State == instance.Running}, nil
}
