"""Endpoint services of one's own through boto3: the API; packets are the suite of machines' business."""

import time

from cloud import Case, client, name

CONSUMER = {"AccessKeyId": "111122223333", "SecretAccessKey": "test", "SessionToken": None}


class Services(Case):
    @classmethod
    def setUpClass(cls):
        cls.ec2, cls.elb, cls.consumer = client("ec2"), client("elbv2"), client("ec2", CONSUMER)
        cls.subnet = cls.zoned(cls.ec2)[1]

    @staticmethod
    def zoned(ec2):
        """The default VPC and its subnet in the first zone."""
        found = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}, {"Name": "availability-zone", "Values": ["us-east-1a"]}])
        return found["Subnets"][0]["VpcId"], found["Subnets"][0]["SubnetId"]

    def service(self, **more):
        arn = self.elb.create_load_balancer(Name=name("nlb"), Type="network", Scheme="internal", Subnets=[self.subnet])["LoadBalancers"][0]["LoadBalancerArn"]
        self.addCleanup(self.elb.delete_load_balancer, LoadBalancerArn=arn)
        made = self.ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[arn], **more)["ServiceConfiguration"]
        self.addCleanup(self.ec2.delete_vpc_endpoint_service_configurations, ServiceIds=[made["ServiceId"]])
        return made

    def endpoint(self, service):
        vpc, subnet = self.zoned(self.consumer)
        made = self.consumer.create_vpc_endpoint(VpcEndpointType="Interface", VpcId=vpc, SubnetIds=[subnet], ServiceName=service["ServiceName"])["VpcEndpoint"]
        self.addCleanup(self.gone, made["VpcEndpointId"])
        return made

    def gone(self, endpoint):
        self.consumer.delete_vpc_endpoints(VpcEndpointIds=[endpoint])

    def becomes(self, state, endpoint):
        for _ in range(1200):
            got = self.consumer.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]["State"]
            if got == state:
                return
            time.sleep(0.1)
        self.fail(f"{endpoint} is {got}, not {state}")

    def test_another_account(self):
        service = self.service(TagSpecifications=[{"ResourceType": "vpc-endpoint-service", "Tags": [{"Key": "team", "Value": "red"}]}])
        self.assertEqual(("Available", True, ["us-east-1a"]), (service["ServiceState"], service["AcceptanceRequired"], service["AvailabilityZones"]))
        named = service["ServiceName"]
        self.refused("InvalidServiceName", self.consumer.describe_vpc_endpoint_services, ServiceNames=[named])
        added = self.ec2.modify_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"], AddAllowedPrincipals=["arn:aws:iam::111122223333:root"])
        self.assertEqual("Account", added["AddedPrincipals"][0]["PrincipalType"])
        seen = self.consumer.describe_vpc_endpoint_services(ServiceNames=[named])["ServiceDetails"][0]
        self.assertEqual(("000000000000", False, []), (seen["Owner"], seen["VpcEndpointPolicySupported"], seen["Tags"]))
        endpoint = self.endpoint(service)["VpcEndpointId"]
        self.becomes("pendingAcceptance", endpoint)
        self.ec2.accept_vpc_endpoint_connections(ServiceId=service["ServiceId"], VpcEndpointIds=[endpoint])
        self.becomes("available", endpoint)
        seen = self.ec2.describe_vpc_endpoint_connections(Filters=[{"Name": "service-id", "Values": [service["ServiceId"]]}])["VpcEndpointConnections"]
        self.assertEqual([("111122223333", "available")], [(x["VpcEndpointOwner"], x["VpcEndpointState"]) for x in seen])
        self.assertTrue(seen[0]["DnsEntries"][0]["DnsName"].endswith("." + service["BaseEndpointDnsNames"][0]))
        failed = self.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[service["ServiceId"]])["Unsuccessful"]
        self.assertEqual("ExistingVpcEndpointConnections", failed[0]["Error"]["Code"])
        self.refused("ResourceInUse", self.elb.delete_load_balancer, LoadBalancerArn=service["NetworkLoadBalancerArns"][0])
        self.ec2.reject_vpc_endpoint_connections(ServiceId=service["ServiceId"], VpcEndpointIds=[endpoint])
        self.becomes("rejected", endpoint)

    def test_private_name(self):
        service = self.service(AcceptanceRequired=False, PrivateDnsName="*.example.com")
        proof = service["PrivateDnsNameConfiguration"]
        self.assertEqual(("pendingVerification", "TXT"), (proof["State"], proof["Type"]))
        self.assertTrue(proof["Name"].startswith("_") and proof["Value"].startswith("vpce:"), proof)
        vpc, subnet = self.zoned(self.ec2)
        self.refused("InvalidParameter", self.ec2.create_vpc_endpoint, VpcEndpointType="Interface", VpcId=vpc, SubnetIds=[subnet],
                     ServiceName=service["ServiceName"], PrivateDnsEnabled=True)
        self.ec2.modify_vpc_endpoint_service_configuration(ServiceId=service["ServiceId"], RemovePrivateDnsName=True)
        now = self.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[service["ServiceId"]])["ServiceConfigurations"][0]
        self.assertNotIn("PrivateDnsName", now)

    def test_notifications(self):
        service = self.service()["ServiceId"]
        made = self.ec2.create_vpc_endpoint_connection_notification(
            ServiceId=service, ConnectionNotificationArn="arn:aws:sns:us-east-1:000000000000:news", ConnectionEvents=["Accept"])["ConnectionNotification"]
        self.assertEqual(("Topic", "Enabled"), (made["ConnectionNotificationType"], made["ConnectionNotificationState"]))
        self.refused("InvalidParameter", self.ec2.create_vpc_endpoint_connection_notification,
                     ServiceId=service, ConnectionNotificationArn="arn:aws:sqs:us-east-1:000000000000:news", ConnectionEvents=["Accept"])
        self.ec2.delete_vpc_endpoint_connection_notifications(ConnectionNotificationIds=[made["ConnectionNotificationId"]])
        self.refused("InvalidConnectionNotification", self.ec2.describe_vpc_endpoint_connection_notifications, ConnectionNotificationId=made["ConnectionNotificationId"])
