package ssm

import (
	"net/http"
	"regexp"
	"strings"

	api "pileus/api/ssm"
	"pileus/cloud"
	"pileus/store"
)

// name is what a request calls a parameter: its name or ARN, and perhaps a
// version or label of it.
type name struct {
	account, region, name, selector string
	fromARN                         bool
}

const (
	maxName   = 1011 // characters of a name, without its ARN's beginning
	maxLevels = 15
)

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

// parseName reads "name", "name:selector" or an ARN of either.
func parseName(c *cloud.Call, s string) (name, error) {
	n := name{account: c.Account, region: c.Region, name: s}
	if arn, ok := cloud.ParseARN(s); ok {
		rest, isParameter := strings.CutPrefix(arn.Resource, "parameter/")
		if arn.Service != "ssm" || !isParameter {
			return n, errInvalid("Invalid parameter ARN: %s", s)
		}
		n.account, n.region, n.name, n.fromARN = arn.Account, arn.Region, rest, true
		if strings.Contains(rest, "/") {
			n.name = "/" + rest
		}
	}
	n.name, n.selector, _ = strings.Cut(n.name, ":")
	return n, nil
}

// locate is the parameter that the name stands for. An ARN leaves open whether
// a name without levels begins with a slash.
func (n name) locate(r store.Reader) (*parameter, bool) {
	if p, ok := parameters.Peek(r, n.account, n.region, n.name); ok {
		return p, true
	}
	if !n.fromARN {
		return nil, false
	}
	return parameters.Peek(r, n.account, n.region, "/"+n.name)
}

// checkNew tells whether a name may be given to a parameter.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
func checkNew(s string) error {
	bare := strings.ToLower(strings.TrimPrefix(s, "/"))
	switch {
	case bare == "aws" || strings.HasPrefix(bare, "aws"):
		return cloud.Errorf(http.StatusBadRequest, "AccessDeniedException", "No access to reserved parameter name: %s.", s)
	case strings.HasPrefix(bare, "ssm"), !namePattern.MatchString(s):
		return errName
	case strings.Contains(s, "/") && !strings.HasPrefix(s, "/"):
		return errInvalid("Parameter name must be a fully qualified name.")
	case strings.HasSuffix(s, "/") || strings.Contains(s, "//"):
		return errName
	case len(s) > maxName:
		return errInvalid("Parameter name exceeds the maximum length of %d characters.", maxName)
	case strings.Count(s, "/") > maxLevels:
		return api.ErrHierarchyLevelLimitExceeded.New("Hierarchy depth exceeds the limit of %d levels.", maxLevels)
	}
	return nil
}

func arnOf(region, account, name string) string {
	return cloud.ARN{Partition: "aws", Service: "ssm", Region: region, Account: account, Resource: "parameter/" + strings.TrimPrefix(name, "/")}.String()
}
