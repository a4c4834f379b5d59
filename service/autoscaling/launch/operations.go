package launch

import (
	"errors"
	"slices"
	"strings"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// Bindings are the operations of launch configurations. inUse tells whether a
// group launches from one.
func Bindings(inUse func(r store.Reader, l *Configuration) bool) []cloud.Binding {
	return []cloud.Binding{
		api.CreateLaunchConfiguration.Update(createLaunchConfiguration),
		api.DescribeLaunchConfigurations.View(describeLaunchConfigurations),
		api.DeleteLaunchConfiguration.Update(func(c *cloud.Call, tx store.Tx, in *api.DeleteLaunchConfigurationInput) (*cloud.Empty, error) {
			l, err := Find(c, tx, in.LaunchConfigurationName)
			if err != nil {
				return nil, err
			}
			if inUse(tx, l) {
				return nil, api.ErrResourceInUseFault.New("Cannot delete launch configuration %s because it is attached to an AutoScalingGroup", l.Name)
			}
			Configurations.Delete(tx, l.Account, l.Region, l.Name)
			return &cloud.Empty{}, nil
		}),
	}
}

func createLaunchConfiguration(c *cloud.Call, tx store.Tx, in *api.CreateLaunchConfigurationInput) (*cloud.Empty, error) {
	if Configurations.Has(tx, c.Account, c.Region, in.LaunchConfigurationName) {
		return nil, api.ErrAlreadyExistsFault.New("Launch Configuration by this name already exists - A launch configuration already exists with the name %s", in.LaunchConfigurationName)
	}
	if Number(c, tx) >= Most {
		return nil, api.ErrLimitExceededFault.New("You have reached the limit of %d for LaunchConfiguration resources.", Most)
	}
	if in.ClassicLinkVPCId != nil || len(in.ClassicLinkVPCSecurityGroups) > 0 {
		return nil, invalid("EC2-Classic has been retired: ClassicLink is not available.")
	}
	l := &Configuration{Account: c.Account, Region: c.Region, Name: in.LaunchConfigurationName, ID: c.Rand().UUID(), Created: c.Now}
	l.Spec = api.LaunchConfiguration{
		LaunchConfigurationName: in.LaunchConfigurationName, ImageId: cloud.Or(in.ImageId, ""), KeyName: in.KeyName, SecurityGroups: in.SecurityGroups,
		UserData: in.UserData, InstanceType: cloud.Or(in.InstanceType, ""), KernelId: in.KernelId, RamdiskId: in.RamdiskId,
		BlockDeviceMappings: in.BlockDeviceMappings, InstanceMonitoring: in.InstanceMonitoring, SpotPrice: in.SpotPrice,
		IamInstanceProfile: in.IamInstanceProfile, CreatedTime: c.Now, EbsOptimized: in.EbsOptimized,
		AssociatePublicIpAddress: in.AssociatePublicIpAddress, PlacementTenancy: in.PlacementTenancy, MetadataOptions: in.MetadataOptions,
	}
	if in.InstanceId != nil {
		if _, err := l.like(c, *in.InstanceId); err != nil {
			return nil, err
		}
	}
	if err := l.check(c, tx); err != nil {
		return nil, err
	}
	Configurations.Put(tx, l)
	return &cloud.Empty{}, nil
}

// check refuses what no instance could be launched from.
func (l *Configuration) check(c *cloud.Call, r store.Reader) error {
	s := &l.Spec
	switch {
	case s.ImageId == "":
		return invalid("Valid requests must contain either the InstanceID parameter or both the ImageId and InstanceType parameters.")
	case s.InstanceType == "":
		return invalid("Valid requests must contain either the InstanceID parameter or both the ImageId and InstanceType parameters.")
	case s.PlacementTenancy != nil && *s.PlacementTenancy != "default" && *s.PlacementTenancy != "dedicated":
		return invalid("Invalid placement tenancy: %s. Valid values are: [default, dedicated]", *s.PlacementTenancy)
	}
	if s.InstanceMonitoring == nil {
		s.InstanceMonitoring = &api.InstanceMonitoring{Enabled: new(true)}
	}
	if p := cloud.Or(s.IamInstanceProfile, ""); p != "" && profile(r, c.Account, p) == nil {
		return invalid("Invalid IamInstanceProfile: %s", p)
	}
	return nil
}

// profile is an instance profile by its name or ARN; nil where there is none.
func profile(r store.Reader, account, name string) *identity.InstanceProfile {
	if a, ok := cloud.ParseARN(name); ok {
		account, name = a.Account, a.Resource[strings.LastIndex(a.Resource, "/")+1:]
	}
	p, ok := identity.FindInstanceProfile(r, account, name)
	if !ok {
		return nil
	}
	return p
}

// Passing are the checks that the caller may pass the role of an instance
// profile to EC2.
func Passing(r store.Reader, account string, name *string) []cloud.Check {
	p := profile(r, account, cloud.Or(name, ""))
	if p == nil || p.Role == "" {
		return nil // the handler answers, or there is nothing to pass
	}
	role, ok := identity.FindRole(r, p.Account, p.Role)
	if !ok {
		return nil
	}
	return []cloud.Check{identity.PassRole(r, role.ARN, "ec2.amazonaws.com")}
}

// like fills in what is not given from an instance. Its block devices are not
// taken over, as on AWS.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/create-lc-with-instanceID.html
func (l *Configuration) like(c *cloud.Call, id string) (zone string, err error) {
	as := identity.AsAccount(c)
	out, err := ec2.DescribeInstances.Call(as, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	var e *cloud.Error
	if errors.As(err, &e) && !e.Server {
		return "", invalid("Invalid Instance ID: %s. The instance ID does not exist", id)
	}
	if err != nil {
		return "", err
	}
	i, s := out.Reservations[0].Instances[0], &l.Spec
	if s.ImageId == "" {
		s.ImageId = cloud.Or(i.ImageId, "")
	}
	if s.InstanceType == "" {
		s.InstanceType = cloud.Or(i.InstanceType, "")
	}
	if s.KeyName == nil {
		s.KeyName = i.KeyName
	}
	if s.SecurityGroups == nil {
		for _, g := range i.SecurityGroups {
			s.SecurityGroups = append(s.SecurityGroups, cloud.Or(g.GroupId, ""))
		}
	}
	if s.IamInstanceProfile == nil && i.IamInstanceProfile != nil {
		s.IamInstanceProfile = i.IamInstanceProfile.Arn
	}
	if s.EbsOptimized == nil {
		s.EbsOptimized = i.EbsOptimized
	}
	if s.InstanceMonitoring == nil && i.Monitoring != nil {
		s.InstanceMonitoring = &api.InstanceMonitoring{Enabled: new(cloud.Or(i.Monitoring.State, "") == ec2.MonitoringStateEnabled)}
	}
	zone = cloud.Or(i.Placement.AvailabilityZone, "")
	if s.UserData != nil {
		return zone, nil
	}
	data, err := ec2.DescribeInstanceAttribute.Call(as, &ec2.DescribeInstanceAttributeInput{InstanceId: id, Attribute: "userData"})
	if err == nil && data.UserData != nil {
		s.UserData = data.UserData.Value
	}
	return zone, err
}

// From makes a launch configuration of an instance, under the name of the group
// that is created with it, and tells the instance's zone.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/create-asg-from-instance.html
func From(c *cloud.Call, tx store.Tx, name, instance string) (zone string, err error) {
	if Configurations.Has(tx, c.Account, c.Region, name) {
		return "", api.ErrAlreadyExistsFault.New("Launch Configuration by this name already exists - A launch configuration already exists with the name %s", name)
	}
	l := &Configuration{Account: c.Account, Region: c.Region, Name: name, ID: c.Rand().UUID(), Created: c.Now}
	l.Spec.LaunchConfigurationName, l.Spec.CreatedTime = name, c.Now
	if zone, err = l.like(c, instance); err != nil {
		return "", err
	}
	if err := l.check(c, tx); err != nil {
		return "", err
	}
	Configurations.Put(tx, l)
	return zone, nil
}

func describeLaunchConfigurations(c *cloud.Call, r store.Reader, in *api.DescribeLaunchConfigurationsInput) (*api.DescribeLaunchConfigurationsOutput, error) {
	n := cloud.Or(in.MaxRecords, 50)
	if n < 1 || n > 100 {
		return nil, invalid("1 validation error detected: Value '%d' at 'maxRecords' failed to satisfy constraint: Member must be between 1 and 100", n)
	}
	list, next, ok := Configurations.Page(r, store.K(c.Account, c.Region), cloud.Or(in.NextToken, ""), int(n), func(l *Configuration) bool {
		return len(in.LaunchConfigurationNames) == 0 || slices.Contains(in.LaunchConfigurationNames, l.Name)
	})
	if !ok {
		return nil, api.ErrInvalidNextToken.New("The token is not valid.")
	}
	out := &api.DescribeLaunchConfigurationsOutput{LaunchConfigurations: []api.LaunchConfiguration{}}
	if next != "" {
		out.NextToken = &next
	}
	for _, l := range list {
		out.LaunchConfigurations = append(out.LaunchConfigurations, l.API(c))
	}
	return out, nil
}

// API is the configuration as it is described.
func (l *Configuration) API(c *cloud.Call) api.LaunchConfiguration {
	s := l.Spec
	s.LaunchConfigurationARN = new(l.ARN(c))
	for _, p := range []**string{&s.KeyName, &s.UserData, &s.KernelId, &s.RamdiskId} {
		if *p == nil {
			*p = new("") // as AWS shows what is not set
		}
	}
	if s.EbsOptimized == nil {
		s.EbsOptimized = new(false)
	}
	if s.SecurityGroups == nil {
		s.SecurityGroups = []string{}
	}
	if s.ClassicLinkVPCSecurityGroups == nil {
		s.ClassicLinkVPCSecurityGroups = []string{}
	}
	if s.BlockDeviceMappings == nil {
		s.BlockDeviceMappings = []api.BlockDeviceMapping{}
	}
	return s
}
