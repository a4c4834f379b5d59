package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"pileus/clock"
	"pileus/node"
	"pileus/sigv4"
)

func sshCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "ssh INSTANCE [-- COMMAND...]", Short: "Log in to an instance", Args: cobra.MinimumNArgs(1),
		Long: `Log in to an instance with the system's ssh, at its public address, which is
reachable from the machine that pileus runs on, directly or through the cloud. INSTANCE is an id, or the value
of its Name tag. Host keys are not remembered: addresses are used again, and the
way to the instance never leaves this machine.`,
		Example: `  pileus ssh -i key.pem i-0123456789abcdef0
  pileus ssh -i key.pem web -- systemctl status
  pileus ssh -i key.pem --user ubuntu --region eu-west-1 web`,
		RunE: func(c *cobra.Command, args []string) error {
			at, err := findInstance(c, args[0])
			if err != nil {
				return err
			}
			return logIn(c, at, args[1:])
		},
	}
	f := c.Flags()
	f.StringP("identity", "i", "", "file with the private key of the instance's key pair (default: what ssh finds)")
	f.StringP("user", "l", "ec2-user", "whom to log in as")
	f.String("region", node.DefaultRegion, "region of the instance (default: the cloud's)")
	f.String("access-key", node.DefaultKey, "access key id; a 12-digit one selects that account (default: the cloud's)")
	f.String("secret-key", node.DefaultSecret, "secret access key (default: the cloud's)")
	return c
}

// reachableInstance is what DescribeInstances tells of one.
type reachableInstance struct {
	ID     string `xml:"instanceId"`
	State  string `xml:"instanceState>name"`
	Public string `xml:"ipAddress"`
}

// findInstance is the running instance of an id or a Name.
func findInstance(c *cobra.Command, name string) (reachableInstance, error) {
	q := url.Values{"Action": {"DescribeInstances"}, "Version": {"2016-11-15"}}
	if strings.HasPrefix(name, "i-") {
		q.Set("InstanceId.1", name)
	} else {
		q.Set("Filter.1.Name", "tag:Name")
		q.Set("Filter.1.Value.1", name)
		q.Set("Filter.2.Name", "instance-state-name")
		q.Set("Filter.2.Value.1", "running")
	}
	var out struct {
		Instances []reachableInstance `xml:"reservationSet>item>instancesSet>item"`
	}
	if err := askEC2(c, q, &out); err != nil {
		return reachableInstance{}, err
	}
	switch list := out.Instances; {
	case len(list) == 0:
		return reachableInstance{}, fmt.Errorf("no instance is called %q and runs", name)
	case len(list) > 1:
		return reachableInstance{}, fmt.Errorf("%d instances are called %q: name one by its id", len(list), name)
	case list[0].State != "running":
		return list[0], fmt.Errorf("%s is %s", list[0].ID, list[0].State)
	case list[0].Public == "":
		return list[0], fmt.Errorf("%s has no public address: associate an elastic one, or log in from another instance", list[0].ID)
	default:
		return list[0], nil
	}
}

// askEC2 sends a query to EC2 as the account's root, or as the flags say.
func askEC2(c *cobra.Command, q url.Values, out any) error {
	k := connect(c)
	text := func(name string) string { v, _ := c.Flags().GetString(name); return v }
	as := sigv4.Credential{AccessKey: text("access-key"), Secret: text("secret-key")}
	if r, ok := k.local(); ok {
		as.AccessKey, as.Secret = unlessGiven(c, "access-key", r.AccessKey), unlessGiven(c, "secret-key", r.SecretKey)
	}
	var s node.Status
	if err := k.do(c.Context(), http.MethodGet, "/_pileus/status", nil, &s); err != nil {
		return err
	}
	region := unlessGiven(c, "region", s.Region)
	body := q.Encode()
	req, err := http.NewRequestWithContext(c.Context(), http.MethodPost, k.endpoint+"/", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	sum := sha256.Sum256([]byte(body))
	sigv4.Sign(req, as, region, "ec2", clock.New().Machine(), hex.EncodeToString(sum[:]))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return reason(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		var e struct {
			Message string `xml:"Errors>Error>Message"`
		}
		if err := xml.NewDecoder(res.Body).Decode(&e); err != nil || e.Message == "" {
			return fmt.Errorf("EC2 answers %s", res.Status)
		}
		return fmt.Errorf("%s", e.Message)
	}
	return xml.NewDecoder(res.Body).Decode(out)
}

// logIn runs ssh in the place of this command.
func logIn(c *cobra.Command, at reachableInstance, command []string) error {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		return fmt.Errorf("there is no ssh here; the instance's address is %s", at.Public)
	}
	args := []string{"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"}
	if key, _ := c.Flags().GetString("identity"); key != "" {
		args = append(args, "-i", key, "-o", "IdentitiesOnly=yes")
	}
	if k := connect(c); unreachable(c.Context(), k) {
		program, err := os.Executable()
		if err != nil {
			return err
		}
		args = append(args, "-o", fmt.Sprintf("ProxyCommand='%s' --endpoint %s connect %%h:%%p", program, k.endpoint))
	}
	user, _ := c.Flags().GetString("user")
	args = append(append(args, user+"@"+at.Public), command...)
	// What is typed there, interrupts included, is for the instance.
	x := exec.CommandContext(context.WithoutCancel(c.Context()), ssh, args...)
	x.Stdin, x.Stdout, x.Stderr = os.Stdin, c.OutOrStdout(), c.ErrOrStderr()
	return x.Run()
}
