// Package autoscaling is Amazon EC2 Auto Scaling: it puts its rooms together.
//
//	group/    groups, their instances, and the controller that keeps them
//	launch/   launch configurations
//	scale/    policies and scheduled actions
//	refresh/  instance refreshes
//	warm/     warm pools
package autoscaling

import (
	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/service/autoscaling/launch"
	"pileus/service/autoscaling/refresh"
	"pileus/service/autoscaling/scale"
	"pileus/service/autoscaling/warm"
)

// Module lists what the service offers; see cloud.Module.
func Module() cloud.Module {
	keeper := group.New()
	configurations := group.Room{Operations: launch.Bindings(group.LaunchesFrom), Access: access()}
	return cloud.Join(&api.Service, keeper.Room(), configurations, scale.New(keeper), refresh.New(keeper), warm.New(keeper))
}
