package instance

import (
	"context"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// CPU credits of burstable types: one is a vCPU at its full speed for a
// minute. An instance earns them all the time and spends what it uses; without
// any, in standard mode, it falls to its baseline.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-credits-baseline-concepts.html

// earnings are the credits an hour of a size, and its launch credits for T2,
// by the family's generation.
var earnings = map[string]map[string]float64{
	"t2":  {"nano": 3, "micro": 6, "small": 12, "medium": 24, "large": 36, "xlarge": 54, "2xlarge": 81.6},
	"t3":  {"nano": 6, "micro": 12, "small": 24, "medium": 24, "large": 36, "xlarge": 96, "2xlarge": 192},
	"t3a": {"nano": 6, "micro": 12, "small": 24, "medium": 24, "large": 36, "xlarge": 96, "2xlarge": 192},
	"t4g": {"nano": 6, "micro": 12, "small": 24, "medium": 24, "large": 36, "xlarge": 96, "2xlarge": 192},
}

const (
	earningDay    = 24 // hours whose earnings may be saved
	launchCredit  = 30 // for each vCPU of a T2, at each start
	countInterval = time.Minute
	surplusDay    = 24 // hours whose earnings may be borrowed in unlimited mode
)

// hourly is what the type earns in an hour; 0 for types without credits.
func (t *Type) hourly() float64 {
	family, size, _ := strings.Cut(t.Name, ".")
	return earnings[family][size]
}

// baseline is the part of its vCPUs that the type's earnings pay for.
func (t *Type) baseline() float64 { return t.hourly() / 60 / float64(max(t.VCPUs, 1)) }

// launchCredits is the credit option of a new instance: the request's, else the
// account's for the family.
func launchCredits(c *cloud.Call, r store.Reader, t *Type, asked *api.CreditSpecificationRequest) (string, error) {
	if !t.Burstable() {
		if asked != nil {
			return "", resource.Combination("The creditSpecification parameter is only supported for T2, T3, T3a and T4g instances. The specified instance type is %s.", t.Name)
		}
		return "", nil
	}
	if asked == nil {
		return defaultCredits(c, r, t.Family()), nil
	}
	if !oneOf(&asked.CpuCredits, "standard", "unlimited") {
		return "", resource.Invalid(asked.CpuCredits, "CreditSpecification.CpuCredits")
	}
	return asked.CpuCredits, nil
}

// account is the credits of an instance.
type account struct {
	Account, Region, ID string
	Boot                int64
	Balance, Surplus    float64
	CPU                 time.Duration // as it was counted last
	At                  time.Time
	Throttled           bool
}

var accounts = &store.Table[account]{
	Name: "ec2.credit",
	Key:  func(a *account) store.Key { return keyOf(a.Account, a.Region, a.ID) },
}

// Credits are the CPU credits of an instance: its balance and what it has
// borrowed in unlimited mode. ok is false for types without.
func Credits(r store.Reader, i *Instance) (balance, surplus float64, ok bool) {
	a, ok := accounts.Get(r, i.key()...)
	if !ok {
		return 0, 0, false
	}
	return a.Balance, a.Surplus, true
}

// opened is the account of an instance that was started: a T2's begins with
// launch credits, and only a T2 loses all when it stops.
func opened(old *account, i *Instance) *account {
	t := i.Kind()
	a := &account{Account: i.Account, Region: i.Region, ID: i.ID, Boot: i.Boot, At: i.Since}
	switch {
	case t.Family() == "t2":
		a.Balance = launchCredit * float64(t.VCPUs)
	case old != nil:
		a.Balance = old.Balance
	}
	return a
}

// count brings an account to now, with the CPU time that its machine has used
// since it started.
func (a *account) count(t *Type, unlimited bool, used time.Duration, now time.Time) {
	hours := max(now.Sub(a.At).Hours(), 0)
	spent := max(used-a.CPU, 0).Minutes()
	if used < a.CPU { // the machine was booted again
		spent = used.Minutes()
	}
	a.At, a.CPU = now, used
	change := hours*t.hourly() - spent
	if a.Surplus > 0 && change > 0 { // earnings pay back first
		back := min(a.Surplus, change)
		a.Surplus -= back
		change -= back
	}
	a.Balance = min(a.Balance+change, earningDay*t.hourly()+launchCreditsOf(t))
	if a.Balance < 0 {
		if unlimited {
			a.Surplus = min(a.Surplus-a.Balance, surplusDay*t.hourly())
		}
		a.Balance = 0
	}
	a.Throttled = !unlimited && a.Balance == 0
}

func launchCreditsOf(t *Type) float64 {
	if t.Family() == "t2" {
		return launchCredit * float64(t.VCPUs)
	}
	return 0
}

// share is the part of its vCPUs that an instance may use: its baseline while
// it has no credits; 0 is all.
func (i *Instance) share(r store.Reader) float64 {
	if a, ok := accounts.Get(r, i.key()...); ok && a.Throttled && a.Boot == i.Boot {
		return i.Kind().baseline()
	}
	return 0
}

// countCredits counts all accounts every minute, until ctx ends.
func (s *Room) countCredits(ctx context.Context) {
	for {
		s.mu.Lock()
		c := s.cloud
		s.mu.Unlock()
		if c.Clock().Wait(ctx, countInterval) != nil {
			return
		}
		// What could not be counted now is counted a minute later.
		_ = s.CountCredits(ctx)
	}
}

// CountCredits counts the CPU credits of all running instances up to now and
// has those limited that have none.
func (s *Room) CountCredits(ctx context.Context) error {
	s.mu.Lock()
	c := s.cloud
	s.mu.Unlock()
	var list []*Instance
	err := c.DB().View(ctx, func(r store.Reader) error {
		list = nil
		for i := range instances.Scan(r) {
			if i.State == Running && i.Credits != "" {
				list = append(list, i)
			}
		}
		return nil
	})
	for _, i := range list {
		usage, serr := s.plane.Sample(ctx, i.ID)
		if serr != nil {
			continue // it has just ended
		}
		if err := countOne(ctx, c, i, usage); err != nil {
			return err
		}
	}
	return err
}

func countOne(ctx context.Context, c cloud.Cloud, i *Instance, usage plane.Usage) error {
	return c.DB().Update(ctx, func(tx store.Tx) error {
		a, _ := accounts.Get(tx, i.key()...)
		if a == nil || a.Boot != i.Boot {
			a = opened(a, i)
		}
		before := a.Throttled
		a.count(i.Kind(), i.Credits == "unlimited", usage.CPU, c.Clock().Now())
		accounts.Put(tx, a)
		if a.Throttled != before { // the controller tells the machine
			tx.After(time.Time{}, instanceController, i.key())
		}
		return nil
	})
}

func describeInstanceCreditSpecifications(c *cloud.Call, r store.Reader, in *api.DescribeInstanceCreditSpecificationsInput) (*api.DescribeInstanceCreditSpecificationsOutput, error) {
	all := func(yield func(*Instance) bool) {
		for i := range instances.Scan(r, c.Account, c.Region) {
			// Without ids, T instances with unlimited credits are told.
			if i.Credits != "" && !i.State.gone() && (len(in.InstanceIds) > 0 || i.Credits == "unlimited") && !yield(i) {
				return
			}
		}
	}
	for _, id := range in.InstanceIds {
		i, err := Find(c, r, id)
		if err != nil {
			return nil, err
		}
		if i.Credits == "" {
			return nil, resource.Errorf("IncorrectInstanceState", "The instance '%s' is not a burstable performance instance.", id)
		}
	}
	q := resource.Query{IDs: in.InstanceIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: errNoInstance}
	page, next, err := resource.List(c, r, q, all, func(i *Instance) string { return i.ID }, resource.Fields[Instance]{
		"instance-id": resource.One(func(i *Instance) string { return i.ID }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeInstanceCreditSpecificationsOutput{NextToken: next, InstanceCreditSpecifications: []api.InstanceCreditSpecification{}}
	for _, i := range page {
		out.InstanceCreditSpecifications = append(out.InstanceCreditSpecifications, api.InstanceCreditSpecification{InstanceId: &i.ID, CpuCredits: &i.Credits})
	}
	return out, nil
}

func modifyInstanceCreditSpecification(c *cloud.Call, tx store.Tx, in *api.ModifyInstanceCreditSpecificationInput) (*api.ModifyInstanceCreditSpecificationOutput, error) {
	return resource.Once(c, tx, "ModifyInstanceCreditSpecification", in.ClientToken, in, func() (*api.ModifyInstanceCreditSpecificationOutput, error) {
		out := &api.ModifyInstanceCreditSpecificationOutput{
			SuccessfulInstanceCreditSpecifications:   []api.SuccessfulInstanceCreditSpecificationItem{},
			UnsuccessfulInstanceCreditSpecifications: []api.UnsuccessfulInstanceCreditSpecificationItem{},
		}
		for _, q := range in.InstanceCreditSpecifications {
			if code, message := setCredits(c, tx, q); code != "" {
				out.UnsuccessfulInstanceCreditSpecifications = append(out.UnsuccessfulInstanceCreditSpecifications, api.UnsuccessfulInstanceCreditSpecificationItem{
					InstanceId: new(q.InstanceId), Error: &api.UnsuccessfulInstanceCreditSpecificationItemError{Code: &code, Message: &message},
				})
				continue
			}
			out.SuccessfulInstanceCreditSpecifications = append(out.SuccessfulInstanceCreditSpecifications, api.SuccessfulInstanceCreditSpecificationItem{InstanceId: new(q.InstanceId)})
		}
		return out, nil
	})
}

// setCredits changes one instance, or says why not.
func setCredits(c *cloud.Call, tx store.Tx, q api.InstanceCreditSpecificationRequest) (code, message string) {
	to := cloud.Or(q.CpuCredits, "")
	i, ok := instances.Get(tx, c.Account, c.Region, q.InstanceId)
	switch {
	case !resource.WellFormed("i", q.InstanceId):
		return api.UnsuccessfulInstanceCreditSpecificationErrorCodeInvalidInstanceIDMalformed, "Invalid id: \"" + q.InstanceId + "\""
	case !ok:
		return api.UnsuccessfulInstanceCreditSpecificationErrorCodeInvalidInstanceIDNotFound, "The instance ID '" + q.InstanceId + "' does not exist"
	case i.State != Running && i.State != Stopped:
		return api.UnsuccessfulInstanceCreditSpecificationErrorCodeIncorrectInstanceState, "The instance '" + q.InstanceId + "' is not in a valid state for this operation."
	case i.Credits == "" || !oneOf(&to, "standard", "unlimited"):
		return api.UnsuccessfulInstanceCreditSpecificationErrorCodeInstanceCreditSpecificationNotSupported, "The CPU credit option '" + to + "' is not supported for instance type " + i.Type + "."
	}
	d := i.clone()
	d.Credits = to
	instances.Put(tx, d)
	return "", ""
}
