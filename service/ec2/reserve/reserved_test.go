package reserve_test

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/meter"
	"pileus/node/nodetest"
	"pileus/price"
)

// offering is the id of what is offered of a type.
func (w *world) offering(kind string, edits ...func(*api.DescribeReservedInstancesOfferingsInput)) string {
	w.T.Helper()
	in := &api.DescribeReservedInstancesOfferingsInput{
		InstanceType: &kind, ProductDescription: new("Linux/UNIX"), OfferingType: new("No Upfront"), OfferingClass: new("standard"), MaxDuration: new(int64(31536000)),
		Filters: []api.Filter{{Name: new("scope"), Values: []string{"Region"}}},
	}
	for _, edit := range edits {
		edit(in)
	}
	list := nodetest.Do(w.World, &api.DescribeReservedInstancesOfferings, in).ReservedInstancesOfferings
	if len(list) != 1 {
		w.T.Fatalf("%d offerings of %s", len(list), kind)
	}
	return *list[0].ReservedInstancesOfferingId
}

func paid(how string) func(*api.DescribeReservedInstancesOfferingsInput) {
	return func(in *api.DescribeReservedInstancesOfferingsInput) { in.OfferingType = &how }
}

func convertible(in *api.DescribeReservedInstancesOfferingsInput) {
	in.OfferingClass = new("convertible")
}

func (w *world) buy(offering string, n int32) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &api.PurchaseReservedInstancesOffering, &api.PurchaseReservedInstancesOfferingInput{ReservedInstancesOfferingId: offering, InstanceCount: n}).ReservedInstancesId
}

func (w *world) reserved(id string) api.ReservedInstances {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeReservedInstances, &api.DescribeReservedInstancesInput{ReservedInstancesIds: []string{id}}).ReservedInstances[0]
}

// costs are what EC2's bill says, by usage type, of instances alone.
func (w *world) costs() map[string]float64 {
	w.T.Helper()
	res, err := http.Get(w.Endpoint + "/_pileus/bill?service=AmazonEC2&from=2026-01-01&to=2030-01-01")
	if err != nil {
		w.T.Fatal(err)
	}
	defer res.Body.Close()
	var b meter.Bill
	if err := json.NewDecoder(res.Body).Decode(&b); err != nil {
		w.T.Fatal(err)
	}
	out := map[string]float64{}
	for _, l := range b.Lines {
		if kind, _, _ := strings.Cut(l.Type, ":"); strings.HasSuffix(kind, "Usage") || kind == "UnusedBox" || kind == "UpfrontFee" || kind == "HostReservation" {
			out[l.Type] += l.Cost
		}
	}
	return out
}

// cost fails the test unless a usage type costs so much.
func (w *world) cost(kind string, want float64) {
	w.T.Helper()
	if got := w.costs()[kind]; math.Abs(got-want) > 1e-6 {
		w.T.Errorf("%s costs %v, want %v", kind, got, want)
	}
}

func TestOfferings(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	in := &api.DescribeReservedInstancesOfferingsInput{InstanceType: new("t3.micro"), MaxResults: new(int32(50))}
	for {
		out := nodetest.Do(w.World, &api.DescribeReservedInstancesOfferings, in)
		for _, o := range out.ReservedInstancesOfferings {
			if seen[*o.ReservedInstancesOfferingId] {
				t.Fatalf("%s is there twice", *o.ReservedInstancesOfferingId)
			}
			seen[*o.ReservedInstancesOfferingId] = true
		}
		if *out.NextToken == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	if want := 12 * 2 * 7; len(seen) != want { // terms, platforms, six zones and the region
		t.Errorf("%d offerings, want %d", len(seen), want)
	}
	for id := range seen {
		if got := nodetest.Do(w.World, &api.DescribeReservedInstancesOfferings, &api.DescribeReservedInstancesOfferingsInput{ReservedInstancesOfferingIds: []string{id}}); *got.ReservedInstancesOfferings[0].ReservedInstancesOfferingId != id {
			t.Errorf("%s was asked for", id)
		}
	}
}

func TestReservationsLowerTheBill(t *testing.T) {
	w := newWorld(t)
	const hours = 10
	onDemand, _ := price.OnDemand("m5.large", "")
	_, hourly, _ := price.Reserved("m5.large", "", price.Term{Years: 1, Class: "standard", Payment: "No Upfront"})
	w.run()
	w.run(func(in *api.RunInstancesInput) { in.InstanceType = new("m5.xlarge") })
	w.Advance(hours * time.Hour)
	w.cost("BoxUsage:m5.large", hours*onDemand)
	w.cost("BoxUsage:m5.xlarge", hours*2*onDemand)

	// Two larges cover the large, and half of the xlarge.
	id := w.buy(w.offering("m5.large"), 2)
	w.Advance(hours * time.Hour)
	w.cost("BoxUsage:m5.large", hours*onDemand)
	w.cost("BoxUsage:m5.xlarge", hours*2*onDemand+hours*onDemand)
	w.cost("HeavyUsage:m5.large", hours*2*hourly)

	// Those of a zone cover their own size alone.
	if x := w.reserved(id); *x.State != "active" || *x.Scope != "Region" || len(x.RecurringCharges) != 1 {
		t.Errorf("the reservation: %+v", x)
	}
	w.Advance(366 * 24 * time.Hour)
	if x := w.reserved(id); *x.State != "retired" {
		t.Errorf("after a year it is %s", *x.State)
	}
	w.cost("HeavyUsage:m5.large", 365*24*2*hourly)
}

func TestPaidInAdvanceAndQueued(t *testing.T) {
	w := newWorld(t)
	all := w.offering("t3.micro", paid("All Upfront"))
	upfront, _, _ := price.Reserved("t3.micro", "", price.Term{Years: 1, Class: "standard", Payment: "All Upfront"})
	_, err := nodetest.Try(w.World, &api.PurchaseReservedInstancesOffering, &api.PurchaseReservedInstancesOfferingInput{ReservedInstancesOfferingId: all, InstanceCount: 2, LimitPrice: &api.ReservedInstanceLimitPrice{Amount: new(1.0)}})
	if code(err) != "InvalidLimitPrice" {
		t.Errorf("over the limit: %v", err)
	}
	w.buy(all, 2)
	w.cost("UpfrontFee", 2*upfront)
	at := w.Now().Add(48 * time.Hour)
	queue := func() string {
		return *nodetest.Do(w.World, &api.PurchaseReservedInstancesOffering, &api.PurchaseReservedInstancesOfferingInput{ReservedInstancesOfferingId: all, InstanceCount: 1, PurchaseTime: &at}).ReservedInstancesId
	}
	kept, dropped := queue(), queue()
	out := nodetest.Do(w.World, &api.DeleteQueuedReservedInstances, &api.DeleteQueuedReservedInstancesInput{ReservedInstancesIds: []string{dropped, "none"}})
	if len(out.SuccessfulQueuedPurchaseDeletions) != 1 || len(out.FailedQueuedPurchaseDeletions) != 1 {
		t.Errorf("deletion: %+v", out)
	}
	if got := *w.reserved(kept).State; got != "queued" {
		t.Errorf("before its time it is %s", got)
	}
	w.Advance(49 * time.Hour)
	if a, b := *w.reserved(kept).State, *w.reserved(dropped).State; a != "active" || b != "queued-deleted" {
		t.Errorf("after their time: %s and %s", a, b)
	}
	w.cost("UpfrontFee", 3*upfront)
}

func TestModifications(t *testing.T) {
	w := newWorld(t)
	id := w.buy(w.offering("m5.xlarge"), 2)
	modify := func(ids []string, targets ...api.ReservedInstancesConfiguration) (string, error) {
		out, err := nodetest.Try(w.World, &api.ModifyReservedInstances, &api.ModifyReservedInstancesInput{ReservedInstancesIds: ids, TargetConfigurations: targets})
		if err != nil {
			return "", err
		}
		w.Drain()
		return *out.ReservedInstancesModificationId, nil
	}
	to := func(kind string, n int32, zone *string) api.ReservedInstancesConfiguration {
		return api.ReservedInstancesConfiguration{InstanceType: &kind, InstanceCount: &n, AvailabilityZone: zone}
	}
	for name, targets := range map[string][]api.ReservedInstancesConfiguration{
		"worth more":   {to("m5.2xlarge", 2, nil)},
		"other family": {to("c5.xlarge", 2, nil)},
		"none of it":   {to("m5.xlarge", 0, nil)},
	} {
		if _, err := modify([]string{id}, targets...); code(err) != "InvalidParameterValue" {
			t.Errorf("%s: %v", name, err)
		}
	}
	m, err := modify([]string{id}, to("m5.large", 2, nil), to("m5.xlarge", 1, new("us-east-1b")))
	if err != nil {
		t.Fatal(err)
	}
	shown := nodetest.Do(w.World, &api.DescribeReservedInstancesModifications, &api.DescribeReservedInstancesModificationsInput{ReservedInstancesModificationIds: []string{m}}).ReservedInstancesModifications[0]
	if *shown.Status != "fulfilled" || len(shown.ModificationResults) != 2 || *w.reserved(id).State != "retired" {
		t.Fatalf("the modification: %+v", shown)
	}
	first, second := *shown.ModificationResults[0].ReservedInstancesId, *shown.ModificationResults[1].ReservedInstancesId
	if x := w.reserved(second); *x.AvailabilityZone != "us-east-1b" || *x.InstanceCount != 1 || !x.End.Equal(w.reserved(first).End.UTC()) {
		t.Errorf("the zonal one: %+v", x)
	}
	if _, err := modify([]string{first, second}, to("m5.2xlarge", 1, nil)); err != nil {
		t.Errorf("merging: %v", err)
	}
}

func TestExchange(t *testing.T) {
	w := newWorld(t)
	id := w.buy(w.offering("m5.large", convertible, paid("All Upfront")), 4)
	w.Advance(30 * 24 * time.Hour)
	target := w.offering("c5.xlarge", convertible, paid("All Upfront"))
	ask := []api.TargetConfigurationRequest{{OfferingId: target}}
	quote := nodetest.Do(w.World, &api.GetReservedInstancesExchangeQuote, &api.GetReservedInstancesExchangeQuoteInput{ReservedInstanceIds: []string{id}, TargetConfigurations: ask})
	// Four larges at 0.096 are worth a little more than two xlarges at 0.17.
	if !*quote.IsValidExchange || *quote.TargetConfigurationValueSet[0].TargetConfiguration.InstanceCount != 3 || *quote.PaymentDue == "0.000000" || len(*quote.PaymentDue) < len("0.000000") {
		t.Fatalf("the quote: %+v", quote)
	}
	less := []api.TargetConfigurationRequest{{OfferingId: target, InstanceCount: new(int32(1))}}
	if q := nodetest.Do(w.World, &api.GetReservedInstancesExchangeQuote, &api.GetReservedInstancesExchangeQuoteInput{ReservedInstanceIds: []string{id}, TargetConfigurations: less}); *q.IsValidExchange {
		t.Error("an exchange for less is valid")
	}
	nodetest.Do(w.World, &api.AcceptReservedInstancesExchangeQuote, &api.AcceptReservedInstancesExchangeQuoteInput{ReservedInstanceIds: []string{id}, TargetConfigurations: ask})
	if got := *w.reserved(id).State; got != "retired" {
		t.Errorf("what was exchanged is %s", got)
	}
	standard := w.buy(w.offering("m5.large"), 1)
	if q := nodetest.Do(w.World, &api.GetReservedInstancesExchangeQuote, &api.GetReservedInstancesExchangeQuoteInput{ReservedInstanceIds: []string{standard}, TargetConfigurations: ask}); *q.IsValidExchange {
		t.Error("standard reservations are exchanged")
	}
}

func TestListings(t *testing.T) {
	w := newWorld(t)
	id := w.buy(w.offering("m5.large"), 3)
	list := func() (*api.CreateReservedInstancesListingOutput, error) {
		return nodetest.Try(w.World, &api.CreateReservedInstancesListing, &api.CreateReservedInstancesListingInput{
			ClientToken: "t" + w.Now().String()[:19], InstanceCount: 2, ReservedInstancesId: id,
			PriceSchedules: []api.PriceScheduleSpecification{{Term: new(int64(11)), Price: new(100.0)}, {Term: new(int64(5)), Price: new(40.0)}},
		})
	}
	if _, err := list(); code(err) != "UnsupportedOperation" {
		t.Errorf("at once: %v", err)
	}
	w.Advance(31 * 24 * time.Hour)
	out, err := list()
	if err != nil {
		t.Fatal(err)
	}
	l := out.ReservedInstancesListings[0]
	if *l.Status != "active" || *l.InstanceCounts[0].InstanceCount != 2 || !*l.PriceSchedules[0].Active || *l.PriceSchedules[1].Active {
		t.Errorf("the listing: %+v", l)
	}
	nodetest.Do(w.World, &api.CancelReservedInstancesListing, &api.CancelReservedInstancesListingInput{ReservedInstancesListingId: *l.ReservedInstancesListingId})
	got := nodetest.Do(w.World, &api.DescribeReservedInstancesListings, &api.DescribeReservedInstancesListingsInput{ReservedInstancesId: &id}).ReservedInstancesListings
	if len(got) != 1 || *got[0].Status != "cancelled" {
		t.Errorf("cancelled: %+v", got)
	}
}

func TestWhatElseIsBilled(t *testing.T) {
	w := newWorld(t)
	onDemand, _ := price.OnDemand("m5.large", "")
	// Three places are reserved and one is used: two are kept free.
	w.reservation(3)
	w.run()
	w.Advance(4 * time.Hour)
	w.cost("UnusedBox:m5.large", 8*onDemand)
	w.cost("BoxUsage:m5.large", 4*onDemand)

	// A spot instance costs what its zone asks.
	spot := nodetest.Do(w.World, &api.RunInstances, runInput(func(in *api.RunInstancesInput) {
		in.InstanceType, in.InstanceMarketOptions = new("c5.large"), &api.InstanceMarketOptionsRequest{MarketType: new("spot")}
	})).Instances[0].InstanceId
	w.Drain()
	w.Advance(2 * time.Hour)
	nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{*spot}})
	w.Drain()
	mean, _ := price.SpotMean("c5.large", "", "us-east-1a", w.Now())
	w.cost("SpotUsage:c5.large", 2*mean)

	// A host costs what it costs, its instances nothing.
	hourly, _ := price.Host("m5.24xlarge")
	ids := nodetest.Do(w.World, &api.AllocateHosts, &api.AllocateHostsInput{AvailabilityZone: new("us-east-1a"), InstanceFamily: new("m5")}).HostIds
	w.run(func(in *api.RunInstancesInput) { in.InstanceType, in.Placement.Tenancy = new("m5.xlarge"), new("host") })
	w.Advance(90 * time.Minute)
	w.cost("HostUsage:m5.24xlarge", 1.5*hourly)
	if _, billed := w.costs()["BoxUsage:m5.xlarge"]; billed {
		t.Error("an instance on a host is billed")
	}

	// Reserved, it costs less.
	o := nodetest.Do(w.World, &api.DescribeHostReservationOfferings, &api.DescribeHostReservationOfferingsInput{Filter: []api.Filter{
		{Name: new("instance-family"), Values: []string{"m5"}}, {Name: new("payment-option"), Values: []string{"NoUpfront"}}}, MaxDuration: new(int32(31536000))}).OfferingSet
	if len(o) != 1 {
		t.Fatalf("offerings of hosts: %+v", o)
	}
	preview := nodetest.Do(w.World, &api.GetHostReservationPurchasePreview, &api.GetHostReservationPurchasePreviewInput{HostIdSet: ids, OfferingId: *o[0].OfferingId})
	bought := nodetest.Do(w.World, &api.PurchaseHostReservation, &api.PurchaseHostReservationInput{HostIdSet: ids, OfferingId: *o[0].OfferingId})
	if *preview.TotalHourlyPrice != *bought.TotalHourlyPrice || *bought.TotalUpfrontPrice != "0.000" {
		t.Errorf("preview %+v, purchase %+v", preview, bought)
	}
	_, reserved, _ := price.ReservedHost("m5.24xlarge", price.Term{Years: 1, Class: "standard", Payment: "No Upfront"})
	w.Advance(150 * time.Minute)
	w.cost("HostUsage:m5.24xlarge", 1.5*hourly)
	w.cost("HostReservation:m5.24xlarge", 2.5*reserved)
	w.Advance(366 * 24 * time.Hour)
	if r := nodetest.Do(w.World, &api.DescribeHostReservations, &api.DescribeHostReservationsInput{}).HostReservationSet; len(r) != 1 || *r[0].State != "retired" {
		t.Errorf("after a year: %+v", r)
	}
}
