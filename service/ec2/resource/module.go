package resource

import (
	"context"
	"iter"
	"maps"
	"net/http"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/policy"
	"pileus/store"
)

// Room is a part of EC2: a set of operations with what they need. What is not
// needed is left nil.
type Room struct {
	Operations  []cloud.Binding
	Access      []cloud.Access
	Controllers []cloud.Controller
	Deliveries  []cloud.Delivery
	Start       func(ctx context.Context, c cloud.Cloud) error
	Stored      func(r store.Reader) iter.Seq[cloud.Usage]
	Count       func(r store.Reader) map[string]int
	Reset       func()
	Through     func(r store.Reader, o cloud.Origin) (string, []policy.Attached)
	Web         func(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool
	Metrics     func(c *cloud.Call) iter.Seq[cloud.Metric]
}

// Module joins rooms, and the operations of tags, to the one module that EC2
// is on the wire. Every operation of them understands DryRun.
func Module(rooms ...Room) cloud.Module {
	m := cloud.Module{API: &api.Service}
	rooms = append(rooms, Room{Operations: Bindings(), Access: Access()})
	for _, r := range rooms {
		if r.Through != nil {
			m.Through = r.Through
		}
		for _, b := range r.Operations {
			m.Operations = append(m.Operations, DryRun(b))
		}
		for _, a := range r.Access {
			m.Access = append(m.Access, byTag(a))
		}
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
	m.Stored = func(r store.Reader) iter.Seq[cloud.Usage] {
		return func(yield func(cloud.Usage) bool) { stored(rooms, r, yield) }
	}
	m.Metrics = func(c *cloud.Call) iter.Seq[cloud.Metric] {
		return func(yield func(cloud.Metric) bool) { measured(rooms, c, yield) }
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
	m.Web = func(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
		for _, room := range rooms {
			if room.Web != nil && room.Web(c, w, r) {
				return true
			}
		}
		return false
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

func stored(rooms []Room, r store.Reader, yield func(cloud.Usage) bool) {
	for _, room := range rooms {
		if room.Stored == nil {
			continue
		}
		for u := range room.Stored(r) {
			if !yield(u) {
				return
			}
		}
	}
}

func measured(rooms []Room, c *cloud.Call, yield func(cloud.Metric) bool) {
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
