"""Classic load balancers through boto3, on a simulated plane: what the API
keeps and tells. That they carry traffic is shown by the suite of machines."""

import subprocess
import tempfile
from pathlib import Path

from cloud import ACCOUNT, Case, allow, client, name, policy

LATEST = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
QUICK = {"Delay": 1}
WEB = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 8080}


class Classic(Case):
    @classmethod
    def setUpClass(cls):
        cls.elb, cls.ec2, cls.iam, cls.s3 = client("elb"), client("ec2"), client("iam"), client("s3")
        found = cls.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
        cls.subnets = {s["AvailabilityZone"]: s["SubnetId"] for s in found}
        cls.zones = ["us-east-1a", "us-east-1b"]

    def create(self, *listeners, **more):
        n = name("classic")
        dns = self.elb.create_load_balancer(LoadBalancerName=n, Listeners=list(listeners) or [WEB], AvailabilityZones=self.zones, **more)["DNSName"]
        self.addCleanup(self.elb.delete_load_balancer, LoadBalancerName=n)
        return n, dns

    def describe(self, n):
        return self.elb.describe_load_balancers(LoadBalancerNames=[n])["LoadBalancerDescriptions"][0]

    def certificate(self):
        """A server certificate that was uploaded just now."""
        with tempfile.TemporaryDirectory() as d:
            key, cert = Path(d, "key"), Path(d, "cert")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=www.example.com", "-days", "30",
                            "-keyout", key, "-out", cert], check=True, capture_output=True)
            n = name("certificate")
            up = self.iam.upload_server_certificate(ServerCertificateName=n, CertificateBody=cert.read_text(), PrivateKey=key.read_text())
            return up["ServerCertificateMetadata"]["Arn"]


class LoadBalancers(Classic):
    def test_life(self):
        n, dns = self.create(Tags=[{"Key": "team", "Value": "red"}])
        self.assertRegex(dns, rf"^{n}-\d+\.us-east-1\.elb\.amazonaws\.com$")
        d = self.describe(n)
        self.assertEqual((dns, "Z35SXDOTRQ7X7K", "internet-facing"), (d["DNSName"], d["CanonicalHostedZoneNameID"], d["Scheme"]))
        self.assertEqual([self.subnets[z] for z in self.zones], d["Subnets"])
        self.assertEqual({"OwnerAlias": ACCOUNT, "GroupName": "default"}, d["SourceSecurityGroup"])
        self.assertEqual([{"Key": "team", "Value": "red"}], self.elb.describe_tags(LoadBalancerNames=[n])["TagDescriptions"][0]["Tags"])
        self.elb.delete_load_balancer(LoadBalancerName=n)
        self.refused("LoadBalancerNotFound", self.describe, n)

    def test_once_more(self):
        n, dns = self.create()
        make = dict(LoadBalancerName=n, AvailabilityZones=self.zones)
        self.assertEqual(dns, self.elb.create_load_balancer(Listeners=[WEB], **make)["DNSName"])
        self.refused("DuplicateLoadBalancerName", self.elb.create_load_balancer, Listeners=[{**WEB, "LoadBalancerPort": 81}], **make)

    def test_refusals(self):
        make = dict(LoadBalancerName=name("bad"), Listeners=[WEB])
        self.refused("ValidationError", self.elb.create_load_balancer, **make)
        self.refused("SubnetNotFound", self.elb.create_load_balancer, Subnets=["subnet-0123456789abcdef0"], **make)
        self.refused("InvalidSecurityGroup", self.elb.create_load_balancer, AvailabilityZones=self.zones, SecurityGroups=["sg-0123456789abcdef0"], **make)
        self.refused("CertificateNotFound", self.elb.create_load_balancer, AvailabilityZones=self.zones, LoadBalancerName=name("bad"), Listeners=[
            {**WEB, "Protocol": "HTTPS", "SSLCertificateId": f"arn:aws:iam::{ACCOUNT}:server-certificate/none"}])

    def test_zones_and_listeners(self):
        n, _ = self.create()
        out = self.elb.disable_availability_zones_for_load_balancer(LoadBalancerName=n, AvailabilityZones=["us-east-1b"])
        self.assertEqual(["us-east-1a"], out["AvailabilityZones"])
        out = self.elb.attach_load_balancer_to_subnets(LoadBalancerName=n, Subnets=[self.subnets["us-east-1c"]])
        self.assertEqual([self.subnets[z] for z in ("us-east-1a", "us-east-1c")], out["Subnets"])
        self.elb.create_load_balancer_listeners(LoadBalancerName=n, Listeners=[{"Protocol": "TCP", "LoadBalancerPort": 25, "InstancePort": 25}])
        self.elb.delete_load_balancer_listeners(LoadBalancerName=n, LoadBalancerPorts=[80])
        self.assertEqual([25], [x["Listener"]["LoadBalancerPort"] for x in self.describe(n)["ListenerDescriptions"]])

    def test_limits(self):
        got = {x["Name"]: x["Max"] for x in self.elb.describe_account_limits()["Limits"]}
        self.assertEqual({"classic-load-balancers": "20", "classic-listeners": "100", "classic-registered-instances": "1000"}, got)

    def test_permissions(self):
        n, _ = self.create()
        user = name("user")
        self.iam.create_user(UserName=user)
        self.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy(allow("elasticloadbalancing:Describe*")))
        elb = client("elb", self.iam.create_access_key(UserName=user)["AccessKey"])
        self.assertEqual(1, len(elb.describe_load_balancers(LoadBalancerNames=[n])["LoadBalancerDescriptions"]))
        self.refused("AccessDenied", elb.delete_load_balancer, LoadBalancerName=n)


class Security(Classic):
    def test_certificates_and_policies(self):
        arn = self.certificate()
        n, _ = self.create(WEB, {"Protocol": "HTTPS", "LoadBalancerPort": 443, "InstancePort": 8080, "SSLCertificateId": arn})
        self.assertEqual(["ELBSecurityPolicy-2016-08"], self.describe(n)["ListenerDescriptions"][1]["PolicyNames"])
        self.elb.set_load_balancer_listener_ssl_certificate(LoadBalancerName=n, LoadBalancerPort=443, SSLCertificateId=self.certificate())
        self.elb.create_load_balancer_policy(LoadBalancerName=n, PolicyName="strict", PolicyTypeName="SSLNegotiationPolicyType", PolicyAttributes=[
            {"AttributeName": "Reference-Security-Policy", "AttributeValue": "ELBSecurityPolicy-TLS-1-2-2017-01"}])
        self.elb.create_lb_cookie_stickiness_policy(LoadBalancerName=n, PolicyName="sticky", CookieExpirationPeriod=60)
        self.elb.set_load_balancer_policies_of_listener(LoadBalancerName=n, LoadBalancerPort=443, PolicyNames=["strict", "sticky"])
        self.refused("InvalidConfigurationRequest", self.elb.delete_load_balancer_policy, LoadBalancerName=n, PolicyName="sticky")
        got = self.elb.describe_load_balancer_policies(LoadBalancerName=n, PolicyNames=["strict"])["PolicyDescriptions"][0]
        on = {a["AttributeName"] for a in got["PolicyAttributeDescriptions"] if a["AttributeValue"] == "true"}
        self.assertIn("Protocol-TLSv1.2", on)
        self.assertNotIn("Protocol-TLSv1.1", on)
        self.assertIn("AES128-GCM-SHA256", on)

    def test_backends(self):
        n, _ = self.create({"Protocol": "TCP", "LoadBalancerPort": 25, "InstancePort": 25})
        self.elb.create_load_balancer_policy(LoadBalancerName=n, PolicyName="proxy", PolicyTypeName="ProxyProtocolPolicyType", PolicyAttributes=[
            {"AttributeName": "ProxyProtocol", "AttributeValue": "true"}])
        self.elb.set_load_balancer_policies_for_backend_server(LoadBalancerName=n, InstancePort=25, PolicyNames=["proxy"])
        self.assertEqual([{"InstancePort": 25, "PolicyNames": ["proxy"]}], self.describe(n)["BackendServerDescriptions"])


class Instances(Classic):
    def test_health(self):
        ami = client("ssm").get_parameter(Name=LATEST)["Parameter"]["Value"]
        i = self.ec2.run_instances(ImageId=ami, InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=self.subnets["us-east-1a"])["Instances"][0]["InstanceId"]
        self.addCleanup(self.ec2.terminate_instances, InstanceIds=[i])
        self.ec2.get_waiter("instance_running").wait(InstanceIds=[i], WaiterConfig=QUICK)
        n, _ = self.create()
        who = dict(LoadBalancerName=n, Instances=[{"InstanceId": i}])
        self.assertEqual([{"InstanceId": i}], self.elb.register_instances_with_load_balancer(**who)["Instances"])
        state = self.elb.describe_instance_health(**who)["InstanceStates"][0]
        self.assertEqual((i, "OutOfService"), (state["InstanceId"], state["State"]))
        self.ec2.stop_instances(InstanceIds=[i])
        self.ec2.get_waiter("instance_stopped").wait(InstanceIds=[i], WaiterConfig=QUICK)
        state = self.elb.describe_instance_health(**who)["InstanceStates"][0]
        self.assertEqual(("Instance", "Instance is in stopped state."), (state["ReasonCode"], state["Description"]))
        self.assertEqual([], self.elb.deregister_instances_from_load_balancer(**who)["Instances"])
        self.refused("InvalidInstance", self.elb.register_instances_with_load_balancer, LoadBalancerName=n, Instances=[{"InstanceId": "i-0123456789abcdef0"}])

    def test_health_check(self):
        n, _ = self.create()
        check = dict(Target="HTTP:8080/ok", Interval=10, Timeout=5, UnhealthyThreshold=2, HealthyThreshold=3)
        self.assertEqual(check, self.elb.configure_health_check(LoadBalancerName=n, HealthCheck=check)["HealthCheck"])
        self.assertEqual(check, self.describe(n)["HealthCheck"])
        self.refused("ValidationError", self.elb.configure_health_check, LoadBalancerName=n, HealthCheck={**check, "Timeout": 10})


class Attributes(Classic):
    def test_attributes(self):
        n, _ = self.create()
        bucket = name("classic-logs")
        self.s3.create_bucket(Bucket=bucket)
        log = {"AccessLog": {"Enabled": True, "S3BucketName": bucket, "S3BucketPrefix": "p", "EmitInterval": 5}}
        change = dict(LoadBalancerName=n, LoadBalancerAttributes=log)
        self.refused("InvalidConfigurationRequest", self.elb.modify_load_balancer_attributes, **change)
        self.s3.put_bucket_policy(Bucket=bucket, Policy=policy(allow(
            "s3:PutObject", f"arn:aws:s3:::{bucket}/p/AWSLogs/{ACCOUNT}/*", Principal={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"})))
        self.elb.modify_load_balancer_attributes(**change)
        keys = [o["Key"] for o in self.s3.list_objects_v2(Bucket=bucket)["Contents"]]
        self.assertEqual([f"p/AWSLogs/{ACCOUNT}/ELBAccessLogTestFile"], keys)
        self.elb.modify_load_balancer_attributes(LoadBalancerName=n, LoadBalancerAttributes={
            "CrossZoneLoadBalancing": {"Enabled": True}, "ConnectionDraining": {"Enabled": True, "Timeout": 30}, "ConnectionSettings": {"IdleTimeout": 10}})
        got = self.elb.describe_load_balancer_attributes(LoadBalancerName=n)["LoadBalancerAttributes"]
        self.assertEqual((True, 30, 10, bucket), (got["CrossZoneLoadBalancing"]["Enabled"], got["ConnectionDraining"]["Timeout"],
                                                  got["ConnectionSettings"]["IdleTimeout"], got["AccessLog"]["S3BucketName"]))
