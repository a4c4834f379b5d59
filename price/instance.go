// Package price tells what EC2 instances cost: on demand, by AWS's public
// price list; as reservations; and on a spot market of its own, whose prices
// move under the cloud's clock. The bill and the market ask the same functions,
// so that what is shown and what is charged agree.
//
//	instance.go  on demand
//	spot.go      the spot market
//	reserved.go  reservations and dedicated hosts
//	usage.go     usage types of the bill
package price

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
)

// instances.csv says where its prices are from, and of when.
//
//go:embed instances.csv
var instanceList string

// Windows is the platform whose instances pay for a license. Every other
// platform costs what Linux does.
const Windows = "Windows"

// family is what an xlarge of a family costs, and how many of them its
// metal size has.
type family struct{ usd, metal float64 }

type list struct {
	families map[string]family
	types    map[string]float64
}

// instances is the parsed list. It is embedded, so an error is a bug.
var instances = sync.OnceValue(func() *list {
	l, err := parse(instanceList)
	if err != nil {
		panic(err)
	}
	return l
})

func parse(text string) (*list, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("price: instances: %w", err)
	}
	l := &list{families: map[string]family{}, types: map[string]float64{}}
	for _, row := range rows[1:] {
		usd, err := strconv.ParseFloat(row[2], 64)
		if err != nil {
			return nil, fmt.Errorf("price: instances: %q: %w", row, err)
		}
		if row[0] == "type" {
			l.types[row[1]] = usd
			continue
		}
		f := family{usd: usd}
		if row[3] != "" {
			if f.metal, err = strconv.ParseFloat(row[3], 64); err != nil {
				return nil, fmt.Errorf("price: instances: %q: %w", row, err)
			}
		}
		l.families[row[1]] = f
	}
	return l, nil
}

// unitsOfXlarge is how many normalised units an xlarge is.
const unitsOfXlarge = 8

// Units is the size of an instance type in normalised units, by which sizes of
// a family are compared: 0.25 for a nano, 4 for a large, 8 for each xlarge; 0
// for a size that says nothing.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/apply_ri.html
func Units(kind string) float64 {
	name, size, ok := strings.Cut(kind, ".")
	if !ok {
		return 0
	}
	small := map[string]float64{"nano": 0.25, "micro": 0.5, "small": 1, "medium": 2, "large": 4, "xlarge": unitsOfXlarge}
	if u, ok := small[size]; ok {
		return u
	}
	if size == "metal" {
		return instances().families[name].metal * unitsOfXlarge
	}
	count, ok := strings.CutSuffix(size, "xlarge")
	if !ok {
		count, ok = strings.CutSuffix(strings.TrimPrefix(size, "metal-"), "xl")
	}
	n, err := strconv.Atoi(count)
	if !ok || err != nil {
		return 0
	}
	return float64(n) * unitsOfXlarge
}

// OnDemand is what an hour of an instance type costs on a platform, in USD; ok
// is false where the list has no price.
func OnDemand(kind, platform string) (usd float64, ok bool) {
	l := instances()
	usd, ok = l.types[kind]
	if !ok {
		name, _, _ := strings.Cut(kind, ".")
		f, found := l.families[name]
		units := Units(kind)
		if !found || units == 0 {
			return 0, false
		}
		usd = round(f.usd*units/unitsOfXlarge, 6)
	}
	if platform == Windows {
		usd = round(usd+license(kind), 6)
	}
	return usd, true
}

// windowsVCPU is what Windows costs for each vCPU and hour.
const windowsVCPU = 0.046

// burstableLicenses are what Windows costs for an hour of a burstable type,
// by family and size: these are not priced by the vCPU.
// https://aws.amazon.com/ec2/pricing/on-demand/ as of 2026-01
var burstableLicenses = map[string]map[string]float64{
	"t2": {"nano": 0.0023, "micro": 0.0046, "small": 0.009, "medium": 0.018, "large": 0.028, "xlarge": 0.041, "2xlarge": 0.062},
	"t3": {"nano": 0.0046, "micro": 0.0092, "small": 0.0184, "medium": 0.0184, "large": 0.0276, "xlarge": 0.0736, "2xlarge": 0.1472},
}

// license is what Windows adds to an hour of a type.
func license(kind string) float64 {
	name, size, _ := strings.Cut(kind, ".")
	if l, ok := burstableLicenses[strings.TrimSuffix(name, "a")]; ok {
		return l[size]
	}
	return windowsVCPU * Units(kind) / 2 // a large, four units, has two vCPUs
}

func round(f float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(f*p) / p
}

// Text is a price as EC2 writes it: "0.096000".
func Text(usd float64) string { return strconv.FormatFloat(usd, 'f', 6, 64) }
