package fis

import (
	"strconv"
	"strings"

	"pileus/cloud"
	"pileus/region"
	"pileus/store"
	"pileus/zone"
)

// capacityActions have zones seem to be full for some.
// https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html#ec2-actions-reference
func capacityActions() []*kind {
	params := func(percent bool) []param {
		return []param{
			duration(true),
			{name: "availabilityZoneIdentifiers", about: "The Availability Zones that have no capacity, by names or ids, with commas between them.", required: true},
			{name: "percentage", about: "The part of the requests that are refused, 1 to 100.", required: percent, check: checkPercentage},
		}
	}
	return []*kind{
		{
			id: "aws:ec2:api-insufficient-instance-capacity-error", about: "Answer the target roles' requests for instances with InsufficientInstanceCapacity errors.",
			targets: map[string]string{"Roles": ofRole}, lasts: "duration", params: params(true),
			begin: func(k *task) error {
				return k.shorten("ec2:InjectApiError", "Roles", func(s *zone.Shortage, x resolved) { s.Roles = append(s.Roles, x.ARN) })
			},
			end: enough,
		},
		{
			id: "aws:ec2:asg-insufficient-instance-capacity-error", about: "Answer the target Auto Scaling groups' requests for instances with InsufficientInstanceCapacity errors.",
			targets: map[string]string{"AutoScalingGroups": ofGroup}, lasts: "duration", params: params(false),
			begin: func(k *task) error {
				return k.shorten("ec2:InjectApiError", "AutoScalingGroups", func(s *zone.Shortage, x resolved) { s.Groups = append(s.Groups, x.id()) })
			},
			end: enough,
		},
	}
}

func checkPercentage(v string) error {
	if n, err := strconv.Atoi(v); err != nil || n < 1 || n > 100 {
		return errInvalid("The percentage is 1 to 100, not %s.", v)
	}
	return nil
}

// shorten writes what is short for the targets of each account.
func (k *task) shorten(action, target string, add func(s *zone.Shortage, x resolved)) error {
	percent, err := strconv.Atoi(k.parameter("percentage", "100"))
	if err != nil {
		return errInvalid("Invalid percentage: %v", err)
	}
	zones, err := zoneNames(k.Region, k.parameter("availabilityZoneIdentifiers", ""))
	if err != nil {
		return err
	}
	short := map[string]*zone.Shortage{}
	for _, x := range k.targets[target] {
		a, _ := cloud.ParseARN(x.ARN)
		if short[a.Account] == nil {
			short[a.Account] = &zone.Shortage{Cause: k.cause(), Account: a.Account, Region: k.Region, Zones: zones, Percent: percent}
		}
		add(short[a.Account], x)
	}
	for _, account := range sortedKeys(short) {
		err := k.as(account, func(c *cloud.Call) error {
			return k.allowed(c, cloud.Check{Action: action, Resource: cloud.Resource{ARN: "*"}, Keys: cloud.Keys{"ec2:fisactionid": {k.kind.id}}})
		})
		if err != nil {
			return err
		}
	}
	return k.c.Cloud.DB().Update(k.c, func(tx store.Tx) error {
		for _, account := range sortedKeys(short) {
			zone.Shortages.Put(tx, short[account])
		}
		return nil
	})
}

// enough ends the shortage, in every account.
func enough(k *task) error {
	return k.c.Cloud.DB().Update(k.c, func(tx store.Tx) error {
		zone.Shortages.Delete(tx, k.Account, k.Region, k.cause())
		for _, a := range k.Accounts {
			zone.Shortages.Delete(tx, a.ID, k.Region, k.cause())
		}
		return nil
	})
}

// zoneNames reads names and ids of zones.
func zoneNames(in, text string) (names []string, err error) {
	where, _ := region.Find(in)
	for _, id := range strings.Split(text, ",") {
		z, ok := where.FindZone(strings.TrimSpace(id))
		if !ok {
			return nil, errInvalid("Invalid Availability Zone: %s", id)
		}
		names = append(names, z.Name)
	}
	return names, nil
}
