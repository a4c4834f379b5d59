package image_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"

	"pileus/all"
	api "pileus/api/ec2"
	"pileus/api/s3"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/planetest"
	"pileus/plane/sim"
	"pileus/service/ec2/ebs/diskimage"
	"pileus/service/ec2/image"
)

// booted is a plane that remembers how machines were to boot.
type booted struct {
	*sim.Plane
	mu       sync.Mutex
	machines map[string]plane.Machine
}

func (b *booted) EnsureMachine(ctx context.Context, m plane.Machine) error {
	b.mu.Lock()
	b.machines[m.ID] = m
	b.mu.Unlock()
	return b.Plane.EnsureMachine(ctx, m)
}

// uploadDisk imports a disk and returns the answer's status and the image's id.
func uploadDisk(w *nodetest.World, name, mode string, d planetest.Disk) (status int, id string) {
	w.T.Helper()
	where := w.Endpoint + image.ImportPath + "?account=" + nodetest.Account + "&region=" + nodetest.Region + "&name=" + name + "&boot-mode=" + mode
	res, err := http.Post(where, "application/x-tar", bytes.NewReader(d.Bytes()))
	if err != nil {
		w.T.Fatal(err)
	}
	defer res.Body.Close()
	var out image.Imported
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		w.T.Fatal(err)
	}
	return res.StatusCode, out.ImageID
}

// TestBootMode: what an image says of its boot mode, an instance of it, and what
// the data plane is asked for.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-boot-mode.html
func TestBootMode(t *testing.T) {
	p := &booted{Plane: sim.New(t.TempDir()), machines: map[string]plane.Machine{}}
	w := nodetest.Start(t, node.Options{Plane: p, Rehearse: true, Seed: 1, Modules: all.Modules})
	bios, uefi, both := planetest.Disk{BIOS: true}, planetest.Disk{UEFI: true}, planetest.Disk{BIOS: true, UEFI: true}
	const nitro, old = "t3.micro", "t2.micro"
	for _, c := range []struct {
		name     string
		disk     planetest.Disk
		mode     string
		kind     string
		image    string // BootMode of the image and of the instance
		current  string // CurrentInstanceBootMode; "" where it is refused
		firmware plane.Firmware
	}{
		{"bios", bios, "", nitro, "", "legacy-bios", plane.AnyFirmware},
		{"both", both, "", nitro, "", "legacy-bios", plane.AnyFirmware},
		{"both-bios", both, "legacy-bios", nitro, "legacy-bios", "legacy-bios", plane.BIOS},
		{"both-uefi", both, "uefi", nitro, "uefi", "uefi", plane.UEFI},
		{"both-preferred", both, "uefi-preferred", nitro, "uefi-preferred", "uefi", plane.PreferUEFI},
		{"both-preferred-old", both, "uefi-preferred", old, "uefi-preferred", "legacy-bios", plane.BIOS},
		{"bios-preferred", bios, "uefi-preferred", nitro, "uefi-preferred", "legacy-bios", plane.PreferUEFI},
		{"uefi", uefi, "", nitro, "uefi", "uefi", plane.UEFI}, // it has nothing else
		{"uefi-old", uefi, "", old, "uefi", "", ""},
	} {
		status, id := uploadDisk(w, c.name, c.mode, c.disk)
		if status != http.StatusOK {
			t.Fatalf("%s: %d", c.name, status)
		}
		if got := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{id}}).Images[0]; deref(got.BootMode) != c.image {
			t.Errorf("%s: the image's boot mode is %q, want %q", c.name, deref(got.BootMode), c.image)
		}
		run, err := nodetest.Try(w, &api.RunInstances, &api.RunInstancesInput{ImageId: &id, InstanceType: &c.kind, MinCount: 1, MaxCount: 1})
		if c.current == "" {
			if code(err) != "InvalidParameterValue" {
				t.Errorf("%s on %s: %v", c.name, c.kind, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		w.Drain()
		i := run.Instances[0]
		if deref(i.BootMode) != c.image || deref(i.CurrentInstanceBootMode) != c.current {
			t.Errorf("%s: boot mode %q, now %q, want %q", c.name, deref(i.BootMode), deref(i.CurrentInstanceBootMode), c.current)
		}
		if m := p.machines[*i.InstanceId]; m.Image.Firmware != c.firmware || m.Type != c.kind || !m.Image.Start.Disk {
			t.Errorf("%s: the machine is to boot as %+v", c.name, m.Image)
		}
		out := nodetest.Do(w, &api.DescribeInstances, &api.DescribeInstancesInput{InstanceIds: []string{*i.InstanceId}, Filters: []api.Filter{
			{Name: new("current-instance-boot-mode"), Values: []string{c.current}}, {Name: new("boot-mode"), Values: []string{c.image, "none"}},
		}})
		if found := len(out.Reservations) == 1; found != (c.image != "") {
			t.Errorf("%s: found by its boot modes: %v", c.name, found)
		}
		made := nodetest.Do(w, &api.CreateImage, &api.CreateImageInput{InstanceId: *i.InstanceId, Name: c.name + "-copy", NoReboot: new(true)})
		w.Drain()
		if got := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{*made.ImageId}}).Images[0]; deref(got.BootMode) != c.image {
			t.Errorf("%s: an image of the instance has the boot mode %q", c.name, deref(got.BootMode))
		}
	}
	if status, _ := uploadDisk(w, "wrong", "efi", both); status != http.StatusBadRequest {
		t.Errorf("a boot mode that is none: %d", status)
	}
}

// TestBootModeOfImports: a disk image in a bucket is looked at as well, whatever
// its format.
func TestBootModeOfImports(t *testing.T) {
	w := studio(t)
	for n, c := range []struct {
		disk planetest.Disk
		mode *string
		want string
	}{
		{planetest.Disk{UEFI: true}, nil, "uefi"},
		{planetest.Disk{BIOS: true, UEFI: true}, nil, ""},
		{planetest.Disk{BIOS: true, UEFI: true}, new("uefi"), "uefi"},
	} {
		var b bytes.Buffer
		if err := diskimage.Write(&b, diskimage.VHD, disk(c.disk.Bytes())); err != nil {
			t.Fatal(err)
		}
		key := string(rune('a' + n))
		nodetest.Do(w, &s3.PutObject, &s3.PutObjectInput{Bucket: "disks", Key: key, Body: io.NopCloser(&b)})
		made := imported(w, &api.ImportImageInput{BootMode: c.mode, DiskContainers: []api.ImageDiskContainer{at(key, "VHD")}})
		if *made.Status != "completed" {
			t.Fatalf("%s: %v", *made.Status, made.StatusMessage)
		}
		if i := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{*made.ImageId}}).Images[0]; deref(i.BootMode) != c.want {
			t.Errorf("%+v: boot mode %q, want %q", c.disk, deref(i.BootMode), c.want)
		}
	}
	_, err := nodetest.Try(w, &api.ImportImage, &api.ImportImageInput{BootMode: new("uefi-preferred"), DiskContainers: []api.ImageDiskContainer{at("a", "VHD")}})
	if code(err) != "InvalidParameter" {
		t.Errorf("uefi-preferred: %v", err)
	}
	_, err = nodetest.Try(w, &api.RegisterImage, &api.RegisterImageInput{Name: "with-variables", UefiData: new("QU1aTlVFRkk=")})
	if code(err) != "UnsupportedOperation" {
		t.Errorf("UEFI variables: %v", err)
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
