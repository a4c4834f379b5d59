package vpc

import (
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Block Public Access: an account says for a region that internet gateways
// carry nothing to its VPCs, but for those VPCs and subnets that it excludes.
// https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa.html

// blocking is what an account has chosen for a region.
type blocking struct {
	Account, Region string
	Mode            string // "off", "block-bidirectional", "block-ingress"
	Updated         time.Time
	Settled         bool // the networks are told
}

// exclusion lets traffic through for a VPC, or for one of its subnets.
type exclusion struct {
	Account, Region, ID string
	VPC, Subnet         string // Subnet "": the whole VPC
	Mode                string // "allow-bidirectional", "allow-egress"
	State               string // "create-complete" ...
	Created, Updated    time.Time
	Deleted             time.Time // zero: it holds
}

var blockings = &store.Table[blocking]{
	Name: "ec2.vpcblocking",
	Key:  func(b *blocking) store.Key { return store.K(b.Account, b.Region) },
}

var exclusions = &store.Table[exclusion]{
	Name: "ec2.vpcexclusion",
	Key:  func(e *exclusion) store.Key { return store.K(e.Account, e.Region, e.ID) },
}

const (
	exclusionKind   = "vpc-block-public-access-exclusion"
	exclusionPrefix = "vpcbpa-exclude"
	blockController = "ec2.vpcblocking"
	maxExclusions   = 50
	// exclusionKept is how long one that was deleted is still described.
	exclusionKept = time.Hour
)

// blockOperations are those of Block Public Access.
func blockOperations() []cloud.Binding {
	return []cloud.Binding{
		writes(&api.ModifyVpcBlockPublicAccessOptions, modifyVpcBlockPublicAccessOptions),
		reads(&api.DescribeVpcBlockPublicAccessOptions, describeVpcBlockPublicAccessOptions),
		writes(&api.CreateVpcBlockPublicAccessExclusion, createVpcBlockPublicAccessExclusion),
		writes(&api.ModifyVpcBlockPublicAccessExclusion, modifyVpcBlockPublicAccessExclusion),
		writes(&api.DeleteVpcBlockPublicAccessExclusion, deleteVpcBlockPublicAccessExclusion),
		reads(&api.DescribeVpcBlockPublicAccessExclusions, describeVpcBlockPublicAccessExclusions),
	}
}

func blockAccess() []cloud.Access {
	return []cloud.Access{
		resource.Looks(&api.ModifyVpcBlockPublicAccessOptions),
		resource.Looks(&api.DescribeVpcBlockPublicAccessOptions),
		resource.Looks(&api.DescribeVpcBlockPublicAccessExclusions),
		api.CreateVpcBlockPublicAccessExclusion.Decides([]string{"ec2:CreateVpcBlockPublicAccessExclusion"}, func(c *cloud.Call, r store.Reader, in *api.CreateVpcBlockPublicAccessExclusionInput) ([]cloud.Check, error) {
			checks := resource.CreateChecks(c, "CreateVpcBlockPublicAccessExclusion", exclusionKind, in.TagSpecifications)
			for kind, id := range map[string]string{"vpc": val(in.VpcId), "subnet": val(in.SubnetId)} {
				if id != "" {
					checks = append(checks, cloud.Check{Action: "ec2:CreateVpcBlockPublicAccessExclusion", Resource: resource.On(c, r, kind, id)})
				}
			}
			return checks, nil
		}),
		resource.Acts(&api.ModifyVpcBlockPublicAccessExclusion, exclusionKind, func(in *api.ModifyVpcBlockPublicAccessExclusionInput) string { return in.ExclusionId }),
		resource.Acts(&api.DeleteVpcBlockPublicAccessExclusion, exclusionKind, func(in *api.DeleteVpcBlockPublicAccessExclusionInput) string { return in.ExclusionId }),
	}
}

func noExclusion(id string) *cloud.Error {
	if !resource.WellFormed(exclusionPrefix, id) {
		return resource.Errorf("InvalidVpcBlockPublicAccessExclusionId.Malformed", "Invalid id: \"%s\" (expecting \"%s-...\")", id, exclusionPrefix)
	}
	return resource.Errorf("InvalidVpcBlockPublicAccessExclusionId.NotFound", "The VPC Block Public Access exclusion ID '%s' does not exist", id)
}

// blockingOf is the account's choice; it blocks nothing until it is made.
func blockingOf(c *cloud.Call, r store.Reader) *blocking {
	if b, ok := blockings.Get(r, c.Account, c.Region); ok {
		return b
	}
	return &blocking{Account: c.Account, Region: c.Region, Mode: api.InternetGatewayBlockModeOff}
}

// blockMode is what is blocked of a subnet, or where it is "" of a VPC.
func blockMode(c *cloud.Call, r store.Reader, vpc, subnet string) string {
	mode := blockingOf(c, r).Mode
	if mode == api.InternetGatewayBlockModeOff {
		return mode
	}
	for e := range exclusions.Scan(r, c.Account, c.Region) {
		switch {
		case e.VPC != vpc || e.Subnet != "" && e.Subnet != subnet || !e.Deleted.IsZero():
		case e.Mode == api.InternetGatewayExclusionModeAllowBidirectional:
			return api.InternetGatewayBlockModeOff
		default: // what goes out alone is let through
			mode = api.InternetGatewayBlockModeBlockIngress
		}
	}
	return mode
}

func blockStates(c *cloud.Call, r store.Reader, vpc, subnet string) *api.BlockPublicAccessStates {
	return &api.BlockPublicAccessStates{InternetGatewayBlockMode: new(blockMode(c, r, vpc, subnet))}
}

// settleBlocking has the networks of the region look again.
func settleBlocking(c *cloud.Call, tx store.Tx) {
	for v := range vpcs.Scan(tx, c.Account, c.Region) {
		touch(c, tx, v.ID)
	}
	tx.After(time.Time{}, blockController, store.K(c.Account, c.Region))
}

// finishBlocking is the controller: what was asked for is done, and exclusions
// that were deleted are forgotten after a time.
func finishBlocking(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		if b, ok := blockings.Get(tx, key...); ok && !b.Settled {
			d := *b
			d.Settled = true
			blockings.Put(tx, &d)
		}
		account, _ := key[0].(string)
		where, _ := key[1].(string)
		for e := range exclusions.Scan(tx, account, where) {
			d := *e
			switch forget := e.Deleted.Add(exclusionKept); {
			case e.Deleted.IsZero() && e.State == api.VpcBlockPublicAccessExclusionStateCreateInProgress:
				d.State = api.VpcBlockPublicAccessExclusionStateCreateComplete
			case e.Deleted.IsZero() && e.State == api.VpcBlockPublicAccessExclusionStateUpdateInProgress:
				d.State = api.VpcBlockPublicAccessExclusionStateUpdateComplete
			case e.Deleted.IsZero():
				continue
			case c.Now.Before(forget):
				d.State = api.VpcBlockPublicAccessExclusionStateDeleteComplete
				tx.After(forget, blockController, key)
			default:
				exclusions.Delete(tx, e.Account, e.Region, e.ID)
				resource.Unregister(c.In(account, where), tx, e.ID)
				continue
			}
			exclusions.Put(tx, &d)
		}
		return nil
	})
}

func modifyVpcBlockPublicAccessOptions(c *cloud.Call, tx store.Tx, in *api.ModifyVpcBlockPublicAccessOptionsInput) (*api.ModifyVpcBlockPublicAccessOptionsOutput, error) {
	b := &blocking{Account: c.Account, Region: c.Region, Mode: in.InternetGatewayBlockMode, Updated: c.Now}
	blockings.Put(tx, b)
	settleBlocking(c, tx)
	return &api.ModifyVpcBlockPublicAccessOptionsOutput{VpcBlockPublicAccessOptions: b.api()}, nil
}

func (b *blocking) api() *api.VpcBlockPublicAccessOptions {
	o := &api.VpcBlockPublicAccessOptions{
		AwsAccountId: &b.Account, AwsRegion: &b.Region, InternetGatewayBlockMode: &b.Mode, ManagedBy: new(api.ManagedByAccount),
		ExclusionsAllowed: new(api.VpcBlockPublicAccessExclusionsAllowedAllowed), State: new(api.VpcBlockPublicAccessStateDefaultState),
	}
	switch {
	case b.Updated.IsZero():
		return o
	case b.Settled:
		o.State = new(api.VpcBlockPublicAccessStateUpdateComplete)
	default:
		o.State = new(api.VpcBlockPublicAccessStateUpdateInProgress)
	}
	o.LastUpdateTimestamp = &b.Updated
	return o
}

func describeVpcBlockPublicAccessOptions(c *cloud.Call, r store.Reader, _ *api.DescribeVpcBlockPublicAccessOptionsInput) (*api.DescribeVpcBlockPublicAccessOptionsOutput, error) {
	return &api.DescribeVpcBlockPublicAccessOptionsOutput{VpcBlockPublicAccessOptions: blockingOf(c, r).api()}, nil
}

func createVpcBlockPublicAccessExclusion(c *cloud.Call, tx store.Tx, in *api.CreateVpcBlockPublicAccessExclusionInput) (*api.CreateVpcBlockPublicAccessExclusionOutput, error) {
	tags, err := tagsFor(in.TagSpecifications, exclusionKind)
	if err != nil {
		return nil, err
	}
	e := &exclusion{
		Account: c.Account, Region: c.Region, ID: resource.NewID(c, exclusionPrefix), VPC: val(in.VpcId), Subnet: val(in.SubnetId), Mode: in.InternetGatewayExclusionMode,
		State: api.VpcBlockPublicAccessExclusionStateCreateInProgress, Created: c.Now, Updated: c.Now,
	}
	switch {
	case e.VPC == "" && e.Subnet == "":
		return nil, resource.Errorf("MissingParameter", "Either VpcId or SubnetId must be specified.")
	case e.VPC != "" && e.Subnet != "":
		return nil, resource.Combination("Only one of VpcId and SubnetId may be specified.")
	case e.VPC != "":
		if _, err := FindVPC(c, tx, e.VPC); err != nil {
			return nil, err
		}
	default:
		s, err := FindSubnet(c, tx, e.Subnet)
		if err != nil {
			return nil, err
		}
		e.VPC = s.VPC
	}
	n := 0
	for o := range exclusions.Scan(tx, c.Account, c.Region) {
		if !o.Deleted.IsZero() {
			continue
		}
		if n++; o.VPC == e.VPC && o.Subnet == e.Subnet {
			return nil, resource.Errorf("VpcBlockPublicAccessExclusionAlreadyExists", "The VPC Block Public Access exclusion '%s' for the resource exists already.", o.ID)
		}
	}
	if n >= maxExclusions {
		return nil, resource.Errorf("VpcBlockPublicAccessExclusionLimitExceeded", "The maximum number of VPC Block Public Access exclusions has been reached.")
	}
	exclusions.Put(tx, e)
	resource.Register(c, tx, exclusionKind, e.ID, tags)
	settleBlocking(c, tx)
	return &api.CreateVpcBlockPublicAccessExclusionOutput{VpcBlockPublicAccessExclusion: e.api(c, tx)}, nil
}

// changeExclusion changes one that holds.
func changeExclusion(c *cloud.Call, tx store.Tx, id string, f func(*exclusion)) (*api.VpcBlockPublicAccessExclusion, error) {
	e, ok := exclusions.Get(tx, c.Account, c.Region, id)
	if !ok || !e.Deleted.IsZero() {
		return nil, noExclusion(id)
	}
	d := *e
	d.Updated = c.Now
	f(&d)
	exclusions.Put(tx, &d)
	settleBlocking(c, tx)
	return d.api(c, tx), nil
}

func modifyVpcBlockPublicAccessExclusion(c *cloud.Call, tx store.Tx, in *api.ModifyVpcBlockPublicAccessExclusionInput) (*api.ModifyVpcBlockPublicAccessExclusionOutput, error) {
	e, err := changeExclusion(c, tx, in.ExclusionId, func(e *exclusion) {
		e.Mode, e.State = in.InternetGatewayExclusionMode, api.VpcBlockPublicAccessExclusionStateUpdateInProgress
	})
	return &api.ModifyVpcBlockPublicAccessExclusionOutput{VpcBlockPublicAccessExclusion: e}, err
}

func deleteVpcBlockPublicAccessExclusion(c *cloud.Call, tx store.Tx, in *api.DeleteVpcBlockPublicAccessExclusionInput) (*api.DeleteVpcBlockPublicAccessExclusionOutput, error) {
	e, err := changeExclusion(c, tx, in.ExclusionId, func(e *exclusion) {
		e.Deleted, e.State = c.Now, api.VpcBlockPublicAccessExclusionStateDeleteInProgress
	})
	return &api.DeleteVpcBlockPublicAccessExclusionOutput{VpcBlockPublicAccessExclusion: e}, err
}

// arn is that of what is excluded.
func (e *exclusion) arn(c *cloud.Call) string {
	if e.Subnet != "" {
		return c.ARN("ec2", "subnet/"+e.Subnet)
	}
	return c.ARN("ec2", "vpc/"+e.VPC)
}

func (e *exclusion) api(c *cloud.Call, r store.Reader) *api.VpcBlockPublicAccessExclusion {
	o := &api.VpcBlockPublicAccessExclusion{
		ExclusionId: &e.ID, InternetGatewayExclusionMode: &e.Mode, ResourceArn: new(e.arn(c)), State: &e.State, CreationTimestamp: &e.Created,
		LastUpdateTimestamp: &e.Updated, Tags: resource.APITags(resource.Tags(c, r, e.ID)),
	}
	if !e.Deleted.IsZero() {
		o.DeletionTimestamp = &e.Deleted
	}
	return o
}

func describeVpcBlockPublicAccessExclusions(c *cloud.Call, r store.Reader, in *api.DescribeVpcBlockPublicAccessExclusionsInput) (*api.DescribeVpcBlockPublicAccessExclusionsOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.ExclusionIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: noExclusion},
		exclusions.Scan(r, c.Account, c.Region), func(e *exclusion) string { return e.ID }, resource.Fields[exclusion]{
			"internet-gateway-exclusion-mode": resource.One(func(e *exclusion) string { return e.Mode }),
			"resource-arn":                    resource.One(func(e *exclusion) string { return e.arn(c) }),
			"state":                           resource.One(func(e *exclusion) string { return e.State }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcBlockPublicAccessExclusionsOutput{VpcBlockPublicAccessExclusions: []api.VpcBlockPublicAccessExclusion{}, NextToken: next}
	for _, e := range list {
		out.VpcBlockPublicAccessExclusions = append(out.VpcBlockPublicAccessExclusions, *e.api(c, r))
	}
	return out, nil
}
