package identity

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"pileus/cloud"
	"pileus/store"
)

// PrincipalError is a principal of a policy document that does not exist.
type PrincipalError struct{ Kind, Value string }

func (e *PrincipalError) Error() string {
	return fmt.Sprintf(`Invalid principal in policy: "%s":"%s"`, e.Kind, e.Value)
}

var (
	serviceHost = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*\.(amazonaws\.com|amazonaws\.com\.cn|amazon\.com|aws\.internal|amazonaws\.eu)$`)
	accountID   = regexp.MustCompile(`^[0-9]{12}$`)
	uniqueID    = regexp.MustCompile(`^(AIDA|AROA)[A-Z0-9]{12,}$`)
)

// PinPrincipals checks the principals of a valid policy document, and puts the
// unique ids of users and roles in the place of their ARNs, as AWS keeps them:
// who is created anew under an old name is not trusted. Everything else in the
// text stays as it was. In accounts that this cloud does not know, any
// principal is taken as it is.
func PinPrincipals(r store.Reader, document string) (string, error) {
	var bad error
	out := eachPrincipal(document, func(kind, value string) string {
		switch kind {
		case "AWS":
			pinned, ok := pin(r, value)
			if !ok && bad == nil {
				bad = &PrincipalError{"AWS", value}
			}
			return pinned
		case "Service":
			if !serviceHost.MatchString(value) && bad == nil {
				bad = &PrincipalError{"SERVICE", value}
			}
		}
		return value
	})
	return out, bad
}

// ShowPrincipals puts ARNs back for the unique ids that PinPrincipals left, of
// users and roles that still exist.
func ShowPrincipals(r store.Reader, document string) string {
	if !strings.Contains(document, UserID) && !strings.Contains(document, RoleID) {
		return document
	}
	return eachPrincipal(document, func(kind, value string) string {
		if kind == "AWS" {
			if arn, ok := arnOfID(r, value); ok {
				return arn
			}
		}
		return value
	})
}

func pin(r store.Reader, value string) (string, bool) {
	switch {
	case value == "*":
		return value, true
	case accountID.MatchString(value):
		return "arn:aws:iam::" + value + ":root", true
	case uniqueID.MatchString(value):
		_, ok := arnOfID(r, value)
		return value, ok
	}
	a, ok := cloud.ParseARN(value)
	if !ok || a.Region != "" || !accountID.MatchString(a.Account) {
		return value, false
	}
	kind, path, _ := strings.Cut(a.Resource, "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case a.Service == "iam" && a.Resource == "root":
		return value, true
	case a.Service == "sts" && (kind == "assumed-role" || kind == "federated-user"):
		return value, path != ""
	case a.Service != "iam" || name == "" || kind != "user" && kind != "role":
		return value, false
	case !Accounts.Has(r, a.Account):
		return value, true
	case kind == "user":
		u, ok := FindUser(r, a.Account, name)
		if !ok || u.ARN != value {
			return value, false
		}
		return u.ID, true
	}
	role, ok := FindRole(r, a.Account, name)
	if !ok || role.ARN != value {
		return value, false
	}
	return role.ID, true
}

func arnOfID(r store.Reader, id string) (string, bool) {
	switch {
	case strings.HasPrefix(id, UserID):
		for u := range Users.Index(r, "id", id) {
			return u.ARN, true
		}
	case strings.HasPrefix(id, RoleID):
		for role := range Roles.Index(r, "id", id) {
			return role.ARN, true
		}
	}
	return "", false
}

// eachPrincipal replaces the strings in the Principal and NotPrincipal
// elements of a document's statements by what f makes of them.
func eachPrincipal(document string, f func(kind, value string) string) string {
	var out strings.Builder
	done := 0
	d := json.NewDecoder(strings.NewReader(document))
	w := principalWalk{d: d, visit: func(kind, value string, end int64) {
		start := int(end) - len(quote(document, int(end)))
		if now := f(kind, value); now != value {
			b, err := json.Marshal(now)
			if err != nil {
				return
			}
			out.WriteString(document[done:start])
			out.Write(b)
			done = int(end)
		}
	}}
	w.value("", "", 0)
	out.WriteString(document[done:])
	return out.String()
}

// quote is the JSON string literal that ends at end.
func quote(document string, end int) string {
	for i := end - 2; i >= 0; i-- {
		if document[i] != '"' {
			continue
		}
		slashes := 0
		for j := i - 1; j >= 0 && document[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return document[i:end]
		}
	}
	return document[:end]
}

// principalWalk goes through a document and visits the strings of principals.
type principalWalk struct {
	d     *json.Decoder
	visit func(kind, value string, end int64)
}

// value reads one value. element is the member of a statement that it belongs
// to, kind the member of a principal; depth counts objects around it.
func (w *principalWalk) value(element, kind string, depth int) bool {
	tok, err := w.d.Token()
	if err != nil {
		return false
	}
	switch tok := tok.(type) {
	case string:
		if element == "Principal" || element == "NotPrincipal" {
			w.visit(kind, tok, w.d.InputOffset())
		}
	case json.Delim:
		for w.d.More() {
			e, k := element, kind
			if tok == '{' {
				name, err := w.d.Token()
				if err != nil {
					return false
				}
				switch s, _ := name.(string); depth {
				case 1:
					e = s
				case 2:
					k = s
				}
			}
			inner := depth
			if tok == '{' {
				inner++
			}
			if !w.value(e, k, inner) {
				return false
			}
		}
		_, err = w.d.Token() // the closing delimiter
	}
	return err == nil
}
