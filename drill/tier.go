package drill

import (
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tier is the application: what was built, by its ids.
type tier struct {
	zones             [2]string
	vpc               string
	public, private   [2]string // subnets, by zone
	balancer, address string    // the load balancer's ARN and DNS name
	targets           string    // the target group's ARN
	group             string    // the Auto Scaling group's name
	alarm             string
	bucket            string // what the instances share
	acl               string // the VPC's network ACL
}

const (
	groupName   = "web"
	desired     = 4
	most        = 8
	checkEvery  = 5 * time.Second // the shortest that AWS has
	checkWithin = 2 * time.Second
	thresholds  = 2
	scaleAt     = 15 // percent of CPU: what is burned is 17.5 of each, and more would take more processors than a small machine has
	scaleBy     = 2  // instances
	image       = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
)

// userData makes a web server of an instance. The page /cgi-bin/visit keeps what
// it is told in the bucket, with the instance's role; /cgi-bin/burn keeps a
// processor busy.
//
//go:embed userdata.sh
var userData string

// build makes the application and waits until all of it serves.
func (d *drill) build(ctx context.Context) error {
	d.tier.zones = [2]string{d.cloud.region + "a", d.cloud.region + "b"}
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"a VPC with public and private subnets in two zones", d.buildNetwork},
		{"a bucket for what instances share, and a role that may use it", d.buildState},
		{"an Application Load Balancer in both zones", d.buildBalancer},
		{fmt.Sprintf("an Auto Scaling group of %d instances with user data", desired), d.buildGroup},
		{fmt.Sprintf("an alarm at %d %% CPU, and a policy that adds %d instances", scaleAt, scaleBy), d.buildAlarm},
		{"all instances serve", func(ctx context.Context) error {
			return until(ctx, time.Minute, 200*time.Millisecond, "all instances in service", d.whole)
		}},
	}
	for _, s := range steps {
		d.say("  %s", s.what)
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return nil
}

// made is an operation whose answer is one id.
func (d *drill) made(ctx context.Context, id *string, s service, action string, params ...string) error {
	var out answerID
	if err := d.cloud.query(ctx, s, action, &out, params...); err != nil {
		return err
	}
	*id = out.id()
	return nil
}

// answerID are the places where ids stand in answers.
type answerID struct {
	VPC         string `xml:"vpc>vpcId"`
	Subnet      string `xml:"subnet>subnetId"`
	Gateway     string `xml:"internetGateway>internetGatewayId"`
	RouteTable  string `xml:"routeTable>routeTableId"`
	Group       string `xml:"groupId"`
	ACL         string `xml:"networkAcl>networkAclId"`
	Association string `xml:"newAssociationId"`
	Template    string `xml:"launchTemplate>launchTemplateId"`
	Targets     string `xml:"CreateTargetGroupResult>TargetGroups>member>TargetGroupArn"`
	Policy      string `xml:"PutScalingPolicyResult>PolicyARN"`
}

func (a answerID) id() string {
	for _, s := range []string{a.VPC, a.Subnet, a.Gateway, a.RouteTable, a.Group, a.ACL, a.Association, a.Template, a.Targets, a.Policy} {
		if s != "" {
			return s
		}
	}
	return ""
}

// all does operations of one service in turn: each is its name and parameters.
func (d *drill) all(ctx context.Context, s service, list ...[]string) error {
	for _, o := range list {
		if err := d.cloud.query(ctx, s, o[0], nil, o[1:]...); err != nil {
			return err
		}
	}
	return nil
}

func (d *drill) buildNetwork(ctx context.Context) error {
	t := &d.tier
	var gateway, routes string
	if err := d.made(ctx, &t.vpc, ec2, "CreateVpc", "CidrBlock", "10.0.0.0/16"); err != nil {
		return err
	}
	if err := d.made(ctx, &gateway, ec2, "CreateInternetGateway"); err != nil {
		return err
	}
	if err := d.made(ctx, &routes, ec2, "CreateRouteTable", "VpcId", t.vpc); err != nil {
		return err
	}
	err := d.all(ctx, ec2,
		[]string{"AttachInternetGateway", "InternetGatewayId", gateway, "VpcId", t.vpc},
		[]string{"CreateRoute", "RouteTableId", routes, "DestinationCidrBlock", "0.0.0.0/0", "GatewayId", gateway},
	)
	if err != nil {
		return err
	}
	for i, zone := range t.zones {
		if err := d.made(ctx, &t.public[i], ec2, "CreateSubnet", "VpcId", t.vpc, "AvailabilityZone", zone, "CidrBlock", fmt.Sprintf("10.0.%d.0/24", i)); err != nil {
			return err
		}
		if err := d.made(ctx, &t.private[i], ec2, "CreateSubnet", "VpcId", t.vpc, "AvailabilityZone", zone, "CidrBlock", fmt.Sprintf("10.0.%d.0/24", 10+i)); err != nil {
			return err
		}
		if err := d.all(ctx, ec2, []string{"AssociateRouteTable", "RouteTableId", routes, "SubnetId", t.public[i]}); err != nil {
			return err
		}
	}
	var main struct {
		ID  string `xml:"routeTableSet>item>routeTableId"`
		ACL string `xml:"networkAclSet>item>networkAclId"`
	}
	ofVPC := []string{"Filter.1.Name", "vpc-id", "Filter.1.Value.1", t.vpc}
	if err := d.cloud.query(ctx, ec2, "DescribeRouteTables", &main, append(ofVPC, "Filter.2.Name", "association.main", "Filter.2.Value.1", "true")...); err != nil {
		return err
	}
	if err := d.cloud.query(ctx, ec2, "DescribeNetworkAcls", &main, ofVPC...); err != nil {
		return err
	}
	t.acl = main.ACL
	// Private instances reach S3 without a way to the internet.
	return d.all(ctx, ec2, []string{"CreateVpcEndpoint", "VpcId", t.vpc, "ServiceName", "com.amazonaws." + d.cloud.region + ".s3", "RouteTableId.1", main.ID})
}

func (d *drill) buildState(ctx context.Context) error {
	t := &d.tier
	t.bucket = "drill-visits"
	if _, err := d.cloud.send(ctx, "s3", http.MethodPut, "/"+t.bucket, "", ""); err != nil {
		return err
	}
	may := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::` + t.bucket + `/*"}]}`
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	return d.all(ctx, iam,
		[]string{"CreateRole", "RoleName", groupName, "AssumeRolePolicyDocument", trust},
		[]string{"PutRolePolicy", "RoleName", groupName, "PolicyName", "visits", "PolicyDocument", may},
		[]string{"CreateInstanceProfile", "InstanceProfileName", groupName},
		[]string{"AddRoleToInstanceProfile", "InstanceProfileName", groupName, "RoleName", groupName},
	)
}

// securityGroup makes a group that lets TCP to port 80 in from a range or a group.
func (d *drill) securityGroup(ctx context.Context, name, from string) (id string, err error) {
	if err := d.made(ctx, &id, ec2, "CreateSecurityGroup", "GroupName", name, "GroupDescription", name, "VpcId", d.tier.vpc); err != nil {
		return "", err
	}
	source := "IpPermissions.1.IpRanges.1.CidrIp"
	if strings.HasPrefix(from, "sg-") {
		source = "IpPermissions.1.Groups.1.GroupId"
	}
	return id, d.all(ctx, ec2, []string{"AuthorizeSecurityGroupIngress", "GroupId", id,
		"IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", "80", "IpPermissions.1.ToPort", "80", source, from})
}

func (d *drill) buildBalancer(ctx context.Context) error {
	t := &d.tier
	guard, err := d.securityGroup(ctx, "balancer", "0.0.0.0/0")
	if err != nil {
		return err
	}
	if d.guard, err = d.securityGroup(ctx, "web", guard); err != nil {
		return err
	}
	var out struct {
		ARN  string `xml:"CreateLoadBalancerResult>LoadBalancers>member>LoadBalancerArn"`
		Name string `xml:"CreateLoadBalancerResult>LoadBalancers>member>DNSName"`
	}
	err = d.cloud.query(ctx, elb, "CreateLoadBalancer", &out, "Name", groupName, "Subnets.member.1", t.public[0], "Subnets.member.2", t.public[1], "SecurityGroups.member.1", guard)
	if err != nil {
		return err
	}
	t.balancer, t.address = out.ARN, out.Name
	err = d.made(ctx, &t.targets, elb, "CreateTargetGroup", "Name", groupName, "Protocol", "HTTP", "Port", "80", "VpcId", t.vpc,
		"HealthCheckIntervalSeconds", strconv.Itoa(int(checkEvery.Seconds())), "HealthCheckTimeoutSeconds", strconv.Itoa(int(checkWithin.Seconds())),
		"HealthyThresholdCount", strconv.Itoa(thresholds), "UnhealthyThresholdCount", strconv.Itoa(thresholds), "HealthCheckPath", "/")
	if err != nil {
		return err
	}
	return d.all(ctx, elb,
		[]string{"ModifyTargetGroupAttributes", "TargetGroupArn", t.targets, "Attributes.member.1.Key", "deregistration_delay.timeout_seconds", "Attributes.member.1.Value", "5"},
		[]string{"CreateListener", "LoadBalancerArn", t.balancer, "Protocol", "HTTP", "Port", "80", "DefaultActions.member.1.Type", "forward", "DefaultActions.member.1.TargetGroupArn", t.targets},
	)
}

func (d *drill) buildGroup(ctx context.Context) error {
	t := &d.tier
	t.group = groupName
	script := strings.ReplaceAll(userData, "BUCKET", t.bucket)
	script = strings.ReplaceAll(script, "REGION", d.cloud.region)
	err := d.all(ctx, ec2, []string{"CreateLaunchTemplate", "LaunchTemplateName", groupName,
		"LaunchTemplateData.ImageId", image, "LaunchTemplateData.InstanceType", "t2.micro", "LaunchTemplateData.SecurityGroupId.1", d.guard,
		"LaunchTemplateData.IamInstanceProfile.Name", groupName, "LaunchTemplateData.Monitoring.Enabled", "true",
		"LaunchTemplateData.UserData", base64.StdEncoding.EncodeToString([]byte(script))})
	if err != nil {
		return err
	}
	return d.all(ctx, autoscaling, []string{"CreateAutoScalingGroup", "AutoScalingGroupName", t.group, "LaunchTemplate.LaunchTemplateName", groupName,
		"MinSize", strconv.Itoa(desired), "MaxSize", strconv.Itoa(most), "DesiredCapacity", strconv.Itoa(desired),
		"VPCZoneIdentifier", t.private[0] + "," + t.private[1], "TargetGroupARNs.member.1", t.targets,
		"HealthCheckType", "ELB", "HealthCheckGracePeriod", "15", "DefaultCooldown", "30"})
}

func (d *drill) buildAlarm(ctx context.Context) error {
	t := &d.tier
	t.alarm = groupName + "-cpu"
	var policy string
	err := d.made(ctx, &policy, autoscaling, "PutScalingPolicy", "AutoScalingGroupName", t.group, "PolicyName", "more", "PolicyType", "SimpleScaling",
		"AdjustmentType", "ChangeInCapacity", "ScalingAdjustment", strconv.Itoa(scaleBy))
	if err != nil {
		return err
	}
	return d.all(ctx, cloudwatch, []string{"PutMetricAlarm", "AlarmName", t.alarm, "Namespace", "AWS/EC2", "MetricName", "CPUUtilization", "Statistic", "Average",
		"Dimensions.member.1.Name", "AutoScalingGroupName", "Dimensions.member.1.Value", t.group, "Period", "60", "EvaluationPeriods", "1",
		"Threshold", strconv.Itoa(scaleAt), "ComparisonOperator", "GreaterThanThreshold", "AlarmActions.member.1", policy})
}
