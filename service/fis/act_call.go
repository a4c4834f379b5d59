package fis

import (
	"context"
	"strconv"
	"strings"

	"pileus/cloud"
	"pileus/fault"
)

// callActions have API calls fail.
// https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html#fis-actions-reference-fis
func (s *service) callActions() []*kind {
	params := []param{
		duration(true),
		{name: "service", about: "The service whose API is disturbed: ec2.", required: true, check: checkService},
		{name: "percentage", about: "The part of the calls that fail, 1 to 100.", required: true, check: checkPercentage},
		{name: "operations", about: "The operations that fail, with commas between them.", required: true},
	}
	var list []*kind
	for _, x := range []struct{ id, about, action, code string }{
		{"internal-error", "Answer the target roles' calls with internal errors.", "fis:InjectApiInternalError", "InternalError"},
		{"throttle-error", "Answer the target roles' calls with throttling errors.", "fis:InjectApiThrottleError", "ThrottlingException"},
		{"unavailable-error", "Answer the target roles' calls with errors of a service that is unavailable.", "fis:InjectApiUnavailableError", "ServiceUnavailable"},
	} {
		list = append(list, &kind{
			id: "aws:fis:inject-api-" + x.id, about: x.about, targets: map[string]string{"Roles": ofRole}, lasts: "duration", params: params,
			begin: func(k *task) error { return s.disturb(k, x.action, x.code) },
			end:   func(k *task) error { return s.calm(k) },
		})
	}
	return list
}

func checkService(v string) error {
	if strings.ContainsAny(v, "*?, ") || v == "" {
		return errInvalid("Invalid service: %s", v)
	}
	return nil
}

// EC2 has its own words for what others call throttling and unavailable.
var ofEC2 = map[string]string{"ThrottlingException": "RequestLimitExceeded", "ServiceUnavailable": "Unavailable"}

// disturb adds a fault for each role and operation.
func (s *service) disturb(k *task, action, code string) error {
	if s.Faults == nil {
		return errInvalid("This cloud injects no faults into calls.")
	}
	percent, err := strconv.Atoi(k.action.Parameters["percentage"])
	if err != nil {
		return errInvalid("Invalid percentage: %v", err)
	}
	service := k.action.Parameters["service"]
	if own := ofEC2[code]; service == "ec2" && own != "" {
		code = own
	}
	operations := strings.Split(k.action.Parameters["operations"], ",")
	for i := range operations {
		operations[i] = strings.TrimSpace(operations[i])
	}
	var rules []fault.Rule
	for _, x := range k.targets["Roles"] {
		a, _ := cloud.ParseARN(x.ARN)
		err := k.as(a.Account, func(c *cloud.Call) error {
			return k.allowed(c, cloud.Check{Action: action, Resource: cloud.Resource{ARN: *k.Arn, Tags: k.Tags}, Keys: cloud.Keys{
				"fis:service": {service}, "fis:operations": operations, "fis:percentage": {strconv.Itoa(percent)}, "fis:targets": {x.ARN},
			}})
		})
		if err != nil {
			return err
		}
		for _, op := range operations {
			rules = append(rules, fault.Rule{
				Service: service, Operation: op, Region: k.Region, Account: a.Account, Principal: x.ARN, Error: code,
				Rate: float64(percent) / 100, Until: new(k.step.Until), Origin: k.cause(),
			})
		}
	}
	_, err = s.Faults.Replace(context.WithoutCancel(k.c), k.mine, rules...)
	return err
}

// calm removes the faults of the action.
func (s *service) calm(k *task) error {
	if s.Faults == nil {
		return nil
	}
	_, err := s.Faults.Remove(context.WithoutCancel(k.c), k.mine)
	return err
}

func (k *task) mine(r fault.Rule) bool { return r.Origin == k.cause() }
