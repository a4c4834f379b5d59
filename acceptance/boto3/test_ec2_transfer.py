"""EC2's images and disks that go into buckets and come out of them, root
volumes that are replaced, and choices of an account, through boto3."""

import base64
import json
import time

from cloud import client, name
from test_ec2 import tagged
from test_ec2_machines import QUICK, Machines

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "vmie.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "vmimport"}},
    }],
}


class Transfer(Machines):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3, cls.iam = client("s3"), client("iam")
        cls.bucket = name("disks")
        cls.s3.create_bucket(Bucket=cls.bucket)
        cls.role = name("vmimport")
        cls.iam.create_role(RoleName=cls.role, AssumeRolePolicyDocument=json.dumps(TRUST))
        grant = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        cls.iam.put_role_policy(RoleName=cls.role, PolicyName="disks", PolicyDocument=json.dumps(grant))

    def until(self, wanted, look):
        """Waits until look() gives what is wanted of its first item."""
        for _ in range(1200):
            got = look()
            if wanted(got):
                return got
            time.sleep(0.1)
        self.fail(f"still {got}")

    def imported(self, key, **more):
        task = self.ec2.import_image(RoleName=self.role, DiskContainers=[{"Format": "RAW", "UserBucket": {"S3Bucket": self.bucket, "S3Key": key}}], **more)
        tasks = lambda: self.ec2.describe_import_image_tasks(ImportTaskIds=[task["ImportTaskId"]])["ImportImageTasks"][0]
        return self.until(lambda t: t["Status"] != "active", tasks)


class Images(Transfer):
    def disk(self):
        key = name("disk")
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"boot sector" + bytes(1 << 20) + b"files")
        return key

    def test_import_and_export(self):
        done = self.imported(self.disk(), Description="from elsewhere", TagSpecifications=tagged("import-image-task", a="b"))
        self.assertEqual("completed", done["Status"], done)
        self.assertEqual([{"Key": "a", "Value": "b"}], done["Tags"])
        image = self.ec2.describe_images(ImageIds=[done["ImageId"]])["Images"][0]
        self.assertEqual(("available", "/dev/sda1", False), (image["State"], image["RootDeviceName"], image["Public"]))
        for form in ("VHD", "VMDK"):
            task = self.ec2.export_image(ImageId=done["ImageId"], DiskImageFormat=form, RoleName=self.role, S3ExportLocation={"S3Bucket": self.bucket, "S3Prefix": "out/"})
            tasks = lambda: self.ec2.describe_export_image_tasks(ExportImageTaskIds=[task["ExportImageTaskId"]])["ExportImageTasks"][0]
            self.assertEqual("completed", self.until(lambda t: t["Status"] != "active", tasks)["Status"])
            out = self.s3.get_object(Bucket=self.bucket, Key=f"out/{task['ExportImageTaskId']}.{form.lower()}")["Body"].read()
            self.assertEqual({"VHD": b"conectix", "VMDK": b"KDMV"}[form], out[:len({"VHD": b"conectix", "VMDK": b"KDMV"}[form])])

    def test_import_refused(self):
        self.refused("InvalidParameter", self.ec2.import_image, RoleName="nobody", DiskContainers=[{"Url": f"s3://{self.bucket}/none"}])
        gone = self.imported("none")
        self.assertEqual("deleted", gone["Status"])
        self.refused("InvalidConversionTaskId", self.ec2.cancel_import_task, ImportTaskId=gone["ImportTaskId"])
        self.refused("InvalidConversionTaskId", self.ec2.describe_import_image_tasks, ImportTaskIds=["import-ami-0"])

    def test_store_and_restore(self):
        image = self.imported(self.disk())["ImageId"]
        self.ec2.create_tags(Resources=[image], Tags=[{"Key": "team", "Value": "blue"}])
        key = self.ec2.create_store_image_task(ImageId=image, Bucket=self.bucket)["ObjectKey"]
        tasks = lambda: self.ec2.describe_store_image_tasks(ImageIds=[image])["StoreImageTaskResults"][0]
        self.assertEqual("Completed", self.until(lambda t: t["StoreTaskState"] != "InProgress", tasks)["StoreTaskState"])
        self.ec2.deregister_image(ImageId=image)
        again = self.ec2.create_restore_image_task(Bucket=self.bucket, ObjectKey=key, Name=name("restored"))["ImageId"]
        self.ec2.get_waiter("image_available").wait(ImageIds=[again], WaiterConfig=QUICK)
        self.assertEqual([{"Key": "team", "Value": "blue"}], self.ec2.describe_images(ImageIds=[again])["Images"][0]["Tags"])
        self.refused("NoSuchKey", self.ec2.create_restore_image_task, Bucket=self.bucket, ObjectKey="none")

    def test_allowed_images(self):
        ec2 = client("ec2", region_name="eu-west-3")
        ec2.replace_image_criteria_in_allowed_images_settings(ImageCriteria=[{"ImageProviders": ["none"]}])
        ec2.enable_allowed_images_settings(AllowedImagesSettingsState="audit-mode")
        self.assertFalse(ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageAllowed"])
        ec2.enable_allowed_images_settings(AllowedImagesSettingsState="enabled")
        self.assertEqual([], ec2.describe_images(Owners=["amazon"])["Images"])
        settings = ec2.get_allowed_images_settings()
        self.assertEqual(("enabled", [{"ImageProviders": ["none"]}]), (settings["State"], settings["ImageCriteria"]))
        ec2.disable_allowed_images_settings()
        self.assertNotEqual([], ec2.describe_images(Owners=["amazon"])["Images"])


class Roots(Transfer):
    def test_replace_root_volume(self):
        i = self.run_one()
        before = self.instance(i)
        task = self.ec2.create_replace_root_volume_task(InstanceId=i, DeleteReplacedRootVolume=True)["ReplaceRootVolumeTask"]
        tasks = lambda: self.ec2.describe_replace_root_volume_tasks(ReplaceRootVolumeTaskIds=[task["ReplaceRootVolumeTaskId"]])["ReplaceRootVolumeTasks"][0]
        self.assertEqual("succeeded", self.until(lambda t: "CompleteTime" in t, tasks)["TaskState"])
        after = self.instance(i)
        volume = lambda x: x["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
        self.assertNotEqual(volume(before), volume(after))
        self.assertEqual(("running", before["PrivateIpAddress"]), (after["State"]["Name"], after["PrivateIpAddress"]))
        self.ec2.get_waiter("volume_deleted").wait(VolumeIds=[volume(before)], WaiterConfig=QUICK)
        self.ec2.stop_instances(InstanceIds=[i])
        self.ec2.get_waiter("instance_stopped").wait(InstanceIds=[i], WaiterConfig=QUICK)
        self.refused("IncorrectInstanceState", self.ec2.create_replace_root_volume_task, InstanceId=i)

    def test_template_of_an_instance(self):
        i = self.run_one(UserData="#!/bin/sh", TagSpecifications=tagged("instance", Name="web"))
        data = self.ec2.get_launch_template_data(InstanceId=i)["LaunchTemplateData"]
        self.assertEqual((self.ami, "t3.micro", b"#!/bin/sh"), (data["ImageId"], data["InstanceType"], base64.b64decode(data["UserData"])))
        for nic in data["NetworkInterfaces"]:
            for own in ("NetworkInterfaceId", "PrivateIpAddress", "PrivateIpAddresses", "Ipv6Addresses", "Ipv4Prefixes", "Ipv6Prefixes"):
                nic.pop(own, None)
        for own in ("MetadataOptions", "CapacityReservationSpecification", "MaintenanceOptions"):
            data[own] = {k: v for k, v in data[own].items() if k != "State"}
        data["Placement"] = {k: v for k, v in data["Placement"].items() if v}
        template = self.ec2.create_launch_template(LaunchTemplateName=name("web"), LaunchTemplateData=data)["LaunchTemplate"]["LaunchTemplateId"]
        self.assertEqual("t3.micro", self.ec2.run_instances(LaunchTemplate={"LaunchTemplateId": template}, MinCount=1, MaxCount=1)["Instances"][0]["InstanceType"])

    def test_choices(self):
        ec2 = client("ec2", region_name="eu-west-3")
        self.assertEqual("unlimited", ec2.get_default_credit_specification(InstanceFamily="t3")["InstanceFamilyCreditSpecification"]["CpuCredits"])
        ec2.modify_default_credit_specification(InstanceFamily="t3", CpuCredits="standard")
        self.assertEqual("standard", ec2.get_default_credit_specification(InstanceFamily="t3")["InstanceFamilyCreditSpecification"]["CpuCredits"])
        self.assertTrue(all(s["UseLongIds"] for s in ec2.describe_id_format()["Statuses"]))
        self.assertEqual([], ec2.describe_bundle_tasks()["BundleTasks"])
        self.assertEqual([], ec2.describe_mac_hosts()["MacHosts"])

    def test_group_in_another_vpc(self):
        a, b = (self.ec2.create_vpc(CidrBlock=f"10.{n}.0.0/16")["Vpc"]["VpcId"] for n in (80, 81))
        group = self.ec2.create_security_group(VpcId=a, GroupName="shared", Description="both")["GroupId"]
        self.ec2.associate_security_group_vpc(GroupId=group, VpcId=b)
        self.assertEqual(b, self.ec2.describe_security_group_vpc_associations(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupVpcAssociations"][0]["VpcId"])
        subnet = self.ec2.create_subnet(VpcId=b, CidrBlock="10.81.1.0/24")["Subnet"]["SubnetId"]
        nic = self.ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]["NetworkInterfaceId"]
        self.refused("DependencyViolation", self.ec2.disassociate_security_group_vpc, GroupId=group, VpcId=b)
        self.ec2.delete_network_interface(NetworkInterfaceId=nic)
        self.ec2.disassociate_security_group_vpc(GroupId=group, VpcId=b)
        self.assertEqual([], self.ec2.describe_security_group_vpc_associations(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupVpcAssociations"])
