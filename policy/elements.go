package policy

import "strings"

// legacy is IAM's oldest check: the exact case of Effect, dates that can be
// read, and ARNs whose vendor is there and, for S3, whole.
func legacy(s *rawStatement) error {
	if s.effect != "Allow" && s.effect != "Deny" {
		return errLegacy
	}
	for _, r := range s.resources {
		f := strings.Split(r, ":")
		if f[0] != "arn" || len(f) < 4 || !knownPartition(f[1]) {
			continue
		}
		if f[2] == "" || len(f) < 6 && f[2] == "s3" && f[len(f)-1] != "*" {
			return errLegacy
		}
	}
	for _, c := range s.conditions {
		if op, _ := parseOperator(c.operator); op.compare == compareDate {
			for _, v := range c.values {
				if _, ok := parseDate(v); !ok {
					return errLegacy
				}
			}
		}
	}
	return nil
}

// checkAction is the form of an action: "*" or vendor:name.
func checkAction(a string) error {
	if a == "*" || a == "*:*" {
		return nil
	}
	vendor, name, found := strings.Cut(a, ":")
	if !found {
		return errVendor
	}
	if strings.Contains(name, ":") {
		return &Error{"Actions/Condition can contain only one colon."}
	}
	if strings.ContainsAny(vendor, "*?") {
		return &Error{"Action vendors (e.g., aws, ec2, etc.) must not contain wildcards."}
	}
	for i := 0; i < len(vendor); i++ {
		if c := vendor[i]; c != '-' && c != '.' && c != '_' && !alphanumeric(vendor[i:i+1]) {
			return &Error{"Vendor " + vendor + " is not valid"}
		}
	}
	if vendor == "" {
		return errVendor
	}
	return nil
}

// iamPaths are the resource types of IAM's own ARNs.
var iamPaths = []string{"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/",
	"server-certificate/", "policy/", "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/"}

// checkResource is the form of a resource in IAM's own documents. The first
// field may be anything; an ARN that is cut short stands for all that begin
// so.
func checkResource(r string) error {
	if r == "*" {
		return nil
	}
	f := strings.SplitN(r, ":", 6)
	if len(f) < 2 {
		return &Error{`Resource ` + r + ` must be in ARN format or "*".`}
	}
	if !knownPartition(f[1]) {
		for len(f) < 6 {
			f = append(f, "*")
		}
		return &Error{`Partition "` + f[1] + `" is not valid for resource "arn:` + strings.Join(f[1:], ":") + `".`}
	}
	if len(f) < 3 || strings.ContainsAny(f[2], "*?") {
		return &Error{"Resource vendor must be fully qualified and cannot contain regexes."}
	}
	if len(f) < 6 {
		return nil
	}
	switch f[2] {
	case "s3":
		if f[3] != "" && !strings.Contains(f[5], "accesspoint") && !strings.Contains(f[5], "storage-lens") && !strings.Contains(f[5], "job/") && f[3] != "*" {
			return &Error{"Resource " + r + " can not contain region information."}
		}
	case "iam":
		if f[3] != "" && f[3] != "*" {
			return &Error{"IAM resource " + r + " cannot contain region information."}
		}
		return checkIAMPath(f[5])
	}
	return nil
}

func checkIAMPath(path string) error {
	if strings.HasPrefix(path, "*") || path == "root" || strings.HasPrefix(path, "delegation-request/") {
		return nil
	}
	for _, p := range iamPaths {
		if strings.HasPrefix(path, p) || strings.ContainsAny(path, "*?") {
			return nil
		}
	}
	return &Error{`IAM resource path must either be "*" or start with ` + strings.Join(iamPaths, ", ") + "."}
}

func knownPartition(p string) bool {
	switch p {
	case "aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc", "*":
		return true
	}
	return false
}

// completeARN adds the fields that an ARN in a Resource element leaves out;
// they stand for anything (reference_policies_elements_resource).
func completeARN(r string) string {
	if r == "*" || strings.Contains(r, "${") {
		return r
	}
	for n := strings.Count(r, ":"); n < 5; n++ {
		r += ":*"
	}
	return r
}

// actionSet is a statement's Action or NotAction. Long lists, such as
// ReadOnlyAccess's, are looked up by vendor.
type actionSet struct {
	not      bool
	all      bool // contains "*"
	patterns []pattern
	vendors  map[string][]pattern
}

// manyActions is where a map begins to beat a walk.
const manyActions = 12

func compileActions(actions []string, not bool) actionSet {
	set := actionSet{not: not}
	for _, a := range actions {
		if a == "*" || a == "*:*" {
			set.all = true
		}
		set.patterns = append(set.patterns, compilePattern(a, syntax{wild: true, fold: true}))
	}
	if len(actions) > manyActions {
		set.vendors = map[string][]pattern{}
		for i, a := range actions {
			vendor, _, _ := strings.Cut(lowerASCII(a), ":")
			set.vendors[vendor] = append(set.vendors[vendor], set.patterns[i])
		}
	}
	return set
}

// match tells whether the element covers the action.
func (set *actionSet) match(action string) bool {
	return set.listed(action) != set.not
}

func (set *actionSet) listed(action string) bool {
	if set.all {
		return true
	}
	list := set.patterns
	if set.vendors != nil {
		vendor, _, _ := strings.Cut(action, ":")
		list = set.vendors[lowerASCII(vendor)]
	}
	for i := range list {
		if list[i].match(action, nil) {
			return true
		}
	}
	return false
}
