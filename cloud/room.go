package cloud

import (
	"context"
	"iter"
	"maps"
	"net/http"

	"pileus/policy"
	"pileus/store"
)

// Room is a part of a service that is too large for one package: a set of
// operations with what they need. Its fields are those of Module; what is not
// needed is left nil.
type Room struct {
	Operations  []Binding
	Access      []Access
	Controllers []Controller
	Deliveries  []Delivery
	Start       func(ctx context.Context, c Cloud) error
	Stored      func(r store.Reader) iter.Seq[Usage]
	Metrics     func(c *Call) iter.Seq[Metric]
	Count       func(r store.Reader) map[string]int
	Web         func(c *Call, w http.ResponseWriter, r *http.Request) bool
	Through     func(r store.Reader, o Origin) (endpoint string, policies []policy.Attached)
	Reset       func()
}

// Join makes of rooms the one module that their service is on the wire.
func Join(api *Service, rooms ...Room) Module {
	m := Module{API: api}
	for _, r := range rooms {
		m.Operations = append(m.Operations, r.Operations...)
		m.Access = append(m.Access, r.Access...)
		m.Controllers = append(m.Controllers, r.Controllers...)
		m.Deliveries = append(m.Deliveries, r.Deliveries...)
		if r.Through != nil {
			m.Through = r.Through
		}
	}
	m.Start = func(ctx context.Context, c Cloud) error {
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
	m.Stored = func(r store.Reader) iter.Seq[Usage] {
		return each(rooms, func(x Room) iter.Seq[Usage] {
			if x.Stored == nil {
				return nil
			}
			return x.Stored(r)
		})
	}
	m.Metrics = func(c *Call) iter.Seq[Metric] {
		return each(rooms, func(x Room) iter.Seq[Metric] {
			if x.Metrics == nil {
				return nil
			}
			return x.Metrics(c)
		})
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
	m.Web = func(c *Call, w http.ResponseWriter, r *http.Request) bool {
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

// each yields what all rooms do; of gives nil for a room that yields nothing.
func each[T any](rooms []Room, of func(Room) iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, r := range rooms {
			list := of(r)
			if list == nil {
				continue
			}
			for v := range list {
				if !yield(v) {
					return
				}
			}
		}
	}
}
