package vpc

import (
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	maxPrefixLists  = 100 // in a region
	maxListEntries  = 1000
	maxEntryChanges = 100 // of one request
)

func createManagedPrefixList(c *cloud.Call, tx store.Tx, in *api.CreateManagedPrefixListInput) (*api.CreateManagedPrefixListOutput, error) {
	return resource.Once(c, tx, "CreateManagedPrefixList", in.ClientToken, in, func() (*api.CreateManagedPrefixListOutput, error) {
		tags, err := tagsFor(in.TagSpecifications, "prefix-list")
		if err != nil {
			return nil, err
		}
		p := &PrefixList{
			Account: c.Account, Region: c.Region, ID: resource.NewID(c, "pl"), Name: in.PrefixListName, Family: in.AddressFamily,
			Max: in.MaxEntries, Version: 1, State: "create-complete",
		}
		switch {
		case p.Family != "IPv4" && p.Family != "IPv6":
			return nil, resource.Invalid(p.Family, "AddressFamily")
		case p.Max < 1 || p.Max > maxListEntries:
			return nil, resource.Invalid(strconv.Itoa(int(p.Max)), "MaxEntries")
		case p.Name == "" || strings.HasPrefix(p.Name, "com.amazonaws"):
			return nil, resource.Errorf("InvalidParameterValue", "The prefix list name '%s' is not allowed.", p.Name)
		case count(prefixLists.Scan(tx, c.Account, c.Region)) >= maxPrefixLists:
			return nil, limit("PrefixListLimitExceeded", "prefix lists")
		}
		list, err := p.edited(nil, in.Entries, nil)
		if err != nil {
			return nil, err
		}
		p.Entries = map[int64][]ListEntry{1: list}
		prefixLists.Put(tx, p)
		resource.Register(c, tx, "prefix-list", p.ID, tags)
		out := p.api(c, tx)
		out.State = new("create-in-progress")
		return &api.CreateManagedPrefixListOutput{PrefixList: out}, nil
	})
}

// edited are entries after a request's changes.
func (p *PrefixList) edited(old []ListEntry, add []api.AddPrefixListEntry, remove []api.RemovePrefixListEntry) ([]ListEntry, error) {
	if len(add) > maxEntryChanges || len(remove) > maxEntryChanges {
		return nil, resource.Errorf("InvalidParameterValue", "You can add or remove at most %d entries in one request.", maxEntryChanges)
	}
	list := slices.Clone(old)
	for _, e := range remove {
		cidr, err := p.parse(e.Cidr)
		if err != nil {
			return nil, err
		}
		n := slices.IndexFunc(list, func(o ListEntry) bool { return o.CIDR == cidr })
		if n < 0 {
			return nil, resource.Errorf("InvalidParameterValue", "The CIDR %s is not in the prefix list.", cidr)
		}
		list = slices.Delete(list, n, n+1)
	}
	for _, e := range add {
		cidr, err := p.parse(e.Cidr)
		if err != nil {
			return nil, err
		}
		entry := ListEntry{cidr, cloud.Or(e.Description, "")}
		if n := slices.IndexFunc(list, func(o ListEntry) bool { return o.CIDR == cidr }); n >= 0 {
			list[n] = entry
		} else {
			list = append(list, entry)
		}
	}
	if len(list) > int(p.Max) {
		return nil, resource.Errorf("PrefixListMaxEntriesExceeded", "You've reached the maximum number of entries for the prefix list.")
	}
	slices.SortFunc(list, func(a, b ListEntry) int { return a.CIDR.Compare(b.CIDR) })
	return list, nil
}

func (p *PrefixList) parse(s string) (netip.Prefix, error) {
	if p.Family == "IPv6" {
		return parseIPv6(s, "Cidr")
	}
	return parseIPv4(s, "Cidr")
}

func (p *PrefixList) arn(c *cloud.Call) string {
	arn := cloud.ARN{Partition: c.Partition, Service: "ec2", Region: p.Region, Account: strings.ToLower(p.Account), Resource: "prefix-list/" + p.ID}
	return arn.String()
}

func (p *PrefixList) api(c *cloud.Call, r store.Reader) *api.ManagedPrefixList {
	o := &api.ManagedPrefixList{
		PrefixListId: &p.ID, PrefixListName: &p.Name, AddressFamily: &p.Family, State: &p.State, PrefixListArn: new(p.arn(c)),
		OwnerId: &p.Account, Tags: resource.APITags(resource.Tags(c, r, p.ID)),
	}
	if p.Account == c.Account {
		o.MaxEntries, o.Version = &p.Max, &p.Version
	}
	return o
}

// changing is a list of the account, to be changed.
func changing(c *cloud.Call, r store.Reader, id string) (*PrefixList, error) {
	p, err := findPrefixList(c, r, id)
	if err != nil {
		return nil, err
	}
	if p.Account != c.Account {
		return nil, resource.Errorf("UnauthorizedOperation", "You are not authorized to perform this operation on the AWS-managed prefix list %s.", id)
	}
	changed := *p
	changed.Entries = map[int64][]ListEntry{}
	for v, list := range p.Entries {
		changed.Entries[v] = list
	}
	return &changed, nil
}

func wrongVersion(p *PrefixList) *cloud.Error {
	return resource.Errorf("PrefixListVersionMismatch", "The prefix list has the incorrect version number.")
}

func modifyManagedPrefixList(c *cloud.Call, tx store.Tx, in *api.ModifyManagedPrefixListInput) (*api.ModifyManagedPrefixListOutput, error) {
	p, err := changing(c, tx, in.PrefixListId)
	if err != nil {
		return nil, err
	}
	edits := len(in.AddEntries)+len(in.RemoveEntries) > 0
	switch {
	case edits && in.CurrentVersion == nil:
		return nil, resource.Missing("CurrentVersion")
	case in.CurrentVersion != nil && *in.CurrentVersion != p.Version:
		return nil, wrongVersion(p)
	case edits && in.MaxEntries != nil:
		return nil, resource.Combination("You cannot modify the entries and the maximum number of entries of a prefix list in the same request.")
	}
	if in.PrefixListName != nil {
		p.Name = *in.PrefixListName
	}
	if in.MaxEntries != nil {
		if int(*in.MaxEntries) < len(p.Entries[p.Version]) || *in.MaxEntries > maxListEntries {
			return nil, resource.Invalid(strconv.Itoa(int(*in.MaxEntries)), "MaxEntries")
		}
		p.Max = *in.MaxEntries
	}
	if edits {
		list, err := p.edited(p.Entries[p.Version], in.AddEntries, in.RemoveEntries)
		if err != nil {
			return nil, err
		}
		p.Version++
		p.Entries[p.Version] = list
	}
	p.State = "modify-complete"
	prefixLists.Put(tx, p)
	touchListUsers(c, tx, p.ID)
	out := p.api(c, tx)
	out.State = new("modify-in-progress")
	return &api.ModifyManagedPrefixListOutput{PrefixList: out}, nil
}

func restoreManagedPrefixListVersion(c *cloud.Call, tx store.Tx, in *api.RestoreManagedPrefixListVersionInput) (*api.RestoreManagedPrefixListVersionOutput, error) {
	p, err := changing(c, tx, in.PrefixListId)
	if err != nil {
		return nil, err
	}
	if in.CurrentVersion != p.Version {
		return nil, wrongVersion(p)
	}
	old, ok := p.Entries[in.PreviousVersion]
	if !ok || in.PreviousVersion >= p.Version {
		return nil, resource.Invalid(strconv.FormatInt(in.PreviousVersion, 10), "PreviousVersion")
	}
	p.Version++
	p.Entries[p.Version], p.State = old, "restore-complete"
	prefixLists.Put(tx, p)
	touchListUsers(c, tx, p.ID)
	out := p.api(c, tx)
	out.State = new("restore-in-progress")
	return &api.RestoreManagedPrefixListVersionOutput{PrefixList: out}, nil
}

func deleteManagedPrefixList(c *cloud.Call, tx store.Tx, in *api.DeleteManagedPrefixListInput) (*api.DeleteManagedPrefixListOutput, error) {
	p, err := changing(c, tx, in.PrefixListId)
	if err != nil {
		return nil, err
	}
	for range listUsers(c, tx, p.ID) {
		return nil, resource.Errorf("DependencyViolation", "The prefix list '%s' is referenced by other resources and cannot be deleted.", p.ID)
	}
	out := p.api(c, tx)
	out.State = new("delete-in-progress")
	prefixLists.Delete(tx, c.Account, c.Region, p.ID)
	resource.Unregister(c, tx, p.ID)
	return &api.DeleteManagedPrefixListOutput{PrefixList: out}, nil
}

// listUsers yields what refers to a list, security groups and route tables, and
// the VPC of each.
func listUsers(c *cloud.Call, r store.Reader, id string) iter.Seq2[string, string] {
	return func(yield func(user, vpc string) bool) {
		for v := range rules.Scan(r, c.Account, c.Region) {
			if g, ok := groups.Get(r, c.Account, c.Region, v.Group); ok && v.PrefixList == id && !yield(g.ID, g.VPC) {
				return
			}
		}
		for t := range routeTables.Scan(r, c.Account, c.Region) {
			for _, route := range t.Routes {
				if route.PrefixList == id && !yield(t.ID, t.VPC) {
					return
				}
			}
		}
	}
}

// touchListUsers has the VPCs looked at that a list is used in.
func touchListUsers(c *cloud.Call, tx store.Tx, id string) {
	for _, vpc := range listUsers(c, tx, id) {
		touch(c, tx, vpc)
	}
}

// allLists yields the lists of the account and Amazon's.
func allLists(c *cloud.Call, r store.Reader) iter.Seq[*PrefixList] {
	return func(yield func(*PrefixList) bool) {
		for _, p := range amazonLists(c.Region) {
			if !yield(p) {
				return
			}
		}
		for p := range prefixLists.Scan(r, c.Account, c.Region) {
			if !yield(p) {
				return
			}
		}
	}
}

func describeManagedPrefixLists(c *cloud.Call, r store.Reader, in *api.DescribeManagedPrefixListsInput) (*api.DescribeManagedPrefixListsOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.PrefixListIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 100, NotFound: noPrefixList},
		allLists(c, r), func(p *PrefixList) string { return p.ID },
		resource.Fields[PrefixList]{
			"owner-id":         resource.One(func(p *PrefixList) string { return p.Account }),
			"prefix-list-id":   resource.One(func(p *PrefixList) string { return p.ID }),
			"prefix-list-name": resource.One(func(p *PrefixList) string { return p.Name }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeManagedPrefixListsOutput{NextToken: next, PrefixLists: []api.ManagedPrefixList{}}
	for _, p := range list {
		out.PrefixLists = append(out.PrefixLists, *p.api(c, r))
	}
	return out, nil
}

func getManagedPrefixListEntries(c *cloud.Call, r store.Reader, in *api.GetManagedPrefixListEntriesInput) (*api.GetManagedPrefixListEntriesOutput, error) {
	p, err := findPrefixList(c, r, in.PrefixListId)
	if err != nil {
		return nil, err
	}
	entries, ok := p.Entries[cloud.Or(in.TargetVersion, p.Version)]
	if !ok {
		return nil, resource.Invalid(strconv.FormatInt(*in.TargetVersion, 10), "TargetVersion")
	}
	all := func(yield func(*ListEntry) bool) {
		for _, e := range entries {
			if !yield(&e) {
				return
			}
		}
	}
	list, next, err := resource.List(c, r, resource.Query{Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 100}, all, func(e *ListEntry) string { return e.CIDR.String() }, nil)
	if err != nil {
		return nil, err
	}
	out := &api.GetManagedPrefixListEntriesOutput{NextToken: next, Entries: []api.PrefixListEntry{}}
	for _, e := range list {
		out.Entries = append(out.Entries, api.PrefixListEntry{Cidr: new(e.CIDR.String()), Description: text(e.Description)})
	}
	return out, nil
}

func getManagedPrefixListAssociations(c *cloud.Call, r store.Reader, in *api.GetManagedPrefixListAssociationsInput) (*api.GetManagedPrefixListAssociationsOutput, error) {
	p, err := findPrefixList(c, r, in.PrefixListId)
	if err != nil {
		return nil, err
	}
	all := func(yield func(*string) bool) {
		seen := map[string]bool{}
		for id := range listUsers(c, r, p.ID) {
			if !seen[id] && !yield(&id) {
				return
			}
			seen[id] = true
		}
	}
	list, next, err := resource.List(c, r, resource.Query{Max: in.MaxResults, Token: in.NextToken, Most: 255}, all, func(id *string) string { return *id }, nil)
	if err != nil {
		return nil, err
	}
	out := &api.GetManagedPrefixListAssociationsOutput{NextToken: next, PrefixListAssociations: []api.PrefixListAssociation{}}
	for _, id := range list {
		out.PrefixListAssociations = append(out.PrefixListAssociations, api.PrefixListAssociation{ResourceId: id, ResourceOwner: &c.Account})
	}
	return out, nil
}

// describePrefixLists tells of Amazon's lists with what is in them.
func describePrefixLists(c *cloud.Call, r store.Reader, in *api.DescribePrefixListsInput) (*api.DescribePrefixListsOutput, error) {
	all := func(yield func(*PrefixList) bool) {
		for _, p := range amazonLists(c.Region) {
			if !yield(p) {
				return
			}
		}
	}
	list, next, err := resource.List(c, r, resource.Query{IDs: in.PrefixListIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: noPrefixList},
		all, func(p *PrefixList) string { return p.ID },
		resource.Fields[PrefixList]{
			"prefix-list-id":   resource.One(func(p *PrefixList) string { return p.ID }),
			"prefix-list-name": resource.One(func(p *PrefixList) string { return p.Name }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribePrefixListsOutput{NextToken: next, PrefixLists: []api.PrefixList{}}
	for _, p := range list {
		o := api.PrefixList{PrefixListId: &p.ID, PrefixListName: &p.Name}
		for _, e := range p.Entries[p.Version] {
			o.Cidrs = append(o.Cidrs, e.CIDR.String())
		}
		out.PrefixLists = append(out.PrefixLists, o)
	}
	return out, nil
}
