package instance_test

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
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
type linuxOnly struct{ *sim.Plane }

func (p linuxOnly) EnsureMachine(ctx context.Context, m plane.Machine) error {
	if m.Engine == "qemu" {
		return errors.Join(plane.ErrUnsupported, errors.New("there is no QEMU"))
	}
	return p.Plane.EnsureMachine(ctx, m)
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
	w := newWindowsWorld(t, linuxOnly{s}, s)
	i := w.get(*w.run(1)[0].InstanceId)
	if *i.State.Name != "terminated" || *i.StateReason.Code != "Server.InternalError" || !strings.Contains(*i.StateReason.Message, "there is no QEMU") {
		t.Errorf("%s: %v", *i.State.Name, *i.StateReason.Message)
	}
}
