"""Auto Scaling's policies, scheduled actions, instance refreshes and warm pools through boto3."""

import datetime
import time

from cloud import ACCOUNT, Case, client, name, pileus


class Scaling(Case):
    @classmethod
    def setUpClass(cls):
        cls.asg, cls.ec2, cls.cw = client("autoscaling"), client("ec2"), client("cloudwatch")
        cls.image = cls.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]

    def group(self, low=0, high=4, desired=0, **more):
        n = name("scaling")
        self.ec2.create_launch_template(LaunchTemplateName=n, LaunchTemplateData={"ImageId": self.image, "InstanceType": "t3.micro"})
        self.asg.create_auto_scaling_group(
            AutoScalingGroupName=n, MinSize=low, MaxSize=high, DesiredCapacity=desired, AvailabilityZones=["us-east-1a"],
            LaunchTemplate={"LaunchTemplateName": n, "Version": "1"}, **more)
        self.addCleanup(self.asg.delete_auto_scaling_group, AutoScalingGroupName=n, ForceDelete=True)
        return n

    def described(self, n):
        return self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[n])["AutoScalingGroups"][0]

    def wait(self, what, done, seconds=180):
        end = time.monotonic() + seconds
        while not done():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.2)

    def serving(self, n):
        return [i["InstanceId"] for i in self.described(n)["Instances"] if i["LifecycleState"] == "InService"]

    def test_simple_and_step(self):
        n = self.group(high=9)
        arn = self.asg.put_scaling_policy(AutoScalingGroupName=n, PolicyName="one", AdjustmentType="ChangeInCapacity", ScalingAdjustment=1)["PolicyARN"]
        self.assertRegex(arn, rf"^arn:aws:autoscaling:us-east-1:{ACCOUNT}:scalingPolicy:[0-9a-f-]{{36}}:autoScalingGroupName/{n}:policyName/one$")
        self.asg.execute_policy(PolicyName=arn)
        self.assertEqual(1, self.described(n)["DesiredCapacity"])
        self.asg.put_scaling_policy(
            AutoScalingGroupName=n, PolicyName="steps", PolicyType="StepScaling", AdjustmentType="ExactCapacity", StepAdjustments=[
                {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 2},
                {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 3}])
        self.asg.execute_policy(AutoScalingGroupName=n, PolicyName="steps", MetricValue=75, BreachThreshold=60)
        self.assertEqual(3, self.described(n)["DesiredCapacity"])
        self.refused("ValidationError", self.asg.execute_policy, AutoScalingGroupName=n, PolicyName="steps")
        got = self.asg.describe_policies(AutoScalingGroupName=n, PolicyTypes=["StepScaling"])["ScalingPolicies"]
        self.assertEqual([("steps", "Average", True, [])], [(p["PolicyName"], p["MetricAggregationType"], p["Enabled"], p["Alarms"]) for p in got])
        self.assertEqual(10.0, got[0]["StepAdjustments"][1]["MetricIntervalLowerBound"])
        self.asg.delete_policy(AutoScalingGroupName=n, PolicyName="steps")
        self.assertEqual(["one"], [p["PolicyName"] for p in self.asg.describe_policies(AutoScalingGroupName=n)["ScalingPolicies"]])

    def test_target_tracking_scales_by_its_alarm(self):
        n = self.group(low=1, high=6, desired=1)
        self.wait("the first instance", lambda: len(self.serving(n)) == 1)
        got = self.asg.put_scaling_policy(
            AutoScalingGroupName=n, PolicyName="track", PolicyType="TargetTrackingScaling", EstimatedInstanceWarmup=0, TargetTrackingConfiguration={
                "TargetValue": 10, "CustomizedMetricSpecification": {
                    "Namespace": "Test", "MetricName": "jobs", "Dimensions": [{"Name": "group", "Value": n}], "Statistic": "Average"}})
        self.assertEqual(2, len(got["Alarms"]))
        high = next(a["AlarmName"] for a in got["Alarms"] if "-AlarmHigh-" in a["AlarmName"])
        alarm = self.cw.describe_alarms(AlarmNames=[high])["MetricAlarms"][0]
        self.assertEqual((10.0, 3, 60, [got["PolicyARN"]]), (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["Period"], alarm["AlarmActions"]))
        self.addCleanup(pileus, "clock", "reset")
        for _ in range(5):
            self.cw.put_metric_data(Namespace="Test", MetricData=[{"MetricName": "jobs", "Value": 30, "Dimensions": [{"Name": "group", "Value": n}]}])
            pileus("clock", "advance", "1m")
        self.wait("three instances", lambda: len(self.serving(n)) >= 3)
        self.assertTrue(any("triggered policy track" in a["Cause"] for a in self.asg.describe_scaling_activities(AutoScalingGroupName=n)["Activities"]))
        self.asg.delete_policy(AutoScalingGroupName=n, PolicyName="track")
        self.assertEqual([], self.cw.describe_alarms(AlarmNames=[a["AlarmName"] for a in got["Alarms"]])["MetricAlarms"])

    def test_scheduled_actions(self):
        n = self.group()
        self.asg.put_scheduled_update_group_action(AutoScalingGroupName=n, ScheduledActionName="daily", Recurrence="30 8 * * 1-5", TimeZone="Europe/Berlin", MinSize=1)
        failed = self.asg.batch_put_scheduled_update_group_action(AutoScalingGroupName=n, ScheduledUpdateGroupActions=[
            {"ScheduledActionName": "soon", "StartTime": datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1), "DesiredCapacity": 2},
            {"ScheduledActionName": "late", "StartTime": datetime.datetime(2020, 1, 1), "DesiredCapacity": 2}])["FailedScheduledUpdateGroupActions"]
        self.assertEqual([("late", "ValidationError", "Given start time is in the past")], [(f["ScheduledActionName"], f["ErrorCode"], f["ErrorMessage"]) for f in failed])
        got = {a["ScheduledActionName"]: a for a in self.asg.describe_scheduled_actions(AutoScalingGroupName=n)["ScheduledUpdateGroupActions"]}
        self.assertEqual({"daily", "soon"}, set(got))
        self.assertEqual(("30 8 * * 1-5", "Europe/Berlin"), (got["daily"]["Recurrence"], got["daily"]["TimeZone"]))
        self.addCleanup(pileus, "clock", "reset")
        pileus("clock", "advance", "1h")
        self.wait("the desired capacity", lambda: self.described(n)["DesiredCapacity"] == 2)
        failed = self.asg.batch_delete_scheduled_action(AutoScalingGroupName=n, ScheduledActionNames=["daily", "none"])["FailedScheduledActions"]
        self.assertEqual(["none"], [f["ScheduledActionName"] for f in failed])

    def test_refresh(self):
        n = self.group(low=1, desired=2)
        self.wait("two instances", lambda: len(self.serving(n)) == 2)
        before = set(self.serving(n))
        started = self.asg.start_instance_refresh(AutoScalingGroupName=n, Preferences={"MinHealthyPercentage": 50, "InstanceWarmup": 0})["InstanceRefreshId"]
        self.refused("InstanceRefreshInProgress", self.asg.start_instance_refresh, AutoScalingGroupName=n)

        def refresh():
            return self.asg.describe_instance_refreshes(AutoScalingGroupName=n, InstanceRefreshIds=[started])["InstanceRefreshes"][0]

        self.wait("the refresh", lambda: refresh()["Status"] == "Successful", 120)
        self.assertEqual((100, 0), (refresh()["PercentageComplete"], refresh()["InstancesToUpdate"]))
        self.assertEqual(set(), before & set(self.serving(n)))
        self.refused("ActiveInstanceRefreshNotFound", self.asg.cancel_instance_refresh, AutoScalingGroupName=n)

    def test_warm_pool(self):
        n = self.group(high=2)
        self.asg.put_warm_pool(AutoScalingGroupName=n, MaxGroupPreparedCapacity=1)

        def states():
            return [i["LifecycleState"] for i in self.asg.describe_warm_pool(AutoScalingGroupName=n)["Instances"]]

        self.wait("a stopped instance", lambda: states() == ["Warmed:Stopped"])
        waiting = self.asg.describe_warm_pool(AutoScalingGroupName=n)["Instances"][0]["InstanceId"]
        self.asg.set_desired_capacity(AutoScalingGroupName=n, DesiredCapacity=1)
        self.wait("it to come into service", lambda: self.serving(n) == [waiting])
        self.asg.delete_warm_pool(AutoScalingGroupName=n, ForceDelete=True)
        self.assertNotIn("WarmPoolConfiguration", self.asg.describe_warm_pool(AutoScalingGroupName=n))
