package image

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Launchable is what launching an instance has to know of an image.
type Launchable struct {
	ID           string
	Boots        plane.Image
	Architecture string
	User         string
	RootDevice   string
	Devices      []api.BlockDeviceMapping
	IMDSv2       bool
	NoENA        bool // its instances have no enhanced networking
}

// Find is an image that the call's account may launch; its error is the answer
// of RunInstances. Roots of the catalogue's images are made by the data plane,
// not from their snapshots, which is why those are left out.
func Find(c *cloud.Call, r store.Reader, id string) (Launchable, error) {
	i, err := visible(c, r, id)
	if err != nil {
		return Launchable{}, err
	}
	if state, _ := i.state(c, r); state != api.ImageStateAvailable {
		return Launchable{}, resource.Errorf("InvalidAMIID.Unavailable", "The image ID '%s' is not available for launch: it is %s", id, state)
	}
	l := Launchable{ID: id, Boots: i.Boots, Architecture: i.Architecture, User: i.User, RootDevice: i.RootDevice, IMDSv2: i.IMDS == "v2.0", NoENA: i.NoENA}
	for _, d := range i.Devices {
		if i.fromCatalogue() {
			d.Snapshot = ""
		}
		l.Devices = append(l.Devices, d.api())
	}
	l.Boots.Firmware = plane.Firmware(i.BootMode)
	return l, nil
}

// Used notes that an image was launched.
func Used(c *cloud.Call, tx store.Tx, id string) {
	if i, ok := images.Get(tx, c.Region, id); ok {
		i.Launched = c.Now
		images.Put(tx, i)
	}
}

// OfSnapshot names an image that needs a snapshot: it cannot be deleted.
func OfSnapshot(c *cloud.Call, r store.Reader, snapshot string) (id string, ok bool) {
	for i := range images.Scan(r, c.Region) {
		for _, d := range i.Devices {
			if d.Snapshot == snapshot && i.Bin == nil {
				return i.ID, true
			}
		}
	}
	return "", false
}
