package resource

import (
	api "pileus/api/ec2"
	"pileus/cloud"
)

// Room is a part of EC2.
type Room = cloud.Room

// Module joins rooms, and the operations of tags, to the one module that EC2
// is on the wire. Every operation of them understands DryRun.
func Module(rooms ...Room) cloud.Module {
	m := cloud.Join(&api.Service, append(rooms, Room{Operations: Bindings(), Access: Access()})...)
	for i, b := range m.Operations {
		m.Operations[i] = DryRun(b)
	}
	for i, a := range m.Access {
		m.Access[i] = byTag(a)
	}
	return m
}
