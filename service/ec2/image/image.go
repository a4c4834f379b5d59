// Package image is EC2's machine images: those of the catalogue that every
// cloud has, those made of instances, copied, registered from snapshots or
// imported, and who may launch them.
//
//	image.go     records, and which of them a call sees
//	room.go      the operations
//	catalogue.go images that nobody had to make
//	make.go      CreateImage, RegisterImage, CopyImage
//	lineage.go   what images and instances were made of
//	describe.go  DescribeImages
//	share.go     launch permissions and other attributes
//	retire.go    deregistration, the Recycle Bin, deprecation, disabling
//	public.go    block public access
//	allowed.go   whose images an account sees
//	launch.go    what launching has to know of an image
//	import.go    root file systems from outside
//	sweep.go     what an import that was killed leaves
//	task.go      work that nobody waits for:
//	             importtask.go, exporttask.go: disk images in buckets
//	             storetask.go, restoretask.go, pack.go: an image as an object
//	fastlaunch.go Windows images that are to be launched faster
package image

import (
	"iter"
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/plane"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const kind = "image"

// Image is a machine image.
type Image struct {
	Account, Region, ID string
	Name, Description   string
	Alias               string // of the owner: "amazon"
	Created             time.Time
	Architecture        string
	Boots               plane.Image // how its root file system boots
	User                string      // whom the key pair logs in
	RootDevice          string
	Devices             []Device
	BootMode, TPM       string
	NoENA, NoSRIOV      bool   // without drivers for enhanced networking
	IMDS                string // "v2.0" where instances must use tokens
	Source              string // the instance that it was made of
	From, FromRegion    string // the image that it was made of; "" where that is not known
	Launched            time.Time

	Public   bool
	Shared   []string // accounts
	Orgs     []string // ARNs of organizations and their units
	Disabled bool
	Ended    time.Time // deprecated from then on; zero: not
	// Protection against deregistration: "", "enabled-without-cooldown",
	// "enabled-with-cooldown"; Until while a cooldown lasts.
	Protection string
	Until      time.Time
	Bin        *ebs.Bin
}

// Device is a block device mapping. It is a record of its own because the
// generated types belong to the wire.
type Device struct {
	Name, Virtual string // Virtual: "ephemeral0"
	Snapshot      string
	GiB           int32
	Type          string
	IOPS, Through int32
	Encrypted     bool
	KMSKey        string
	Delete        bool // on termination
}

var images = &store.Table[Image]{
	Name: "ec2.image",
	Key:  func(i *Image) store.Key { return store.K(i.Region, i.ID) },
	Indexes: map[string]func(*Image) store.Key{
		"name": func(i *Image) store.Key { return store.K(i.Region, i.Account, i.Name) },
		"snapshot": func(i *Image) store.Key {
			if len(i.Devices) == 0 {
				return nil
			}
			return store.K(i.Region, i.Devices[0].Snapshot)
		},
	},
}

// find is an image that exists, of whichever account.
func find(c *cloud.Call, r store.Reader, id string) (*Image, error) {
	if i, ok := catalogued(c.Region, id); ok {
		return i, nil
	}
	if i, ok := images.Get(r, c.Region, id); ok && i.Bin == nil {
		return i, nil
	}
	return nil, errNotFound(id)
}

// own is an image of the call's account.
func own(c *cloud.Call, r store.Reader, id string) (*Image, error) {
	i, err := find(c, r, id)
	if err != nil {
		return nil, err
	}
	if i.Account != c.Account {
		return nil, errNotOwner(id)
	}
	return i, nil
}

// visible is an image that the call's account may see: its own, public ones,
// and those that are shared with it.
func visible(c *cloud.Call, r store.Reader, id string) (*Image, error) {
	i, err := find(c, r, id)
	if err == nil && (!i.launchable(r, c.Account) || allowanceOf(c, r).hides(i, c.Now)) {
		return nil, errNotFound(id)
	}
	return i, err
}

// launchable tells whether an account may launch the image.
func (i *Image) launchable(r store.Reader, account string) bool {
	if i.Account == account {
		return true
	}
	if i.Disabled {
		return false
	}
	return i.Public || slices.Contains(i.Shared, account) || i.sharedWithOrganization(r, account)
}

func (i *Image) sharedWithOrganization(r store.Reader, account string) bool {
	if len(i.Orgs) == 0 {
		return false
	}
	o, path := identity.Path(r, account)
	if o == nil {
		return false
	}
	for _, arn := range i.Orgs {
		a, _ := cloud.ParseARN(arn)
		if a.Resource == "organization/"+o.ID || slices.ContainsFunc(path, func(unit string) bool { return a.Resource == "ou/"+o.ID+"/"+unit }) {
			return true
		}
	}
	return false
}

// all yields the images of the call's region that its account may see.
func all(c *cloud.Call, r store.Reader) iter.Seq[*Image] {
	return func(yield func(*Image) bool) {
		a := allowanceOf(c, r)
		for _, i := range catalogue(c.Region) {
			if !a.hides(i, c.Now) && !yield(i) {
				return
			}
		}
		for i := range images.Scan(r, c.Region) {
			if i.Bin == nil && i.launchable(r, c.Account) && !a.hides(i, c.Now) && !yield(i) {
				return
			}
		}
	}
}

// state is what the image is at: it is available once its snapshots are whole.
func (i *Image) state(c *cloud.Call, r store.Reader) (state, why string) {
	if i.Disabled {
		return api.ImageStateDisabled, ""
	}
	for _, d := range i.Devices {
		if d.Snapshot == "" || i.fromCatalogue() {
			continue
		}
		s, err := ebs.FindSnapshot(c.In(i.Account, i.Region), r, d.Snapshot)
		switch {
		case err != nil:
			return api.ImageStateError, "The snapshot " + d.Snapshot + " does not exist any more"
		case s.State == api.SnapshotStateError:
			return api.ImageStateFailed, s.Message
		case s.State == api.SnapshotStatePending:
			state = api.ImageStatePending
		}
	}
	if state == "" {
		state = api.ImageStateAvailable
	}
	return state, ""
}

func errNotFound(id string) *cloud.Error {
	if !resource.WellFormed("ami", id) {
		return resource.Errorf("InvalidAMIID.Malformed", "Invalid id: \"%s\" (expecting \"ami-...\")", id)
	}
	return resource.Errorf("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
}

func errNotOwner(id string) *cloud.Error {
	return resource.Errorf("AuthFailure", "Not authorized for images: [%s]", id)
}
