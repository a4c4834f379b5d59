// Package autoscaling is Amazon EC2 Auto Scaling: it puts its rooms together.
//
//	group/    groups, their instances, and the controller that keeps them
//	launch/   launch configurations
//	scale/    policies and scheduled actions
//	refresh/  instance refreshes
//	warm/     warm pools
package autoscaling

import (
	"context"
	"iter"
	"maps"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/service/autoscaling/launch"
	"pileus/service/autoscaling/refresh"
	"pileus/service/autoscaling/scale"
	"pileus/service/autoscaling/warm"
	"pileus/store"
)

// Module lists what the service offers; see cloud.Module.
func Module() cloud.Module {
	keeper := group.New()
	configurations := group.Room{Operations: launch.Bindings(group.LaunchesFrom), Access: access()}
	return join(keeper.Room(), configurations, scale.New(keeper), refresh.New(keeper), warm.New(keeper))
}

// join makes one module of rooms.
func join(rooms ...group.Room) cloud.Module {
	m := cloud.Module{API: &api.Service}
	for _, r := range rooms {
		m.Operations = append(m.Operations, r.Operations...)
		m.Access = append(m.Access, r.Access...)
		m.Controllers = append(m.Controllers, r.Controllers...)
		m.Deliveries = append(m.Deliveries, r.Deliveries...)
	}
	m.Start = func(ctx context.Context, c cloud.Cloud) error {
		for _, r := range rooms {
			if r.Start == nil {
				continue
			}
			if err := r.Start(ctx, c); err != nil {
				return err
			}
		}
		return nil
	}
	m.Count = func(r store.Reader) map[string]int {
		all := map[string]int{}
		for _, room := range rooms {
			if room.Count != nil {
				maps.Copy(all, room.Count(r))
			}
		}
		return all
	}
	m.Metrics = func(c *cloud.Call) iter.Seq[cloud.Metric] {
		return func(yield func(cloud.Metric) bool) { measured(rooms, c, yield) }
	}
	m.Reset = func() {
		for _, r := range rooms {
			if r.Reset != nil {
				r.Reset()
			}
		}
	}
	return m
}

func measured(rooms []group.Room, c *cloud.Call, yield func(cloud.Metric) bool) {
	for _, room := range rooms {
		if room.Metrics == nil {
			continue
		}
		for m := range room.Metrics(c) {
			if !yield(m) {
				return
			}
		}
	}
}
