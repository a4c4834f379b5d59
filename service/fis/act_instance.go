package fis

import (
	"slices"
	"time"

	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/fault"
	"pileus/store"
)

// notice is how long before its interruption a spot instance is told.
const notice = 2 * time.Minute

// instanceActions stop, end and restart instances.
// https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html#ec2-actions-reference
func instanceActions() []*kind {
	aims := map[string]string{"Instances": ofInstance}
	return []*kind{
		{
			id: "aws:ec2:stop-instances", about: "Stop the specified EC2 instances.", targets: aims, lasts: "startInstancesAfterDuration",
			params: []param{
				{name: "startInstancesAfterDuration", about: "The time to wait before the instances are started again.", check: checkDuration},
				{name: "completeIfInstancesTerminated", about: "Whether the action completes although instances were terminated meanwhile: true or false.", check: checkBool},
			},
			begin: stopInstances, done: instancesStopped, end: startInstances,
		},
		{
			id: "aws:ec2:terminate-instances", about: "Terminate the specified EC2 instances.", targets: aims,
			begin: func(k *task) error {
				return k.each("Instances", func(c *cloud.Call, ids []string) error {
					_, err := ec2.TerminateInstances.Call(c, &ec2.TerminateInstancesInput{InstanceIds: ids})
					return err
				})
			},
			done: func(k *task) (bool, error) { return k.inState("shutting-down", "terminated") },
		},
		{
			id: "aws:ec2:reboot-instances", about: "Reboot the specified EC2 instances.", targets: aims,
			begin: func(k *task) error {
				return k.each("Instances", func(c *cloud.Call, ids []string) error {
					_, err := ec2.RebootInstances.Call(c, &ec2.RebootInstancesInput{InstanceIds: ids})
					return err
				})
			},
		},
		{
			id: "aws:ec2:send-spot-instance-interruptions", about: "Interrupt the specified Spot Instances after their notice of two minutes.",
			targets: map[string]string{"SpotInstances": ofSpot}, lasts: "durationBeforeInterruption",
			params: []param{{
				name: "durationBeforeInterruption", about: "The time to wait before the instances are interrupted: PT2M to PT15M.", required: true,
				check: func(v string) error {
					if d, err := parseDuration(v); err != nil || d < notice || d > 15*time.Minute {
						return errInvalid("durationBeforeInterruption is PT2M to PT15M, not %s.", v)
					}
					return nil
				},
			}},
			begin: func(k *task) error { return k.spot(fault.RecommendSpot) }, during: noticeSpot,
		},
	}
}

func checkBool(v string) error {
	if v != "true" && v != "false" {
		return errInvalid("Invalid value: %s. It must be true or false.", v)
	}
	return nil
}

// stopInstances stops those that run; only they are started again.
func stopInstances(k *task) error {
	return k.each("Instances", func(c *cloud.Call, ids []string) error {
		states, err := statesOf(c, ids)
		if err != nil {
			return err
		}
		var stop []string
		for _, id := range ids {
			if s := states[id]; s == "running" || s == "pending" {
				stop = append(stop, id)
				if err := k.note("stopped "+c.Account+" "+id, "yes"); err != nil {
					return err
				}
			}
		}
		if len(stop) == 0 {
			return nil
		}
		_, err = ec2.StopInstances.Call(c, &ec2.StopInstancesInput{InstanceIds: stop})
		return err
	})
}

// instancesStopped waits until they have, where nothing is to happen later.
func instancesStopped(k *task) (bool, error) {
	if k.parameter("completeIfInstancesTerminated", "false") == "true" {
		return k.inState("stopped", "shutting-down", "terminated")
	}
	return k.inState("stopped")
}

// startInstances starts those that the action has stopped, where it is to.
func startInstances(k *task) error {
	if k.parameter("startInstancesAfterDuration", "") == "" {
		return nil
	}
	return k.each("Instances", func(c *cloud.Call, ids []string) error {
		states, err := statesOf(c, ids)
		if err != nil {
			return err
		}
		var start []string
		for _, id := range ids {
			if k.step.Notes["stopped "+c.Account+" "+id] == "" {
				continue
			}
			switch states[id] {
			case "stopped":
				start = append(start, id)
			case "stopping": // it can be started once it has
				return errStopping
			}
		}
		if len(start) == 0 {
			return nil
		}
		_, err = ec2.StartInstances.Call(c, &ec2.StartInstancesInput{InstanceIds: start})
		return err
	})
}

// inState tells whether all targets are in one of the states; others than
// those that they pass on the way are refused.
func (k *task) inState(states ...string) (all bool, err error) {
	all = true
	err = k.each("Instances", func(c *cloud.Call, ids []string) error {
		now, err := statesOf(c, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			is := now[id]
			if !slices.Contains(states, is) {
				all = false
			}
			if is == "" || is == "terminated" && !slices.Contains(states, is) {
				return errInvalid("The instance %s was terminated.", id)
			}
		}
		return nil
	})
	return all, err
}

// statesOf are the states of instances.
func statesOf(c *cloud.Call, ids []string) (map[string]string, error) {
	out, err := ec2.DescribeInstances.Call(c, &ec2.DescribeInstancesInput{InstanceIds: ids})
	if err != nil {
		return nil, err
	}
	states := map[string]string{}
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			states[*i.InstanceId] = *i.State.Name
		}
	}
	return states, nil
}

// spotAction is what the role needs on the instances.
const spotAction = "ec2:SendSpotInstanceInterruptions"

// spot asks the market for what happens to spot instances.
func (k *task) spot(act string) error {
	for _, x := range k.targets["SpotInstances"] {
		a, _ := cloud.ParseARN(x.ARN)
		err := k.as(a.Account, func(c *cloud.Call) error {
			return k.allowed(c, cloud.Check{Action: spotAction, Resource: cloud.Resource{ARN: x.ARN}})
		})
		if err != nil {
			return err
		}
		err = k.c.Cloud.DB().Update(k.c, func(tx store.Tx) error {
			tx.After(time.Time{}, fault.SpotController, fault.SpotKey(a.Account, a.Region, x.id(), act))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// noticeSpot gives the notices, two minutes before the interruptions.
func noticeSpot(k *task) (at time.Time, err error) {
	at = k.step.Until.Add(-notice)
	if k.c.Now.Before(at) {
		return at, nil
	}
	if k.step.Notes["noticed"] != "" {
		return time.Time{}, nil
	}
	if err := k.spot(fault.InterruptSpot); err != nil {
		return time.Time{}, err
	}
	return time.Time{}, k.note("noticed", "yes")
}
