package instance

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// metadataDefaults are an account's, in a region; empty members have none.
type metadataDefaults struct {
	Account, Region        string
	Tokens, Endpoint, Tags string
	Enforced               string // "enabled": nothing is launched that does not require tokens
	HopLimit               int32
}

var defaults = &store.Table[metadataDefaults]{
	Name: "ec2.metadatadefaults",
	Key:  func(d *metadataDefaults) store.Key { return store.K(d.Account, d.Region) },
}

const maxHops = 64

// launchMetadata are the options of a new instance: the request's, else the
// account's, else the image's, else AWS's.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html#instance-metadata-options-order-of-precedence
func launchMetadata(c *cloud.Call, r store.Reader, image Image, asked *api.InstanceMetadataOptionsRequest) (MetadataOptions, error) {
	o := MetadataOptions{Tokens: "optional", HopLimit: 1, Endpoint: "enabled", IPv6: "disabled", Tags: "disabled"}
	if image.IMDSv2 {
		o.Tokens, o.HopLimit = "required", 2
	}
	if d, ok := defaults.Get(r, c.Account, c.Region); ok {
		known := func(p *string, v string) {
			if v != "" {
				*p = v
			}
		}
		known(&o.Tokens, d.Tokens)
		known(&o.Endpoint, d.Endpoint)
		known(&o.Tags, d.Tags)
		if d.HopLimit > 0 {
			o.HopLimit = d.HopLimit
		}
	}
	if asked != nil {
		if err := o.set(asked.HttpTokens, asked.HttpEndpoint, asked.HttpProtocolIpv6, asked.InstanceMetadataTags, asked.HttpPutResponseHopLimit); err != nil {
			return o, err
		}
	}
	if o.Tokens != "required" && tokensEnforced(c, r) {
		return o, resource.Unsupported("You can't launch instances with IMDSv1 because httpTokensEnforced is enabled for this account. Either launch the instance with httpTokens=required or contact your account owner to disable httpTokensEnforced using the ModifyInstanceMetadataDefaults API or the account settings in the EC2 console.")
	}
	return o, nil
}

// tokensEnforced tells whether the account lets no instance do without tokens.
func tokensEnforced(c *cloud.Call, r store.Reader) bool {
	d, ok := defaults.Get(r, c.Account, c.Region)
	return ok && d.Enforced == "enabled"
}

// set changes what is given.
func (o *MetadataOptions) set(tokens, endpoint, ipv6, tags *string, hops *int32) error {
	for _, p := range []*string{endpoint, ipv6, tags} {
		if !oneOf(p, "enabled", "disabled") {
			return resource.Invalid(*p, "MetadataOptions")
		}
	}
	if !oneOf(tokens, "optional", "required") {
		return resource.Invalid(*tokens, "HttpTokens")
	}
	if hops != nil && (*hops < 1 || *hops > maxHops) {
		return resource.Errorf("InvalidParameterValue", "The value %d for HttpPutResponseHopLimit is invalid. It must be between 1 and 64.", *hops)
	}
	if endpoint != nil && *endpoint == "disabled" && (tokens != nil || hops != nil) {
		return resource.Combination("The HttpEndpoint parameter cannot be 'disabled' when other metadata options are specified.")
	}
	setText(&o.Tokens, tokens)
	setText(&o.Endpoint, endpoint)
	setText(&o.IPv6, ipv6)
	setText(&o.Tags, tags)
	if hops != nil {
		o.HopLimit = *hops
	}
	return nil
}

func (o MetadataOptions) api(state string) *api.InstanceMetadataOptionsResponse {
	return &api.InstanceMetadataOptionsResponse{
		State: &state, HttpTokens: &o.Tokens, HttpPutResponseHopLimit: &o.HopLimit, HttpEndpoint: &o.Endpoint, HttpProtocolIpv6: &o.IPv6, InstanceMetadataTags: &o.Tags,
	}
}

func modifyInstanceMetadataOptions(c *cloud.Call, tx store.Tx, in *api.ModifyInstanceMetadataOptionsInput) (*api.ModifyInstanceMetadataOptionsOutput, error) {
	out := &api.ModifyInstanceMetadataOptionsOutput{InstanceId: &in.InstanceId}
	err := change(c, tx, in.InstanceId, func(i *Instance) error {
		if i.State != Running && i.State != Stopped {
			return resource.Errorf("IncorrectInstanceState", "The instance '%s' is not in a state in which its metadata options can be modified.", i.ID)
		}
		if cloud.Or(in.HttpTokens, "") == "optional" && tokensEnforced(c, tx) {
			return resource.Unsupported("You can't set httpTokens to optional because httpTokensEnforced is enabled for this account.")
		}
		if err := i.Metadata.set(in.HttpTokens, in.HttpEndpoint, in.HttpProtocolIpv6, in.InstanceMetadataTags, in.HttpPutResponseHopLimit); err != nil {
			return err
		}
		out.InstanceMetadataOptions = i.Metadata.api("pending")
		return nil
	})
	return out, err
}

func getInstanceMetadataDefaults(c *cloud.Call, r store.Reader, _ *api.GetInstanceMetadataDefaultsInput) (*api.GetInstanceMetadataDefaultsOutput, error) {
	out := &api.InstanceMetadataDefaultsResponse{ManagedBy: new(api.ManagedByAccount)}
	if d, ok := defaults.Get(r, c.Account, c.Region); ok {
		out.HttpTokens, out.HttpEndpoint, out.InstanceMetadataTags = optional(d.Tokens), optional(d.Endpoint), optional(d.Tags)
		out.HttpTokensEnforced = optional(d.Enforced)
		if d.HopLimit > 0 {
			out.HttpPutResponseHopLimit = &d.HopLimit
		}
	}
	return &api.GetInstanceMetadataDefaultsOutput{AccountLevel: out}, nil
}

// noPreference takes a default away.
const noPreference = "no-preference"

func modifyInstanceMetadataDefaults(c *cloud.Call, tx store.Tx, in *api.ModifyInstanceMetadataDefaultsInput) (*api.ModifyInstanceMetadataDefaultsOutput, error) {
	d, ok := defaults.Get(tx, c.Account, c.Region)
	if !ok {
		d = &metadataDefaults{Account: c.Account, Region: c.Region}
	}
	for _, p := range []struct {
		to   *string
		from *string
	}{{&d.Tokens, in.HttpTokens}, {&d.Endpoint, in.HttpEndpoint}, {&d.Tags, in.InstanceMetadataTags}, {&d.Enforced, in.HttpTokensEnforced}} {
		if setText(p.to, p.from); *p.to == noPreference {
			*p.to = ""
		}
	}
	if h := in.HttpPutResponseHopLimit; h != nil {
		switch {
		case *h == -1:
			d.HopLimit = 0
		case *h < 1 || *h > maxHops:
			return nil, resource.Errorf("InvalidParameterValue", "The value %d for HttpPutResponseHopLimit is invalid. It must be between 1 and 64, or -1.", *h)
		default:
			d.HopLimit = *h
		}
	}
	defaults.Put(tx, d)
	return &api.ModifyInstanceMetadataDefaultsOutput{Return: new(true)}, nil
}

func modifyPrivateDnsNameOptions(c *cloud.Call, tx store.Tx, in *api.ModifyPrivateDnsNameOptionsInput) (*api.ModifyPrivateDnsNameOptionsOutput, error) {
	err := change(c, tx, in.InstanceId, func(i *Instance) error {
		if in.PrivateDnsHostnameType != nil && i.State != Stopped {
			return errNotStopped(i.ID)
		}
		setText(&i.NameType, in.PrivateDnsHostnameType)
		i.NameA = cloud.Or(in.EnableResourceNameDnsARecord, i.NameA)
		i.NameAAAA = cloud.Or(in.EnableResourceNameDnsAAAARecord, i.NameAAAA)
		return nil
	})
	return &api.ModifyPrivateDnsNameOptionsOutput{Return: new(err == nil)}, err
}

func modifyInstanceMaintenanceOptions(c *cloud.Call, tx store.Tx, in *api.ModifyInstanceMaintenanceOptionsInput) (*api.ModifyInstanceMaintenanceOptionsOutput, error) {
	switch {
	case !oneOf(in.AutoRecovery, "default", "disabled"):
		return nil, resource.Invalid(*in.AutoRecovery, "AutoRecovery")
	case !oneOf(in.RebootMigration, "default", "disabled"):
		return nil, resource.Invalid(*in.RebootMigration, "RebootMigration")
	case in.AutoRecovery == nil && in.RebootMigration == nil:
		return nil, resource.Missing("AutoRecovery")
	}
	out := &api.ModifyInstanceMaintenanceOptionsOutput{InstanceId: &in.InstanceId}
	return out, change(c, tx, in.InstanceId, func(i *Instance) error {
		if in.AutoRecovery != nil {
			i.NoAutoRecovery = *in.AutoRecovery == "disabled"
		}
		if in.RebootMigration != nil {
			i.NoRebootMigration = *in.RebootMigration == "disabled"
		}
		out.AutoRecovery, out.RebootMigration = new(i.recovery()), new(i.rebootMigration())
		return nil
	})
}

// rebootMigration is what a restart that the customer asks for does about one
// that is scheduled.
func (i *Instance) rebootMigration() string {
	if i.NoRebootMigration {
		return api.InstanceRebootMigrationStateDisabled
	}
	return api.InstanceRebootMigrationStateDefault
}

// findTenancy is the tenancy that a VPC imposes; "" for none.
func findTenancy(c *cloud.Call, r store.Reader, id string) (string, error) {
	v, err := vpc.FindVPC(c, r, id)
	if err != nil || v.Tenancy == "default" {
		return "", err
	}
	return v.Tenancy, nil
}

// serialConsole is whether an account may use serial consoles in a region.
type serialConsole struct {
	Account, Region string
	Enabled         bool
}

var serialConsoles = &store.Table[serialConsole]{
	Name: "ec2.serialconsole",
	Key:  func(s *serialConsole) store.Key { return store.K(s.Account, s.Region) },
}

func getSerialConsoleAccessStatus(c *cloud.Call, r store.Reader, _ *api.GetSerialConsoleAccessStatusInput) (*api.GetSerialConsoleAccessStatusOutput, error) {
	s, ok := serialConsoles.Get(r, c.Account, c.Region)
	return &api.GetSerialConsoleAccessStatusOutput{SerialConsoleAccessEnabled: new(ok && s.Enabled), ManagedBy: new(api.ManagedByAccount)}, nil
}

func enableSerialConsoleAccess(c *cloud.Call, tx store.Tx, _ *api.EnableSerialConsoleAccessInput) (*api.EnableSerialConsoleAccessOutput, error) {
	serialConsoles.Put(tx, &serialConsole{c.Account, c.Region, true})
	return &api.EnableSerialConsoleAccessOutput{SerialConsoleAccessEnabled: new(true)}, nil
}

func disableSerialConsoleAccess(c *cloud.Call, tx store.Tx, _ *api.DisableSerialConsoleAccessInput) (*api.DisableSerialConsoleAccessOutput, error) {
	serialConsoles.Put(tx, &serialConsole{c.Account, c.Region, false})
	return &api.DisableSerialConsoleAccessOutput{SerialConsoleAccessEnabled: new(false)}, nil
}
