"""The Fault Injection Service and faults of zones through boto3, on a simulated plane."""

import time
import uuid

from cloud import ACCOUNT, NO_RETRIES, Case, allow, client, name, pileus, policy
from test_ec2_machines import LATEST, QUICK

TRUST = policy({"Effect": "Allow", "Principal": {"Service": "fis.amazonaws.com"}, "Action": "sts:AssumeRole"})


class Experiments(Case):
    @classmethod
    def setUpClass(cls):
        cls.fis, cls.ec2, cls.iam = client("fis"), client("ec2"), client("iam")
        cls.ami = client("ssm").get_parameter(Name=LATEST)["Parameter"]["Value"]
        role = name("chaos")
        cls.role = cls.iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        cls.iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=policy(allow(["ec2:*", "iam:*", "cloudwatch:*"])))

    def instance(self, tag):
        out = self.ec2.run_instances(
            ImageId=self.ami, InstanceType="t3.micro", MinCount=1, MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "fis", "Value": tag}]}],
        )
        i = out["Instances"][0]["InstanceId"]
        self.ec2.get_waiter("instance_running").wait(InstanceIds=[i], WaiterConfig=QUICK)
        return i

    def template(self, actions, targets=None, **more):
        more.setdefault("stopConditions", [{"source": "none"}])
        return self.fis.create_experiment_template(
            clientToken=str(uuid.uuid4()), description="test", roleArn=self.role, actions=actions, targets=targets or {}, **more
        )["experimentTemplate"]

    def start(self, template, **more):
        return self.fis.start_experiment(clientToken=str(uuid.uuid4()), experimentTemplateId=template["id"], **more)["experiment"]["id"]

    def until(self, experiment, status):
        for _ in range(1200):
            got = self.fis.get_experiment(id=experiment)["experiment"]
            if got["state"]["status"] == status:
                return got
            time.sleep(0.1)
        self.fail(f"the experiment is {got['state']}, not {status}")

    def state(self, i):
        return self.ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]["State"]["Name"]

    def test_stop_instances(self):
        tag = name("web")
        i = self.instance(tag)
        t = self.template(
            {"stop": {"actionId": "aws:ec2:stop-instances", "parameters": {"startInstancesAfterDuration": "PT1H"}, "targets": {"Instances": "web"}}},
            {"web": {"resourceType": "aws:ec2:instance", "resourceTags": {"fis": tag}, "selectionMode": "ALL"}},
        )
        self.assertEqual(f"arn:aws:fis:us-east-1:{ACCOUNT}:experiment-template/{t['id']}", t["arn"])
        e = self.start(t)
        self.until(e, "running")
        self.ec2.get_waiter("instance_stopped").wait(InstanceIds=[i], WaiterConfig=QUICK)
        found = self.fis.list_experiment_resolved_targets(experimentId=e)["resolvedTargets"]
        self.assertEqual([f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/{i}"], [x["targetInformation"]["arn"] for x in found])
        self.assertEqual("stopping", self.fis.stop_experiment(id=e)["experiment"]["state"]["status"])
        got = self.until(e, "stopped")
        self.assertEqual("Experiment stopped by user.", got["state"]["reason"])
        self.assertEqual("stopped", got["actions"]["stop"]["state"]["status"])
        self.ec2.get_waiter("instance_running").wait(InstanceIds=[i], WaiterConfig=QUICK)
        self.refused("ValidationException", self.fis.stop_experiment, id=e)
        self.ec2.terminate_instances(InstanceIds=[i])

    def test_templates(self):
        wait = {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M"}}
        t = self.template({"a": wait, "b": dict(wait, startAfter=["a"])}, tags={"team": "blue"})
        got = self.fis.get_experiment_template(id=t["id"])["experimentTemplate"]
        self.assertEqual((["a"], {"team": "blue"}), (got["actions"]["b"]["startAfter"], got["tags"]))
        self.fis.update_experiment_template(id=t["id"], description="new")
        listed = [x for page in self.fis.get_paginator("list_experiment_templates").paginate() for x in page["experimentTemplates"]]
        self.assertIn("new", [x["description"] for x in listed if x["id"] == t["id"]])
        skipped = self.until(self.start(t, experimentOptions={"actionsMode": "skip-all"}), "completed")
        self.assertEqual({"skipped"}, {a["state"]["status"] for a in skipped["actions"].values()})
        self.fis.delete_experiment_template(id=t["id"])
        self.refused("ResourceNotFoundException", self.fis.get_experiment_template, id=t["id"])
        with self.assertRaises(self.fis.exceptions.ValidationException):
            self.template({"a": {"actionId": "aws:eks:pod-delete"}})

    def test_alarm_stops_it(self):
        watch, alarm = client("cloudwatch"), name("errors")
        watch.put_metric_alarm(
            AlarmName=alarm, Namespace="n", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
            ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
        )
        arn = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{alarm}"
        t = self.template({"a": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1H"}}}, stopConditions=[{"source": "aws:cloudwatch:alarm", "value": arn}])
        e = self.start(t)
        self.until(e, "running")
        watch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
        pileus("clock", "advance", "10s")
        self.assertEqual("Experiment halted by stop condition.", self.until(e, "stopped")["state"]["reason"])

    def test_catalogue(self):
        ids = [a["id"] for page in self.fis.get_paginator("list_actions").paginate() for a in page["actions"]]
        self.assertIn("aws:network:disrupt-connectivity", ids)
        for i in ids:
            self.assertEqual(i, self.fis.get_action(id=i)["action"]["id"])
        self.assertEqual("disengaged", self.fis.get_safety_lever(id="default")["safetyLever"]["state"]["status"])

    def test_zones(self):
        zone = lambda: self.ec2.describe_availability_zones(ZoneNames=["us-east-1f"])["AvailabilityZones"][0]["State"]
        place = {"ImageId": self.ami, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "Placement": {"AvailabilityZone": "us-east-1f"}}
        i = self.ec2.run_instances(**place)["Instances"][0]["InstanceId"]
        self.ec2.get_waiter("instance_status_ok").wait(InstanceIds=[i], WaiterConfig=QUICK)
        self.assertIn("us-east-1f  down", pileus("fault", "zone", "us-east-1f", "down"))
        self.assertIn("us-east-1f is down", pileus("status"))
        self.assertEqual("unavailable", zone())
        status = self.ec2.describe_instance_status(InstanceIds=[i])["InstanceStatuses"][0]
        self.assertEqual(("impaired", "impaired"), (status["SystemStatus"]["Status"], status["InstanceStatus"]["Status"]))
        self.refused("InsufficientInstanceCapacity", client("ec2", config=NO_RETRIES).run_instances, **place)
        self.assertIn("slow: 20ms, 50 Mbit/s", pileus("fault", "zone", "us-east-1f", "slow"))
        self.assertEqual("impaired", zone())
        pileus("fault", "zone", "us-east-1f", "up")
        self.assertEqual("available", zone())
        self.ec2.get_waiter("instance_status_ok").wait(InstanceIds=[i], WaiterConfig=QUICK)
        self.ec2.terminate_instances(InstanceIds=[i])
