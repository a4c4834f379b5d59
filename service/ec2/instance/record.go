package instance

import (
	"time"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// Instance is an instance as the store keeps it. Records are shared by those
// who read; who changes one changes a clone.
type Instance struct {
	Account, Region, ID string
	Reservation         string
	LaunchIndex         int
	Token               string // ClientToken of its RunInstances

	Image        string // its id
	Boots        plane.Image
	RootDevice   string
	Architecture string
	User         string // whom the key pair logs in
	KeyName      string
	PublicKey    string // a line of authorized_keys, as it was at launch

	Type              string
	Cores, Threads    int
	VPC, Subnet, Zone string
	NameType          string // "ip-name", "resource-name"
	NameA, NameAAAA   bool   // resource names have A and AAAA records

	State      State
	Boot       int64 // how often it was started: what concerns an earlier run is stale
	Attempts   int   // to start it, without success
	Launched   time.Time
	Since      time.Time // when it began to run
	Ended      time.Time // when it was terminated
	Reason     string    // StateTransitionReason
	Why        Reason
	Force      bool  // stops without asking the system
	Hibernates bool  // stops by hibernating
	Asleep     bool  // stopped with its memory kept
	Reboots    int64 // asked for
	Rebooted   int64 // done

	Monitoring          bool
	EBSOptimized        bool
	NoTermination       bool // DisableApiTermination
	NoStop              bool // DisableApiStop
	TerminateOnShutdown bool // InstanceInitiatedShutdownBehavior
	Hibernation         bool // HibernationOptions.Configured
	Enclave             bool
	NoAutoRecovery      bool
	NoRebootMigration   bool
	NoENA               bool
	SEV                 string // AmdSevSnp
	Credits             string // "standard", "unlimited"; "" for types without
	Metadata            MetadataOptions
	Placement           Placement
	Profile             *Profile
	Password            string // encrypted, for Windows
	Events              []Event
	LifeCycle           string // "", "spot", "scheduled", "capacity-block"
	SpotRequest         string // sir-
	SpotOneTime         bool   // of a one-time request: it cannot be stopped
	Fleet               string // fleet-, of the fleet that launched it
	CapacityReservation string // cr- that it runs in
	CapacityPreference  string // "open", "none"
	CapacityTarget      string // cr- or ARN of the group that it is limited to
	Licenses            []string
	Store               []StoreDisk // instance store
	Replacing           string      // replacevol-, the task that replaces its root volume
}

// StoreDisk is a disk of the instance store: it is empty at each start.
type StoreDisk struct {
	Device string
	Name   string // "ephemeral0"
	GB     int
}

// Reason is why an instance left its last state: "Client.UserInitiatedShutdown".
type Reason struct{ Code, Message string }

// MetadataOptions are how the metadata service answers the instance.
type MetadataOptions struct {
	Tokens   string // "optional", "required"
	HopLimit int32
	Endpoint string // "enabled", "disabled"
	IPv6     string
	Tags     string
}

// Placement is where the instance was put.
type Placement struct {
	Tenancy, Affinity string
	Group             string // id of its placement group
	Partition         int32  // 0 for none
	Host              string // h-
	HostGroup         string // ARN of a host resource group
}

// Profile is an association with an instance profile.
type Profile struct {
	Association string // iip-assoc-
	ARN, ID     string
	Name        string
	At          time.Time
}

var instances = &store.Table[Instance]{
	Name: "ec2.instance",
	Key:  func(i *Instance) store.Key { return keyOf(i.Account, i.Region, i.ID) },
	Indexes: map[string]func(*Instance) store.Key{
		"id":  func(i *Instance) store.Key { return store.K(i.ID) },
		"vpc": func(i *Instance) store.Key { return store.K(i.Account, i.Region, i.VPC) },
	},
	Memo: 10_000,
}

// userData is kept apart: it is large, and rarely read.
type userData struct {
	Account, Region, ID string
	Data                []byte
}

var userDatas = &store.Table[userData]{
	Name: "ec2.userdata",
	Key:  func(u *userData) store.Key { return keyOf(u.Account, u.Region, u.ID) },
}

func keyOf(account, region, id string) store.Key { return store.K(account, region, id) }

// Find is an instance of the call's account and region.
func Find(c *cloud.Call, r store.Reader, id string) (*Instance, error) {
	if i, ok := instances.Get(r, c.Account, c.Region, id); ok {
		return i, nil
	}
	return nil, errNoInstance(id)
}

// findAll are the instances of several ids, which must all exist.
func findAll(c *cloud.Call, r store.Reader, ids []string) ([]*Instance, error) {
	var list []*Instance
	var missing []string
	for _, id := range ids {
		if err := checkID(id); err != nil {
			return nil, err
		}
		i, ok := instances.Get(r, c.Account, c.Region, id)
		if !ok {
			missing = append(missing, id)
			continue
		}
		list = append(list, i)
	}
	if len(missing) > 0 {
		return nil, errNoInstances(missing)
	}
	return list, nil
}

// clone is a copy that may be changed.
func (i *Instance) clone() *Instance {
	d := *i
	if i.Profile != nil {
		d.Profile = new(*i.Profile)
	}
	d.Events = append([]Event(nil), i.Events...)
	d.Licenses = append([]string(nil), i.Licenses...)
	d.Store = append([]StoreDisk(nil), i.Store...)
	return &d
}

// key is the instance's name for its controller.
func (i *Instance) key() store.Key { return keyOf(i.Account, i.Region, i.ID) }

// Kind is the instance's type.
func (i *Instance) Kind() *Type {
	t, ok := FindType(i.Type)
	if !ok {
		return &Type{Name: i.Type} // of a table that had it once
	}
	return t
}

// Windows tells whether the instance runs Windows.
func (i *Instance) Windows() bool { return i.Boots.Platform == "windows" }

// ARN is the instance's.
func (i *Instance) ARN(c *cloud.Call) string {
	return cloud.ARN{Partition: c.Partition, Service: "ec2", Region: i.Region, Account: i.Account, Resource: "instance/" + i.ID}.String()
}

// change changes one attribute of an instance.
func change(c *cloud.Call, tx store.Tx, id string, f func(*Instance) error) error {
	i, err := Find(c, tx, id)
	if err != nil {
		return err
	}
	d := i.clone()
	if err := f(d); err != nil {
		return err
	}
	instances.Put(tx, d)
	return nil
}
