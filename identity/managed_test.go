package identity

import (
	"strings"
	"testing"

	"pileus/policy"
)

// TestAWSManaged: every AWS-managed policy is a document that binds, whatever
// it is used as.
func TestAWSManaged(t *testing.T) {
	all := AWSManagedAll()
	if len(all) < 200 {
		t.Errorf("%d AWS-managed policies, want at least 200", len(all))
	}
	ids := map[string]string{}
	for _, p := range all {
		for _, kind := range []policy.Kind{policy.Identity, policy.Boundary, policy.Session} {
			if _, err := policy.Parse(p.Document, kind); err != nil {
				t.Errorf("%s as %s: %v", p.Name, kind, err)
			}
		}
		if other := ids[p.ID]; other != "" {
			t.Errorf("%s and %s have the same id", p.Name, other)
		}
		ids[p.ID] = p.Name
		if len(p.ID) != 21 || !strings.HasPrefix(p.ID, ManagedID) || p.Version == "" || p.Description == "" || p.Created.IsZero() || p.Updated.Before(p.Created) {
			t.Errorf("%s: id %q, version %q, description %q, created %v, updated %v", p.Name, p.ID, p.Version, p.Description, p.Created, p.Updated)
		}
	}
	t.Logf("%d AWS-managed policies", len(all))
}

// TestAWSManagedNames: those that courses, modules and services ask for.
func TestAWSManagedNames(t *testing.T) {
	names := `AdministratorAccess PowerUserAccess ReadOnlyAccess SecurityAudit
job-function/ViewOnlyAccess job-function/Billing job-function/DatabaseAdministrator job-function/NetworkAdministrator
job-function/SystemAdministrator job-function/SupportUser job-function/DataScientist
AmazonS3FullAccess AmazonS3ReadOnlyAccess AmazonEC2FullAccess AmazonEC2ReadOnlyAccess
AmazonSQSFullAccess AmazonSQSReadOnlyAccess AmazonSNSFullAccess AmazonSNSReadOnlyAccess
AmazonDynamoDBFullAccess AmazonDynamoDBReadOnlyAccess AmazonRDSFullAccess AmazonRDSReadOnlyAccess
AmazonVPCFullAccess AmazonVPCReadOnlyAccess AWSLambda_FullAccess AWSLambda_ReadOnlyAccess
service-role/AWSLambdaBasicExecutionRole service-role/AWSLambdaVPCAccessExecutionRole service-role/AWSLambdaSQSQueueExecutionRole
service-role/AWSLambdaDynamoDBExecutionRole service-role/AWSLambdaKinesisExecutionRole
AmazonSSMManagedInstanceCore AmazonSSMFullAccess AmazonSSMReadOnlyAccess
CloudWatchAgentServerPolicy CloudWatchFullAccess CloudWatchFullAccessV2 CloudWatchReadOnlyAccess CloudWatchLogsFullAccess CloudWatchLogsReadOnlyAccess
IAMFullAccess IAMReadOnlyAccess IAMUserChangePassword IAMUserSSHKeys IAMSelfManageServiceSpecificCredentials
AmazonECS_FullAccess service-role/AmazonECSTaskExecutionRolePolicy AmazonEKSClusterPolicy AmazonEKSWorkerNodePolicy AmazonEKS_CNI_Policy
AmazonEC2ContainerRegistryReadOnly AmazonEC2ContainerRegistryPowerUser AmazonEC2ContainerRegistryFullAccess
AutoScalingFullAccess AutoScalingReadOnlyAccess ElasticLoadBalancingFullAccess ElasticLoadBalancingReadOnly
AmazonRoute53FullAccess AmazonRoute53ReadOnlyAccess CloudFrontFullAccess CloudFrontReadOnlyAccess
AWSCloudFormationFullAccess AWSCloudFormationReadOnlyAccess AWSCloudTrail_FullAccess AWSCloudTrail_ReadOnlyAccess
AWSKeyManagementServicePowerUser SecretsManagerReadWrite AWSElasticBeanstalkWebTier AWSElasticBeanstalkWorkerTier
service-role/AWSElasticBeanstalkEnhancedHealth AdministratorAccess-AWSElasticBeanstalk
AmazonElastiCacheFullAccess AmazonElastiCacheReadOnlyAccess AmazonRedshiftFullAccess AmazonRedshiftReadOnlyAccess
AmazonKinesisFullAccess AmazonKinesisReadOnlyAccess AmazonKinesisFirehoseFullAccess service-role/AmazonElasticMapReduceRole service-role/AmazonElasticMapReduceforEC2Role
AmazonSESFullAccess AmazonSESReadOnlyAccess AmazonCognitoPowerUser AmazonCognitoReadOnly AWSOrganizationsFullAccess AWSOrganizationsReadOnlyAccess
AWSConfigUserAccess AWSXRayDaemonWriteAccess AWSXrayFullAccess AmazonAPIGatewayAdministrator AmazonAPIGatewayInvokeFullAccess
AWSStepFunctionsFullAccess AWSStepFunctionsReadOnlyAccess AmazonEventBridgeFullAccess AmazonEventBridgeReadOnlyAccess
AmazonGlacierFullAccess AmazonGlacierReadOnlyAccess AmazonElasticFileSystemFullAccess AmazonElasticFileSystemReadOnlyAccess
aws-service-role/AutoScalingServiceRolePolicy aws-service-role/AWSElasticLoadBalancingServiceRolePolicy aws-service-role/AmazonRDSServiceRolePolicy`
	for _, name := range strings.Fields(names) {
		if _, ok := AWSManaged("arn:aws:iam::aws:policy/" + name); !ok {
			t.Errorf("%s is missing", name)
		}
	}
}
