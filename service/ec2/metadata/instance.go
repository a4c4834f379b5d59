package metadata

import (
	"context"
	"net/netip"
	"time"
)

// Instance is all that the service tells an instance about itself.
type Instance struct {
	ID, Account, Region string
	Partition, Domain   string // "aws", "amazonaws.com"
	Zone, ZoneID        string
	Image, Type         string
	Architecture        string
	LaunchIndex         int
	Launched            time.Time // its pendingTime
	Reservation         string
	LifeCycle           string // "on-demand", "spot"
	Platform            string // "nitro", "xen"
	Hostname            string // of its primary private address
	PublicHostname      string
	Groups              []string // names of security groups
	KeyName, PublicKey  string   // a line of authorized_keys
	Monitoring          bool
	Hibernation         bool
	UserData            []byte
	Devices             []Device
	Interfaces          []Interface // by their index
	Placement           Placement
	ProfileARN          string
	ProfileID           string
	Role                string // name of the profile's role
	Options             Options
	Tags                []Tag
	Action              string // instance-action; "none"
	SpotAction          string // "terminate", "stop", "hibernate" once it will be interrupted
	SpotTime            time.Time
	Rebalance           time.Time         // when a rebalance recommendation was given; zero for none
	Lifecycle           string            // Auto Scaling's target lifecycle state; "" outside of a group
	LoginKeys           map[string]string // keys that were pushed, by user
	ScheduledEvents     []Event
	PastEvents          []Event
}

// Device is a block device mapping: "ami", "root", "ebs1" and the device.
type Device struct{ Name, Device string }

// Tag is a tag of the instance.
type Tag struct{ Key, Value string }

// Placement is where the instance runs.
type Placement struct {
	Group     string
	Partition int // 0 for none
	Host      string
}

// Options are the instance's metadata options.
type Options struct {
	Disabled       bool // HttpEndpoint
	TokensRequired bool
	HopLimit       int
	Tags           bool // InstanceMetadataTags
	IPv6           bool
}

// Interface is a network interface of the instance.
type Interface struct {
	ID, MAC        string
	Index, Card    int
	Owner          string
	Subnet, VPC    string
	SubnetCIDR     netip.Prefix
	SubnetIPv6     []netip.Prefix
	VPCCIDRs       []netip.Prefix // the primary one first
	VPCIPv6        []netip.Prefix
	LocalHostname  string
	PublicHostname string
	Addresses      []Address // the primary one first
	IPv6           []netip.Addr
	// Prefixes were delegated to it, of the subnet's addresses.
	Prefixes, IPv6Prefixes []netip.Prefix
	Groups, GroupIDs       []string
}

// Address is a private address with the public one that stands for it.
type Address struct{ Private, Public netip.Addr }

// Event is a scheduled event as events/maintenance shows it.
type Event struct {
	ID          string `json:"EventId"`
	Code        string `json:"Code"`
	Description string `json:"Description"`
	NotBefore   string `json:"NotBefore"`
	NotAfter    string `json:"NotAfter,omitempty"`
	State       string `json:"State"` // "active", "completed", "canceled"
}

// Credentials are those of the instance's role.
type Credentials struct {
	Code            string `json:"Code"` // "Success"
	LastUpdated     string `json:"LastUpdated"`
	Type            string `json:"Type,omitempty"` // "AWS-HMAC"
	AccessKeyID     string `json:"AccessKeyId,omitempty"`
	SecretAccessKey string `json:"SecretAccessKey,omitempty"`
	Token           string `json:"Token,omitempty"`
	Expiration      string `json:"Expiration,omitempty"`
	Message         string `json:"Message,omitempty"`
}

// Source is where the service knows its instances from.
type Source interface {
	// Find is the instance whose interface in the VPC has the address; nil
	// where there is none.
	Find(ctx context.Context, vpc string, caller netip.Addr) (*Instance, error)
	// Credentials are current credentials of the instance's role, or say why
	// there are none.
	Credentials(ctx context.Context, i *Instance) (Credentials, error)
	// Secrets are the cloud's own keys for this service.
	Secrets(ctx context.Context) (*Secrets, error)
	// Now is the machine's time, by which tokens expire.
	Now() time.Time
}
