package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/crypto/ssh"

	"pileus/clock"
)

// kernel measures what the kernel has a part in.
func kernel(ctx context.Context, o *options, rep *report) error {
	r, err := open(ctx, o, rep, "linux")
	defer r.end()
	if err != nil {
		return err
	}
	var errs []error
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{{"boot", r.first}, {"boot", r.one}, {"boot", r.many}, {"rules", r.rules}, {"disks", r.disks}, {"encrypted", r.encrypted}} {
		if o.wants(part.name) {
			errs = append(errs, part.measure(ctx))
		}
	}
	return errors.Join(errs...)
}

// userData is a script whose last word shows in the console's log.
const userData, lastWord = "#!/bin/sh\necho user data has $(echo ended)\n", "user data has ended"

// booted launches instances and waits until the user data of all has ended; it
// looks at the console's log of each in turn.
func (r *region) booted(ctx context.Context, n int32) (ids []string, took time.Duration, err error) {
	watch := clock.Start()
	ids, err = r.run(ctx, n, func(in *ec2.RunInstancesInput) {
		in.UserData = aws.String(base64.StdEncoding.EncodeToString([]byte(userData)))
	})
	if err != nil {
		return nil, 0, err
	}
	left := ids
	err = until(ctx, 5*time.Millisecond, func() (bool, error) {
		for len(left) > 0 {
			out, err := r.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: &left[0], Latest: aws.Bool(true)})
			if err != nil {
				return false, err
			}
			text, err := base64.StdEncoding.DecodeString(aws.ToString(out.Output))
			if err != nil || !bytes.Contains(text, []byte(lastWord)) {
				return false, err
			}
			left = left[1:]
		}
		return true, nil
	})
	return ids, watch.Elapsed(), err
}

// first is the first instance of all, which the default VPC is made for.
func (r *region) first(ctx context.Context) error {
	ids, took, err := r.booted(ctx, 1)
	if err != nil {
		return err
	}
	r.rep.figure("pileus", "the first instance, with the default VPC: RunInstances to user data ended", ms(took), "ms")
	return r.terminate(ctx, ids)
}

// one is a single instance, several times.
func (r *region) one(ctx context.Context) error {
	var times []float64
	for range 7 {
		ids, took, err := r.booted(ctx, 1)
		if err != nil {
			return err
		}
		times = append(times, ms(took))
		if err := r.terminate(ctx, ids); err != nil {
			return err
		}
	}
	r.rep.figure("pileus", "one instance: RunInstances to user data ended", median(times), "ms")
	r.rep.figure("pileus", "the slowest of seven", times[len(times)-1], "ms") // median sorts
	return nil
}

// many is fifty at once, and what each holds when it has nothing to do.
func (r *region) many(ctx context.Context) error {
	ids, took, err := r.booted(ctx, 50)
	if err != nil {
		return err
	}
	r.rep.figure("pileus", "50 instances: RunInstances to the last user data ended", ms(took), "ms")
	if err := clock.New().Wait(ctx, 5*time.Second); err != nil {
		return err
	}
	for _, m := range []struct{ name, key string }{{"memory of an idle instance", ""}, {"its own pages", "rss"}, {"kept of files", "cache"}} {
		var sizes []float64
		for _, id := range ids {
			size, err := held(id, m.key)
			if err != nil {
				return err
			}
			sizes = append(sizes, size)
		}
		r.rep.figure("pileus", m.name, median(sizes), "MiB")
	}
	watch := clock.Start()
	if err := r.terminate(ctx, ids); err != nil {
		return err
	}
	r.rep.figure("pileus", "50 instances: TerminateInstances to all terminated", ms(watch.Elapsed()), "ms")
	return nil
}

// held is what an instance's control group counts, in MiB: all of it, or one
// line of its statistics.
func held(id, key string) (float64, error) {
	groups, err := filepath.Glob("/sys/fs/cgroup/memory/pileus-*/" + id)
	usage := "memory.usage_in_bytes"
	if len(groups) == 0 && err == nil {
		groups, err = filepath.Glob("/sys/fs/cgroup/pileus-*/" + id)
		usage = "memory.current"
		key = map[string]string{"rss": "anon", "cache": "file"}[key]
	}
	if err == nil && len(groups) != 1 {
		err = fmt.Errorf("%d control groups are called %s", len(groups), id)
	}
	if err != nil {
		return 0, err
	}
	file := usage
	if key != "" {
		file = "memory.stat"
	}
	b, err := os.ReadFile(filepath.Join(groups[0], file))
	if err != nil {
		return 0, err
	}
	text := string(b)
	if key != "" {
		for line := range strings.Lines(string(b)) {
			if name, value, _ := strings.Cut(line, " "); name == key {
				text = value
			}
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return float64(n) / (1 << 20), err
}

// guest is an instance that one can log in to.
type guest struct {
	id, address, group string
	zone               *string
	shell              *ssh.Client
}

// login launches an instance with a key pair and a group of that name, and
// connects to it.
func (r *region) login(ctx context.Context, name string) (*guest, error) {
	key, err := r.CreateKeyPair(ctx, &ec2.CreateKeyPairInput{KeyName: &name, KeyType: types.KeyTypeEd25519})
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey([]byte(aws.ToString(key.KeyMaterial)))
	if err != nil {
		return nil, err
	}
	group, err := r.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: &name, Description: &name})
	if err != nil {
		return nil, err
	}
	g := &guest{group: aws.ToString(group.GroupId)}
	if err := r.allow(ctx, g, 22); err != nil {
		return nil, err
	}
	ids, err := r.run(ctx, 1, func(in *ec2.RunInstancesInput) {
		in.KeyName, in.SecurityGroupIds = &name, []string{g.group}
		in.UserData = aws.String(base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\nhttpd -p 80 -h /tmp\n")))
	})
	if err != nil {
		return nil, err
	}
	if err := r.all(ctx, ids, types.InstanceStateNameRunning); err != nil {
		return nil, err
	}
	out, err := r.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids})
	if err != nil {
		return nil, err
	}
	i := out.Reservations[0].Instances[0]
	g.id, g.address, g.zone = ids[0], aws.ToString(i.PublicIpAddress), i.Placement.AvailabilityZone
	err = until(ctx, 50*time.Millisecond, func() (bool, error) {
		g.shell, err = ssh.Dial("tcp", g.address+":22", &ssh.ClientConfig{User: "ec2-user", Timeout: time.Second,
			Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
		return err == nil, nil
	})
	return g, err
}

// do runs a command in the instance.
func (g *guest) do(command string) error {
	s, err := g.shell.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	if out, err := s.CombinedOutput(command); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, out)
	}
	return nil
}

func (r *region) allow(ctx context.Context, g *guest, port int32) error {
	_, err := r.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &g.group, IpProtocol: aws.String("tcp"),
		FromPort: &port, ToPort: &port, CidrIp: aws.String("0.0.0.0/0")})
	return err
}

func (r *region) forbid(ctx context.Context, g *guest, port int32) error {
	_, err := r.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &g.group, IpProtocol: aws.String("tcp"),
		FromPort: &port, ToPort: &port, CidrIp: aws.String("0.0.0.0/0")})
	return err
}

// connects tries to open a connection for 3 ms, many times what it takes.
func (g *guest) connects(port int) bool {
	c, err := net.DialTimeout("tcp", net.JoinHostPort(g.address, strconv.Itoa(port)), 3*time.Millisecond)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// rules measures from the call that changes a rule until packets obey it.
func (r *region) rules(ctx context.Context) error {
	g, err := r.login(ctx, "rules")
	if err != nil {
		return err
	}
	defer g.shell.Close()
	var opened, closed []float64
	for range 15 {
		for _, c := range []struct {
			change func(context.Context, *guest, int32) error
			want   bool
			times  *[]float64
		}{{r.allow, true, &opened}, {r.forbid, false, &closed}} {
			watch := clock.Start()
			if err := c.change(ctx, g, 80); err != nil {
				return err
			}
			err := until(ctx, 100*time.Microsecond, func() (bool, error) { return g.connects(80) == c.want, nil })
			if err != nil {
				return err
			}
			*c.times = append(*c.times, ms(watch.Elapsed()))
		}
	}
	r.rep.figure("pileus", "a rule allows: request to the first connection", median(opened), "ms")
	r.rep.figure("pileus", "a rule is revoked: request to no connection", median(closed), "ms")
	return r.terminate(ctx, []string{g.id})
}
