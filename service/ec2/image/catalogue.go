package image

import (
	"pileus/ami"
	"pileus/plane"
)

// catalogue are the region's images that nobody had to make. They are public
// and belong to Amazon or Canonical.
func catalogue(region string) []*Image {
	var list []*Image
	for _, i := range ami.All() {
		list = append(list, fromCatalogue(region, i))
	}
	return list
}

func catalogued(region, id string) (*Image, bool) {
	i, ok := ami.Find(region, id)
	if !ok {
		return nil, false
	}
	return fromCatalogue(region, i), true
}

func fromCatalogue(region string, i ami.Image) *Image {
	imds := ""
	if i.IMDSv2 {
		imds = "v2.0"
	}
	return &Image{
		IMDS: imds, Account: i.Owner, Alias: i.OwnerAlias, Region: region, ID: i.ID(region), Name: i.Name, Description: i.Description, Created: i.Created,
		Architecture: i.Architecture, Boots: plane.Image{ID: i.Name, Kind: i.Kind}, User: i.User, RootDevice: i.RootDevice, Public: true,
		Devices: []Device{{Name: i.RootDevice, Snapshot: i.SnapshotID(region), GiB: i.RootGiB, Type: "gp3", Delete: true}},
	}
}

// fromCatalogue tells whether nobody made the image.
func (i *Image) fromCatalogue() bool { return i.Account == ami.Amazon || i.Account == ami.Canonical }
