package organizations_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/organizations"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/service/organizations"
	"pileus/store"
)

// allowOn is a policy that allows one action on some resources.
func allowOn(action string, resources ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":["` + strings.Join(resources, `","`) + `"]}]}`
}

// TestEveryOperationAsksForItsAction calls each operation as a user of the
// management account: with no policy, with the action on another resource, and
// with the action on the resources that the service authorisation reference
// names for it.
func TestEveryOperationAsksForItsAction(t *testing.T) {
	w := start(t)
	unit, p := w.unit(t, w.root, "dev"), w.policy(t, scp, "p", allowAll)
	w.invite(t, guest)
	h := must(w.c.InviteAccountToOrganization(t.Context(), &sdk.InviteAccountToOrganizationInput{Target: party("333333333333")}))(t).Handshake
	org := *must(w.c.DescribeOrganization(t.Context(), &sdk.DescribeOrganizationInput{}))(t).Organization.Id
	ask := must(w.c.InviteOrganizationToTransferResponsibility(t.Context(), &sdk.InviteOrganizationToTransferResponsibilityInput{Type: "BILLING", Target: party("333333333333"),
		SourceName: new("partner"), StartTimestamp: new(w.Now().AddDate(0, 1, 0))}))(t).Handshake
	rt := *must(w.c.ListInboundResponsibilityTransfers(t.Context(), &sdk.ListInboundResponsibilityTransfersInput{Type: "BILLING"}))(t).ResponsibilityTransfers[0].Id
	equal(t, "the invitation's action", ask.Action, "TRANSFER_RESPONSIBILITY")
	arn := func(kind, id string) string {
		return "arn:aws:organizations::" + account + ":" + kind + "/" + org + "/" + id
	}
	aTransfer := arn("transfer", "billing/inbound/"+rt)
	aRoot, aUnit, aMember, aPolicy := arn("root", w.root), arn("ou", unit), arn("account", guest), arn("policy", "service_control_policy/"+p)
	every := []string{"*"}
	one := func(s string) []string { return []string{s} }
	rows := map[string]struct {
		in        any
		resources []string
	}{
		"AcceptHandshake":                            {&api.AcceptHandshakeInput{HandshakeId: *h.Id}, one(*h.Arn)},
		"AttachPolicy":                               {&api.AttachPolicyInput{PolicyId: p, TargetId: unit}, []string{aPolicy, aUnit}},
		"CancelHandshake":                            {&api.CancelHandshakeInput{HandshakeId: *h.Id}, one(*h.Arn)},
		"CloseAccount":                               {&api.CloseAccountInput{AccountId: guest}, one(aMember)},
		"CreateAccount":                              {&api.CreateAccountInput{Email: "a@corp.test", AccountName: "a"}, every},
		"CreateGovCloudAccount":                      {&api.CreateGovCloudAccountInput{Email: "a@corp.test", AccountName: "a"}, every},
		"CreateOrganization":                         {&api.CreateOrganizationInput{}, every},
		"CreateOrganizationalUnit":                   {&api.CreateOrganizationalUnitInput{ParentId: w.root, Name: "n"}, one(aRoot)},
		"CreatePolicy":                               {&api.CreatePolicyInput{Content: allowAll, Name: "n", Type: string(scp)}, every},
		"DeclineHandshake":                           {&api.DeclineHandshakeInput{HandshakeId: *h.Id}, one(*h.Arn)},
		"DeleteOrganization":                         {&cloud.Empty{}, every},
		"DeleteOrganizationalUnit":                   {&api.DeleteOrganizationalUnitInput{OrganizationalUnitId: unit}, one(aUnit)},
		"DeletePolicy":                               {&api.DeletePolicyInput{PolicyId: p}, one(aPolicy)},
		"DeleteResourcePolicy":                       {&cloud.Empty{}, every},
		"DeregisterDelegatedAdministrator":           {&api.DeregisterDelegatedAdministratorInput{AccountId: guest, ServicePrincipal: "ram.amazonaws.com"}, one(aMember)},
		"DescribeAccount":                            {&api.DescribeAccountInput{AccountId: guest}, one(aMember)},
		"DescribeCreateAccountStatus":                {&api.DescribeCreateAccountStatusInput{CreateAccountRequestId: "car-0123456789"}, every},
		"DescribeEffectivePolicy":                    {&api.DescribeEffectivePolicyInput{PolicyType: "TAG_POLICY", TargetId: new(guest)}, one(aMember)},
		"DescribeHandshake":                          {&api.DescribeHandshakeInput{HandshakeId: *h.Id}, one(*h.Arn)},
		"DescribeOrganization":                       {&cloud.Empty{}, every},
		"DescribeOrganizationalUnit":                 {&api.DescribeOrganizationalUnitInput{OrganizationalUnitId: unit}, one(aUnit)},
		"DescribePolicy":                             {&api.DescribePolicyInput{PolicyId: p}, one(aPolicy)},
		"DescribeResourcePolicy":                     {&cloud.Empty{}, every},
		"DescribeResponsibilityTransfer":             {&api.DescribeResponsibilityTransferInput{Id: rt}, one(aTransfer)},
		"InviteOrganizationToTransferResponsibility": {&api.InviteOrganizationToTransferResponsibilityInput{Type: "BILLING", Target: api.HandshakeParty{Id: "444444444444", Type: "ACCOUNT"}, SourceName: "n", StartTimestamp: w.Now()}, every},
		"ListAccountsWithInvalidEffectivePolicy":     {&api.ListAccountsWithInvalidEffectivePolicyInput{PolicyType: "TAG_POLICY"}, every},
		"ListEffectivePolicyValidationErrors":        {&api.ListEffectivePolicyValidationErrorsInput{PolicyType: "TAG_POLICY", AccountId: guest}, one(aMember)},
		"ListInboundResponsibilityTransfers":         {&api.ListInboundResponsibilityTransfersInput{Type: "BILLING"}, every},
		"ListOutboundResponsibilityTransfers":        {&api.ListOutboundResponsibilityTransfersInput{Type: "BILLING"}, every},
		"TerminateResponsibilityTransfer":            {&api.TerminateResponsibilityTransferInput{Id: rt}, one(aTransfer)},
		"UpdateResponsibilityTransfer":               {&api.UpdateResponsibilityTransferInput{Id: rt, Name: "n"}, one(aTransfer)},
		"DetachPolicy":                               {&api.DetachPolicyInput{PolicyId: p, TargetId: guest}, []string{aPolicy, aMember}},
		"DisableAWSServiceAccess":                    {&api.DisableAWSServiceAccessInput{ServicePrincipal: "ram.amazonaws.com"}, every},
		"DisablePolicyType":                          {&api.DisablePolicyTypeInput{RootId: w.root, PolicyType: string(scp)}, one(aRoot)},
		"EnableAWSServiceAccess":                     {&api.EnableAWSServiceAccessInput{ServicePrincipal: "ram.amazonaws.com"}, every},
		"EnableAllFeatures":                          {&api.EnableAllFeaturesInput{}, every},
		"EnablePolicyType":                           {&api.EnablePolicyTypeInput{RootId: w.root, PolicyType: string(scp)}, one(aRoot)},
		"InviteAccountToOrganization":                {&api.InviteAccountToOrganizationInput{Target: api.HandshakeParty{Id: "444444444444", Type: "ACCOUNT"}}, every},
		"LeaveOrganization":                          {&cloud.Empty{}, every},
		"ListAWSServiceAccessForOrganization":        {&api.ListAWSServiceAccessForOrganizationInput{}, every},
		"ListAccounts":                               {&api.ListAccountsInput{}, every},
		"ListAccountsForParent":                      {&api.ListAccountsForParentInput{ParentId: unit}, one(aUnit)},
		"ListChildren":                               {&api.ListChildrenInput{ParentId: w.root, ChildType: "ACCOUNT"}, one(aRoot)},
		"ListCreateAccountStatus":                    {&api.ListCreateAccountStatusInput{}, every},
		"ListDelegatedAdministrators":                {&api.ListDelegatedAdministratorsInput{}, every},
		"ListDelegatedServicesForAccount":            {&api.ListDelegatedServicesForAccountInput{AccountId: guest}, one(aMember)},
		"ListHandshakesForAccount":                   {&api.ListHandshakesForAccountInput{}, every},
		"ListHandshakesForOrganization":              {&api.ListHandshakesForOrganizationInput{}, every},
		"ListOrganizationalUnitsForParent":           {&api.ListOrganizationalUnitsForParentInput{ParentId: w.root}, one(aRoot)},
		"ListParents":                                {&api.ListParentsInput{ChildId: guest}, one(aMember)},
		"ListPolicies":                               {&api.ListPoliciesInput{Filter: string(scp)}, every},
		"ListPoliciesForTarget":                      {&api.ListPoliciesForTargetInput{TargetId: guest, Filter: string(scp)}, one(aMember)},
		"ListRoots":                                  {&api.ListRootsInput{}, every},
		"ListTagsForResource":                        {&api.ListTagsForResourceInput{ResourceId: p}, one(aPolicy)},
		"ListTargetsForPolicy":                       {&api.ListTargetsForPolicyInput{PolicyId: p}, one(aPolicy)},
		"MoveAccount":                                {&api.MoveAccountInput{AccountId: guest, SourceParentId: unit, DestinationParentId: w.root}, []string{aMember, aUnit, aRoot}},
		"PutResourcePolicy":                          {&api.PutResourcePolicyInput{Content: "{}"}, every},
		"RegisterDelegatedAdministrator":             {&api.RegisterDelegatedAdministratorInput{AccountId: guest, ServicePrincipal: "ram.amazonaws.com"}, one(aMember)},
		"RemoveAccountFromOrganization":              {&api.RemoveAccountFromOrganizationInput{AccountId: account}, one(arn("account", account))},
		"TagResource":                                {&api.TagResourceInput{ResourceId: unit, Tags: []api.Tag{{Key: "a", Value: "b"}}}, one(aUnit)},
		"UntagResource":                              {&api.UntagResourceInput{ResourceId: unit, TagKeys: []string{"a"}}, one(aUnit)},
		"UpdateOrganizationalUnit":                   {&api.UpdateOrganizationalUnitInput{OrganizationalUnitId: unit}, one(aUnit)},
		"UpdatePolicy":                               {&api.UpdatePolicyInput{PolicyId: p}, one(aPolicy)},
	}
	// Reads first: the last rows change what the others ask about.
	last := map[string]bool{"CancelHandshake": true, "CloseAccount": true, "DeleteOrganizationalUnit": true, "DeletePolicy": true}
	for _, late := range []bool{false, true} {
		for _, b := range organizations.Module().Operations {
			name := b.Op.Name
			if last[name] != late {
				continue
			}
			row, ok := rows[name]
			if !ok {
				t.Errorf("%s is not in the table", name)
				continue
			}
			t.Run(name, func(t *testing.T) {
				action := "organizations:" + name
				try := func(user, policy string) error {
					_, err := w.Gate().Do(w.As(w.User(user, policy)), b.Op, row.in)
					return err
				}
				deniedTo := func(err error) bool {
					return errors.Is(err, &cloud.Error{Code: "AccessDeniedException"}) && strings.Contains(err.Error(), action)
				}
				if err := try("none", ""); !deniedTo(err) {
					t.Errorf("without a policy: %v", err)
				}
				if row.resources[0] != "*" {
					if err := try("elsewhere", allowOn(action, "arn:aws:organizations::"+account+":other/x")); !deniedTo(err) {
						t.Errorf("with a policy for another resource: %v", err)
					}
					for i := range row.resources {
						part := append(append([]string{}, row.resources[:i]...), row.resources[i+1:]...)
						if len(part) == 0 {
							continue
						}
						if err := try("part", allowOn(action, part...)); !deniedTo(err) {
							t.Errorf("with only %v: %v", part, err)
						}
					}
				}
				var e *cloud.Error
				if err := try("may", allowOn(action, row.resources...)); err != nil && (!errors.As(err, &e) || deniedTo(err) || e.Server) {
					t.Errorf("with %v: %v", row.resources, err)
				}
			})
		}
	}
}

// TestAccessIsDeclared holds that every bound operation says what it takes,
// and that none is missing.
func TestAccessIsDeclared(t *testing.T) {
	bound, declared := map[string]bool{}, map[string]bool{}
	for _, b := range organizations.Module().Operations {
		bound[b.Op.Name] = true
	}
	for _, a := range organizations.Module().Access {
		declared[a.Op.Name] = true
	}
	for _, o := range api.Service.Ops {
		if !bound[o.Name] || bound[o.Name] != declared[o.Name] {
			t.Errorf("%s: bound %v, access declared %v", o.Name, bound[o.Name], declared[o.Name])
		}
	}
}

// TestMembersReachOnlyWhatIsTheirs calls every operation as root of a member
// account.
func TestMembersReachOnlyWhatIsTheirs(t *testing.T) {
	w := start(t)
	w.invite(t, guest)
	theirs := map[string]bool{"AcceptHandshake": true, "CreateOrganization": true, "DeclineHandshake": true, "DescribeHandshake": true,
		"DescribeOrganization": true, "LeaveOrganization": true, "ListHandshakesForAccount": true}
	for _, a := range organizations.Module().Access {
		if theirs[a.Op.Name] || a.Op.Name == "DescribeEffectivePolicy" {
			continue
		}
		t.Run(a.Op.Name, func(t *testing.T) {
			c := w.Call().In(guest, nodetest.Region)
			c.Principal = identity.RootPrincipal(guest)
			var in any
			for _, b := range organizations.Module().Operations {
				if b.Op.Name == a.Op.Name {
					in = reflect.New(b.In).Interface()
				}
			}
			var checks []cloud.Check
			w.View(func(r store.Reader) {
				var err error
				if checks, err = a.Checks(c, r, in); err != nil {
					t.Fatal(err)
				}
			})
			err := w.Gate().Authorise(c, a.Op, checks...)
			if !errors.Is(err, &cloud.Error{Code: "AccessDeniedException"}) {
				t.Errorf("a member may: %v", err)
			}
		})
	}
}
