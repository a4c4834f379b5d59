package vpc

import (
	"context"
	"iter"
	"sync"
	"time"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
	"pileus/zone"
)

// Room is the part of EC2 that is networks.
type Room struct {
	plane plane.Plane
	// Instances tells what the room of instances knows of one. It is set when
	// the rooms are put together; nil: instances are known by their interfaces.
	Instances func(c *cloud.Call, r store.Reader, id string) (Instance, error)

	// LookupText asks the internet's DNS for the text at a name: who has proved
	// that a domain is his. nil: what the cloud itself does not know nobody does.
	LookupText func(ctx context.Context, name string) ([]string, error)

	mu    sync.Mutex
	lines map[string]*line
	made  map[string]network // the VPCs that the plane has, by id
	flows map[string]*flowWatch

	natMetrics publisher

	zones    sync.Mutex // held while the data plane is told of faults of zones
	zonesAil bool       // it was told of some; guarded by zones
}

// Instance is what networks have to know of an instance.
type Instance struct {
	ID, VPC, Zone string
	State         string // "running" ...
	// MaxInterfaces and MaxAddresses (of one interface) follow from its type; 0
	// for no limit.
	MaxInterfaces, MaxAddresses int
}

// New makes the room over a data plane.
func New(p plane.Plane) *Room {
	s := &Room{plane: p}
	s.natMetrics.room = s
	s.Reset()
	return s
}

// Reset forgets what is kept in memory.
func (s *Room) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines, s.made = map[string]*line{}, map[string]network{}
	s.stopWatching()
}

// Controllers are what runs when something has changed or its time has come.
func (s *Room) Controllers() []cloud.Controller {
	return append(s.jointControllers(), []cloud.Controller{
		{Name: networkController, Reconcile: s.reconcile},
		{Name: adoptController, Reconcile: s.adopt},
		{Name: natController, Reconcile: s.forgetNAT},
		{Name: trafficController, Reconcile: s.countTraffic},
		{Name: zone.Controller, Reconcile: s.followZones},
	}...)
}

// adoptController looks at all networks once, at start.
const adoptController = "ec2.network.adopt"

// Start cuts the zones that are dark, asks for a look at all networks, and
// begins to sample NAT gateways.
func (s *Room) Start(ctx context.Context, c cloud.Cloud) error {
	if err := s.darkAtStart(ctx, c); err != nil {
		return err
	}
	c.Go("ec2.nat", func(ctx context.Context) { s.natMetrics.watch(ctx, c) })
	return c.DB().Update(ctx, func(tx store.Tx) error {
		tx.After(time.Time{}, adoptController, store.K())
		return nil
	})
}

// Stored is what is billed by the hour.
func (s *Room) Stored(r store.Reader) iter.Seq[cloud.Usage] {
	return func(yield func(cloud.Usage) bool) { stored(r, yield) }
}

// Count is what accounts have made beside what they find.
func (s *Room) Count(r store.Reader) map[string]int {
	n := map[string]int{"network interfaces": count(interfaces.Scan(r)), "elastic addresses": count(addresses.Scan(r))}
	for v := range vpcs.Scan(r) {
		if !v.Default {
			n["VPCs"]++
		}
	}
	for g := range nats.Scan(r) {
		if g.State == natPending || g.State == natAvailable {
			n["NAT gateways"]++
		}
	}
	return n
}
