package iam

import (
	"strings"
	"time"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// linkedService is a service that has a role of its own in an account.
type linkedService struct {
	role, policy string // names; the policy lies under /aws-service-role/
	suffix       bool   // whether one account may have several roles
}

// linkedServices by host name.
var linkedServices = map[string]linkedService{
	"autoscaling.amazonaws.com":                         {"AWSServiceRoleForAutoScaling", "AutoScalingServiceRolePolicy", true},
	"elasticloadbalancing.amazonaws.com":                {"AWSServiceRoleForElasticLoadBalancing", "AWSElasticLoadBalancingServiceRolePolicy", false},
	"ecs.amazonaws.com":                                 {"AWSServiceRoleForECS", "AmazonECSServiceRolePolicy", false},
	"eks.amazonaws.com":                                 {"AWSServiceRoleForAmazonEKS", "AmazonEKSServiceRolePolicy", false},
	"eks-nodegroup.amazonaws.com":                       {"AWSServiceRoleForAmazonEKSNodegroup", "AWSServiceRoleForAmazonEKSNodegroup", false},
	"eks-fargate.amazonaws.com":                         {"AWSServiceRoleForAmazonEKSForFargate", "AmazonEKSForFargateServiceRolePolicy", false},
	"rds.amazonaws.com":                                 {"AWSServiceRoleForRDS", "AmazonRDSServiceRolePolicy", false},
	"elasticache.amazonaws.com":                         {"AWSServiceRoleForElastiCache", "ElastiCacheServiceRolePolicy", false},
	"redshift.amazonaws.com":                            {"AWSServiceRoleForRedshift", "AmazonRedshiftServiceLinkedRolePolicy", false},
	"spot.amazonaws.com":                                {"AWSServiceRoleForEC2Spot", "AWSEC2SpotServiceRolePolicy", false},
	"spotfleet.amazonaws.com":                           {"AWSServiceRoleForEC2SpotFleet", "AWSEC2SpotFleetServiceRolePolicy", false},
	"ec2fleet.amazonaws.com":                            {"AWSServiceRoleForEC2Fleet", "AWSEC2FleetServiceRolePolicy", false},
	"es.amazonaws.com":                                  {"AWSServiceRoleForAmazonElasticsearchService", "AmazonElasticsearchServiceRolePolicy", false},
	"opensearchservice.amazonaws.com":                   {"AWSServiceRoleForAmazonOpenSearchService", "AmazonOpenSearchServiceRolePolicy", false},
	"organizations.amazonaws.com":                       {"AWSServiceRoleForOrganizations", "AWSOrganizationsServiceTrustPolicy", false},
	"support.amazonaws.com":                             {"AWSServiceRoleForSupport", "AWSSupportServiceRolePolicy", false},
	"trustedadvisor.amazonaws.com":                      {"AWSServiceRoleForTrustedAdvisor", "AWSTrustedAdvisorServiceRolePolicy", false},
	"config.amazonaws.com":                              {"AWSServiceRoleForConfig", "AWSConfigServiceRolePolicy", false},
	"cloudtrail.amazonaws.com":                          {"AWSServiceRoleForCloudTrail", "CloudTrailServiceRolePolicy", false},
	"events.amazonaws.com":                              {"AWSServiceRoleForCloudWatchEvents", "CloudWatchEventsServiceRolePolicy", false},
	"elasticbeanstalk.amazonaws.com":                    {"AWSServiceRoleForElasticBeanstalk", "AWSElasticBeanstalkServiceRolePolicy", false},
	"managedupdates.elasticbeanstalk.amazonaws.com":     {"AWSServiceRoleForElasticBeanstalkManagedUpdates", "AWSElasticBeanstalkManagedUpdatesServiceRolePolicy", false},
	"maintenance.elasticbeanstalk.amazonaws.com":        {"AWSServiceRoleForElasticBeanstalkMaintenance", "AWSElasticBeanstalkMaintenance", false},
	"elasticmapreduce.amazonaws.com":                    {"AWSServiceRoleForEMRCleanup", "AmazonEMRCleanupPolicy", false},
	"elasticfilesystem.amazonaws.com":                   {"AWSServiceRoleForAmazonElasticFileSystem", "AmazonElasticFileSystemServiceRolePolicy", false},
	"dynamodb.application-autoscaling.amazonaws.com":    {"AWSServiceRoleForApplicationAutoScaling_DynamoDBTable", "AWSApplicationAutoscalingDynamoDBTablePolicy", false},
	"ecs.application-autoscaling.amazonaws.com":         {"AWSServiceRoleForApplicationAutoScaling_ECSService", "AWSApplicationAutoscalingECSServicePolicy", false},
	"rds.application-autoscaling.amazonaws.com":         {"AWSServiceRoleForApplicationAutoScaling_RDSCluster", "AWSApplicationAutoscalingRDSClusterPolicy", false},
	"lambda.application-autoscaling.amazonaws.com":      {"AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency", "AWSApplicationAutoscalingLambdaConcurrencyPolicy", false},
	"ec2.application-autoscaling.amazonaws.com":         {"AWSServiceRoleForApplicationAutoScaling_EC2SpotFleetRequest", "AWSApplicationAutoscalingEC2SpotFleetRequestPolicy", false},
	"replication.dynamodb.amazonaws.com":                {"AWSServiceRoleForDynamoDBReplication", "DynamoDBReplicationServiceRolePolicy", false},
	"ops.apigateway.amazonaws.com":                      {"AWSServiceRoleForAPIGateway", "APIGatewayServiceRolePolicy", false},
	"replicator.lambda.amazonaws.com":                   {"AWSServiceRoleForLambdaReplicator", "AWSLambdaReplicator", false},
	"logger.cloudfront.amazonaws.com":                   {"AWSServiceRoleForCloudFrontLogger", "AWSCloudFrontLogger", false},
	"backup.amazonaws.com":                              {"AWSServiceRoleForBackup", "AWSBackupServiceLinkedRolePolicyForBackup", false},
	"ssm.amazonaws.com":                                 {"AWSServiceRoleForAmazonSSM", "AmazonSSMServiceRolePolicy", false},
	"guardduty.amazonaws.com":                           {"AWSServiceRoleForAmazonGuardDuty", "AmazonGuardDutyServiceRolePolicy", false},
	"inspector2.amazonaws.com":                          {"AWSServiceRoleForAmazonInspector2", "AmazonInspector2ServiceRolePolicy", false},
	"access-analyzer.amazonaws.com":                     {"AWSServiceRoleForAccessAnalyzer", "AccessAnalyzerServiceRolePolicy", false},
	"globalaccelerator.amazonaws.com":                   {"AWSServiceRoleForGlobalAccelerator", "AWSGlobalAcceleratorSLRPolicy", false},
	"kafka.amazonaws.com":                               {"AWSServiceRoleForKafka", "KafkaServiceRolePolicy", false},
	"batch.amazonaws.com":                               {"AWSServiceRoleForBatch", "BatchServiceRolePolicy", false},
	"lex.amazonaws.com":                                 {"AWSServiceRoleForLexBots", "AmazonLexBotPolicy", true},
	"cks.kms.amazonaws.com":                             {"AWSServiceRoleForKeyManagementServiceCustomKeyStores", "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy", false},
	"mrk.kms.amazonaws.com":                             {"AWSServiceRoleForKeyManagementServiceMultiRegionKeys", "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy", false},
	"transitgateway.amazonaws.com":                      {"AWSServiceRoleForVPCTransitGateway", "AWSVPCTransitGatewayServiceRolePolicy", false},
	"vpcorigin.cloudfront.amazonaws.com":                {"AWSServiceRoleForCloudFrontVPCOrigin", "AWSCloudFrontVPCOriginServiceRolePolicy", false},
	"email.cognito-idp.amazonaws.com":                   {"AWSServiceRoleForAmazonCognitoIdpEmailService", "AmazonCognitoIdpEmailServiceRolePolicy", false},
	"sso.amazonaws.com":                                 {"AWSServiceRoleForSSO", "AWSSSOServiceRolePolicy", false},
	"rolesanywhere.amazonaws.com":                       {"AWSServiceRoleForRolesAnywhere", "AWSRolesAnywhereServicePolicy", false},
	"member.org.stacksets.cloudformation.amazonaws.com": {"AWSServiceRoleForCloudFormationStackSetsOrgMember", "CloudFormationStackSetsOrgMemberServiceRolePolicy", false},
}

// deletion is the task of deleting a service-linked role: the service is asked
// whether it can do without, which takes a while.
type deletion struct {
	Account, ID, Role string
	Started           time.Time
	Done              bool
	Failure           string
}

var deletions = &store.Table[deletion]{
	Name: "iam.deletion",
	Key:  func(d *deletion) store.Key { return store.K(d.Account, d.ID) },
}

const (
	unlinkController = "iam.unlink"
	unlinkDelay      = 5 * time.Second
)

func createServiceLinkedRole(c *cloud.Call, tx store.Tx, in *api.CreateServiceLinkedRoleInput) (*api.CreateServiceLinkedRoleOutput, error) {
	service, ok := linkedServices[in.AWSServiceName]
	if !ok {
		return nil, api.ErrInvalidInput.New("Service role for service %s is not supported.", in.AWSServiceName)
	}
	name := service.role
	if in.CustomSuffix != nil {
		if !service.suffix {
			return nil, api.ErrInvalidInput.New("Custom suffix is not allowed for %s", in.AWSServiceName)
		}
		name += "_" + *in.CustomSuffix
	}
	if _, ok := identity.FindRole(tx, c.Account, name); ok {
		return nil, api.ErrInvalidInput.New("Service role name %s has been taken in this account, please try a different suffix.", name)
	}
	role := &identity.Role{
		Account: c.Account, Name: name, Path: "/aws-service-role/" + in.AWSServiceName + "/",
		ID: identity.NewID(identity.RoleID, c.Account, c.Rand()), Created: c.Now,
		Description: cloud.Or(in.Description, ""), MaxSession: defaultSessionDuration, ServiceLinked: in.AWSServiceName,
		Trust: `{"Version":"2012-10-17","Statement":[{"Action":["sts:AssumeRole"],"Effect":"Allow","Principal":{"Service":["` + in.AWSServiceName + `"]}}]}`,
	}
	role.ARN = arnOf(c, "role", role.Path, role.Name)
	arn := "arn:aws:iam::aws:policy/aws-service-role/" + service.policy
	if _, ok := identity.AWSManaged(arn); ok {
		role.Attached = []string{arn}
	}
	identity.Roles.Insert(tx, role)
	v := roleEntry(tx, role)
	v.MaxSessionDuration = nil
	return &api.CreateServiceLinkedRoleOutput{Role: &v}, nil
}

func deleteServiceLinkedRole(c *cloud.Call, tx store.Tx, in *api.DeleteServiceLinkedRoleInput) (*api.DeleteServiceLinkedRoleOutput, error) {
	role, err := findRole(c, tx, in.RoleName)
	if err != nil {
		return nil, err
	}
	if role.ServiceLinked == "" {
		return nil, errNoRole(in.RoleName)
	}
	d := &deletion{Account: c.Account, Role: role.Name, Started: c.Now,
		ID: "task" + role.Path + role.Name + "/" + c.Rand().UUID()}
	deletions.Put(tx, d)
	tx.After(c.Now.Add(unlinkDelay), unlinkController, store.K(d.Account, d.ID))
	return &api.DeleteServiceLinkedRoleOutput{DeletionTaskId: d.ID}, nil
}

func getServiceLinkedRoleDeletionStatus(c *cloud.Call, r store.Reader, in *api.GetServiceLinkedRoleDeletionStatusInput) (*api.GetServiceLinkedRoleDeletionStatusOutput, error) {
	if !strings.HasPrefix(in.DeletionTaskId, "task/aws-service-role/") {
		return nil, api.ErrInvalidInput.New("Invalid deletion task id %s", in.DeletionTaskId)
	}
	d, ok := deletions.Get(r, c.Account, in.DeletionTaskId)
	switch {
	case !ok:
		return nil, api.ErrNoSuchEntity.New("The deletion task %s cannot be found.", in.DeletionTaskId)
	case !d.Done:
		return &api.GetServiceLinkedRoleDeletionStatusOutput{Status: api.DeletionTaskStatusTypeInProgress}, nil
	case d.Failure != "":
		return &api.GetServiceLinkedRoleDeletionStatusOutput{Status: api.DeletionTaskStatusTypeFailed,
			Reason: &api.DeletionTaskFailureReasonType{Reason: &d.Failure}}, nil
	}
	return &api.GetServiceLinkedRoleDeletionStatusOutput{Status: api.DeletionTaskStatusTypeSucceeded}, nil
}

// unlink finishes the deletion of a service-linked role.
func unlink(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		d, ok := deletions.Get(tx, key...)
		if !ok || d.Done {
			return nil
		}
		d.Done = true
		role, ok := identity.FindRole(tx, d.Account, d.Role)
		switch {
		case !ok || role.ServiceLinked == "":
			d.Failure = "The role no longer exists."
		case identity.InstanceProfiles.CountLinked(tx, d.Account, "role", identity.Fold(role.Name)) > 0:
			d.Failure = "The role is in use by an instance profile."
		default:
			identity.Roles.Delete(tx, d.Account, identity.Fold(role.Name))
		}
		deletions.Put(tx, d)
		return nil
	})
}
