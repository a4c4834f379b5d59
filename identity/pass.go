package identity

import (
	"pileus/cloud"
	"pileus/policy"
	"pileus/store"
)

// PassRole is the check that every operation makes which hands a role to an
// AWS service: the caller needs iam:PassRole on it. service is the host name
// that assumes it: "ec2.amazonaws.com".
func PassRole(r store.Reader, roleARN, service string) cloud.Check {
	check := cloud.Check{
		Action:   "iam:PassRole",
		Resource: cloud.Resource{ARN: roleARN},
		Keys:     policy.Keys{"iam:passedtoservice": {service}},
	}
	if role, ok := RoleByARN(r, roleARN); ok {
		check.Resource.Tags = role.Tags.Map()
		for k, v := range check.Resource.Tags {
			check.Keys["iam:resourcetag/"+fold(k)] = []string{v}
		}
	}
	return check
}

// RoleByARN is the role with the ARN, in whichever account it is.
func RoleByARN(r store.Reader, arn string) (*Role, bool) {
	a, ok := cloud.ParseARN(arn)
	if !ok || a.Service != "iam" {
		return nil, false
	}
	role, ok := FindRole(r, a.Account, lastElement(a.Resource))
	return role, ok && role.ARN == arn
}

// UserByARN is the user with the ARN.
func UserByARN(r store.Reader, arn string) (*User, bool) {
	a, ok := cloud.ParseARN(arn)
	if !ok || a.Service != "iam" {
		return nil, false
	}
	return userByARN(r, a.Account, arn)
}
