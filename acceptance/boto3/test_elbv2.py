"""Elastic Load Balancing v2 through boto3: the API; traffic is the suite of machines' business."""

import urllib.request

from cloud import ENDPOINT, Case, client, name


class Balancers(Case):
    @classmethod
    def setUpClass(cls):
        cls.elb, cls.ec2, cls.iam = client("elbv2"), client("ec2"), client("iam")
        cls.vpc = cls.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        found = cls.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
        cls.subnets = [s["SubnetId"] for s in sorted(found, key=lambda s: s["AvailabilityZone"])][:2]

    def balancer(self, **more):
        arn = self.elb.create_load_balancer(Name=name("alb"), Subnets=self.subnets, **more)["LoadBalancers"][0]["LoadBalancerArn"]
        self.addCleanup(self.elb.delete_load_balancer, LoadBalancerArn=arn)
        self.elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
        return arn

    def group(self, **more):
        given = {"Name": name("tg"), "Protocol": "HTTP", "Port": 80, "VpcId": self.vpc, "TargetType": "ip", **more}
        return self.elb.create_target_group(**given)["TargetGroups"][0]["TargetGroupArn"]

    def says(self, text):
        return [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": text}}]

    def listener(self, balancer, actions, port=80):
        return self.elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=actions)["Listeners"][0]["ListenerArn"]

    def get(self, host, path="/"):
        request = urllib.request.Request(ENDPOINT + path, headers={"Host": host})
        return urllib.request.urlopen(request, timeout=60).read().decode()

    def test_rules_by_priority(self):
        arn = self.balancer()
        listener = self.listener(arn, self.says("default"))
        made = []
        for priority, path in ((10, "/a*"), (20, "/ab*")):
            made.append(self.elb.create_rule(
                ListenerArn=listener, Priority=priority, Actions=self.says(path),
                Conditions=[{"Field": "path-pattern", "Values": [path]}])["Rules"][0]["RuleArn"])
        host = self.elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]["DNSName"]
        self.elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn])
        self.assertEqual("default", self.get(host))
        self.assertEqual("/a*", self.get(host, "/abc"))
        self.refused("PriorityInUse", self.elb.create_rule, ListenerArn=listener, Priority=10, Actions=self.says("x"),
                     Conditions=[{"Field": "path-pattern", "Values": ["/x"]}])
        self.elb.set_rule_priorities(RulePriorities=[{"RuleArn": made[0], "Priority": 20}, {"RuleArn": made[1], "Priority": 10}])
        rules = self.elb.describe_rules(ListenerArn=listener)["Rules"]
        self.assertEqual([("10", False), ("20", False), ("default", True)], [(r["Priority"], r["IsDefault"]) for r in rules])
        self.refused("OperationNotPermitted", self.elb.delete_rule, RuleArn=rules[-1]["RuleArn"])

    def test_groups(self):
        arn, group = self.balancer(), self.group(HealthCheckPath="/health", Matcher={"HttpCode": "200-299"})
        got = self.elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]
        self.assertEqual((30, 5, 5, 2, "/health", "200-299", "HTTP1", []), tuple(got[k] if k != "Matcher" else got[k]["HttpCode"] for k in (
            "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount",
            "HealthCheckPath", "Matcher", "ProtocolVersion", "LoadBalancerArns")))
        self.refused("DuplicateTargetGroupName", self.elb.create_target_group, Name=got["TargetGroupName"], Protocol="HTTP", Port=81, VpcId=self.vpc)
        self.refused("InvalidTarget", self.elb.register_targets, TargetGroupArn=group, Targets=[{"Id": "8.8.8.8"}])
        self.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "172.31.0.77"}])
        health = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]
        self.assertEqual(("unused", "Target.NotInUse"), (health["TargetHealth"]["State"], health["TargetHealth"]["Reason"]))
        self.listener(arn, [{"Type": "forward", "TargetGroupArn": group}])
        self.refused("ResourceInUse", self.elb.delete_target_group, TargetGroupArn=group)
        other = self.balancer()
        self.refused("TargetGroupAssociationLimit", self.elb.create_listener, LoadBalancerArn=other, Protocol="HTTP", Port=80,
                     DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
        self.refused("DuplicateListener", self.elb.create_listener, LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=self.says("x"))

    def test_attributes_and_tags(self):
        arn, group = self.balancer(Tags=[{"Key": "team", "Value": "red"}]), self.group()
        self.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "120"}])
        got = {a["Key"]: a["Value"] for a in self.elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]}
        self.assertEqual(("120", "true", "defensive", "false"), tuple(got[k] for k in (
            "idle_timeout.timeout_seconds", "routing.http2.enabled", "routing.http.desync_mitigation_mode", "deletion_protection.enabled")))
        self.refused("ValidationError", self.elb.modify_load_balancer_attributes, LoadBalancerArn=arn, Attributes=[{"Key": "nonsense", "Value": "1"}])
        self.refused("ValidationError", self.elb.modify_load_balancer_attributes, LoadBalancerArn=arn,
                     Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "4001"}])
        self.refused("InvalidConfigurationRequest", self.elb.modify_target_group_attributes, TargetGroupArn=group,
                     Attributes=[{"Key": "stickiness.enabled", "Value": "true"}, {"Key": "stickiness.type", "Value": "source_ip"}])
        self.elb.add_tags(ResourceArns=[arn, group], Tags=[{"Key": "team", "Value": "blue"}])
        tags = self.elb.describe_tags(ResourceArns=[arn, group])["TagDescriptions"]
        self.assertEqual([[{"Key": "team", "Value": "blue"}]] * 2, [t["Tags"] for t in tags])

    def test_pages(self):
        made = sorted(self.group() for _ in range(3))
        seen = [g["TargetGroupArn"] for page in self.elb.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 1})
                for g in page["TargetGroups"]]
        self.assertEqual(made, sorted(a for a in seen if a in made))

    def test_what_is_not_there(self):
        self.refused("LoadBalancerNotFound", self.elb.describe_load_balancers, Names=["nobody"])
        self.refused("SSLPolicyNotFound", self.elb.describe_ssl_policies, Names=["nobody"])
        self.refused("NotImplemented", self.elb.create_load_balancer, Name=name("gw"), Type="gateway", Subnets=self.subnets)
        limits = {v["Name"]: v["Max"] for v in self.elb.describe_account_limits()["Limits"]}
        self.assertEqual("3000", limits["target-groups"])
