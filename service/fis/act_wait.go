package fis

import (
	"slices"
	"strings"

	"pileus/cloud"
	"pileus/region"
	"pileus/store"
	"pileus/zone"
)

// waitActions wait, and look at alarms. The last cuts a whole zone off, which
// is this cloud's own.
// https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html#wait-actions-reference
func waitActions() []*kind {
	return []*kind{
		{id: "aws:fis:wait", about: "Wait.", lasts: "duration", params: []param{duration(true)}},
		{
			id: "aws:cloudwatch:assert-alarm-state", about: "Fail unless the specified alarms are in one of the specified states.",
			params: []param{
				{name: "alarmArns", about: "The ARNs of the alarms, with commas between them, five at most.", required: true, check: checkAlarms},
				{name: "alarmStates", about: "The states that are expected, with commas between them: OK, ALARM, INSUFFICIENT_DATA.", required: true, check: checkStates},
			},
			begin: assertAlarms,
		},
		{
			id: "pileus:zone:cut", about: "Cut the specified Availability Zone off: no packet goes in or out, of any account.", lasts: "duration",
			params: []param{duration(true), {name: "availabilityZoneIdentifier", about: "The name or id of the Availability Zone.", required: true}},
			begin:  cutZone, end: healZone,
		},
	}
}

func checkAlarms(v string) error {
	arns := strings.Split(v, ",")
	if len(arns) > 5 {
		return errInvalid("alarmArns names at most five alarms.")
	}
	for _, arn := range arns {
		if alarmName(strings.TrimSpace(arn)) == "" {
			return errInvalid("Invalid alarm ARN: %s", arn)
		}
	}
	return nil
}

func checkStates(v string) error {
	for _, s := range strings.Split(v, ",") {
		if !slices.Contains([]string{"OK", "ALARM", "INSUFFICIENT_DATA"}, strings.TrimSpace(s)) {
			return errInvalid("Invalid alarm state: %s", s)
		}
	}
	return nil
}

func assertAlarms(k *task) error {
	var states []string
	for _, s := range strings.Split(k.action.Parameters["alarmStates"], ",") {
		states = append(states, strings.TrimSpace(s))
	}
	return k.as(k.Account, func(c *cloud.Call) error {
		for _, arn := range strings.Split(k.action.Parameters["alarmArns"], ",") {
			arn = strings.TrimSpace(arn)
			is, err := alarmState(c, arn)
			if err != nil {
				return err
			}
			if !slices.Contains(states, is) {
				return errInvalid("The alarm %s is in the state %s, not %s.", arn, is, strings.Join(states, " or "))
			}
		}
		return nil
	})
}

// zoneAction is what the role needs to cut a zone off.
const zoneAction = "pileus:CutZone"

func cutZone(k *task) error {
	where, _ := region.Find(k.Region)
	z, ok := where.FindZone(k.action.Parameters["availabilityZoneIdentifier"])
	if !ok {
		return errInvalid("Invalid Availability Zone: %s", k.action.Parameters["availabilityZoneIdentifier"])
	}
	err := k.as(k.Account, func(c *cloud.Call) error {
		return k.allowed(c, cloud.Check{Action: zoneAction, Resource: cloud.Resource{ARN: "*"}})
	})
	if err != nil {
		return err
	}
	if err := k.note("zone", z.Name); err != nil {
		return err
	}
	return k.c.Cloud.DB().Update(k.c, func(tx store.Tx) error {
		zone.Put(tx, &zone.Fault{Zone: z.Name, Cause: k.cause(), Down: true, Since: k.step.Begun})
		return nil
	})
}

func healZone(k *task) error {
	name := k.step.Notes["zone"]
	if name == "" {
		return nil
	}
	return k.c.Cloud.DB().Update(k.c, func(tx store.Tx) error {
		zone.Heal(tx, name, k.cause())
		return nil
	})
}
