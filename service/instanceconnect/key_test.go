package instanceconnect_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/api/ec2"
	api "pileus/api/ec2instanceconnect"
	"pileus/cloud"
	"pileus/loginkey"
	"pileus/node/nodetest"
	"pileus/store"
)

// active are the keys that the metadata has of the instance, by user.
func (w *world) active() (out map[string]string) {
	w.View(func(r store.Reader) {
		out = loginkey.Of(r, nodetest.Account, nodetest.Region, w.instance, w.Now())
	})
	return out
}

// TestPush has a key let somebody in for a minute.
func TestPush(t *testing.T) {
	w := newWorld(t)
	line := key(t, "me@home")
	in := &api.SendSSHPublicKeyInput{InstanceId: w.instance, InstanceOSUser: "ec2-user", SSHPublicKey: line + "\n"}
	if out := nodetest.Do(w.World, &api.SendSSHPublicKey, in); !*out.Success {
		t.Errorf("answered %+v", out)
	}
	second := *in
	second.SSHPublicKey = key(t, "")
	w.Advance(30 * time.Second)
	nodetest.Do(w.World, &api.SendSSHPublicKey, &second)
	got := w.active()
	if users := slices.Collect(maps.Keys(got)); !slices.Equal(users, []string{"ec2-user"}) || !strings.Contains(got["ec2-user"], "\n"+line+"\n") || strings.Count(got["ec2-user"], "ssh-ed25519") != 2 {
		t.Errorf("both are good: %q", got)
	}
	w.Advance(30 * time.Second)
	if got := w.active()["ec2-user"]; strings.Contains(got, line) || strings.Count(got, "ssh-ed25519") != 1 {
		t.Errorf("after a minute: %q", got)
	}
	w.Advance(time.Minute)
	var left int
	w.View(func(r store.Reader) { left = loginkey.Keys.Count(r) })
	if left != 0 {
		t.Errorf("%d keys are kept that are good for nothing", left)
	}
}

// TestPushRefused refuses keys and instances that cannot be.
func TestPushRefused(t *testing.T) {
	w := newWorld(t)
	good := key(t, "")
	for _, test := range []struct {
		id, zone, key, code string
	}{
		{"i-00000000000000000", "", good, "EC2InstanceNotFoundException"},
		{w.instance, "us-east-1f", good, "EC2InstanceNotFoundException"},
		{w.instance, "", strings.Repeat("no key", 20), "InvalidArgsException"},
		{w.instance, "", `command="sh" ` + good, "InvalidArgsException"},
		{w.instance, "", good + "\n" + good, "InvalidArgsException"},
	} {
		in := &api.SendSSHPublicKeyInput{InstanceId: test.id, InstanceOSUser: "ec2-user", SSHPublicKey: test.key}
		if test.zone != "" {
			in.AvailabilityZone = &test.zone
		}
		_, err := nodetest.Try(w.World, &api.SendSSHPublicKey, in)
		wantCode(t, err, test.code)
	}
	nodetest.Do(w.World, &ec2.StopInstances, &ec2.StopInstancesInput{InstanceIds: []string{w.instance}})
	w.Drain()
	_, err := nodetest.Try(w.World, &api.SendSSHPublicKey, &api.SendSSHPublicKeyInput{InstanceId: w.instance, InstanceOSUser: "ec2-user", SSHPublicKey: good})
	wantCode(t, err, "EC2InstanceStateInvalidException")
}

// TestSerialConsole says why there is no session.
func TestSerialConsole(t *testing.T) {
	w := newWorld(t)
	in := &api.SendSerialConsoleSSHPublicKeyInput{InstanceId: w.instance, SSHPublicKey: key(t, "")}
	_, err := nodetest.Try(w.World, &api.SendSerialConsoleSSHPublicKey, in)
	wantCode(t, err, "SerialConsoleAccessDisabledException")
	nodetest.Do(w.World, &ec2.EnableSerialConsoleAccess, &ec2.EnableSerialConsoleAccessInput{})
	_, err = nodetest.Try(w.World, &api.SendSerialConsoleSSHPublicKey, in)
	wantCode(t, err, "SerialConsoleSessionUnsupportedException")
}

// TestAccess lets a user push keys for one user of the system, and refuses the
// same for another.
func TestAccess(t *testing.T) {
	w := newWorld(t)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2-instance-connect:*","Resource":"arn:aws:ec2:*:*:instance/*","Condition":{"StringEqualsIfExists":{"ec2:osuser":"ec2-user"}}}]}`
	may, not := w.As(w.User("may", policy)), w.As(w.User("not", nodetest.Allow("ec2:*")))
	send := func(c *cloud.Call, user string) error {
		_, err := api.SendSSHPublicKey.Call(c, &api.SendSSHPublicKeyInput{InstanceId: w.instance, InstanceOSUser: user, SSHPublicKey: key(t, "")})
		return err
	}
	console := func(c *cloud.Call) error {
		_, err := api.SendSerialConsoleSSHPublicKey.Call(c, &api.SendSerialConsoleSSHPublicKeyInput{InstanceId: w.instance, SSHPublicKey: key(t, "")})
		return err
	}
	if err := send(may, "ec2-user"); err != nil {
		t.Error(err)
	}
	wantCode(t, send(may, "root"), "AccessDeniedException")
	wantCode(t, send(not, "ec2-user"), "AccessDeniedException")
	wantCode(t, console(may), "SerialConsoleAccessDisabledException")
	wantCode(t, console(not), "AccessDeniedException")
}
