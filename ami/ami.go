// Package ami is the catalogue of the images that every cloud has without
// anybody making them. They are found as people look up Amazon's and
// Canonical's: by DescribeImages' filters on names and owners, and by Systems
// Manager's public parameters. What boots is pileus's own small system, or the
// userland of the machine that pileus runs on; descriptions say so.
package ami

import (
	"crypto/sha256"
	"encoding/hex"
	"runtime"
	"time"

	"pileus/plane"
)

// Owners of images, as their account ids.
const (
	Amazon    = "137112412989"
	Canonical = "099720109477"
)

// Image is one image of the catalogue.
type Image struct {
	Name         string // as DescribeImages shows it
	Description  string
	Owner        string // account id
	OwnerAlias   string // "amazon"; empty for others
	Architecture string // "x86_64", "arm64"
	Kind         plane.ImageKind
	User         string // whom the key pair logs in
	RootDevice   string
	RootGiB      int32
	Created      time.Time
	// IMDSv2 has instances answer metadata only to those who show a token, as
	// their makers register these images.
	IMDSv2     bool
	Parameters []string // names of the public parameters that hold its id
}

// ID is the image's id in a region: the same in every cloud, and another in
// each region, as on AWS.
func (i Image) ID(region string) string {
	sum := sha256.Sum256([]byte(region + "\n" + i.Name))
	return "ami-0" + hex.EncodeToString(sum[:8])
}

// SnapshotID is the id of the snapshot that its root volume is made from.
func (i Image) SnapshotID(region string) string {
	sum := sha256.Sum256([]byte("root\n" + region + "\n" + i.Name))
	return "snap-0" + hex.EncodeToString(sum[:8])
}

// All lists the images that run on this machine's processors.
func All() []Image {
	arch, debian := "x86_64", "amd64"
	if runtime.GOARCH == "arm64" {
		arch, debian = "arm64", "arm64"
	}
	released := time.Date(2025, 11, 20, 0, 0, 0, 0, time.UTC)
	const built = "pileus built-in image: a small Linux userland with a shell, the usual tools, SSH and a web server"
	latest := "/aws/service/ami-amazon-linux-latest/"
	return []Image{
		{
			Name: "al2023-ami-2023.9.20251117.1-kernel-6.1-" + arch, Description: built,
			Owner: Amazon, OwnerAlias: "amazon", Architecture: arch, Kind: plane.BuiltIn, User: "ec2-user",
			RootDevice: "/dev/xvda", RootGiB: 8, Created: released,
			IMDSv2: true, Parameters: []string{latest + "al2023-ami-kernel-default-" + arch, latest + "al2023-ami-kernel-6.1-" + arch},
		},
		{
			Name: "al2023-ami-minimal-2023.9.20251117.1-kernel-6.1-" + arch, Description: built,
			Owner: Amazon, OwnerAlias: "amazon", Architecture: arch, Kind: plane.BuiltIn, User: "ec2-user",
			RootDevice: "/dev/xvda", RootGiB: 2, Created: released,
			IMDSv2: true, Parameters: []string{latest + "al2023-ami-minimal-kernel-default-" + arch, latest + "al2023-ami-minimal-kernel-6.1-" + arch},
		},
		{
			Name: "amzn2-ami-hvm-2.0.20251110.1-" + arch + "-gp2", Description: built,
			Owner: Amazon, OwnerAlias: "amazon", Architecture: arch, Kind: plane.BuiltIn, User: "ec2-user",
			RootDevice: "/dev/xvda", RootGiB: 8, Created: released,
			Parameters: []string{latest + "amzn2-ami-hvm-" + arch + "-gp2", latest + "amzn2-ami-hvm-" + arch + "-ebs"},
		},
		{
			Name: "amzn2-ami-kernel-5.10-hvm-2.0.20251110.1-" + arch + "-gp2", Description: built,
			Owner: Amazon, OwnerAlias: "amazon", Architecture: arch, Kind: plane.BuiltIn, User: "ec2-user",
			RootDevice: "/dev/xvda", RootGiB: 8, Created: released,
			Parameters: []string{latest + "amzn2-ami-kernel-5.10-hvm-" + arch + "-gp2"},
		},
		ubuntu("noble", "24.04", "hvm-ssd-gp3", "ebs-gp3", arch, debian, built, released),
		ubuntu("jammy", "22.04", "hvm-ssd", "ebs-gp2", arch, debian, built, released),
		{
			Name: "pileus-host-userland-" + arch, Description: "The userland of the machine that pileus runs on, read-only below a root volume of the instance's own; private folders are masked",
			Owner: Amazon, OwnerAlias: "amazon", Architecture: arch, Kind: plane.HostOverlay, User: "ec2-user",
			RootDevice: "/dev/xvda", RootGiB: 8, Created: released,
			Parameters: []string{"/aws/service/pileus/host-userland/" + arch},
		},
	}
}

func ubuntu(code, version, folder, disk, arch, debian, description string, released time.Time) Image {
	return Image{
		Name: "ubuntu/images/" + folder + "/ubuntu-" + code + "-" + version + "-" + debian + "-server-20251115", Description: description,
		Owner: Canonical, Architecture: arch, Kind: plane.BuiltIn, User: "ubuntu",
		RootDevice: "/dev/sda1", RootGiB: 8, Created: released, IMDSv2: version >= "24",
		Parameters: []string{"/aws/service/canonical/ubuntu/server/" + version + "/stable/current/" + debian + "/hvm/" + disk + "/ami-id"},
	}
}

// Find is the image of an id.
func Find(region, id string) (Image, bool) {
	for _, i := range All() {
		if i.ID(region) == id {
			return i, true
		}
	}
	return Image{}, false
}
