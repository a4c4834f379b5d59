package meter

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"pileus/price"
)

// prices.csv says where its prices are from, and of when.
//
//go:embed prices.csv
var priceList string

// Price is what one usage type costs.
type Price struct {
	Service, Type, Operation string
	Unit                     string // "Requests", "GB", "GB-Mo"
	Allowance                string // name of the free allowance that is used up first
	Tiers                    []Tier
}

// Tier is a rate from some quantity in a month on.
type Tier struct {
	From        float64
	USD         float64 // per unit
	Description string
}

type priceKey struct{ service, kind, operation string }

// prices is the parsed list. It is embedded, so an error is a bug.
var prices = sync.OnceValue(func() map[priceKey]*Price {
	list, err := parsePrices(priceList)
	if err != nil {
		panic(err)
	}
	return list
})

func parsePrices(text string) (map[priceKey]*Price, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("meter: price list: %w", err)
	}
	list := map[priceKey]*Price{}
	for _, row := range rows[1:] {
		from, err1 := strconv.ParseFloat(row[4], 64)
		usd, err2 := strconv.ParseFloat(row[5], 64)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("meter: price list: %q has no numbers", row)
		}
		k := priceKey{row[0], row[1], row[2]}
		p := list[k]
		if p == nil {
			p = &Price{Service: row[0], Type: row[1], Operation: row[2], Unit: row[3], Allowance: row[6]}
			list[k] = p
		}
		if n := len(p.Tiers); n == 0 && from != 0 || n > 0 && from <= p.Tiers[n-1].From {
			return nil, fmt.Errorf("meter: price list: the tiers of %v are out of order", k)
		}
		if p.Allowance != "" && allowances[p.Allowance] == 0 {
			return nil, fmt.Errorf("meter: price list: no allowance is called %q", p.Allowance)
		}
		p.Tiers = append(p.Tiers, Tier{from, usd, row[7]})
	}
	return list, nil
}

// allowances are what is free each month, for each account and all regions
// together, without an end.
//
//	transfer-out: https://aws.amazon.com/ec2/pricing/on-demand/ (100 GB to the internet, all services together)
//	sqs-requests: https://aws.amazon.com/sqs/pricing/ (a million requests)
//	cw-...: https://aws.amazon.com/cloudwatch/pricing/ (free tier)
var allowances = map[string]float64{
	"transfer-out": 100,
	"sqs-requests": 1_000_000,

	"cw-metrics":    10,
	"cw-alarms":     10,
	"cw-dashboards": 3,
	"cw-requests":   1_000_000,
}

// priceOf is the price of a usage type; nil where the list has none.
func priceOf(u *Usage) *Price {
	if u.Service == "AmazonEC2" {
		if r, ok := price.Of(u.Region, u.Type, u.Operation, u.Hour); ok {
			return &Price{Service: u.Service, Type: u.Type, Operation: u.Operation, Unit: r.Unit, Tiers: []Tier{{USD: r.USD, Description: r.Description}}}
		}
	}
	list := prices()
	if p, ok := list[priceKey{u.Service, u.Type, u.Operation}]; ok {
		return p
	}
	return list[priceKey{u.Service, u.Type, ""}]
}

// units is the quantity in the price's unit.
func (p *Price) units(u *Usage) float64 {
	switch p.Unit {
	case "GB-Mo":
		return u.Quantity / (1 << 30) / hoursOfMonth(u.Hour)
	case "Metrics", "Alarms", "Dashboards", "IOPS-Mo", "GiBps-mo": // by the month
		return u.Quantity / hoursOfMonth(u.Hour)
	}
	return u.Quantity
}

func hoursOfMonth(t time.Time) float64 {
	first := monthOf(t)
	return first.AddDate(0, 1, 0).Sub(first).Hours()
}

func monthOf(t time.Time) time.Time {
	y, m, _ := t.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

// charge is a part of some usage that has one rate.
type charge struct {
	units       float64
	usd         float64 // rate
	description string
}

// ledger knows how much of each allowance and tier a month has used up.
type ledger struct{ used map[ledgerKey]float64 }

type ledgerKey struct {
	month                  int64
	account, region, price string
}

// charge divides units into what is free and what falls into each tier. Tiers
// are counted by account and region, allowances by account.
func (l *ledger) charge(p *Price, u *Usage, units float64) (parts []charge) {
	month := monthOf(u.Hour).Unix()
	if p.Allowance != "" {
		k := ledgerKey{month, u.Account, "", p.Allowance}
		if free := min(units, allowances[p.Allowance]-l.used[k]); free > 0 {
			l.used[k] += free
			units -= free
			parts = append(parts, charge{free, 0, "Free each month: " + p.Unit + " within the allowance"})
		}
	}
	k := ledgerKey{month, u.Account, u.Region, p.Service + " " + p.Type + " " + p.Operation}
	for i, t := range p.Tiers {
		room := units
		if i+1 < len(p.Tiers) {
			room = min(units, p.Tiers[i+1].From-l.used[k])
		}
		if room <= 0 {
			continue
		}
		l.used[k] += room
		units -= room
		parts = append(parts, charge{room, t.USD, t.Description})
	}
	return parts
}
