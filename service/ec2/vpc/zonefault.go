package vpc

import (
	"context"
	"errors"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
	"pileus/zone"
)

// darkAtStart cuts the zones that were dark before a restart, before any
// network is looked at.
func (s *Room) darkAtStart(ctx context.Context, c cloud.Cloud) error {
	return limited(s.applyZones(ctx, c.DB()))
}

// followZones is the controller of faults of zones.
func (s *Room) followZones(c *cloud.Call, _ store.Key) error {
	return limited(s.applyZones(c, c.Cloud.DB()))
}

// limited leaves out what the machine cannot do: who asked for it was told, and
// it does not get better by trying again.
func limited(err error) error {
	if errors.Is(err, plane.ErrUnsupported) {
		return nil
	}
	return err
}

// applyZones tells the data plane which zones are dark, and which are slow. As
// long as none ever was, it is not bothered.
func (s *Room) applyZones(ctx context.Context, db store.Store) error {
	s.zones.Lock()
	defer s.zones.Unlock()
	var list []zone.State
	err := db.View(ctx, func(r store.Reader) error {
		list = zone.All(r)
		return nil
	})
	if err != nil || len(list) == 0 && !s.zonesAil {
		return err
	}
	var dark []string
	var slow []plane.SlowZone
	for _, z := range list {
		if z.Down {
			dark = append(dark, z.Zone)
		}
		if z.Slow() {
			slow = append(slow, plane.SlowZone{Zone: z.Zone, Latency: z.Latency(), Rate: z.Rate})
		}
	}
	s.zonesAil = true
	if err := s.plane.CutZones(ctx, dark...); err != nil {
		return err
	}
	err = s.plane.SlowZones(ctx, slow...)
	s.zonesAil = len(list) > 0 || limited(err) != nil
	return err
}

// zoneState is a zone's state and messages as the API shows them.
func zoneState(z zone.State) (state string, messages []api.AvailabilityZoneMessage) {
	messages = []api.AvailabilityZoneMessage{}
	switch {
	case z.Down:
		return api.AvailabilityZoneStateUnavailable, append(messages, api.AvailabilityZoneMessage{Message: new("The Availability Zone is cut off: nothing goes in or out.")})
	case z.Slow():
		return api.AvailabilityZoneStateImpaired, append(messages, api.AvailabilityZoneMessage{Message: new("The links of the Availability Zone are " + z.String() + ".")})
	}
	return api.AvailabilityZoneStateAvailable, messages
}
