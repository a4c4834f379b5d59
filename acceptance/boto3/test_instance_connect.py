"""EC2 Instance Connect through boto3: the API; who gets in is the suite of machines' business."""

import time

from cloud import Case, client

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me@home"


class Connect(Case):
    @classmethod
    def setUpClass(cls):
        cls.ec2, cls.connect = client("ec2"), client("ec2-instance-connect")
        cls.subnet = cls.ec2.describe_subnets()["Subnets"][0]["SubnetId"]

    def test_endpoint(self):
        made = self.ec2.create_instance_connect_endpoint(SubnetId=self.subnet, PreserveClientIp=True)["InstanceConnectEndpoint"]
        found = self.ec2.get_paginator("describe_instance_connect_endpoints")
        named = [made["InstanceConnectEndpointId"]]

        def now():
            return [e for page in found.paginate(InstanceConnectEndpointIds=named) for e in page["InstanceConnectEndpoints"]][0]

        for _ in range(1200):
            if now()["State"] == "create-complete":
                break
            time.sleep(0.1)
        endpoint = now()
        self.assertEqual(("create-complete", True, self.subnet), (endpoint["State"], endpoint["PreserveClientIp"], endpoint["SubnetId"]))
        self.assertTrue(endpoint["DnsName"].endswith(".ec2-instance-connect-endpoint.us-east-1.amazonaws.com"))
        self.ec2.modify_instance_connect_endpoint(InstanceConnectEndpointId=named[0], PreserveClientIp=False)
        self.assertFalse(now()["PreserveClientIp"])
        self.refused("ResourceLimitExceeded", self.ec2.create_instance_connect_endpoint, SubnetId=self.subnet)
        self.ec2.delete_instance_connect_endpoint(InstanceConnectEndpointId=named[0])
        for _ in range(1200):
            if not self.ec2.describe_instance_connect_endpoints()["InstanceConnectEndpoints"]:
                break
            time.sleep(0.1)
        self.refused("InvalidInstanceConnectEndpointId.NotFound", self.ec2.describe_instance_connect_endpoints, InstanceConnectEndpointIds=named)

    def test_keys(self):
        image = self.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        instance = self.ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        self.addCleanup(self.ec2.terminate_instances, InstanceIds=[instance])
        self.ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
        self.assertTrue(self.connect.send_ssh_public_key(InstanceId=instance, InstanceOSUser="ec2-user", SSHPublicKey=KEY)["Success"])
        self.refused("InvalidArgsException", self.connect.send_ssh_public_key, InstanceId=instance, InstanceOSUser="ec2-user", SSHPublicKey="x" * 80)
        self.refused("EC2InstanceNotFoundException", self.connect.send_ssh_public_key, InstanceId="i-00000000000000000", InstanceOSUser="ec2-user", SSHPublicKey=KEY)
        self.refused("SerialConsoleAccessDisabledException", self.connect.send_serial_console_ssh_public_key, InstanceId=instance, SSHPublicKey=KEY)
