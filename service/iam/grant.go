package iam

import (
	"maps"
	"slices"
	"strings"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

// holder is a user, group or role as what policies hang on.
type holder struct {
	kind       string // "user", "group", "role", as messages have it
	name       string
	grants     *identity.Grants
	save       func(store.Tx)
	attachment string // the name of the quota of managed policies
	inlineSize int    // of all inline policies together
}

// userHolder, groupHolder and roleHolder take what the find, see and own
// functions return.
func userHolder(u *identity.User, err error) (*holder, error) {
	if err != nil {
		return nil, err
	}
	return &holder{"user", u.Name, &u.Grants, func(tx store.Tx) { identity.Users.Put(tx, u) }, "PoliciesPerUser", userPolicySize}, nil
}

func groupHolder(g *identity.Group, err error) (*holder, error) {
	if err != nil {
		return nil, err
	}
	return &holder{"group", g.Name, &g.Grants, func(tx store.Tx) { identity.Groups.Put(tx, g) }, "PoliciesPerGroup", groupPolicySize}, nil
}

func roleHolder(role *identity.Role, err error) (*holder, error) {
	if err != nil {
		return nil, err
	}
	return &holder{"role", role.Name, &role.Grants, func(tx store.Tx) { identity.Roles.Put(tx, role) }, "PoliciesPerRole", rolePolicySize}, nil
}

// attachable tells whether the account can attach the policy. A policy of a
// path reserved for services' own roles can only be attached by them.
func attachable(c *cloud.Call, r store.Reader, arn string) error {
	if err := checkPolicyARN(arn); err != nil {
		return err
	}
	if _, ok := identity.ManagedDocument(r, c.Account, arn); !ok {
		return errNotAttachable(arn)
	}
	if strings.Contains(arn, ":iam::aws:policy/aws-service-role/") {
		return api.ErrPolicyNotAttachable.New("Cannot attach a Service Role Policy to a Customer Role.")
	}
	return nil
}

func attach(c *cloud.Call, tx store.Tx, h *holder, err error, arn string) (*cloud.Empty, error) {
	if err != nil {
		return nil, err
	}
	if err := attachable(c, tx, arn); err != nil {
		return nil, err
	}
	if slices.Contains(h.grants.Attached, arn) {
		return new(cloud.Empty), nil
	}
	if len(h.grants.Attached) >= attachedQuota {
		return nil, errQuota(h.attachment, attachedQuota)
	}
	h.grants.Attached = append(h.grants.Attached, arn)
	h.save(tx)
	return new(cloud.Empty), nil
}

func detach(tx store.Tx, h *holder, err error, arn string) (*cloud.Empty, error) {
	if err != nil {
		return nil, err
	}
	if err := checkPolicyARN(arn); err != nil {
		return nil, err
	}
	i := slices.Index(h.grants.Attached, arn)
	if i < 0 {
		return nil, errNoPolicy(arn)
	}
	h.grants.Attached = slices.Delete(h.grants.Attached, i, i+1)
	h.save(tx)
	return new(cloud.Empty), nil
}

func attachedViews(g *identity.Grants) []api.AttachedPolicy {
	return views(g.Attached, func(arn string) api.AttachedPolicy {
		return api.AttachedPolicy{PolicyName: new(arn[strings.LastIndexByte(arn, '/')+1:]), PolicyArn: &arn}
	})
}

func listAttached(h *holder, err error, prefix, marker *string, max *int32) ([]api.AttachedPolicy, paging, error) {
	if err != nil {
		return nil, paging{}, err
	}
	all := slices.DeleteFunc(attachedViews(h.grants), func(p api.AttachedPolicy) bool {
		_, path, _ := strings.Cut(*p.PolicyArn, ":policy")
		return prefix != nil && !strings.HasPrefix(path, *prefix)
	})
	return pageSlice(all, marker, max)
}

func putInline(tx store.Tx, h *holder, err error, name, document string) (*cloud.Empty, error) {
	if err != nil {
		return nil, err
	}
	if _, err := policy.Parse(document, policy.Identity); err != nil {
		return nil, errMalformed(err.Error())
	}
	inline := maps.Clone(h.grants.Inline)
	if inline == nil {
		inline = map[string]string{}
	}
	inline[name] = document
	size := 0
	for _, text := range inline {
		size += policy.Size(text)
	}
	if size > h.inlineSize {
		return nil, api.ErrLimitExceeded.New("Maximum policy size of %d bytes exceeded for %s %s", h.inlineSize, h.kind, h.name)
	}
	h.grants.Inline = inline
	h.save(tx)
	return new(cloud.Empty), nil
}

func inline(h *holder, err error, name string) (document string, e error) {
	if err != nil {
		return "", err
	}
	text, ok := h.grants.Inline[name]
	if !ok {
		return "", errNoInline(h.kind, name)
	}
	return escape(text), nil
}

func deleteInline(tx store.Tx, h *holder, err error, name string) (*cloud.Empty, error) {
	if err != nil {
		return nil, err
	}
	if _, ok := h.grants.Inline[name]; !ok {
		return nil, errNoInline(h.kind, name)
	}
	delete(h.grants.Inline, name)
	h.save(tx)
	return new(cloud.Empty), nil
}

func listInline(h *holder, err error, marker *string, max *int32) ([]string, paging, error) {
	if err != nil {
		return nil, paging{}, err
	}
	names := slices.Sorted(maps.Keys(h.grants.Inline))
	if names == nil {
		names = []string{}
	}
	return pageSlice(names, marker, max)
}

// checkBoundary tells whether a policy can be a permissions boundary.
func checkBoundary(c *cloud.Call, r store.Reader, arn string) error {
	if err := checkPolicyARN(arn); err != nil {
		return err
	}
	if _, ok := identity.ManagedDocument(r, c.Account, arn); !ok {
		return api.ErrNoSuchEntity.New("Scope ARN: %s does not exist or is not attachable.", arn)
	}
	return nil
}

func putBoundary(c *cloud.Call, tx store.Tx, h *holder, err error, arn string) (*cloud.Empty, error) {
	if err != nil {
		return nil, err
	}
	if err := checkBoundary(c, tx, arn); err != nil {
		return nil, err
	}
	h.grants.Boundary = arn
	h.save(tx)
	return new(cloud.Empty), nil
}

func deleteBoundary(tx store.Tx, h *holder, err error) (*cloud.Empty, error) {
	if err != nil {
		return nil, err
	}
	if h.grants.Boundary == "" {
		return nil, api.ErrNoSuchEntity.New("Boundary policy for %s %s cannot be found.", h.kind, h.name)
	}
	h.grants.Boundary = ""
	h.save(tx)
	return new(cloud.Empty), nil
}
