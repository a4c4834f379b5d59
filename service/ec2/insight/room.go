// Package insight is the part of EC2 that tells whether somebody can reach
// somebody else, and what stops it: the Reachability Analyzer.
// https://docs.aws.amazon.com/vpc/latest/reachability/
//
//	path.go      questions that are kept
//	analysis.go  their answers
//	point.go     who asks for whom
//	share.go     trust within an organization
//	show.go      answers as the API has them
package insight

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Room is the part of EC2.
func Room() resource.Room {
	return resource.Room{
		Operations: []cloud.Binding{
			api.CreateNetworkInsightsPath.Update(createNetworkInsightsPath).Partial("sources and destinations are instances, interfaces, internet gateways and addresses"),
			api.DeleteNetworkInsightsPath.Update(deleteNetworkInsightsPath),
			api.DescribeNetworkInsightsPaths.View(describeNetworkInsightsPaths),
			api.StartNetworkInsightsAnalysis.Update(startNetworkInsightsAnalysis).Partial("without intermediate components to filter by"),
			api.DeleteNetworkInsightsAnalysis.Update(deleteNetworkInsightsAnalysis),
			api.DescribeNetworkInsightsAnalyses.View(describeNetworkInsightsAnalyses),
			api.EnableReachabilityAnalyzerOrganizationSharing.Serve(enableSharing).Partial("analyses stay within an account"),
		},
		Access:      access(),
		Controllers: []cloud.Controller{{Name: analyseController, Reconcile: analyse}},
		Web:         web,
	}
}

const (
	pathKind     = "network-insights-path"
	analysisKind = "network-insights-analysis"
)

func access() []cloud.Access {
	return []cloud.Access{
		resource.Creates(&api.CreateNetworkInsightsPath, pathKind, func(in *api.CreateNetworkInsightsPathInput) []api.TagSpecification { return in.TagSpecifications }),
		resource.Acts(&api.DeleteNetworkInsightsPath, pathKind, func(in *api.DeleteNetworkInsightsPathInput) string { return in.NetworkInsightsPathId }),
		api.StartNetworkInsightsAnalysis.Decides([]string{"ec2:StartNetworkInsightsAnalysis"}, func(c *cloud.Call, r store.Reader, in *api.StartNetworkInsightsAnalysisInput) ([]cloud.Check, error) {
			checks := resource.CreateChecks(c, "StartNetworkInsightsAnalysis", analysisKind, in.TagSpecifications)
			return append(checks, cloud.Check{Action: "ec2:StartNetworkInsightsAnalysis", Resource: resource.On(c, r, pathKind, in.NetworkInsightsPathId)}), nil
		}),
		resource.Acts(&api.DeleteNetworkInsightsAnalysis, analysisKind, func(in *api.DeleteNetworkInsightsAnalysisInput) string { return in.NetworkInsightsAnalysisId }),
		resource.Looks(&api.EnableReachabilityAnalyzerOrganizationSharing),
		resource.Looks(&api.DescribeNetworkInsightsPaths),
		resource.Looks(&api.DescribeNetworkInsightsAnalyses),
	}
}
