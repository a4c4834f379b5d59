package instance

import (
	"net/http"
	"slices"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// placementGroup says how its instances lie to each other.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-groups.html
type placementGroup struct {
	Account, Region, Name string
	ID                    string
	Strategy              string // "cluster", "partition", "spread"
	Partitions            int32
	SpreadLevel           string // "rack", "host"
	Made                  time.Time
}

var placementGroups = &store.Table[placementGroup]{
	Name: "ec2.placement",
	Key:  func(g *placementGroup) store.Key { return store.K(g.Account, g.Region, g.Name) },
	Indexes: map[string]func(*placementGroup) store.Key{
		"id": func(g *placementGroup) store.Key { return store.K(g.Account, g.Region, g.ID) },
	},
}

const (
	maxPartitions   = 7
	spreadInZone    = 7
	usualPartitions = 2
)

func errNoPlacementGroup(name string) *cloud.Error {
	return resource.Errorf("InvalidPlacementGroup.Unknown", "The Placement Group '%s' is unknown.", name)
}

// findPlacementGroup is the group of an id or, where that is empty, a name.
func findPlacementGroup(c *cloud.Call, r store.Reader, id, name string) (*placementGroup, error) {
	if id != "" {
		for g := range placementGroups.Index(r, "id", c.Account, c.Region, id) {
			return g, nil
		}
		return nil, resource.Errorf("InvalidPlacementGroupId.NotFound", "The placement group ID '%s' does not exist", id)
	}
	if g, ok := placementGroups.Get(r, c.Account, c.Region, name); ok {
		return g, nil
	}
	return nil, errNoPlacementGroup(name)
}

func createPlacementGroup(c *cloud.Call, tx store.Tx, in *api.CreatePlacementGroupInput) (*api.CreatePlacementGroupOutput, error) {
	g := &placementGroup{
		Account: c.Account, Region: c.Region, Name: cloud.Or(in.GroupName, ""), ID: resource.NewID(c, "pg"), Strategy: cloud.Or(in.Strategy, "cluster"),
		Partitions: cloud.Or(in.PartitionCount, 0), Made: c.Now, SpreadLevel: cloud.Or(in.SpreadLevel, ""),
	}
	if err := g.check(); err != nil {
		return nil, err
	}
	if placementGroups.Has(tx, c.Account, c.Region, g.Name) {
		return nil, resource.Errorf("InvalidPlacementGroup.Duplicate", "The Placement Group '%s' already exists.", g.Name)
	}
	if err := resource.OnlyTags(in.TagSpecifications, "placement-group"); err != nil {
		return nil, err
	}
	tags, err := resource.SpecifiedTags(in.TagSpecifications, "placement-group")
	if err != nil {
		return nil, err
	}
	placementGroups.Insert(tx, g)
	resource.Register(c, tx, "placement-group", g.ID, tags)
	shown := g.api(c, tx)
	return &api.CreatePlacementGroupOutput{PlacementGroup: &shown}, nil
}

func (g *placementGroup) check() error {
	switch {
	case g.Name == "":
		return resource.Missing("GroupName")
	case len(g.Name) > 255:
		return resource.Invalid(g.Name, "GroupName")
	case !slices.Contains([]string{"cluster", "partition", "spread"}, g.Strategy):
		return resource.Invalid(g.Strategy, "strategy")
	case g.Partitions != 0 && g.Strategy != "partition":
		return resource.Combination("Partition count is only supported for the 'partition' strategy.")
	case g.SpreadLevel != "" && g.Strategy != "spread":
		return resource.Combination("Spread level is only supported for the 'spread' strategy.")
	case g.SpreadLevel == "host":
		return resource.Unsupported("Host level spread placement groups are only available with AWS Outposts.")
	}
	if g.Strategy == "partition" {
		if g.Partitions == 0 {
			g.Partitions = usualPartitions
		}
		if g.Partitions < 1 || g.Partitions > maxPartitions {
			return resource.Errorf("InvalidParameterValue", "Value (%d) for parameter partitionCount is invalid. It must be between 1 and %d.", g.Partitions, maxPartitions)
		}
	}
	if g.Strategy == "spread" && g.SpreadLevel == "" {
		g.SpreadLevel = "rack"
	}
	return nil
}

func deletePlacementGroup(c *cloud.Call, tx store.Tx, in *api.DeletePlacementGroupInput) (*cloud.Empty, error) {
	g, err := findPlacementGroup(c, tx, "", in.GroupName)
	if err != nil {
		return nil, err
	}
	if len(g.members(tx)) > 0 {
		return nil, resource.Errorf("InvalidPlacementGroup.InUse", "The placement group '%s' is in use and may not be deleted.", g.Name)
	}
	placementGroups.Delete(tx, c.Account, c.Region, g.Name)
	resource.Unregister(c, tx, g.ID)
	return &cloud.Empty{}, nil
}

// members are the instances of the group that are not gone.
func (g *placementGroup) members(r store.Reader) (list []*Instance) {
	for i := range instances.Scan(r, g.Account, g.Region) {
		if i.Placement.Group == g.ID && i.State != Terminated {
			list = append(list, i)
		}
	}
	return list
}

// admit puts an instance into the group, as its strategy has it. A nil group
// admits all.
func (g *placementGroup) admit(r store.Reader, i *Instance) error {
	if g == nil {
		return nil
	}
	if !slices.Contains(i.Kind().placement, g.Strategy) {
		return resource.Combination("%s placement groups are not supported by the '%s' instance type. Specify a supported instance type or change the placement group strategy, and try your request again.", strings.ToUpper(g.Strategy[:1])+g.Strategy[1:], i.Type)
	}
	load := make([]int, g.Partitions) // instances in each partition, in the zone
	inZone := 0
	for _, m := range g.members(r) {
		switch {
		case m.ID == i.ID:
			continue
		case m.Zone != i.Zone:
			if g.Strategy == "cluster" {
				return resource.Errorf("InvalidParameterValue", "Instances of the cluster placement group '%s' must be in one Availability Zone: %s.", g.Name, m.Zone)
			}
			continue
		}
		inZone++
		if p := int(m.Placement.Partition); p > 0 && p <= len(load) {
			load[p-1]++
		}
	}
	if g.Strategy == "spread" && inZone >= spreadInZone {
		return cloud.Errorf(http.StatusInternalServerError, "InsufficientInstanceCapacity", "We currently do not have sufficient capacity in the Availability Zone you requested (%s): a spread placement group has at most %d instances in each.", i.Zone, spreadInZone)
	}
	i.Placement.Group = g.ID
	if g.Strategy == "partition" && i.Placement.Partition == 0 {
		least := 0
		for p := range load {
			if load[p] < load[least] {
				least = p
			}
		}
		i.Placement.Partition = int32(least + 1)
	}
	return nil
}

// findPlacement reads where instances are to be put.
func (l *launch) findPlacement(c *cloud.Call, r store.Reader) (err error) {
	l.place = Placement{Tenancy: "default"}
	if v, err := findTenancy(c, r, l.subnet.VPC); err != nil {
		return err
	} else if v != "" {
		l.place.Tenancy = v
	}
	p := l.in.Placement
	if p == nil {
		return nil
	}
	if p.Tenancy != nil && l.place.Tenancy == "default" {
		l.place.Tenancy = *p.Tenancy
	}
	l.place.Affinity, l.place.Host, l.place.HostGroup = cloud.Or(p.Affinity, ""), cloud.Or(p.HostId, ""), cloud.Or(p.HostResourceGroupArn, "")
	if l.place.Host != "" && p.Tenancy != nil && *p.Tenancy != "host" {
		return resource.Combination("The parameter HostId can only be used with tenancy 'host'.")
	}
	if l.place.Host != "" {
		l.place.Tenancy = "host"
	}
	name, id := cloud.Or(p.GroupName, ""), cloud.Or(p.GroupId, "")
	if name == "" && id == "" {
		if p.PartitionNumber != nil {
			return resource.Combination("The parameter PartitionNumber can only be used with a partition placement group.")
		}
		return nil
	}
	if l.group, err = findPlacementGroup(c, r, id, name); err != nil {
		return err
	}
	l.place.Partition, err = l.group.partition(p.PartitionNumber)
	return err
}

// partition checks the number of a partition; 0 is any.
func (g *placementGroup) partition(asked *int32) (int32, error) {
	switch {
	case asked == nil:
		return 0, nil
	case g.Strategy != "partition":
		return 0, resource.Combination("The parameter PartitionNumber can only be used with a partition placement group.")
	case *asked < 1 || *asked > g.Partitions:
		return 0, resource.Errorf("InvalidParameterValue", "Value (%d) for parameter partitionNumber is invalid.", *asked)
	}
	return *asked, nil
}

func (g *placementGroup) api(c *cloud.Call, r store.Reader) api.PlacementGroup {
	out := api.PlacementGroup{
		GroupName: &g.Name, GroupId: &g.ID, GroupArn: new(c.ARN("ec2", "placement-group/"+g.Name)), State: new("available"), Strategy: &g.Strategy,
		Tags: resource.APITags(resource.Tags(c, r, g.ID)), SpreadLevel: optional(g.SpreadLevel),
	}
	if g.Partitions > 0 {
		out.PartitionCount = &g.Partitions
	}
	return out
}

func describePlacementGroups(c *cloud.Call, r store.Reader, in *api.DescribePlacementGroupsInput) (*api.DescribePlacementGroupsOutput, error) {
	ids := in.GroupIds
	for _, name := range in.GroupNames {
		g, err := findPlacementGroup(c, r, "", name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, g.ID)
	}
	q := resource.Query{IDs: ids, Filters: in.Filters, NotFound: func(id string) *cloud.Error {
		return resource.Errorf("InvalidPlacementGroupId.NotFound", "The placement group ID '%s' does not exist", id)
	}}
	page, _, err := resource.List(c, r, q, placementGroups.Scan(r, c.Account, c.Region), func(g *placementGroup) string { return g.ID },
		resource.Fields[placementGroup]{
			"group-name":   resource.One(func(g *placementGroup) string { return g.Name }),
			"group-arn":    resource.One(func(g *placementGroup) string { return c.ARN("ec2", "placement-group/"+g.Name) }),
			"spread-level": resource.One(func(g *placementGroup) string { return g.SpreadLevel }),
			"state":        resource.One(func(*placementGroup) string { return "available" }),
			"strategy":     resource.One(func(g *placementGroup) string { return g.Strategy }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribePlacementGroupsOutput{PlacementGroups: []api.PlacementGroup{}}
	for _, g := range page {
		out.PlacementGroups = append(out.PlacementGroups, g.api(c, r))
	}
	return out, nil
}

// modifyInstancePlacement changes where a stopped instance will run, and the
// affinity even of one that runs.
func modifyInstancePlacement(c *cloud.Call, tx store.Tx, in *api.ModifyInstancePlacementInput) (*api.ModifyInstancePlacementOutput, error) {
	err := change(c, tx, in.InstanceId, func(i *Instance) error {
		moves := in.HostId != nil || in.HostResourceGroupArn != nil || in.Tenancy != nil || in.GroupName != nil || in.GroupId != nil || in.PartitionNumber != nil
		if moves && i.State != Stopped {
			return errNotStopped(i.ID)
		}
		p := &i.Placement
		setText(&p.Affinity, in.Affinity)
		setText(&p.Host, in.HostId)
		setText(&p.HostGroup, in.HostResourceGroupArn)
		if in.Tenancy != nil {
			if *in.Tenancy != "host" && *in.Tenancy != "dedicated" || p.Tenancy == "default" {
				return resource.Errorf("InvalidParameterValue", "The tenancy of an instance can only be changed between 'dedicated' and 'host'.")
			}
			p.Tenancy = *in.Tenancy
		}
		if in.GroupName == nil && in.GroupId == nil {
			return nil
		}
		p.Group, p.Partition = "", 0
		if cloud.Or(in.GroupName, "")+cloud.Or(in.GroupId, "") == "" {
			return nil
		}
		g, err := findPlacementGroup(c, tx, cloud.Or(in.GroupId, ""), cloud.Or(in.GroupName, ""))
		if err != nil {
			return err
		}
		if p.Partition, err = g.partition(in.PartitionNumber); err != nil {
			return err
		}
		return g.admit(tx, i)
	})
	return &api.ModifyInstancePlacementOutput{Return: new(err == nil)}, err
}

func setText(p *string, v *string) {
	if v != nil {
		*p = *v
	}
}
