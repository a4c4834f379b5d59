package ebs

import (
	"context"
	"iter"
	"sync"
	"time"

	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/ebs/blocks"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Plane is what volumes need of the data plane.
type Plane interface {
	plane.Volumes
	AttachVolume(ctx context.Context, machine string, a plane.Attachment) error
	DetachVolume(ctx context.Context, machine, device string, force bool) error
}

// Room is the part of EC2 that is block storage.
type Room struct {
	plane Plane
	// Instances tells what the room of instances knows of one. It is set when
	// the rooms are put together; nil: there are none.
	Instances func(c *cloud.Call, r store.Reader, id string) (Instance, error)
	// ImageOf names the image that needs a snapshot, if any; nil: none does.
	ImageOf func(c *cloud.Call, r store.Reader, snapshot string) (ami string, ok bool)

	making turns // one at a time makes a volume's content
}

// Instance is what volumes have to know of an instance.
type Instance struct {
	ID, Zone   string
	State      string // "pending", "running", "shutting-down", "terminated", "stopping", "stopped"
	RootDevice string // "/dev/xvda"
}

// runs tells whether its machine runs, so that devices come and go at once.
func (i Instance) runs() bool { return i.State == "running" }

// gone tells whether it can have no volumes any more.
func (i Instance) gone() bool { return i.State == "shutting-down" || i.State == "terminated" }

// New makes the room over a data plane.
func New(p Plane) *Room { return &Room{plane: p} }

// Room is what it contributes to EC2.
func (s *Room) Room() resource.Room {
	return resource.Room{
		Operations: s.Bindings(), Access: s.Access(), Controllers: s.Controllers(),
		Start: s.Start, Stored: s.Stored, Count: s.Count, Metrics: (&publisher{room: s}).metrics,
	}
}

// The controllers, each by the key of a volume or snapshot; contents go by
// their id.
const (
	volumeController   = "ebs.volume"
	snapshotController = "ebs.snapshot"
	contentController  = "ebs.content"
	adoptController    = "ebs.adopt"
)

// Controllers are what runs when something has changed or its time has come.
func (s *Room) Controllers() []cloud.Controller {
	return []cloud.Controller{
		{Name: volumeController, Reconcile: s.convergeVolume},
		{Name: snapshotController, Reconcile: s.convergeSnapshot},
		{Name: importController, Reconcile: s.importImage},
		{Name: contentController, Reconcile: s.removeContent},
		{Name: adoptController, Reconcile: s.adopt},
		{Name: blocks.Compactor, Reconcile: blocks.Compact},
	}
}

// Start asks for a look at what the data plane has and nobody knows.
func (s *Room) Start(ctx context.Context, c cloud.Cloud) error {
	return c.DB().Update(ctx, func(tx store.Tx) error {
		tx.After(time.Time{}, adoptController, store.K())
		return nil
	})
}

// Count says how many volumes and snapshots there are.
func (s *Room) Count(r store.Reader) map[string]int {
	n := map[string]int{}
	for range volumes.Scan(r) {
		n["volumes"]++
	}
	for range snapshots.Scan(r) {
		n["snapshots"]++
	}
	return n
}

// Stored is what is billed by the hour.
func (s *Room) Stored(r store.Reader) iter.Seq[cloud.Usage] {
	return func(yield func(cloud.Usage) bool) { stored(r, yield) }
}

// turns lets one at a time work on a volume.
type turns struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

// take waits for its turn; the caller calls the result when done.
func (t *turns) take(id string) (release func()) {
	for {
		t.mu.Lock()
		held := t.held[id]
		if held == nil {
			if t.held == nil {
				t.held = map[string]chan struct{}{}
			}
			mine := make(chan struct{})
			t.held[id] = mine
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				delete(t.held, id)
				t.mu.Unlock()
				close(mine)
			}
		}
		t.mu.Unlock()
		<-held
	}
}
