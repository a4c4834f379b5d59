package instance

import (
	"context"
	"sync"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/plane"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/metadata"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// Room is the part of EC2 that is instances.
type Room struct {
	plane    plane.Plane
	network  *vpc.Room
	volumes  *ebs.Room
	images   Images
	metadata *metadata.Service
	source   *source

	// Hooks are set when the rooms are put together.
	Hooks Hooks
	// Authority is the certificate of the cloud's authority, which machines
	// trust; nil: they trust nothing.
	Authority func() ([]byte, error)

	mu    sync.Mutex
	ill   map[string]time.Time // since when a check of an instance fails, by check and id
	cloud cloud.Cloud          // once started
	watch sync.Once
}

// Hooks are where other rooms of EC2 have their say about instances.
type Hooks struct {
	// Template gives a launch request with what its launch template says
	// filled in; nil: there are no launch templates.
	Template func(c *cloud.Call, r store.Reader, in *api.RunInstancesInput) (*api.RunInstancesInput, error)
	// Tags are those that AWS itself gives to what a request launches.
	Tags func(c *cloud.Call, r store.Reader, in *api.RunInstancesInput) identity.Tags
	// Market is asked about requests with InstanceMarketOptions before
	// anything is made; nil: they are refused.
	Market func(c *cloud.Call, r store.Reader, in *api.RunInstancesInput) error
	// Launching sees each new instance before it is written, and may refuse
	// or complete it: spot requests, capacity reservations, dedicated hosts.
	Launching []func(c *cloud.Call, tx store.Tx, in *api.RunInstancesInput, i *Instance) error
	// Changed sees each change of state in the transaction that makes it.
	Changed []func(c *cloud.Call, tx store.Tx, i *Instance, from State)
	// Lifecycle is the Auto Scaling lifecycle state that an instance is
	// heading for, for its metadata; "" outside of a group.
	Lifecycle func(c *cloud.Call, r store.Reader, id string) string
	// Interruption is the notice that a spot instance was given; action is ""
	// for none.
	Interruption func(c *cloud.Call, r store.Reader, id string) (action string, at, rebalance time.Time)
	// ImageMetadata is what an account may know of an image that one of its
	// instances was launched from.
	ImageMetadata func(c *cloud.Call, r store.Reader, id string) *api.ImageMetadata
	// Billing decides how hours are billed; nil: on demand.
	Billing Billing
}

// New makes the room over a data plane and the rooms of networks and volumes.
func New(p plane.Plane, n *vpc.Room, v *ebs.Room, images Images) *Room {
	s := &Room{plane: p, network: n, volumes: v, images: images}
	s.source = &source{room: s}
	s.metadata = metadata.New(p, s.source)
	s.Reset()
	if n.Instances == nil {
		n.Instances = s.forNetwork
	}
	if v.Instances == nil {
		v.Instances = s.forVolumes
	}
	return s
}

// Reset forgets what is kept in memory, after the state was cleared.
func (s *Room) Reset() {
	s.mu.Lock()
	s.ill = map[string]time.Time{}
	s.mu.Unlock()
	s.source.reset()
	s.metadata.CloseAll()
}

// Room is the room as EC2's module takes it.
func (s *Room) Room() resource.Room {
	return resource.Room{
		Operations: s.Bindings(), Access: s.Access(), Controllers: s.Controllers(),
		Start: s.Start, Stored: s.Stored, Count: count, Reset: s.Reset, Metrics: (&publisher{room: s}).metrics,
	}
}

// Controllers are what runs when something has changed or its time has come.
func (s *Room) Controllers() []cloud.Controller {
	return []cloud.Controller{
		{Name: instanceController, Reconcile: s.reconcile},
		{Name: adoptController, Reconcile: s.adopt},
		{Name: eventController, Reconcile: s.performEvents},
	}
}

// Start begins to listen to machines, and asks for a look at all of them.
func (s *Room) Start(ctx context.Context, c cloud.Cloud) error {
	s.mu.Lock()
	s.cloud = c
	s.mu.Unlock()
	s.source.start(c)
	s.watch.Do(func() { s.plane.WatchMachines(s.changedByItself) })
	c.Go("CPU credits", s.countCredits)
	return c.DB().Update(ctx, func(tx store.Tx) error {
		tx.After(time.Time{}, adoptController, store.K())
		return nil
	})
}

// count is what status shows.
func count(r store.Reader) map[string]int {
	n := 0
	for i := range instances.Scan(r) {
		if i.State == Running || i.State == Pending {
			n++
		}
	}
	return map[string]int{"running instances": n}
}

// forNetwork is an instance as the room of networks knows it.
func (s *Room) forNetwork(c *cloud.Call, r store.Reader, id string) (vpc.Instance, error) {
	i, err := Find(c, r, id)
	if err != nil {
		return vpc.Instance{}, err
	}
	t := i.Kind()
	return vpc.Instance{ID: i.ID, VPC: i.VPC, Zone: i.Zone, State: i.State.String(), MaxInterfaces: t.network.interfaces, MaxAddresses: t.network.ipv4}, nil
}

// forVolumes is an instance as the room of volumes knows it.
func (s *Room) forVolumes(c *cloud.Call, r store.Reader, id string) (ebs.Instance, error) {
	i, err := Find(c, r, id)
	if err != nil {
		return ebs.Instance{}, err
	}
	return ebs.Instance{ID: i.ID, Zone: i.Zone, State: i.State.String(), RootDevice: i.RootDevice}, nil
}
