package insight_test

import (
	"errors"
	"testing"

	"pileus/all"
	api "pileus/api/ec2"
	"pileus/api/organizations"
	"pileus/cloud"
	"pileus/node/nodetest"
)

func TestSharing(t *testing.T) {
	w := nodetest.With(t, all.Modules)
	enable := func(c *cloud.Call) string {
		_, err := api.EnableReachabilityAnalyzerOrganizationSharing.Call(c, &api.EnableReachabilityAnalyzerOrganizationSharingInput{})
		var e *cloud.Error
		if errors.As(err, &e) {
			return e.Code
		}
		return ""
	}
	if code := enable(w.Call()); code != "AWSOrganizationsNotInUseException" {
		t.Errorf("without an organization: %s", code)
	}
	nodetest.Do(w, &organizations.CreateOrganization, &organizations.CreateOrganizationInput{})
	if code := enable(w.As(w.User("nobody", ""))); code != "UnauthorizedOperation" {
		t.Errorf("by nobody: %s", code)
	}
	if code := enable(w.As(w.User("somebody", nodetest.Allow("ec2:EnableReachabilityAnalyzerOrganizationSharing")))); code != "AccessDeniedException" {
		t.Errorf("by somebody who may not change the organization: %s", code)
	}
	if code := enable(w.As(w.User("able", nodetest.Allow("ec2:EnableReachabilityAnalyzerOrganizationSharing", "organizations:EnableAWSServiceAccess")))); code != "" {
		t.Errorf("by somebody who may: %s", code)
	}
	trusted := nodetest.Do(w, &organizations.ListAWSServiceAccessForOrganization, &organizations.ListAWSServiceAccessForOrganizationInput{}).EnabledServicePrincipals
	if len(trusted) != 1 || *trusted[0].ServicePrincipal != "reachabilityanalyzer.networkinsights.amazonaws.com" {
		t.Errorf("trusted: %v", trusted)
	}
}
