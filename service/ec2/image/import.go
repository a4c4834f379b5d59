package image

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// ImportPath is where `pileus image import` sends a root file system, as a tar
// archive, or a raw disk; either may be compressed.
const ImportPath = "/_pileus/images"

// Imported is the answer.
type Imported struct {
	ImageID string `json:"imageId"`
	Name    string `json:"name"`
	Region  string `json:"region"`
	Bytes   int64  `json:"bytes"` // of its files
}

// spare is by how much a root volume is larger than what was imported, in GiB,
// and least is its size where that is small.
const (
	spareGiB = 2
	leastGiB = 4
)

func (s *Room) web(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != ImportPath || r.Method != http.MethodPost {
		return false
	}
	out, err := s.importArchive(c, r)
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		status, message := http.StatusInternalServerError, err.Error()
		var e *cloud.Error
		if errors.As(err, &e) {
			status, message = e.Status, e.Message
		} else if errors.Is(err, plane.ErrUnsupported) {
			status = http.StatusNotImplemented
		}
		w.WriteHeader(status)
		reply(w, map[string]string{"error": message})
		return true
	}
	reply(w, out)
	return true
}

func reply(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return // the client has gone
	}
}

// importArchive makes what the request brings an image of the call's account.
func (s *Room) importArchive(c *cloud.Call, r *http.Request) (*Imported, error) {
	q := r.URL.Query()
	c = c.In(q.Get("account"), q.Get("region"))
	if c.Account == "" || c.Region == "" || q.Get("name") == "" {
		return nil, cloud.Errorf(http.StatusBadRequest, "MissingParameter", "account, region and name must be given")
	}
	arch := "x86_64"
	if runtime.GOARCH == "arm64" {
		arch = "arm64"
	}
	i := &Image{
		Account: c.Account, Region: c.Region, Name: q.Get("name"), Description: q.Get("description"), Architecture: arch,
		User: q.Get("user"), RootDevice: "/dev/xvda",
	}
	i.Boots = plane.Image{Kind: plane.Whole}
	fallback := "ec2-user"
	switch q.Get("platform") {
	case "", "linux":
	case windows:
		i.Boots.Platform, i.RootDevice, fallback = windows, "/dev/sda1", "Administrator"
	default:
		return nil, cloud.Errorf(http.StatusBadRequest, "InvalidParameter", "The platform is linux or windows, not '%s'.", q.Get("platform"))
	}
	switch i.BootMode = q.Get("boot-mode"); i.BootMode {
	case "", api.BootModeValuesLegacyBios, api.BootModeValuesUefi, api.BootModeValuesUefiPreferred:
	default:
		return nil, cloud.Errorf(http.StatusBadRequest, "InvalidParameter", "The boot mode is legacy-bios, uefi or uefi-preferred, not '%s'.", i.BootMode)
	}
	i.User = cmp.Or(i.User, fallback)
	content := contentPrefix + c.Rand().String(17, "0123456789abcdef")
	defer s.arriving.add(content)()
	made, err := s.plane.Import(c, content, r.Body)
	if err != nil {
		return nil, fmt.Errorf("unpack the archive: %w", err)
	}
	gib := max(int32(made.Size>>30)+spareGiB, leastGiB)
	i.Boots.ID = content
	i.startsBy(made.Start)
	i.Devices = []Device{{Name: i.RootDevice, GiB: gib, Type: "gp3", Delete: true}}
	err = c.Update(func(tx store.Tx) error { return i.create(c, tx, nil) })
	if err != nil {
		return nil, errors.Join(err, s.plane.RemoveImage(c, content))
	}
	return &Imported{ImageID: i.ID, Name: i.Name, Region: i.Region, Bytes: made.Size}, nil
}

// startsBy notes how the image's root starts. One that has nothing for another
// firmware boots by UEFI, also where nobody has said so.
func (i *Image) startsBy(s plane.Start) {
	i.Boots.Start = s
	if s.Disk && !s.BIOS {
		i.BootMode = cmp.Or(i.BootMode, api.BootModeValuesUefi)
	}
}

// imported tells whether the image's root comes from an archive: a volume of
// it is made by the data plane and not from a snapshot.
func (i *Image) imported() bool {
	return i.Boots.Kind == plane.Whole && strings.HasPrefix(i.Boots.ID, contentPrefix) && len(i.Devices) > 0 && i.Devices[0].Snapshot == ""
}

var errImported = resource.Unsupported("The image was imported and has no snapshot to copy: launch it and make an image of the instance")
