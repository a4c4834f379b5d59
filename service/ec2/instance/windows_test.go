package instance_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	picture "image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
	"pileus/service/ec2/instance"
	"pileus/store"
)

// windows are images of Windows, under the ids of the built-in ones.
type windows struct{ instance.Catalogue }

func (w windows) Find(c *cloud.Call, r store.Reader, id string) (instance.Image, error) {
	i, err := w.Catalogue.Find(c, r, id)
	i.Boots = plane.Image{ID: "windows", Kind: plane.Whole, Platform: "windows"}
	return i, err
}

// linuxOnly is a plane that has no engine for Windows.
type linuxOnly struct {
	*sim.Plane
	hidden bool // it shows only when a machine is to boot
}

func (p linuxOnly) EnsureMachine(ctx context.Context, m plane.Machine) error {
	if m.Engine == "qemu" {
		return errors.Join(plane.ErrUnsupported, errors.New("there is no QEMU"))
	}
	return p.Plane.EnsureMachine(ctx, m)
}

func (p linuxOnly) CanBoot(image plane.Image) error {
	if image.Platform != "" && !p.hidden {
		return errors.Join(plane.ErrUnsupported, errors.New("there is no QEMU"))
	}
	return nil
}

func newWindowsWorld(t *testing.T, p plane.Plane, s *sim.Plane) *world {
	w := &world{plane: s}
	w.World = nodetest.Start(t, node.Options{Plane: p, Rehearse: true, Seed: 1, Modules: func(parts node.Parts) (mods []cloud.Module) {
		var ec2 cloud.Module
		ec2, w.room = moduleWith(parts.Plane, windows{})
		return []cloud.Module{ec2}
	}})
	return w
}

func TestPasswordOfWindows(t *testing.T) {
	s := sim.New(t.TempDir())
	w := newWindowsWorld(t, s, s)
	made := nodetest.Do(w.World, &api.CreateKeyPair, &api.CreateKeyPairInput{KeyName: "k"})
	nodetest.Do(w.World, &api.CreateKeyPair, &api.CreateKeyPairInput{KeyName: "ed", KeyType: new("ed25519")})
	want(w, "InvalidParameterCombination", &api.RunInstances, &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.large"), MinCount: 1, MaxCount: 1, KeyName: new("ed")})
	i := w.run(1, func(in *api.RunInstancesInput) { in.KeyName = new("k") })[0]
	if *i.Platform != "windows" || *i.UsageOperation != "RunInstances:0002" {
		t.Errorf("platform %s, operation %s", *i.Platform, *i.UsageOperation)
	}
	out := nodetest.Do(w.World, &api.GetPasswordData, &api.GetPasswordDataInput{InstanceId: *i.InstanceId})
	sealed, err := base64.StdEncoding.DecodeString(*out.PasswordData)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(*made.KeyMaterial))
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 this is how clients decrypt it
	password, err := rsa.DecryptPKCS1v15(nil, key, sealed)
	if err != nil || len(password) != 32 {
		t.Errorf("password %q, %v", password, err)
	}
}

func TestWindowsNeedsAnEngine(t *testing.T) {
	s := sim.New(t.TempDir())
	refused := newWindowsWorld(t, linuxOnly{Plane: s}, s)
	_, err := nodetest.Try(refused.World, &api.RunInstances, &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.large"), MinCount: 1, MaxCount: 1})
	if err == nil || !strings.Contains(err.Error(), "there is no QEMU") || !strings.Contains(err.Error(), "UnsupportedOperation") {
		t.Errorf("%v, want UnsupportedOperation and why", err)
	}
	s = sim.New(t.TempDir())
	w := newWindowsWorld(t, linuxOnly{Plane: s, hidden: true}, s)
	i := w.get(*w.run(1)[0].InstanceId)
	if *i.State.Name != "terminated" || *i.StateReason.Code != "Server.InternalError" || !strings.Contains(*i.StateReason.Message, "there is no QEMU") {
		t.Errorf("%s: %v", *i.State.Name, *i.StateReason.Message)
	}
}

// screened is a plane whose machines have a screen, and say something.
type screened struct {
	*sim.Plane
	says string
}

func (p *screened) Console(context.Context, string) ([]byte, error) { return []byte(p.says), nil }

func (p *screened) Screenshot(context.Context, string) ([]byte, error) {
	img := picture.NewGray(picture.Rect(0, 0, 320, 200))
	img.SetGray(100, 100, color.Gray{Y: 0xff})
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}

// TestPasswordThatWindowsTells: what EC2's agent in Windows writes to the console
// is the password, also after the console has forgotten it.
func TestPasswordThatWindowsTells(t *testing.T) {
	s := sim.New(t.TempDir())
	p := &screened{Plane: s}
	w := newWindowsWorld(t, p, s)
	nodetest.Do(w.World, &api.CreateKeyPair, &api.CreateKeyPairInput{KeyName: "k"})
	id := *w.run(1, func(in *api.RunInstancesInput) { in.KeyName = new("k") })[0].InstanceId
	told := func() string {
		return *nodetest.Do(w.World, &api.GetPasswordData, &api.GetPasswordDataInput{InstanceId: id}).PasswordData
	}
	made := told()
	for _, c := range []struct{ says, want string }{
		{"<Password>not base 64!</Password>", made},
		{"<Password>Zmlyc3Q=", made}, // it is still at it
		{"boot\n<Password>\r\nZmly\r\nc3Q=\r\n</Password>\n", "Zmlyc3Q="},
		{"nothing any more", "Zmlyc3Q="},
		{"<Password>Zmlyc3Q=</Password> again <Password>c2Vjb25k</Password>", "c2Vjb25k"},
	} {
		if p.says = c.says; told() != c.want {
			t.Errorf("console %q: password %q, want %q", c.says, told(), c.want)
		}
	}
}

func TestScreenshotOfAScreen(t *testing.T) {
	s := sim.New(t.TempDir())
	w := newWindowsWorld(t, &screened{Plane: s}, s)
	id := *w.run(1)[0].InstanceId
	b, err := base64.StdEncoding.DecodeString(*nodetest.Do(w.World, &api.GetConsoleScreenshot, &api.GetConsoleScreenshotInput{InstanceId: id}).ImageData)
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil || img.Bounds().Dx() != 320 {
		t.Fatalf("%v, %v", img, err)
	}
	if r, _, _, _ := img.At(100, 100).RGBA(); r < 0x8000 {
		t.Error("what is on the screen is not on the picture")
	}
}
