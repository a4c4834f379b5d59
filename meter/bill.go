package meter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"pileus/store"
)

// Query chooses and groups what a bill shows.
type Query struct {
	From, To time.Time // the hours that begin from From and before To
	// By are the groups: "account", "region", "service", "type", "operation",
	// "resource", "hour", "day", "month" and "tag:KEY".
	By                       []string
	Account, Region, Service string // only these, where not empty
}

// Bill is what was used and what it costs.
type Bill struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Currency string    `json:"currency"`
	By       []string  `json:"by"`
	Lines    []Line    `json:"lines"`
	Groups   []Group   `json:"groups"`
	Total    float64   `json:"total"`
	Notes    []string  `json:"notes"`
}

// Line is the usage of one type at one rate in one group.
type Line struct {
	Group       []string `json:"group"` // values of By
	Service     string   `json:"service"`
	Type        string   `json:"type"`
	Description string   `json:"description"`
	Unit        string   `json:"unit"`
	Quantity    float64  `json:"quantity"`
	Rate        float64  `json:"rate"` // USD per unit
	Cost        float64  `json:"cost"` // USD
	Unpriced    bool     `json:"unpriced,omitempty"`
}

// Group is the sum of the lines of one group.
type Group struct {
	Group []string `json:"group"`
	Cost  float64  `json:"cost"`
}

const (
	noteRegions  = "Prices are those of us-east-1, in every region."
	noteList     = "On-demand prices of AWS's public price list as of November 2025, of EC2 instances as of January 2026; spot prices are this cloud's own market; no taxes, no discounts, no S3 free tier of the first twelve months."
	noteAccounts = "Free allowances and volume tiers are counted for each account by itself, also in an organization."
	noteUnpriced = "Some usage has no price in the list and is shown at no cost."
)

// untagged is the group of what does not carry a tag.
const untagged = "(untagged)"

// NewBill makes the bill of what is stored. Errors tell the user what is wrong
// with the query.
func NewBill(r store.Reader, q Query) (*Bill, error) {
	for _, by := range q.By {
		if _, err := groupOf(by, &Usage{}); err != nil {
			return nil, err
		}
	}
	b := &Bill{
		From: q.From, To: q.To, Currency: "USD", By: append([]string{}, q.By...), Lines: []Line{}, Groups: []Group{},
		Notes: []string{noteRegions, noteList, noteAccounts},
	}
	lines := map[string]*Line{}
	l := ledger{used: map[ledgerKey]float64{}}
	// Tiers fill from the beginning of the month, whatever part is shown.
	for u := range usages.ScanFrom(r, store.K(), store.K(monthOf(q.From))) {
		if !u.Hour.Before(q.To) {
			break
		}
		if q.Account != "" && u.Account != q.Account {
			continue
		}
		charges, p := parts(&l, u)
		if u.Hour.Before(q.From) || q.Region != "" && u.Region != q.Region || q.Service != "" && u.Service != q.Service {
			continue
		}
		for _, c := range charges {
			addLine(lines, q.By, u, p, c)
		}
	}
	b.sum(lines)
	return b, nil
}

// parts divides usage into parts with one rate each; p is nil where the list
// has no price.
func parts(l *ledger, u *Usage) (list []charge, p *Price) {
	if p = priceOf(u); p == nil {
		return []charge{{u.Quantity, 0, "No price is known"}}, nil
	}
	return l.charge(p, u, p.units(u)), p
}

func addLine(lines map[string]*Line, by []string, u *Usage, p *Price, c charge) {
	group := make([]string, len(by))
	for i, name := range by {
		group[i], _ = groupOf(name, u) // names were checked
	}
	key := fmt.Sprintf("%q %q %q %q %v", group, u.Service, u.Type, c.description, c.usd)
	x := lines[key]
	if x == nil {
		x = &Line{Group: group, Service: u.Service, Type: u.Type, Description: c.description, Rate: c.usd, Unpriced: p == nil}
		if p != nil {
			x.Unit = p.Unit
		}
		lines[key] = x
	}
	x.Quantity += c.units
	x.Cost += c.units * c.usd
}

// groupOf is the group of usage by one name.
func groupOf(by string, u *Usage) (string, error) {
	switch by {
	case "account":
		return u.Account, nil
	case "region":
		return u.Region, nil
	case "service":
		return u.Service, nil
	case "type":
		return u.Type, nil
	case "operation":
		return u.Operation, nil
	case "resource":
		return u.Resource, nil
	case "hour":
		return u.Hour.UTC().Format("2006-01-02T15:00Z"), nil
	case "day":
		return u.Hour.UTC().Format("2006-01-02"), nil
	case "month":
		return u.Hour.UTC().Format("2006-01"), nil
	}
	key, ok := strings.CutPrefix(by, "tag:")
	if !ok || key == "" {
		return "", fmt.Errorf("a bill is grouped by account, region, service, type, operation, resource, hour, day, month or tag:KEY, not by %q", by)
	}
	if v, ok := u.Tags[key]; ok {
		return v, nil
	}
	return untagged, nil
}

// sum puts the lines in order and adds them up.
func (b *Bill) sum(lines map[string]*Line) {
	for _, x := range lines {
		b.Lines = append(b.Lines, *x)
	}
	slices.SortFunc(b.Lines, func(x, y Line) int {
		return cmp.Or(slices.Compare(x.Group, y.Group), cmp.Compare(x.Service, y.Service),
			cmp.Compare(x.Type, y.Type), cmp.Compare(y.Rate, x.Rate), cmp.Compare(x.Description, y.Description))
	})
	unpriced := false
	for _, x := range b.Lines {
		if n := len(b.Groups); n == 0 || !slices.Equal(b.Groups[n-1].Group, x.Group) {
			b.Groups = append(b.Groups, Group{Group: x.Group})
		}
		b.Groups[len(b.Groups)-1].Cost += x.Cost
		b.Total += x.Cost
		unpriced = unpriced || x.Unpriced
	}
	if unpriced {
		b.Notes = append(b.Notes, noteUnpriced)
	}
}
