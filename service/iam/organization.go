package iam

import (
	"slices"
	"strings"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// generateOrganizationsAccessReport asks when the accounts under a path of the
// organization last used which service.
func generateOrganizationsAccessReport(c *cloud.Call, tx store.Tx, in *api.GenerateOrganizationsAccessReportInput) (*api.GenerateOrganizationsAccessReportOutput, error) {
	org, _ := identity.Path(tx, c.Account)
	if org == nil || org.Management != c.Account || !strings.HasPrefix(in.EntityPath, org.ID+"/"+org.RootID) {
		return nil, api.ErrInvalidInput.New("Invalid entity path %s", in.EntityPath)
	}
	id := putJob(c, tx, job{ARN: strings.TrimSuffix(in.EntityPath, "/"), Path: true, SCP: cloud.Or(in.OrganizationsPolicyId, "")})
	return &api.GenerateOrganizationsAccessReportOutput{JobId: &id}, nil
}

// accountsUnder are the accounts whose path in the organization goes through
// the last element of an entity path, which may be an account itself.
func accountsUnder(r store.Reader, org *identity.Organization, entityPath string) []string {
	at := entityPath[strings.LastIndexByte(entityPath, '/')+1:]
	var found []string
	for m := range identity.Members.Scan(r) {
		if m.Organization != org.ID {
			continue
		}
		if _, path := identity.Path(r, m.Account); slices.Contains(path, at) {
			found = append(found, m.Account)
		}
	}
	return found
}

// serviceUse is the last use of one service by a set of accounts.
type serviceUse struct {
	last     identity.Seen
	accounts map[string]bool
}

func getOrganizationsAccessReport(c *cloud.Call, r store.Reader, in *api.GetOrganizationsAccessReportInput) (*api.GetOrganizationsAccessReportOutput, error) {
	j, err := findJob(c, r, in.JobId, true)
	if err != nil {
		return nil, err
	}
	org, _ := identity.Path(r, c.Account)
	if org == nil {
		return nil, api.ErrNoSuchEntity.New("Invalid job id %s", in.JobId)
	}
	uses := map[string]*serviceUse{}
	for _, account := range accountsUnder(r, org, j.ARN) {
		for s := range identity.SeenIn(r, account) {
			u := uses[s.Service]
			if u == nil {
				u = &serviceUse{accounts: map[string]bool{}}
				uses[s.Service] = u
			}
			u.accounts[account] = true
			if s.At.After(u.last.At) {
				u.last = *s
			}
		}
	}
	list, unused := accessDetails(r, org, j, uses)
	sortAccess(list, cloud.Or(in.SortKey, api.SortKeyTypeServiceNamespaceAscending))
	page, p, err := pageSlice(list, in.Marker, in.MaxItems)
	return &api.GetOrganizationsAccessReportOutput{JobStatus: api.JobStatusTypeCompleted, JobCreationDate: j.Created, JobCompletionDate: &j.Created,
		NumberOfServicesAccessible: new(int32(len(list))), NumberOfServicesNotAccessed: new(int32(unused)),
		AccessDetails: page, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

// accessDetails are the services that the entity may use: all of them, or
// those that the service control policy of the job allows.
func accessDetails(r store.Reader, org *identity.Organization, j *job, uses map[string]*serviceUse) (list []api.AccessDetail, unused int) {
	list = []api.AccessDetail{}
	scp, limited := identity.OrgPolicies.Get(r, org.ID, j.SCP)
	for _, s := range services {
		if limited && !grants(scp.Content, s.Namespace) {
			continue
		}
		v := api.AccessDetail{ServiceName: s.Name, ServiceNamespace: s.Namespace, TotalAuthenticatedEntities: new(int32(0))}
		if u := uses[s.Namespace]; u != nil {
			_, path := identity.Path(r, u.last.Account)
			v.EntityPath = new(org.ID + "/" + strings.Join(path, "/"))
			v.Region, v.LastAuthenticatedTime = &u.last.Region, &u.last.At
			v.TotalAuthenticatedEntities = new(int32(len(u.accounts)))
		} else {
			unused++
		}
		list = append(list, v)
	}
	return list, unused
}

func sortAccess(list []api.AccessDetail, key string) {
	slices.SortStableFunc(list, func(a, b api.AccessDetail) int {
		order := strings.Compare(a.ServiceNamespace, b.ServiceNamespace)
		if strings.HasPrefix(key, "LAST_AUTHENTICATED") {
			switch {
			case a.LastAuthenticatedTime != nil && b.LastAuthenticatedTime != nil:
				order = a.LastAuthenticatedTime.Compare(*b.LastAuthenticatedTime)
			case a.LastAuthenticatedTime != nil:
				order = 1
			case b.LastAuthenticatedTime != nil:
				order = -1
			}
		}
		if strings.HasSuffix(key, "DESCENDING") {
			return -order
		}
		return order
	})
}

// trustedIAM is the name under which IAM asks for trusted access to an
// organization.
const trustedIAM = "iam.amazonaws.com"

// features are an organization's, which only its management account changes
// and sees.
func features(c *cloud.Call, r store.Reader) (*identity.Organization, error) {
	org, _ := identity.Path(r, c.Account)
	switch {
	case org == nil:
		return nil, api.ErrOrganizationNotFound.New("The account is not a member of an organization.")
	case !org.AllFeatures:
		return nil, api.ErrOrganizationNotInAllFeaturesMode.New("The organization does not have all features enabled.")
	case org.Management != c.Account:
		return nil, api.ErrAccountNotManagementOrDelegatedAdministrator.New("The account is not the management account or a delegated administrator of the organization.")
	}
	if _, ok := org.Services[trustedIAM]; !ok {
		return nil, api.ErrServiceAccessNotEnabled.New("Trusted access for %s is not enabled in the organization.", trustedIAM)
	}
	return org, nil
}

func listOrganizationsFeatures(c *cloud.Call, r store.Reader, _ *api.ListOrganizationsFeaturesInput) (*api.ListOrganizationsFeaturesOutput, error) {
	org, err := features(c, r)
	if err != nil {
		return nil, err
	}
	return &api.ListOrganizationsFeaturesOutput{OrganizationId: &org.ID, EnabledFeatures: slices.Concat([]string{}, org.RootFeatures)}, nil
}

// setFeature switches one of an organization's features on or off.
func setFeature(c *cloud.Call, tx store.Tx, feature string, on bool) (id string, enabled []string, err error) {
	found, err := features(c, tx)
	if err != nil {
		return "", nil, err
	}
	org := *found
	org.RootFeatures = []string{}
	for _, f := range []string{api.FeatureTypeRootCredentialsManagement, api.FeatureTypeRootSessions} {
		if f == feature && on || f != feature && slices.Contains(found.RootFeatures, f) {
			org.RootFeatures = append(org.RootFeatures, f)
		}
	}
	identity.Organizations.Put(tx, &org)
	identity.Touch(tx, identity.OrganizationScope)
	return org.ID, org.RootFeatures, nil
}

func enableOrganizationsRootCredentialsManagement(c *cloud.Call, tx store.Tx, _ *api.EnableOrganizationsRootCredentialsManagementInput) (*api.EnableOrganizationsRootCredentialsManagementOutput, error) {
	id, enabled, err := setFeature(c, tx, api.FeatureTypeRootCredentialsManagement, true)
	return &api.EnableOrganizationsRootCredentialsManagementOutput{OrganizationId: &id, EnabledFeatures: enabled}, err
}

func enableOrganizationsRootSessions(c *cloud.Call, tx store.Tx, _ *api.EnableOrganizationsRootSessionsInput) (*api.EnableOrganizationsRootSessionsOutput, error) {
	id, enabled, err := setFeature(c, tx, api.FeatureTypeRootSessions, true)
	return &api.EnableOrganizationsRootSessionsOutput{OrganizationId: &id, EnabledFeatures: enabled}, err
}

func disableOrganizationsRootCredentialsManagement(c *cloud.Call, tx store.Tx, _ *api.DisableOrganizationsRootCredentialsManagementInput) (*api.DisableOrganizationsRootCredentialsManagementOutput, error) {
	id, enabled, err := setFeature(c, tx, api.FeatureTypeRootCredentialsManagement, false)
	return &api.DisableOrganizationsRootCredentialsManagementOutput{OrganizationId: &id, EnabledFeatures: enabled}, err
}

func disableOrganizationsRootSessions(c *cloud.Call, tx store.Tx, _ *api.DisableOrganizationsRootSessionsInput) (*api.DisableOrganizationsRootSessionsOutput, error) {
	id, enabled, err := setFeature(c, tx, api.FeatureTypeRootSessions, false)
	return &api.DisableOrganizationsRootSessionsOutput{OrganizationId: &id, EnabledFeatures: enabled}, err
}
