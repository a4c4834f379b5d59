// Package instanceconnect is EC2 Instance Connect: SSH keys that let somebody
// into an instance for a minute, and tunnels to instances through the Instance
// Connect Endpoints that EC2 keeps.
//
//	key.go      keys that are pushed
//	tunnel.go   tunnels: who may, and where to
//	carry.go    what they carry, over a websocket
//	access.go   what the operations need
package instanceconnect

import (
	"sync"

	api "pileus/api/ec2instanceconnect"
	"pileus/cloud"
	"pileus/plane"
)

// Parts are what the service is made with.
type Parts struct{ Plane plane.Network }

type service struct {
	plane plane.Network

	mu   sync.Mutex
	open map[string]int // tunnels, by endpoint
}

// Module lists what the service offers; see cloud.Module.
func Module(p Parts) cloud.Module {
	s := &service{plane: p.Plane, open: map[string]int{}}
	return cloud.Module{
		API: &api.Service,
		Operations: []cloud.Binding{
			api.SendSSHPublicKey.Update(sendSSHPublicKey).Partial("for the SSH server that pileus has in every image; others do not ask the metadata by themselves"),
			api.SendSerialConsoleSSHPublicKey.View(sendSerialConsoleSSHPublicKey).Partial("no instance has a serial console that takes sessions: refused as AWS refuses types without"),
		},
		Access:      access(),
		Controllers: []cloud.Controller{{Name: expireController, Reconcile: expire}},
		Web:         s.web,
	}
}
