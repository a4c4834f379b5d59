package reserve

import (
	"math"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/price"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// exchange is a trade of convertible reservations for others, worked out.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ri-convertible-exchange.html
type exchange struct {
	sources  []*reserved
	from     []worth // of each source
	targets  []*offering
	counts   []int32
	to       []worth
	end      time.Time
	due      float64
	invalid  string // why it is not possible
	have, of worth  // in all
}

// worth is what a reservation stands for until its end, in USD.
type worth struct{ hourly, upfront, total float64 }

func (w *worth) add(o worth) {
	w.hourly += o.hourly
	w.upfront += o.upfront
	w.total += o.total
}

func (w worth) api() *api.ReservationValue {
	return &api.ReservationValue{HourlyPrice: new(price.Text(w.hourly)), RemainingUpfrontValue: new(price.Text(w.upfront)), RemainingTotalValue: new(price.Text(w.total))}
}

// worthOf is what is left of a reservation with so many hours to go.
func worthOf(count int32, upfront, hourly float64, term price.Term, left time.Duration) worth {
	n := float64(count)
	rest := upfront * n * left.Hours() / (time.Duration(term.Years) * price.Year).Hours()
	return worth{hourly * n, math.Round(rest*100) / 100, math.Round((rest+hourly*n*left.Hours())*100) / 100}
}

// workOut judges an exchange. The count of the first target may be left out:
// it is the least whose value is not below that of what is given.
func workOut(c *cloud.Call, r store.Reader, ids []string, targets []api.TargetConfigurationRequest) (*exchange, error) {
	x := &exchange{}
	if len(ids) == 0 {
		return nil, resource.Missing("ReservedInstanceId")
	}
	if len(targets) == 0 {
		return nil, resource.Missing("TargetConfiguration")
	}
	for _, id := range ids {
		s, err := findReserved(c, r, id)
		if err != nil {
			return nil, err
		}
		if s.End.After(x.end) {
			x.end = s.End
		}
		switch {
		case s.State != "active":
			x.invalid = "The Reserved Instances '" + id + "' are not active."
		case s.Term.Class != "convertible":
			x.invalid = "The Reserved Instances '" + id + "' are not convertible."
		}
		w := worthOf(s.Count, s.Upfront, s.hourly(), s.Term, s.End.Sub(c.Now))
		x.have.add(w)
		x.sources, x.from = append(x.sources, s), append(x.from, w)
	}
	for _, t := range targets {
		o, err := findOffering(c, t.OfferingId)
		if err != nil {
			return nil, err
		}
		if o.Term.Class != "convertible" {
			x.invalid = "The offering '" + o.ID + "' is not convertible."
		}
		left := x.end.Sub(c.Now)
		count := cloud.Or(t.InstanceCount, 0)
		if count < 1 {
			one := worthOf(1, o.Upfront, o.Hourly, o.Term, left)
			count = max(1, int32(math.Ceil((x.have.total-x.of.total)/one.total-1e-9)))
		}
		w := worthOf(count, o.Upfront, o.Hourly, o.Term, left)
		x.of.add(w)
		x.targets, x.counts, x.to = append(x.targets, o), append(x.counts, count), append(x.to, w)
	}
	if x.of.total < x.have.total-0.01 && x.invalid == "" {
		x.invalid = "The value of the target configuration is lower than that of the Reserved Instances that are exchanged."
	}
	x.due = max(0, x.of.upfront-x.have.upfront)
	return x, nil
}

func getReservedInstancesExchangeQuote(c *cloud.Call, r store.Reader, in *api.GetReservedInstancesExchangeQuoteInput) (*api.GetReservedInstancesExchangeQuoteOutput, error) {
	x, err := workOut(c, r, in.ReservedInstanceIds, in.TargetConfigurations)
	if err != nil {
		return nil, err
	}
	out := &api.GetReservedInstancesExchangeQuoteOutput{
		CurrencyCode: new("USD"), IsValidExchange: new(x.invalid == ""), ValidationFailureReason: optional(x.invalid), PaymentDue: new(price.Text(x.due)),
		OutputReservedInstancesWillExpireAt: &x.end, ReservedInstanceValueRollup: x.have.api(), TargetConfigurationValueRollup: x.of.api(),
	}
	for n, s := range x.sources {
		out.ReservedInstanceValueSet = append(out.ReservedInstanceValueSet, api.ReservedInstanceReservationValue{ReservedInstanceId: &s.ID, ReservationValue: x.from[n].api()})
	}
	for n, o := range x.targets {
		out.TargetConfigurationValueSet = append(out.TargetConfigurationValueSet, api.TargetReservationValue{
			ReservationValue: x.to[n].api(), TargetConfiguration: &api.TargetConfiguration{OfferingId: &o.ID, InstanceCount: &x.counts[n]},
		})
	}
	return out, nil
}

func acceptReservedInstancesExchangeQuote(c *cloud.Call, tx store.Tx, in *api.AcceptReservedInstancesExchangeQuoteInput) (*api.AcceptReservedInstancesExchangeQuoteOutput, error) {
	x, err := workOut(c, tx, in.ReservedInstanceIds, in.TargetConfigurations)
	if err != nil {
		return nil, err
	}
	if x.invalid != "" {
		return nil, resource.Errorf("InvalidParameterValue", "%s", x.invalid)
	}
	for n, o := range x.targets {
		to := &reserved{
			Account: c.Account, Region: c.Region, ID: newUUID(c), Offering: o.ID, Type: o.Type, Platform: o.Platform, Zone: o.Zone, Term: o.Term, Count: x.counts[n],
			State: "active", Start: c.Now, End: x.end, Upfront: o.Upfront,
		}
		reserveds.Put(tx, to)
		resource.Register(c, tx, reservedKind, to.ID, nil)
		tx.After(to.End, reservedController, to.key())
	}
	for _, s := range x.sources {
		s.retire(c, tx, c.Now)
	}
	id := "riex-" + newUUID(c)
	upfront(c, tx, c.Account, c.Region, id, x.due)
	return &api.AcceptReservedInstancesExchangeQuoteOutput{ExchangeId: &id}, nil
}
