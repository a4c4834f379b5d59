package instance

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	apists "pileus/api/sts"
	"pileus/cloud"
	"pileus/identity"
	"pileus/loginkey"
	"pileus/region"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/metadata"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// source is what the metadata service knows instances from.
type source struct {
	room *Room

	mu    sync.Mutex
	cloud cloud.Cloud
	keys  *metadata.Secrets
	creds map[string]issued // by instance and role
	homes map[string]home   // of VPCs
}

// home is where a VPC is.
type home struct{ account, region string }

// issued are credentials that an instance was given.
type issued struct {
	metadata.Credentials
	renew time.Time // when new ones are given; of the machine's time
}

// ahead is how long before they expire credentials are replaced. AWS does so
// five minutes ahead at the latest.
const ahead = 15 * time.Minute

// sessionLife is how long a role's credentials in an instance are good for,
// unless the role allows less.
const sessionLife = 6 * time.Hour

func (s *source) start(c cloud.Cloud) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud = c
}

func (s *source) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.creds, s.homes = nil, map[string]issued{}, map[string]home{}
}

func (s *source) running() cloud.Cloud {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cloud
}

// Now implements metadata.Source.
func (s *source) Now() time.Time { return s.running().Clock().Machine() }

// secrets are the cloud's keys, made when they are first needed.
var secrets = &store.Table[metadata.Secrets]{Name: "ec2.metadata", Key: func(*metadata.Secrets) store.Key { return store.K("keys") }}

// Secrets implements metadata.Source.
func (s *source) Secrets(ctx context.Context) (*metadata.Secrets, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys != nil {
		return s.keys, nil
	}
	var found *metadata.Secrets
	err := s.cloud.DB().View(ctx, func(r store.Reader) error { found, _ = secrets.Get(r, "keys"); return nil })
	if err != nil {
		return nil, err
	}
	if found == nil {
		made, err := metadata.NewSecrets(s.cloud.Clock().Machine())
		if err != nil {
			return nil, err
		}
		err = s.cloud.DB().Update(ctx, func(tx store.Tx) error {
			var ok bool
			if found, ok = secrets.Get(tx, "keys"); !ok { // another process may have been faster
				secrets.Put(tx, made)
				found = made
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	s.keys = found
	return found, nil
}

// IdentityCertificate is the certificate in DER that verifies instance
// identity documents.
func (s *Room) IdentityCertificate(ctx context.Context) ([]byte, error) {
	k, err := s.source.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	return k.Certificate, nil
}

// Find implements metadata.Source.
func (s *source) Find(ctx context.Context, net string, addr netip.Addr) (out *metadata.Instance, err error) {
	err = s.running().DB().View(ctx, func(r store.Reader) error {
		out = nil
		at := s.call(ctx, net)
		i, ok := caller(at, r, net, addr)
		if !ok {
			return nil
		}
		v := &view{Instance: i, book: newBook(at, r), room: s.room}
		out = v.metadata()
		return nil
	})
	return out, err
}

// call is a call in the account and region of a VPC, for reading.
func (s *source) call(ctx context.Context, net string) *cloud.Call {
	s.mu.Lock()
	c, at := s.cloud, s.homes[net]
	s.mu.Unlock()
	return &cloud.Call{Context: ctx, Cloud: c, Account: at.account, Region: at.region, Partition: "aws", Now: c.Clock().Now()}
}

// openMetadata has the metadata service answer in the VPC of an instance.
func (s *Room) openMetadata(c *cloud.Call, i *Instance) error {
	s.source.mu.Lock()
	s.source.homes[i.VPC] = home{i.Account, i.Region}
	s.source.mu.Unlock()
	if err := s.metadata.Open(c, c.Cloud, i.VPC); err != nil {
		return fmt.Errorf("metadata service in %s: %w", i.VPC, err)
	}
	return nil
}

// caller is the instance that has an interface with an address in a VPC.
func caller(c *cloud.Call, r store.Reader, net string, a netip.Addr) (*Instance, bool) {
	n, ok := vpc.InterfaceAt(c, r, net, a)
	if !ok || n.Attachment == nil {
		return nil, false
	}
	i, ok := instances.Get(r, n.Account, n.Region, n.Attachment.Instance)
	return i, ok && i.State != Terminated
}

// metadata is the instance as the metadata service tells it.
func (v *view) metadata() *metadata.Instance {
	i := v.Instance
	z, _ := region.ZoneNamed(i.Zone)
	out := &metadata.Instance{
		ID: i.ID, Account: i.Account, Region: i.Region, Partition: "aws", Domain: "amazonaws.com", Zone: i.Zone, ZoneID: z.ID,
		Image: i.Image, Type: i.Type, Architecture: i.Architecture, LaunchIndex: i.LaunchIndex, Launched: i.Launched, Reservation: i.Reservation,
		LifeCycle: "on-demand", Platform: i.Kind().hypervisor, Hostname: v.privateDNS(), PublicHostname: v.publicDNS(),
		KeyName: i.KeyName, PublicKey: i.PublicKey, Monitoring: i.Monitoring, Hibernation: i.Hibernation, Action: "none",
		Placement: metadata.Placement{Group: v.groupOf().name(), Partition: int(i.Placement.Partition), Host: i.Placement.Host},
		Options: metadata.Options{
			Disabled: i.Metadata.Endpoint == "disabled", TokensRequired: i.Metadata.Tokens == "required", HopLimit: int(i.Metadata.HopLimit),
			Tags: i.Metadata.Tags == "enabled", IPv6: i.Metadata.IPv6 == "enabled",
		},
	}
	out.LoginKeys = loginkey.Of(v.r, i.Account, i.Region, i.ID, v.c.Now)
	if i.LifeCycle != "" {
		out.LifeCycle = i.LifeCycle
	}
	if u, ok := userDatas.Get(v.r, i.key()...); ok {
		out.UserData = u.Data
	}
	for _, t := range resource.Tags(v.c, v.r, i.ID) {
		out.Tags = append(out.Tags, metadata.Tag{Key: t.Key, Value: t.Value})
	}
	v.metadataDevices(out)
	v.metadataNetwork(out)
	v.metadataEvents(out)
	v.metadataProfile(out)
	v.metadataHooks(out)
	return out
}

// metadataDevices are "ami" and "root", the volumes as ebsN and the instance
// store as ephemeralN.
func (v *view) metadataDevices(out *metadata.Instance) {
	out.Devices = []metadata.Device{{Name: "ami", Device: strings.TrimPrefix(v.RootDevice, "/dev/")}, {Name: "root", Device: v.RootDevice}}
	n := 0
	for _, d := range ebs.Attachments(v.c, v.r, v.ID) {
		if d.Device != v.RootDevice {
			n++
			out.Devices = append(out.Devices, metadata.Device{Name: "ebs" + strconv.Itoa(n), Device: strings.TrimPrefix(d.Device, "/dev/")})
		}
	}
	for _, d := range v.Store {
		out.Devices = append(out.Devices, metadata.Device{Name: d.Name, Device: strings.TrimPrefix(d.Device, "/dev/")})
	}
}

func (v *view) metadataNetwork(out *metadata.Instance) {
	net, err := vpc.FindVPC(v.c, v.r, v.VPC)
	if err != nil {
		return
	}
	for _, n := range v.nics() {
		subnet, err := vpc.FindSubnet(v.c, v.r, n.Subnet)
		if err != nil {
			continue
		}
		m := metadata.Interface{
			ID: n.ID, MAC: n.MAC, Index: n.Attachment.Index, Card: n.Attachment.Card, Owner: n.Account, Subnet: n.Subnet, VPC: n.VPC,
			SubnetCIDR: subnet.CIDR, IPv6: n.IPv6, Prefixes: n.Prefixes, IPv6Prefixes: n.IPv6Prefixes, GroupIDs: n.Groups,
		}
		for _, a := range n.Addresses {
			m.Addresses = append(m.Addresses, metadata.Address{Private: a.Private, Public: a.Public})
		}
		if len(n.Addresses) > 0 {
			m.LocalHostname = addressName(v.Region, n.Addresses[0].Private)
			if p := n.Addresses[0].Public; p.IsValid() && net.DNSHostnames {
				m.PublicHostname = publicName(v.Region, p)
			}
		}
		for _, g := range v.groupNames(n.Groups) {
			m.Groups = append(m.Groups, *g.GroupName)
		}
		m.SubnetIPv6, m.VPCCIDRs, m.VPCIPv6 = prefixes(subnet.IPv6), prefixes(net.CIDRs), prefixes(net.IPv6)
		out.Interfaces = append(out.Interfaces, m)
	}
	if len(out.Interfaces) > 0 {
		out.Groups = out.Interfaces[0].Groups
	}
}

func prefixes(list []vpc.CIDR) (out []netip.Prefix) {
	for _, p := range list {
		out = append(out, p.Prefix)
	}
	return out
}

// metadataEvents are the scheduled events and those that are over.
func (v *view) metadataEvents(out *metadata.Instance) {
	const layout = "2 Jan 2006 15:04:05 GMT"
	for _, e := range v.Events {
		m := metadata.Event{ID: e.ID, Code: e.Code, Description: e.Description, NotBefore: e.NotBefore.UTC().Format(layout), State: "active"}
		if !e.NotAfter.IsZero() {
			m.NotAfter = e.NotAfter.UTC().Format(layout)
		}
		switch {
		case e.Canceled:
			m.State, m.Description = "canceled", "[Canceled] "+e.Description
		case !e.Done.IsZero():
			m.State, m.Description = "completed", "[Completed] "+e.Description
		}
		if e.Done.IsZero() {
			out.ScheduledEvents = append(out.ScheduledEvents, m)
		} else {
			out.PastEvents = append(out.PastEvents, m)
		}
	}
}

func (v *view) metadataProfile(out *metadata.Instance) {
	if v.Profile == nil {
		return
	}
	out.ProfileARN, out.ProfileID = v.Profile.ARN, v.Profile.ID
	if p, ok := identity.FindInstanceProfile(v.r, v.Account, v.Profile.Name); ok && p.Role != "" {
		out.Role = p.Role
		if role, ok := identity.FindRole(v.r, v.Account, p.Role); ok {
			out.Role = role.Name
		}
	}
}

// metadataHooks is what other rooms know.
func (v *view) metadataHooks(out *metadata.Instance) {
	h := &v.room.Hooks
	if h.Lifecycle != nil {
		out.Lifecycle = h.Lifecycle(v.c, v.r, v.ID)
	}
	if h.Interruption != nil {
		out.SpotAction, out.SpotTime, out.Rebalance = h.Interruption(v.c, v.r, v.ID)
	}
}

// Credentials implements metadata.Source: those that were given out last, or
// new ones before these expire. A role that does not trust EC2 gives none.
func (s *source) Credentials(ctx context.Context, i *metadata.Instance) (metadata.Credentials, error) {
	now := s.Now()
	name := i.ID + " " + i.Role
	s.mu.Lock()
	known, ok := s.creds[name]
	s.mu.Unlock()
	if ok && now.Before(known.renew) {
		return known.Credentials, nil
	}
	fresh, err := s.assume(ctx, i, now)
	if err != nil {
		return metadata.Credentials{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.creds[name] = fresh
	return fresh.Credentials, nil
}

// assume has EC2 assume the instance's role, in a session named for it.
func (s *source) assume(ctx context.Context, i *metadata.Instance, now time.Time) (issued, error) {
	const stamp = "2006-01-02T15:04:05Z"
	var role *identity.Role
	err := s.running().DB().View(ctx, func(r store.Reader) error {
		role, _ = identity.FindRole(r, i.Account, i.Role)
		return nil
	})
	out := issued{Credentials: metadata.Credentials{LastUpdated: now.UTC().Format(stamp)}, renew: now}
	if err != nil {
		return out, err
	}
	if role == nil {
		out.Code, out.Message = "InstanceProfileNotFound", "EC2 cannot find the role "+i.Role+" of the instance profile."
		return out, nil
	}
	c := &cloud.Call{Context: ctx, Cloud: s.running(), Account: i.Account, Region: i.Region, Partition: i.Partition, Now: s.running().Clock().Now()}
	c = c.AsService("ec2.amazonaws.com", c.ARN("ec2", "instance/"+i.ID))
	life := min(int32(sessionLife/time.Second), max(role.MaxSession, 3600))
	answer, err := apists.AssumeRole.Call(c, &apists.AssumeRoleInput{RoleArn: role.ARN, RoleSessionName: i.ID, DurationSeconds: &life})
	if e, refused := err.(*cloud.Error); refused && !e.Server {
		out.Code = "AssumeRoleUnauthorizedAccess"
		out.Message = "EC2 cannot assume the role " + i.Role + ". Please see documentation at https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html#troubleshoot_iam-ec2_errors-info-doc."
		return out, nil
	}
	if err != nil {
		return out, err
	}
	k := answer.Credentials
	out.Code, out.Type, out.AccessKeyID, out.SecretAccessKey, out.Token = "Success", "AWS-HMAC", k.AccessKeyId, k.SecretAccessKey, k.SessionToken
	out.Expiration, out.renew = k.Expiration.UTC().Format(stamp), k.Expiration.Add(-ahead)
	return out, nil
}
