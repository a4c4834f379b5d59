package instance

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image/jpeg"
	"image/png"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// console reads what an instance wrote to its console. An instance whose
// machine is gone has nothing to show.
func (s *Room) console(c *cloud.Call, id string) (i *Instance, out []byte, err error) {
	err = c.View(func(r store.Reader) (err error) {
		i, err = Find(c, r, id)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	out, err = s.plane.Console(c, id)
	if errors.Is(err, plane.ErrNotFound) {
		err = nil
	}
	return i, out, err
}

// getConsoleOutput answers the console at once, where AWS posts it some time
// after each transition unless the latest is asked for.
func (s *Room) getConsoleOutput(c *cloud.Call, in *api.GetConsoleOutputInput) (*api.GetConsoleOutputOutput, error) {
	i, text, err := s.console(c, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if cloud.Or(in.Latest, false) && i.Kind().hypervisor != "nitro" {
		return nil, resource.Unsupported("This instance type does not support retrieving the latest console logs. Please retry without the latest parameter")
	}
	out := &api.GetConsoleOutputOutput{InstanceId: &i.ID, Timestamp: new(c.Now)}
	if len(text) > 0 {
		out.Output = new(base64.StdEncoding.EncodeToString(text))
	}
	return out, nil
}

func (s *Room) getConsoleScreenshot(c *cloud.Call, in *api.GetConsoleScreenshotInput) (*api.GetConsoleScreenshotOutput, error) {
	i, text, err := s.console(c, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if i.State != Running {
		return nil, errNotRunning(i.ID)
	}
	picture, err := s.picture(c, i.ID, text)
	if err != nil {
		return nil, err
	}
	return &api.GetConsoleScreenshotOutput{InstanceId: &i.ID, ImageData: new(base64.StdEncoding.EncodeToString(picture))}, nil
}

// picture is what the machine's screen shows, or where it has none, what its
// console would show on one.
func (s *Room) picture(c *cloud.Call, id string, console []byte) ([]byte, error) {
	b, err := s.plane.Screenshot(c, id)
	if errors.Is(err, plane.ErrUnsupported) {
		return screenshot(console)
	}
	if err != nil {
		return nil, err
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("the screen of %s: %w", id, err)
	}
	var out bytes.Buffer
	err = jpeg.Encode(&out, img, &jpeg.Options{Quality: screenQuality})
	return out.Bytes(), err
}

// getPasswordData answers the administrator's password of a Windows instance,
// encrypted with its key pair: the one that the system has made, which it tells
// on its console, or else the one that was made for it. Other instances have
// none: it is empty.
func (s *Room) getPasswordData(c *cloud.Call, in *api.GetPasswordDataInput) (*api.GetPasswordDataOutput, error) {
	i, text, err := s.console(c, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if told := toldPassword(text); i.Windows() && told != "" && told != i.Password {
		// The console forgets.
		err := c.Update(func(tx store.Tx) error {
			return change(c, tx, i.ID, func(d *Instance) error {
				d.Password = told
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
		return &api.GetPasswordDataOutput{InstanceId: &i.ID, PasswordData: &told, Timestamp: new(i.Launched)}, nil
	}
	return &api.GetPasswordDataOutput{InstanceId: &i.ID, PasswordData: &i.Password, Timestamp: new(i.Launched)}, nil
}

// toldPassword is the encrypted password that EC2's agent in Windows writes to
// the console, the last if there are several.
func toldPassword(console []byte) string {
	const begin, end = "<Password>", "</Password>"
	at := strings.LastIndex(string(console), begin)
	if at < 0 {
		return ""
	}
	text, _, ok := strings.Cut(string(console[at+len(begin):]), end)
	text = strings.Join(strings.Fields(text), "")
	if _, err := base64.StdEncoding.DecodeString(text); !ok || err != nil {
		return ""
	}
	return text
}

// sendDiagnosticInterrupt does what a Linux kernel that is set up for it does
// when it gets the interrupt: it crashes and restarts.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/diagnostic-interrupt.html
func sendDiagnosticInterrupt(c *cloud.Call, tx store.Tx, in *api.SendDiagnosticInterruptInput) (*cloud.Empty, error) {
	return &cloud.Empty{}, change(c, tx, in.InstanceId, func(i *Instance) error {
		if i.State != Running {
			return errNotRunning(i.ID)
		}
		i.Reboots++
		tx.After(time.Time{}, instanceController, i.key())
		return nil
	})
}
