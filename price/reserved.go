package price

import (
	"strings"
	"time"
)

// Year is the length of a year of a reservation.
const Year = 365 * 24 * time.Hour

// Term is how a reservation is bought.
type Term struct {
	Years   int
	Class   string // "standard", "convertible"
	Payment string // "No Upfront", "Partial Upfront", "All Upfront"
}

// Terms are all that there are.
func Terms() (list []Term) {
	for _, years := range []int{1, 3} {
		for _, class := range []string{"standard", "convertible"} {
			for _, payment := range []string{"No Upfront", "Partial Upfront", "All Upfront"} {
				list = append(list, Term{years, class, payment})
			}
		}
	}
	return list
}

// shares are what a reservation costs in all, as a share of the price on
// demand. They are those of the m5 family in us-east-1 as of 2026-01
// (https://aws.amazon.com/ec2/pricing/reserved-instances/pricing/), taken for
// all families: AWS's differ by some percent between families.
var shares = map[Term]float64{
	{1, "standard", "No Upfront"}:         0.63,
	{1, "standard", "Partial Upfront"}:    0.60,
	{1, "standard", "All Upfront"}:        0.588,
	{1, "convertible", "No Upfront"}:      0.72,
	{1, "convertible", "Partial Upfront"}: 0.69,
	{1, "convertible", "All Upfront"}:     0.675,
	{3, "standard", "No Upfront"}:         0.43,
	{3, "standard", "Partial Upfront"}:    0.40,
	{3, "standard", "All Upfront"}:        0.376,
	{3, "convertible", "No Upfront"}:      0.50,
	{3, "convertible", "Partial Upfront"}: 0.46,
	{3, "convertible", "All Upfront"}:     0.45,
}

// Reserved is what the reservation of a type costs: once, and each hour.
func Reserved(kind, platform string, t Term) (upfront, hourly float64, ok bool) {
	base, ok := OnDemand(kind, platform)
	if !ok {
		return 0, 0, false
	}
	upfront, hourly, ok = split(base, t)
	return upfront, hourly, ok
}

// split divides what a term costs into what is paid at first and by the hour.
func split(onDemand float64, t Term) (upfront, hourly float64, ok bool) {
	share, ok := shares[t]
	if !ok {
		return 0, 0, false
	}
	hours := float64(t.Years) * Year.Hours()
	hourly = round(onDemand*share, 5)
	switch t.Payment {
	case "Partial Upfront":
		half := onDemand * share / 2
		return round(half*hours, 0), round(half, 5), true
	case "All Upfront":
		return round(onDemand*share*hours, 0), 0, true
	}
	return 0, hourly, true
}

// hostFactor is by how much a dedicated host costs more than the instance
// that fills it.
const hostFactor = 1.1

// Host is what an hour of a dedicated host costs that takes instances of a
// type which fills it: its family's largest.
func Host(largest string) (usd float64, ok bool) {
	usd, ok = OnDemand(largest, "")
	return round(usd*hostFactor, 5), ok
}

// ReservedHost is what the reservation of such a host costs.
func ReservedHost(largest string, t Term) (upfront, hourly float64, ok bool) {
	base, ok := Host(largest)
	if !ok {
		return 0, 0, false
	}
	return split(base, t)
}

// String is the term as usage carries it: "1yr standard No Upfront".
func (t Term) String() string {
	return string(rune('0'+t.Years)) + "yr " + t.Class + " " + t.Payment
}

// parseTerm reads what String wrote.
func parseTerm(s string) (t Term, ok bool) {
	for t := range shares {
		if strings.EqualFold(t.String(), s) {
			return t, true
		}
	}
	return t, false
}
