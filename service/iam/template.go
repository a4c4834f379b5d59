package iam

import (
	"encoding/json"
	"regexp"
	"strings"

	api "pileus/api/iam"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

// renderedLimit is how long a template may become (temporary-delegation-policy-templates).
const renderedLimit = 2048 // characters

var placeholder = regexp.MustCompile(`@\{([^{}]*)\}`)

// renderTemplate makes a delegation's policy from a template: a managed policy
// of the requestor's account in which @{name} stands for a parameter. A list
// repeats the string that it stands in.
func renderTemplate(r store.Reader, account string, p *api.DelegationPermission) (string, error) {
	if p.PolicyTemplateArn == nil {
		return "", api.ErrInvalidInput.New("PolicyTemplateArn is required.")
	}
	text, ok := identity.ManagedDocument(r, account, *p.PolicyTemplateArn)
	if !ok {
		return "", api.ErrInvalidInput.New("Policy template %s was not found.", *p.PolicyTemplateArn)
	}
	for i := range p.Parameters {
		x := &p.Parameters[i]
		if x.Name == nil || len(x.Values) == 0 {
			return "", api.ErrInvalidInput.New("Each parameter needs a name and a value.")
		}
		if !strings.Contains(text, "@{"+*x.Name+"}") {
			return "", api.ErrInvalidInput.New("Parameter %s is not in the policy template.", *x.Name)
		}
		if x.Type != nil && *x.Type == api.PolicyParameterTypeEnumStringList {
			text = fillList(text, *x.Name, x.Values)
			continue
		}
		if len(x.Values) != 1 {
			return "", api.ErrInvalidInput.New("Parameter %s takes exactly one value.", *x.Name)
		}
		value := jsonString(x.Values[0])
		text = strings.ReplaceAll(text, "@{"+*x.Name+"}", value[1:len(value)-1])
	}
	if left := placeholder.FindStringSubmatch(text); left != nil {
		return "", api.ErrInvalidInput.New("Parameter %s is missing.", left[1])
	}
	if policy.Size(text) > renderedLimit {
		return "", api.ErrInvalidInput.New("The rendered policy exceeds the limit of %d characters.", renderedLimit)
	}
	if _, err := policy.Parse(text, policy.Session); err != nil {
		return "", api.ErrInvalidInput.New("The rendered policy is not valid: %s", err.Error())
	}
	return text, nil
}

// fillList repeats the string in which a list's placeholder stands, once for
// each value: beside the others where it stands in a list already.
func fillList(text, name string, values []string) string {
	mark := regexp.MustCompile(`"([^"\\]*)@\{` + regexp.QuoteMeta(name) + `\}([^"\\]*)"`)
	var out strings.Builder
	for {
		at := mark.FindStringSubmatchIndex(text)
		if at == nil {
			out.WriteString(text)
			return out.String()
		}
		filled := make([]string, 0, len(values))
		for _, v := range values {
			filled = append(filled, jsonString(text[at[2]:at[3]]+v+text[at[4]:at[5]]))
		}
		list := strings.Join(filled, ",")
		if strings.HasSuffix(strings.TrimSpace(text[:at[0]]), ":") {
			list = "[" + list + "]"
		}
		out.WriteString(text[:at[0]] + list)
		text = text[at[1]:]
	}
}

func jsonString(s string) string {
	b, _ := json.Marshal(s) // strings cannot fail
	return string(b)
}

// boundariesOf are the permissions boundaries that a policy demands of the
// roles that it lets be created (RolePermissionRestrictionArns).
func boundariesOf(text string) []string {
	var doc struct {
		Statement []struct {
			Condition map[string]map[string]any
		}
	}
	if json.Unmarshal([]byte(text), &doc) != nil {
		return nil
	}
	var list []string
	for _, s := range doc.Statement {
		for _, keys := range s.Condition {
			for key, value := range keys {
				if !strings.EqualFold(key, "iam:PermissionsBoundary") {
					continue
				}
				switch v := value.(type) {
				case string:
					list = append(list, v)
				case []any:
					for _, x := range v {
						if arn, ok := x.(string); ok {
							list = append(list, arn)
						}
					}
				}
			}
		}
	}
	return unique(list)
}
