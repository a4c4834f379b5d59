package market

import (
	"errors"
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/price"
	"pileus/region"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// patience is how long a request waits for capacity between two looks.
const patience = time.Minute

// fulfil brings one spot instance request further, as its state has it.
func (s *Room) fulfil(c *cloud.Call, key store.Key) error {
	var q *request
	err := c.View(func(r store.Reader) error {
		q, _ = requests.Get(r, key...)
		return nil
	})
	if err != nil || q == nil {
		return err
	}
	switch q.State {
	case "open":
		return s.open(c, q)
	case "active":
		return s.active(c, q)
	case "disabled":
		if q.Stopped {
			return s.resume(c, q)
		}
		return nil
	}
	return forget(c, q)
}

// open launches an instance for a request, or says why it cannot.
func (s *Room) open(c *cloud.Call, q *request) error {
	switch limit, _ := q.limit(); {
	case !q.Until.IsZero() && !c.Now.Before(q.Until):
		return settle(c, q, time.Time{}, func(d *request) { d.to(c.Now, "closed", "schedule-expired") })
	case c.Now.Before(q.From):
		return settle(c, q, q.From, func(d *request) { d.to(c.Now, "open", "not-scheduled-yet") })
	default:
		in, err := q.input()
		if err != nil {
			return err
		}
		zone, asked, ok := q.cheapest(c, in)
		if ok && limit < asked.USD {
			next := price.NextSpot(q.Type, zone, c.Now)
			return settle(c, q, q.earlier(next), func(d *request) { d.to(c.Now, "open", "price-too-low", tooLow(limit, asked.USD)) })
		}
		return s.launch(c, q, in, zone)
	}
}

// earlier is t, or when the request expires if that comes first.
func (q *request) earlier(t time.Time) time.Time {
	if !q.Until.IsZero() && q.Until.Before(t) {
		return q.Until
	}
	return t
}

// cheapest is the zone that a request goes to: the one that it names, or else
// the one with the lowest price; "" where its subnet decides.
func (q *request) cheapest(c *cloud.Call, in *api.RunInstancesInput) (zone string, p price.SpotPrice, ok bool) {
	if in.Placement != nil && in.Placement.AvailabilityZone != nil { // the request's place was read when it came
		zone = *in.Placement.AvailabilityZone
		p, ok = price.Spot(q.Type, platformOf(q.Platform), zone, c.Now)
		return zone, p, ok
	}
	if in.SubnetId != nil || len(in.NetworkInterfaces) > 0 {
		return "", p, false
	}
	where, _ := region.Find(c.Region)
	for _, z := range where.Zones() {
		if !hasDefaultSubnet(c, z.Name) {
			continue
		}
		if x, known := price.Spot(q.Type, platformOf(q.Platform), z.Name, c.Now); known && (!ok || x.USD < p.USD) {
			zone, p, ok = z.Name, x, true
		}
	}
	return zone, p, ok
}

func hasDefaultSubnet(c *cloud.Call, zone string) (yes bool) {
	err := c.View(func(r store.Reader) error {
		_, err := vpc.DefaultSubnet(c, r, zone)
		yes = err == nil
		return nil
	})
	return err == nil && yes
}

// launch runs the instance of a request. What AWS calls bad parameters ends
// the request; for capacity it waits.
func (s *Room) launch(c *cloud.Call, q *request, in *api.RunInstancesInput, zone string) error {
	in.MinCount, in.MaxCount = 1, 1
	if zone != "" {
		p := api.Placement{}
		if in.Placement != nil {
			p = *in.Placement
		}
		p.AvailabilityZone = &zone
		in.Placement = &p
	}
	_, err := api.RunInstances.Call(forPurpose(identity.AsAccount(c), purpose{request: q.ID}), in)
	var e *cloud.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return err
	case e.Code == "SpotMaxPriceTooLow":
		return settle(c, q, q.earlier(c.Now.Add(patience)), func(d *request) { d.to(c.Now, "open", "price-too-low", e.Message) })
	case lacks(e):
		return settle(c, q, q.earlier(c.Now.Add(patience)), func(d *request) { d.to(c.Now, "open", "capacity-not-available") })
	case e.Server:
		return err
	}
	return settle(c, q, time.Time{}, func(d *request) {
		d.to(c.Now, "failed", "bad-parameters", "Your Spot request failed due to bad parameters: "+e.Message)
	})
}

// lacks tells whether an error means that there is no room now.
func lacks(e *cloud.Error) bool {
	return slices.Contains([]string{"InsufficientInstanceCapacity", "InsufficientFreeAddressesInSubnet", "InsufficientAddressCapacity", "InsufficientHostCapacity"}, e.Code)
}

// active watches over a request that has its instance: it gives notice when
// the price rises over its limit, and interrupts once the notice is over.
func (s *Room) active(c *cloud.Call, q *request) error {
	return c.Update(func(tx store.Tx) error {
		now, ok := requests.Get(tx, q.key()...)
		if !ok || now.State != "active" {
			return nil
		}
		d := new(*now)
		if d.Notice.Action != "" {
			return s.strike(c, tx, d)
		}
		limit, _ := d.limit()
		if asked, ok := price.Spot(d.Type, platformOf(d.Platform), d.Zone, c.Now); ok && asked.USD > limit {
			d.announce(c, tx, "by-price")
			return nil
		}
		d.watch(c, tx)
		return nil
	})
}

// resume starts an instance again that the market has stopped.
func (s *Room) resume(c *cloud.Call, q *request) error {
	limit, _ := q.limit()
	asked, ok := price.Spot(q.Type, platformOf(q.Platform), q.Zone, c.Now)
	if ok && asked.USD > limit {
		return settle(c, q, price.NextSpot(q.Type, q.Zone, c.Now), func(*request) {})
	}
	var state instance.State
	err := c.View(func(r store.Reader) error {
		i, err := instance.Find(c, r, q.Instance)
		if err == nil {
			state = i.State
		}
		return err
	})
	if err != nil || state != instance.Stopped {
		return settle(c, q, c.Now.Add(patience), func(*request) {})
	}
	_, err = api.StartInstances.Call(identity.AsAccount(c), &api.StartInstancesInput{InstanceIds: []string{q.Instance}})
	return err
}

// settle changes a request that is still what it was, and asks for another
// look at a time, if there is one.
func settle(c *cloud.Call, q *request, next time.Time, f func(*request)) error {
	return c.Update(func(tx store.Tx) error {
		now, ok := requests.Get(tx, q.key()...)
		if !ok || now.State != q.State || now.Instance != q.Instance {
			return nil
		}
		d := new(*now)
		f(d)
		requests.Put(tx, d)
		if over(d.State) {
			next = d.Over.Add(keptAfter)
		}
		if !next.IsZero() {
			tx.After(next, requestController, d.key())
		}
		return nil
	})
}

// forget removes a request that has been over for long, and whose instance is
// gone.
func forget(c *cloud.Call, q *request) error {
	return c.Update(func(tx store.Tx) error {
		now, ok := requests.Get(tx, q.key()...)
		if !ok || !over(now.State) {
			return nil
		}
		due := now.Over.Add(keptAfter)
		if i, err := instance.Find(c, tx, now.Instance); err == nil && alive(i) {
			return nil // its end will ask for another look
		}
		if c.Now.Before(due) {
			tx.After(due, requestController, now.key())
			return nil
		}
		requests.Delete(tx, now.key()...)
		resource.Unregister(c, tx, now.ID)
		return nil
	})
}
