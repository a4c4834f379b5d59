package instance

import (
	"pileus/cloud"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// What instances may have of memory that are to hibernate.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/hibernating-prerequisites.html
const (
	hibernatesBelow   = 150 * 1024 // MiB
	hibernatesWindows = 16 * 1024  // MiB
)

func errHibernation(format string, a ...any) *cloud.Error {
	return resource.Errorf("UnsupportedHibernationConfiguration", format, a...)
}

var errEnclaveHibernates = resource.Combination("You cannot enable hibernation and AWS Nitro Enclaves on the same instance.")

func errNoEnclaves(t *Type) *cloud.Error {
	return resource.Unsupported("AWS Nitro Enclaves is not supported for instance type %s.", t.Name)
}

// hibernates tells whether the request configures hibernation.
func (l *launch) hibernates() bool {
	o := l.in.HibernationOptions
	return o != nil && cloud.Or(o.Configured, false)
}

// canHibernate refuses to configure hibernation where memory could not be kept
// on the root volume: it must be encrypted, and there must be room.
func (l *launch) canHibernate(c *cloud.Call, r store.Reader, volumes *ebs.Room) error {
	if !l.hibernates() {
		return nil
	}
	switch t := l.kind; {
	case !t.has('h'):
		return errHibernation("Hibernation is not supported for instance type %s.", t.Name)
	case t.MemoryMiB >= hibernatesBelow:
		return errHibernation("Hibernation is not supported for instance type %s: its memory must be less than 150 GiB.", t.Name)
	case l.image.Boots.Platform == "windows" && t.MemoryMiB > hibernatesWindows:
		return errHibernation("Hibernation of Windows instances is not supported for instance type %s: its memory must be at most 16 GiB.", t.Name)
	}
	for _, m := range l.mappings() {
		if m.Device != l.image.RootDevice {
			continue
		}
		root, err := volumes.Planned(c, r, l.subnet.Zone, m)
		switch {
		case err != nil:
			return err
		case !root.Encrypted:
			return errHibernation("Hibernation requires that the root volume is encrypted.")
		case int(root.Size)*1024 < l.kind.MemoryMiB:
			return errHibernation("The root volume of %d GiB is too small to hold the memory of instance type %s.", root.Size, l.kind.Name)
		}
		return nil
	}
	return errHibernation("Hibernation requires an EBS root volume.")
}
