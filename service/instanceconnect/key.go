package instanceconnect

import (
	"strings"

	"golang.org/x/crypto/ssh"

	"pileus/api/ec2"
	api "pileus/api/ec2instanceconnect"
	"pileus/cloud"
	"pileus/identity"
	"pileus/loginkey"
	"pileus/store"
)

// expireController forgets keys whose minute is over.
const expireController = "ec2-instance-connect.expire"

func sendSSHPublicKey(c *cloud.Call, tx store.Tx, in *api.SendSSHPublicKeyInput) (*api.SendSSHPublicKeyOutput, error) {
	i, err := running(c, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if z := cloud.Or(in.AvailabilityZone, ""); z != "" && (i.Placement == nil || cloud.Or(i.Placement.AvailabilityZone, "") != z) {
		return nil, api.ErrEC2InstanceNotFound.New("Instance not found")
	}
	line, err := keyLine(in.SSHPublicKey)
	if err != nil {
		return nil, err
	}
	k := &loginkey.Key{
		Account: c.Account, Region: c.Region, Instance: in.InstanceId, User: in.InstanceOSUser, Request: c.RequestID, Caller: c.Principal.ARN,
		Line: line, Pushed: c.Now,
	}
	loginkey.Keys.Put(tx, k)
	tx.After(k.Until(), expireController, k.At())
	return &api.SendSSHPublicKeyOutput{RequestId: &c.RequestID, Success: new(true)}, nil
}

// running is an instance that runs.
func running(c *cloud.Call, id string) (*ec2.Instance, error) {
	out, err := ec2.DescribeInstances.Call(identity.AsAccount(c), &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil || len(out.Reservations) == 0 {
		return nil, api.ErrEC2InstanceNotFound.New("Instance not found")
	}
	i := &out.Reservations[0].Instances[0]
	if s := i.State; s == nil || cloud.Or(s.Name, "") != ec2.InstanceStateNameRunning {
		return nil, api.ErrEC2InstanceStateInvalid.New("The instance is not in the running state. Start the instance and try again")
	}
	return i, nil
}

// keyLine is a public key as a line of authorized_keys, without options that
// whoever pushed it may have written before it.
func keyLine(text string) (string, error) {
	key, comment, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil || len(options) > 0 || strings.TrimSpace(string(rest)) != "" {
		return "", api.ErrInvalidArgs.New("Invalid SSH public key")
	}
	switch key.Type() {
	case ssh.KeyAlgoRSA, ssh.KeyAlgoED25519:
	default:
		return "", api.ErrInvalidArgs.New("The SSH public key must be of type RSA or ED25519")
	}
	return strings.TrimSpace(strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " " + comment), nil
}

func expire(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		if k, ok := loginkey.Keys.Get(tx, key...); ok && !c.Now.Before(k.Until()) {
			loginkey.Keys.Delete(tx, key...)
		}
		return nil
	})
}

// sendSerialConsoleSSHPublicKey is as far as it goes for an instance whose
// console takes no sessions.
func sendSerialConsoleSSHPublicKey(c *cloud.Call, _ store.Reader, in *api.SendSerialConsoleSSHPublicKeyInput) (*api.SendSerialConsoleSSHPublicKeyOutput, error) {
	access, err := ec2.GetSerialConsoleAccessStatus.Call(identity.AsAccount(c), &ec2.GetSerialConsoleAccessStatusInput{})
	if err != nil {
		return nil, err
	}
	if !cloud.Or(access.SerialConsoleAccessEnabled, false) {
		return nil, api.ErrSerialConsoleAccessDisabled.New("Your account is not authorized to use the EC2 serial console. To authorize your account, run the EnableSerialConsoleAccess API.")
	}
	if _, err := running(c, in.InstanceId); err != nil {
		return nil, err
	}
	if _, err := keyLine(in.SSHPublicKey); err != nil {
		return nil, err
	}
	return nil, api.ErrSerialConsoleSessionUnsupported.New("Unable to start a serial console session. Please try again.")
}
