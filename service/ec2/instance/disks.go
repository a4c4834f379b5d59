package instance

import (
	"errors"

	"pileus/cloud"
	"pileus/plane"
)

// The disks of the instance store are volumes of the data plane that no
// customer sees. They last from a start to the next stop.

// storeID is the plane's name of a disk.
func (i *Instance) storeID(d StoreDisk) string { return i.ID + "-" + d.Name }

// openStore makes the disks of an instance unless they are there.
func (s *Room) openStore(c *cloud.Call, i *Instance) (list []plane.Attachment, err error) {
	const gb = 1000 * 1000 * 1000 // as disks are sold
	for _, d := range i.Store {
		id := i.storeID(d)
		if err := s.plane.CreateVolume(c, id, int64(d.GB)*gb); err != nil {
			return nil, err
		}
		if _, err := s.plane.OpenVolume(c, id); err != nil {
			return nil, err
		}
		list = append(list, plane.Attachment{Volume: id, Device: d.Device})
	}
	return list, nil
}

// loseStore destroys the disks of an instance that stops.
func (s *Room) loseStore(c *cloud.Call, i *Instance) error {
	for _, d := range i.Store {
		id := i.storeID(d)
		if err := s.plane.CloseVolume(c, id); err != nil && !errors.Is(err, plane.ErrNotFound) {
			return err
		}
		if err := s.plane.RemoveVolume(c, id); err != nil && !errors.Is(err, plane.ErrNotFound) {
			return err
		}
	}
	return nil
}
