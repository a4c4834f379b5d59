package ssm

import (
	"slices"
	"strings"
	"time"

	"pileus/ami"
	api "pileus/api/ssm"
	"pileus/cloud"
	"pileus/region"
	"pileus/store"
)

// publicPrefix is where AWS's own parameters lie.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html
const publicPrefix = "/aws/service/"

// public is a public parameter of the call's region.
func public(c *cloud.Call, n name) (*version, bool) {
	if !strings.HasPrefix(n.name, publicPrefix) || (n.selector != "" && n.selector != "1") {
		return nil, false
	}
	for _, v := range publicParameters(c.Region) {
		if v.Name == n.name {
			return v, true
		}
	}
	return nil, false
}

// publicParameters are the images of the catalogue, the regions and their
// zones, ordered by name.
func publicParameters(in string) []*version {
	var list []*version
	add := func(name, value, dataType string, at time.Time) {
		list = append(list, &version{Region: in, Name: name, Number: 1, Type: api.ParameterTypeString, Value: value, DataType: dataType, Modified: at})
	}
	var released time.Time
	for _, i := range ami.All() {
		released = i.Created
		for _, p := range i.Parameters {
			add(p, i.ID(in), imageDataType, i.Created)
		}
	}
	const infrastructure = publicPrefix + "global-infrastructure/"
	for _, r := range region.All() {
		add(infrastructure+"regions/"+r.Name, r.Name, "text", released)
		add(infrastructure+"regions/"+r.Name+"/longName", r.Location, "text", released)
		for _, z := range r.Zones() {
			add(infrastructure+"availability-zones/"+z.ID, z.ID, "text", released)
			add(infrastructure+"regions/"+r.Name+"/availability-zones/"+z.ID, z.ID, "text", released)
		}
	}
	slices.SortFunc(list, func(a, b *version) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// publicPage is a page of the public parameters that keep lets through.
func publicPage(c *cloud.Call, keep func(name string) bool, token string, limit int) (page []*version, next *string, err error) {
	var after []byte
	if token != "" {
		var ok bool
		if after, ok = store.ReadCursor(token); !ok {
			return nil, nil, errToken
		}
	}
	for _, v := range publicParameters(c.Region) {
		if v.Name <= string(after) || !keep(v.Name) {
			continue
		}
		if len(page) == limit {
			last := store.Cursor([]byte(page[limit-1].Name))
			return page, &last, nil
		}
		page = append(page, v)
	}
	return page, nil, nil
}
