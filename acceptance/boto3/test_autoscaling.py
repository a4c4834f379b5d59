"""Auto Scaling groups, their instances and launch configurations through boto3."""

import json
import time

from cloud import ACCOUNT, Case, client, name


class Groups(Case):
    @classmethod
    def setUpClass(cls):
        cls.asg, cls.ec2, cls.sqs, cls.iam = client("autoscaling"), client("ec2"), client("sqs"), client("iam")
        cls.image = cls.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        cls.launch = name("lc")
        cls.asg.create_launch_configuration(LaunchConfigurationName=cls.launch, ImageId=cls.image, InstanceType="t3.micro")

    def group(self, low=0, high=4, desired=0, **more):
        n = name("group")
        more.setdefault("LaunchConfigurationName", self.launch)
        self.asg.create_auto_scaling_group(
            AutoScalingGroupName=n, MinSize=low, MaxSize=high, DesiredCapacity=desired, AvailabilityZones=["us-east-1a", "us-east-1b"], **more)
        self.addCleanup(self.asg.delete_auto_scaling_group, AutoScalingGroupName=n, ForceDelete=True)
        return n

    def described(self, n):
        return self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[n])["AutoScalingGroups"][0]

    def states(self, n):
        return sorted(i["LifecycleState"] for i in self.described(n)["Instances"])

    def wait(self, what, done, seconds=180):
        end = time.monotonic() + seconds
        while not done():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.2)

    def serving(self, n, count):
        self.wait(f"{count} instances of {n}", lambda: self.states(n) == ["InService"] * count)
        return [i["InstanceId"] for i in self.described(n)["Instances"]]

    def test_launch_configurations(self):
        got = self.asg.describe_launch_configurations(LaunchConfigurationNames=[self.launch])["LaunchConfigurations"][0]
        self.assertEqual((self.image, "t3.micro", True), (got["ImageId"], got["InstanceType"], got["InstanceMonitoring"]["Enabled"]))
        self.assertRegex(got["LaunchConfigurationARN"], rf"^arn:aws:autoscaling:us-east-1:{ACCOUNT}:launchConfiguration:[0-9a-f-]{{36}}:launchConfigurationName/{self.launch}$")
        self.refused("AlreadyExists", self.asg.create_launch_configuration, LaunchConfigurationName=self.launch, ImageId=self.image, InstanceType="t3.micro")
        self.refused("ValidationError", self.asg.create_launch_configuration, LaunchConfigurationName=name("lc"), ImageId=self.image)
        self.group()
        self.refused("ResourceInUse", self.asg.delete_launch_configuration, LaunchConfigurationName=self.launch)

    def test_group_heals(self):
        n = self.group(desired=2, Tags=[{"Key": "team", "Value": "blue", "PropagateAtLaunch": True}])
        self.refused("AlreadyExists", self.asg.create_auto_scaling_group, AutoScalingGroupName=n, MinSize=0, MaxSize=0, AvailabilityZones=["us-east-1a"], LaunchConfigurationName=self.launch)
        ids = self.serving(n, 2)
        self.assertEqual({"us-east-1a", "us-east-1b"}, {i["AvailabilityZone"] for i in self.described(n)["Instances"]})
        tags = {t["Key"]: t["Value"] for t in self.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": ids[:1]}])["Tags"]}
        self.assertEqual({"aws:autoscaling:groupName": n, "team": "blue"}, tags)
        self.ec2.terminate_instances(InstanceIds=ids[:1])
        self.wait("a replacement", lambda: ids[0] not in [i["InstanceId"] for i in self.described(n)["Instances"]] and len(self.serving(n, 2)) == 2)
        told = self.asg.describe_scaling_activities(AutoScalingGroupName=n)["Activities"]
        self.assertIn("an instance was launched in response to an unhealthy instance needing to be replaced", told[0]["Cause"])
        self.assertEqual(("Successful", 100), (told[0]["StatusCode"], told[0]["Progress"]))
        listed = self.asg.describe_auto_scaling_instances(InstanceIds=ids[1:])["AutoScalingInstances"]
        self.assertEqual([(n, "InService", "HEALTHY")], [(i["AutoScalingGroupName"], i["LifecycleState"], i["HealthStatus"]) for i in listed])

    def test_capacity(self):
        n = self.group(high=3)
        self.asg.set_desired_capacity(AutoScalingGroupName=n, DesiredCapacity=2)
        ids = self.serving(n, 2)
        refusal = self.refused("ValidationError", self.asg.set_desired_capacity, AutoScalingGroupName=n, DesiredCapacity=4)
        self.assertIn("New SetDesiredCapacity value 4 is above max value 3 for the AutoScalingGroup.", str(refusal))
        self.refused("ScalingActivityInProgress", self.asg.set_desired_capacity, AutoScalingGroupName=n, DesiredCapacity=1, HonorCooldown=True)
        self.asg.set_instance_protection(AutoScalingGroupName=n, InstanceIds=ids[:1], ProtectedFromScaleIn=True)
        self.asg.set_desired_capacity(AutoScalingGroupName=n, DesiredCapacity=1)
        self.assertEqual(ids[:1], self.serving(n, 1))
        self.asg.update_auto_scaling_group(AutoScalingGroupName=n, MinSize=2, MaxSize=2)
        self.serving(n, 2)
        self.assertEqual(2, self.described(n)["DesiredCapacity"])
        refusal = self.refused("ValidationError", self.asg.set_desired_capacity, AutoScalingGroupName="none", DesiredCapacity=0)
        self.assertIn("AutoScalingGroup name not found - null", str(refusal))

    def test_standby_detach_attach(self):
        n = self.group(desired=2)
        a, b = self.serving(n, 2)
        told = self.asg.enter_standby(AutoScalingGroupName=n, InstanceIds=[a], ShouldDecrementDesiredCapacity=True)["Activities"][0]
        self.assertEqual(f"Moving EC2 instance to Standby: {a}", told["Description"])
        self.wait("standby", lambda: self.states(n) == ["InService", "Standby"])
        self.asg.exit_standby(AutoScalingGroupName=n, InstanceIds=[a])
        self.serving(n, 2)
        self.asg.detach_instances(AutoScalingGroupName=n, InstanceIds=[b], ShouldDecrementDesiredCapacity=True)
        self.assertEqual([a], self.serving(n, 1))
        self.asg.attach_instances(AutoScalingGroupName=n, InstanceIds=[b])
        self.assertCountEqual([a, b], self.serving(n, 2))

    def test_hook_tells_queue(self):
        n = self.group()
        url = self.sqs.create_queue(QueueName=n)["QueueUrl"]
        role = self.iam.create_role(RoleName=n, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "autoscaling.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
        self.iam.attach_role_policy(RoleName=n, PolicyArn="arn:aws:iam::aws:policy/service-role/AutoScalingNotificationAccessRole")
        self.asg.put_lifecycle_hook(
            AutoScalingGroupName=n, LifecycleHookName="up", LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
            NotificationTargetARN=f"arn:aws:sqs:us-east-1:{ACCOUNT}:{n}", RoleARN=role, NotificationMetadata="note", HeartbeatTimeout=60)
        self.asg.set_desired_capacity(AutoScalingGroupName=n, DesiredCapacity=1)
        seen = []
        while not any("LifecycleActionToken" in m for m in seen):
            got = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", [])
            self.assertTrue(got, seen)
            seen += [json.loads(m["Body"]) for m in got]
            for m in got:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
        told = seen[-1]
        self.assertEqual(("up", "note", n), (told["LifecycleHookName"], told["NotificationMetadata"], told["AutoScalingGroupName"]))
        self.assertEqual(["Pending:Wait"], self.states(n))
        self.asg.complete_lifecycle_action(AutoScalingGroupName=n, LifecycleHookName="up", LifecycleActionToken=told["LifecycleActionToken"], LifecycleActionResult="CONTINUE")
        self.serving(n, 1)

    def test_tags_and_processes(self):
        n = self.group()
        self.asg.create_or_update_tags(Tags=[{"ResourceId": n, "ResourceType": "auto-scaling-group", "Key": "team", "Value": n, "PropagateAtLaunch": False}])
        got = self.asg.describe_tags(Filters=[{"Name": "value", "Values": [n]}])["Tags"]
        self.assertEqual([(n, "team", False)], [(t["ResourceId"], t["Key"], t["PropagateAtLaunch"]) for t in got])
        found = self.asg.describe_auto_scaling_groups(Filters=[{"Name": "tag:team", "Values": [n]}])["AutoScalingGroups"]
        self.assertEqual([n], [g["AutoScalingGroupName"] for g in found])
        self.asg.delete_tags(Tags=[{"ResourceId": n, "ResourceType": "auto-scaling-group", "Key": "team"}])
        self.assertEqual([], self.asg.describe_tags(Filters=[{"Name": "auto-scaling-group", "Values": [n]}])["Tags"])
        self.asg.suspend_processes(AutoScalingGroupName=n, ScalingProcesses=["Launch"])
        self.assertEqual(["Launch"], [p["ProcessName"] for p in self.described(n)["SuspendedProcesses"]])
        self.asg.set_desired_capacity(AutoScalingGroupName=n, DesiredCapacity=1)
        time.sleep(1)
        self.assertEqual([], self.states(n))
        self.asg.resume_processes(AutoScalingGroupName=n)
        self.serving(n, 1)

    def test_lists(self):
        self.assertIn("OldestInstance", self.asg.describe_termination_policy_types()["TerminationPolicyTypes"])
        self.assertIn("AZRebalance", [p["ProcessName"] for p in self.asg.describe_scaling_process_types()["Processes"]])
        self.assertEqual(["autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"], self.asg.describe_lifecycle_hook_types()["LifecycleHookTypes"])
        self.assertIn("autoscaling:TEST_NOTIFICATION", self.asg.describe_auto_scaling_notification_types()["AutoScalingNotificationTypes"])
        self.assertEqual(["1Minute"], [g["Granularity"] for g in self.asg.describe_metric_collection_types()["Granularities"]])
        self.assertEqual(3, len(self.asg.describe_adjustment_types()["AdjustmentTypes"]))
        self.assertGreaterEqual(self.asg.describe_account_limits()["NumberOfLaunchConfigurations"], 1)
