package iam

import (
	"maps"
	"slices"
	"strings"
	"time"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

// job is a request for last-accessed information. What it answers is read when
// it is fetched: the job only says what was asked.
type job struct {
	Account, ID string
	ARN         string // a user, group, role or policy; or an organization's path
	Granularity string
	Path        bool // asked for an organization's entity
	SCP         string
	Created     time.Time
}

var jobs = &store.Table[job]{
	Name: "iam.job",
	Key:  func(j *job) store.Key { return store.K(j.Account, j.ID) },
}

const (
	jobController = "iam.job"
	jobLife       = 7 * 24 * time.Hour
	// trackingPeriod is how far back last accesses are told.
	trackingPeriod = 400 * 24 * time.Hour
)

func putJob(c *cloud.Call, tx store.Tx, j job) string {
	j.Account, j.ID, j.Created = c.Account, c.Rand().UUID(), c.Now
	jobs.Put(tx, &j)
	tx.After(c.Now.Add(jobLife), jobController, store.K(j.Account, j.ID))
	return j.ID
}

// forgetJob removes a job whose time is over.
func forgetJob(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		jobs.Delete(tx, key...)
		return nil
	})
}

func findJob(c *cloud.Call, r store.Reader, id string, path bool) (*job, error) {
	j, ok := jobs.Get(r, c.Account, id)
	if !ok || j.Path != path {
		return nil, api.ErrNoSuchEntity.New("Invalid job id %s", id)
	}
	return j, nil
}

// entity is what a job is about: its policies and who it stands for.
type entity struct {
	documents  []grantedDocument
	principals []string // ARNs whose requests count
}

// grantedDocument is one policy and how it came to the entity.
type grantedDocument struct {
	name, arn   string // arn is empty for inline policies
	owner, kind string // whom it hangs on: a name and "USER", "GROUP" or "ROLE"
	text        string
}

func documentsOf(r store.Reader, account, owner, kind string, g *identity.Grants) []grantedDocument {
	var list []grantedDocument
	for _, name := range slices.Sorted(maps.Keys(g.Inline)) {
		list = append(list, grantedDocument{name: name, owner: owner, kind: kind, text: g.Inline[name]})
	}
	for _, arn := range g.Attached {
		if text, ok := identity.ManagedDocument(r, account, arn); ok {
			list = append(list, grantedDocument{name: arn[strings.LastIndexByte(arn, '/')+1:], arn: arn, owner: owner, kind: kind, text: text})
		}
	}
	return list
}

func findEntity(c *cloud.Call, r store.Reader, arn string) (*entity, error) {
	a, _ := cloud.ParseARN(arn)
	kind, path, _ := strings.Cut(a.Resource, "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case a.Service != "iam" || name == "":
	case kind == "user":
		u, err := seeUser(c, r, name)
		if err != nil {
			return nil, err
		}
		docs := documentsOf(r, c.Account, u.Name, api.PolicyOwnerEntityTypeUser, &u.Grants)
		for _, group := range u.Groups {
			if g, ok := identity.PeekGroup(r, c.Account, group); ok {
				docs = append(docs, documentsOf(r, c.Account, g.Name, api.PolicyOwnerEntityTypeGroup, &g.Grants)...)
			}
		}
		return &entity{docs, []string{u.ARN}}, nil
	case kind == "role":
		role, err := seeRole(c, r, name)
		if err != nil {
			return nil, err
		}
		return &entity{documentsOf(r, c.Account, role.Name, api.PolicyOwnerEntityTypeRole, &role.Grants), []string{role.ARN}}, nil
	case kind == "group":
		g, err := seeGroup(c, r, name)
		if err != nil {
			return nil, err
		}
		e := &entity{documents: documentsOf(r, c.Account, g.Name, api.PolicyOwnerEntityTypeGroup, &g.Grants)}
		for u := range identity.Users.Linked(r, c.Account, "group", identity.Fold(g.Name)) {
			e.principals = append(e.principals, u.ARN)
		}
		return e, nil
	case kind == "policy":
		m, err := anyPolicy(c, r, arn)
		if err != nil {
			return nil, err
		}
		return policyEntity(c, r, m), nil
	}
	return nil, api.ErrInvalidInput.New("Invalid ARN: %s", arn)
}

// policyEntity is a managed policy with those whom it is attached to.
func policyEntity(c *cloud.Call, r store.Reader, m *identity.Managed) *entity {
	e := &entity{documents: []grantedDocument{{name: m.Name, arn: m.ARN, text: m.Document()}}}
	for u := range identity.Users.Linked(r, c.Account, "policy", m.ARN) {
		e.principals = append(e.principals, u.ARN)
	}
	for role := range identity.Roles.Linked(r, c.Account, "policy", m.ARN) {
		e.principals = append(e.principals, role.ARN)
	}
	for g := range identity.Groups.Linked(r, c.Account, "policy", m.ARN) {
		for u := range identity.Users.Linked(r, c.Account, "group", identity.Fold(g.Name)) {
			e.principals = append(e.principals, u.ARN)
		}
	}
	return e
}

// grants tells whether a policy allows anything at all in a service.
func grants(text, namespace string) bool {
	doc, err := policy.Cached(text, policy.Identity)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(doc.Services(), func(vendor string) bool { return vendor == "*" || vendor == namespace })
}

func (e *entity) reaches(namespace string) bool {
	return slices.ContainsFunc(e.documents, func(d grantedDocument) bool { return grants(d.text, namespace) })
}

// access is the last use of a service by some of an entity's principals.
type access struct {
	identity.Seen
	entities int
}

func (e *entity) lastAccess(r store.Reader, c *cloud.Call, namespace string) (last access) {
	for _, arn := range slices.Compact(slices.Sorted(slices.Values(e.principals))) {
		for s := range identity.SeenBy(r, c.Account, arn) {
			if s.Service != namespace || c.Now.Sub(s.At) > trackingPeriod {
				continue
			}
			last.entities++
			if s.At.After(last.At) {
				last.Seen = *s
			}
		}
	}
	return last
}

func generateServiceLastAccessedDetails(c *cloud.Call, tx store.Tx, in *api.GenerateServiceLastAccessedDetailsInput) (*api.GenerateServiceLastAccessedDetailsOutput, error) {
	if _, err := findEntity(c, tx, in.Arn); err != nil {
		return nil, err
	}
	id := putJob(c, tx, job{ARN: in.Arn, Granularity: cloud.Or(in.Granularity, api.AccessAdvisorUsageGranularityTypeServiceLevel)})
	return &api.GenerateServiceLastAccessedDetailsOutput{JobId: &id}, nil
}

func getServiceLastAccessedDetails(c *cloud.Call, r store.Reader, in *api.GetServiceLastAccessedDetailsInput) (*api.GetServiceLastAccessedDetailsOutput, error) {
	j, err := findJob(c, r, in.JobId, false)
	if err != nil {
		return nil, err
	}
	e, err := findEntity(c, r, j.ARN)
	if err != nil {
		return nil, err
	}
	list := []api.ServiceLastAccessed{}
	for _, s := range services {
		if !e.reaches(s.Namespace) {
			continue
		}
		v := api.ServiceLastAccessed{ServiceName: s.Name, ServiceNamespace: s.Namespace, TotalAuthenticatedEntities: new(int32(0))}
		if last := e.lastAccess(r, c, s.Namespace); last.entities > 0 {
			v.LastAuthenticated, v.LastAuthenticatedEntity, v.LastAuthenticatedRegion = &last.At, &last.Principal, &last.Region
			v.TotalAuthenticatedEntities = new(int32(last.entities))
		}
		list = append(list, v)
	}
	page, p, err := pageSlice(list, in.Marker, in.MaxItems)
	return &api.GetServiceLastAccessedDetailsOutput{JobStatus: api.JobStatusTypeCompleted, JobType: &j.Granularity, JobCreationDate: j.Created,
		JobCompletionDate: j.Created, ServicesLastAccessed: page, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

func getServiceLastAccessedDetailsWithEntities(c *cloud.Call, r store.Reader, in *api.GetServiceLastAccessedDetailsWithEntitiesInput) (*api.GetServiceLastAccessedDetailsWithEntitiesOutput, error) {
	j, err := findJob(c, r, in.JobId, false)
	if err != nil {
		return nil, err
	}
	e, err := findEntity(c, r, j.ARN)
	if err != nil {
		return nil, err
	}
	list := []api.EntityDetails{}
	for _, arn := range e.principals {
		if info, ok := entityInfo(c, r, arn); ok {
			one := entity{principals: []string{arn}}
			last := one.lastAccess(r, c, in.ServiceNamespace)
			list = append(list, api.EntityDetails{EntityInfo: info, LastAuthenticated: optionalTime(last.At)})
		}
	}
	page, p, err := pageSlice(list, in.Marker, in.MaxItems)
	return &api.GetServiceLastAccessedDetailsWithEntitiesOutput{JobStatus: api.JobStatusTypeCompleted, JobCreationDate: j.Created,
		JobCompletionDate: j.Created, EntityDetailsList: page, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

func entityInfo(c *cloud.Call, r store.Reader, arn string) (api.EntityInfo, bool) {
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	if u, ok := identity.PeekUser(r, c.Account, name); ok && u.ARN == arn {
		return api.EntityInfo{Arn: arn, Name: u.Name, Type: api.PolicyOwnerEntityTypeUser, Id: u.ID, Path: &u.Path}, true
	}
	if role, ok := identity.PeekRole(r, c.Account, name); ok && role.ARN == arn {
		return api.EntityInfo{Arn: arn, Name: role.Name, Type: api.PolicyOwnerEntityTypeRole, Id: role.ID, Path: &role.Path}, true
	}
	return api.EntityInfo{}, false
}

func listPoliciesGrantingServiceAccess(c *cloud.Call, r store.Reader, in *api.ListPoliciesGrantingServiceAccessInput) (*api.ListPoliciesGrantingServiceAccessOutput, error) {
	e, err := findEntity(c, r, in.Arn)
	if err != nil {
		return nil, err
	}
	list := views(in.ServiceNamespaces, func(namespace string) api.ListPoliciesGrantingServiceAccessEntry {
		v := api.ListPoliciesGrantingServiceAccessEntry{ServiceNamespace: &namespace, Policies: []api.PolicyGrantingServiceAccess{}}
		for _, d := range e.documents {
			switch {
			case !grants(d.text, namespace):
			case d.arn != "":
				v.Policies = append(v.Policies, api.PolicyGrantingServiceAccess{PolicyName: d.name, PolicyType: api.PolicyTypeManaged, PolicyArn: &d.arn})
			default:
				v.Policies = append(v.Policies, api.PolicyGrantingServiceAccess{PolicyName: d.name, PolicyType: api.PolicyTypeInline, EntityType: &d.kind, EntityName: &d.owner})
			}
		}
		return v
	})
	page, p, err := pageSlice(list, in.Marker, nil)
	return &api.ListPoliciesGrantingServiceAccessOutput{PoliciesGrantingServiceAccess: page, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}
