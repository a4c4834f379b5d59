package insight

import (
	api "pileus/api/ec2"
	"pileus/api/organizations"
	"pileus/cloud"
)

// principal is the Reachability Analyzer as organizations know it.
const principal = "reachabilityanalyzer.networkinsights.amazonaws.com"

// enableSharing has the caller's organization, which his account must manage,
// trust the Reachability Analyzer. He needs to be allowed to say so.
// https://docs.aws.amazon.com/vpc/latest/reachability/multi-account.html
func enableSharing(c *cloud.Call, _ *api.EnableReachabilityAnalyzerOrganizationSharingInput) (*api.EnableReachabilityAnalyzerOrganizationSharingOutput, error) {
	_, err := organizations.EnableAWSServiceAccess.Call(c, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: principal})
	if err != nil {
		return nil, err
	}
	return &api.EnableReachabilityAnalyzerOrganizationSharingOutput{ReturnValue: new(true)}, nil
}
