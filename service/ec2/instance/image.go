package instance

import (
	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Images is where images are known.
type Images interface {
	// Find is an image that the call's account may launch; its error is the
	// answer of RunInstances.
	Find(c *cloud.Call, r store.Reader, id string) (Image, error)
}

// Image is what launching an instance has to know of one.
type Image struct {
	ID           string
	Boots        plane.Image
	Architecture string // "x86_64", "arm64"
	User         string // whom the key pair logs in
	RootDevice   string // "/dev/xvda"
	// Devices are its block device mappings; the root device is among them.
	Devices []api.BlockDeviceMapping
	// IMDSv2 has instances require tokens unless the launch says otherwise.
	IMDSv2 bool
	// NoENA has instances be without enhanced networking, which some types need.
	NoENA bool
}

// Catalogue are the images that every cloud has.
type Catalogue struct{}

// Find implements Images.
func (Catalogue) Find(c *cloud.Call, _ store.Reader, id string) (Image, error) {
	i, ok := ami.Find(c.Region, id)
	if !ok {
		return Image{}, errNoImage(id)
	}
	return Image{
		ID: id, Boots: plane.Image{ID: i.Name, Kind: i.Kind}, Architecture: i.Architecture, User: i.User, RootDevice: i.RootDevice, IMDSv2: i.IMDSv2,
		Devices: []api.BlockDeviceMapping{{DeviceName: new(i.RootDevice), Ebs: &api.EbsBlockDevice{
			VolumeSize: new(i.RootGiB), VolumeType: new("gp3"), DeleteOnTermination: new(true), Encrypted: new(false),
		}}},
	}, nil
}

func errNoImage(id string) *cloud.Error {
	if !resource.WellFormed("ami", id) {
		return resource.Errorf("InvalidAMIID.Malformed", "Invalid id: \"%s\" (expecting \"ami-...\")", id)
	}
	return resource.Errorf("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
}
