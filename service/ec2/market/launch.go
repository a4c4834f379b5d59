package market

import (
	"context"
	"encoding/json"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/price"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// purpose is what the market launches an instance for. It travels in the
// context of the call, where no request from outside can put it.
type purpose struct {
	request string // that the instance fulfils; "" for a new one
	fleet   string
}

type purposeKey struct{}

// forPurpose is a call that launches for a purpose.
func forPurpose(c *cloud.Call, p purpose) *cloud.Call {
	d := *c
	d.Context = context.WithValue(c.Context, purposeKey{}, p)
	return &d
}

func purposeOf(c *cloud.Call) purpose {
	p, _ := c.Value(purposeKey{}).(purpose)
	return p
}

// checkOptions looks at the market options of a request to run instances.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SpotMarketOptions.html
func checkOptions(c *cloud.Call, _ store.Reader, in *api.RunInstancesInput) error {
	m := in.InstanceMarketOptions
	switch cloud.Or(m.MarketType, "") {
	case "spot":
	case "capacity-block":
		return resource.Errorf("InvalidParameterValue", "There is no Capacity Block for this request.")
	case "":
		return resource.Missing("InstanceMarketOptions.MarketType")
	default:
		return resource.Invalid(*m.MarketType, "MarketType")
	}
	o := m.SpotOptions
	if o == nil {
		return nil
	}
	persistent := cloud.Or(o.SpotInstanceType, "one-time") == "persistent"
	if err := checkSpot(o.SpotInstanceType, o.InstanceInterruptionBehavior, o.MaxPrice, o.BlockDurationMinutes); err != nil {
		return err
	}
	if o.ValidUntil != nil && !persistent {
		return resource.Combination("The parameter ValidUntil is only supported for persistent Spot Instance requests.")
	}
	if o.ValidUntil != nil && !o.ValidUntil.After(c.Now) {
		return resource.Errorf("InvalidTime", "The time specified in ValidUntil must be in the future.")
	}
	return nil
}

// checkSpot checks what all ways to ask for spot instances have in common.
func checkSpot(kind, behavior, most *string, block *int32) error {
	k, b := cloud.Or(kind, "one-time"), cloud.Or(behavior, "terminate")
	switch {
	case k != "one-time" && k != "persistent":
		return resource.Invalid(k, "SpotInstanceType")
	case b != "terminate" && b != "stop" && b != "hibernate":
		return resource.Invalid(b, "InstanceInterruptionBehavior")
	case b != "terminate" && k == "one-time":
		return resource.Combination("The instance interruption behavior '%s' is only supported for persistent Spot Instance requests.", b)
	case block != nil:
		return resource.Unsupported("Spot Instances with a defined duration are no longer available.")
	}
	return checkPrice(cloud.Or(most, ""))
}

func checkPrice(s string) error {
	if s == "" {
		return nil
	}
	q := &request{MaxPrice: s}
	if usd, ok := q.limit(); !ok || usd <= 0 {
		return resource.Errorf("InvalidParameterValue", "Invalid spot price: %s", s)
	}
	return nil
}

// launching makes a new instance a spot instance where it is one, and a
// fleet's where that launches it.
func launching(c *cloud.Call, tx store.Tx, in *api.RunInstancesInput, i *instance.Instance) error {
	p := purposeOf(c)
	i.Fleet = p.fleet
	var q *request
	switch {
	case p.request != "":
		found, ok := requests.Get(tx, c.Account, c.Region, p.request)
		if !ok {
			return errNoRequest(p.request)
		}
		q = new(*found)
	case in.InstanceMarketOptions != nil:
		var err error
		if q, err = newRequest(c, in, i); err != nil {
			return err
		}
		tags, err := resource.SpecifiedTags(in.TagSpecifications, requestKind)
		if err != nil {
			return err
		}
		resource.Register(c, tx, requestKind, q.ID, tags)
	default:
		return nil
	}
	q.Platform = i.PlatformDetails()
	limit, ok := q.limit()
	now, priced := price.Spot(i.Type, platformOf(q.Platform), i.Zone, c.Now)
	if !ok || !priced {
		return resource.Errorf("InvalidParameterValue", "Spot Instances of the instance type '%s' are not available.", i.Type)
	}
	if limit < now.USD {
		return resource.Errorf("SpotMaxPriceTooLow", "%s", tooLow(limit, now.USD))
	}
	i.LifeCycle, i.SpotRequest, i.SpotOneTime = "spot", q.ID, !q.Persistent
	q.Instance, q.Zone, q.Notice, q.Stopped, q.Attempts = i.ID, i.Zone, notice{}, false, 0
	q.to(c.Now, "active", "fulfilled")
	requests.Put(tx, q)
	q.watch(c, tx)
	return nil
}

// newRequest is the request that running a spot instance makes.
func newRequest(c *cloud.Call, in *api.RunInstancesInput, i *instance.Instance) (*request, error) {
	again := *in
	again.LaunchTemplate, again.InstanceMarketOptions, again.ClientToken = nil, nil, nil // the template is filled in
	again.MinCount, again.MaxCount = 1, 1
	body, err := json.Marshal(&again)
	if err != nil {
		return nil, err
	}
	q := &request{
		Account: c.Account, Region: c.Region, ID: newRequestID(c), Created: c.Now, Behavior: "terminate", Type: i.Type, Launch: body,
	}
	if o := in.InstanceMarketOptions.SpotOptions; o != nil {
		q.Persistent = cloud.Or(o.SpotInstanceType, "") == "persistent"
		q.Behavior = cloud.Or(o.InstanceInterruptionBehavior, q.Behavior)
		q.MaxPrice = cloud.Or(o.MaxPrice, "")
		q.Until = cloud.Or(o.ValidUntil, time.Time{})
	}
	return q, nil
}

// watch has the controller look at an active request when the price may rise
// over its limit.
func (q *request) watch(c *cloud.Call, tx store.Tx) {
	if q.MaxPrice != "" {
		tx.After(price.NextSpot(q.Type, q.Zone, c.Now), requestController, q.key())
	}
}

// changed follows the states of instances: what a request is, follows from
// its instance, and a fleet replaces what it has lost.
func changed(c *cloud.Call, tx store.Tx, i *instance.Instance, from instance.State) {
	if i.Fleet != "" {
		lost(c, tx, i)
		tx.After(time.Time{}, fleetController, store.K(i.Account, i.Region, i.Fleet))
	}
	if i.SpotRequest == "" {
		return
	}
	found, ok := requests.Get(tx, i.Account, i.Region, i.SpotRequest)
	if !ok || found.Instance != i.ID {
		return
	}
	q := new(*found)
	switch i.State {
	case instance.ShuttingDown:
		q.ended(c, tx, i)
	case instance.Stopping:
		if !over(q.State) {
			q.stopping(c, i)
		}
	case instance.Pending, instance.Running:
		if q.State == "disabled" {
			q.Stopped, q.Notice = false, notice{}
			q.to(c.Now, "active", "fulfilled")
			q.watch(c, tx)
		}
	}
	requests.Put(tx, q)
	tx.After(time.Time{}, requestController, q.key())
}

// lost enters into a fleet's history that an instance ends which the fleet
// itself did not end.
func lost(c *cloud.Call, tx store.Tx, i *instance.Instance) {
	if i.State != instance.ShuttingDown {
		return
	}
	f, ok := fleets.Get(tx, i.Account, i.Region, i.Fleet)
	m, known := members.Get(tx, i.Account, i.Region, i.Fleet, i.ID)
	if ok && known && !m.Leaving {
		note(c, tx, f, "instanceChange", "terminated", i.ID, described(m))
	}
}

// ended is what becomes of a request whose instance is terminated: a
// persistent one is open again.
func (q *request) ended(c *cloud.Call, tx store.Tx, i *instance.Instance) {
	code := "instance-terminated-by-user"
	if i.Why == instance.SpotTermination {
		code = "instance-terminated-" + q.Notice.Why
	}
	q.Notice, q.Stopped = notice{}, false
	switch {
	case over(q.State):
		q.to(c.Now, q.State, code)
	case q.Persistent && i.Fleet == "": // a fleet sees to it by itself
		q.to(c.Now, "open", code)
		q.Instance = ""
	default:
		q.to(c.Now, "closed", code)
	}
}

func (q *request) stopping(c *cloud.Call, i *instance.Instance) {
	code := "instance-stopped-by-user"
	if q.Stopped = i.Why == instance.SpotShutdown; q.Stopped {
		code = "instance-stopped-" + q.Notice.Why
	}
	q.Notice = notice{}
	q.to(c.Now, "disabled", code)
}
