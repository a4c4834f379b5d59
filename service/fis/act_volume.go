package fis

import (
	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/fault"
	"pileus/store"
)

// volumeActions disturb volumes.
// https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html#ebs-actions-reference
func volumeActions() []*kind {
	return []*kind{{
		id: "aws:ebs:pause-volume-io", about: "Pause the I/O of the specified EBS volumes: what reads and writes them waits.",
		targets: map[string]string{"Volumes": ofVolume}, lasts: "duration", params: []param{duration(true)},
		begin: func(k *task) error { return k.pause(true) }, end: func(k *task) error { return k.pause(false) },
	}}
}

// pauseAction is what the role needs on the volumes.
const pauseAction = "ec2:PauseVolumeIO"

func (k *task) pause(hold bool) error {
	for _, x := range k.targets["Volumes"] {
		a, _ := cloud.ParseARN(x.ARN)
		if hold {
			err := k.as(a.Account, func(c *cloud.Call) error {
				return k.allowed(c, cloud.Check{Action: pauseAction, Resource: cloud.Resource{ARN: x.ARN}})
			})
			if err != nil {
				return err
			}
		}
		err := k.c.Cloud.DB().Update(k.c, func(tx store.Tx) error {
			fault.Pause(tx, &fault.Paused{Account: a.Account, Region: a.Region, Volume: x.id(), Cause: k.cause()}, hold)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// allowed refuses what the role may not do, where no operation of an API stands
// for it.
func (k *task) allowed(c *cloud.Call, check cloud.Check) error {
	return c.Cloud.Authorise(c, &api.StartExperiment.OpInfo, check)
}
