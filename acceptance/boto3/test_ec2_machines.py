"""EC2's instances, volumes, images and templates through boto3, and the
parameters that name images, on a simulated plane."""

from cloud import client, name
from test_ec2 import EC2, named, tagged

LATEST = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
QUICK = {"Delay": 1}


class Machines(EC2):
    @classmethod
    def setUpClass(cls):
        cls.default = client("ec2")
        cls.ssm = client("ssm")
        cls.ami = cls.ssm.get_parameter(Name=LATEST)["Parameter"]["Value"]

    def setUp(self):
        self.ec2 = self.default

    def run_one(self, **more):
        out = self.ec2.run_instances(ImageId=self.ami, InstanceType="t3.micro", MinCount=1, MaxCount=1, **more)
        i = out["Instances"][0]["InstanceId"]
        self.ec2.get_waiter("instance_running").wait(InstanceIds=[i], WaiterConfig=QUICK)
        return i

    def instance(self, i):
        return self.ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]

    def volume(self, **more):
        v = self.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, **more)["VolumeId"]
        self.ec2.get_waiter("volume_available").wait(VolumeIds=[v], WaiterConfig=QUICK)
        return v


class Instances(Machines):
    def test_life(self):
        i = self.run_one(TagSpecifications=tagged("instance", Name="web") + tagged("volume", Name="root"))
        got = self.instance(i)
        self.assertEqual([{"Key": "Name", "Value": "web"}], got["Tags"])
        self.ec2.get_waiter("instance_status_ok").wait(InstanceIds=[i], WaiterConfig=QUICK)
        self.refused("IncorrectInstanceState", self.ec2.start_instances, InstanceIds=[self.terminated()])
        self.ec2.stop_instances(InstanceIds=[i])
        self.ec2.get_waiter("instance_stopped").wait(InstanceIds=[i], WaiterConfig=QUICK)
        stopped = self.instance(i)
        self.assertEqual(got["PrivateIpAddress"], stopped["PrivateIpAddress"])
        self.assertNotIn("PublicIpAddress", stopped)
        self.ec2.modify_instance_attribute(InstanceId=i, InstanceType={"Value": "t3.small"})
        change = self.ec2.start_instances(InstanceIds=[i])["StartingInstances"][0]
        self.assertEqual(("stopped", "pending"), (change["PreviousState"]["Name"], change["CurrentState"]["Name"]))
        self.ec2.get_waiter("instance_running").wait(InstanceIds=[i], WaiterConfig=QUICK)
        self.assertEqual("t3.small", self.instance(i)["InstanceType"])
        self.ec2.modify_instance_attribute(InstanceId=i, DisableApiTermination={"Value": True})
        self.refused("OperationNotPermitted", self.ec2.terminate_instances, InstanceIds=[i])
        self.ec2.modify_instance_attribute(InstanceId=i, DisableApiTermination={"Value": False})
        self.ec2.terminate_instances(InstanceIds=[i])
        self.ec2.get_waiter("instance_terminated").wait(InstanceIds=[i], WaiterConfig=QUICK)

    def terminated(self):
        i = self.run_one()
        self.ec2.terminate_instances(InstanceIds=[i])
        self.ec2.get_waiter("instance_terminated").wait(InstanceIds=[i], WaiterConfig=QUICK)
        return i

    def test_refusals(self):
        run = dict(InstanceType="t3.micro", MinCount=1, MaxCount=1)
        self.refused("DryRunOperation", self.ec2.run_instances, ImageId=self.ami, DryRun=True, **run)
        self.refused("InvalidAMIID.NotFound", self.ec2.run_instances, ImageId="ami-0123456789abcdef0", **run)
        self.refused("InvalidAMIID.Malformed", self.ec2.run_instances, ImageId="nonsense", **run)
        self.refused("InvalidKeyPair.NotFound", self.ec2.run_instances, ImageId=self.ami, KeyName="nobody", **run)
        self.refused("InvalidSubnetID.NotFound", self.ec2.run_instances, ImageId=self.ami, SubnetId="subnet-0123456789abcdef0", **run)
        self.refused("InvalidGroup.NotFound", self.ec2.run_instances, ImageId=self.ami, SecurityGroupIds=["sg-0123456789abcdef0"], **run)
        self.refused("InvalidParameterValue", self.ec2.run_instances, ImageId=self.ami, **{**run, "InstanceType": "t9.nano"})
        self.refused("InvalidInstanceID.NotFound", self.ec2.describe_instances, InstanceIds=["i-0123456789abcdef0"])
        self.refused("InvalidInstanceID.Malformed", self.ec2.describe_instances, InstanceIds=["nonsense"])
        self.refused("InvalidInstanceID.NotFound", self.ec2.terminate_instances, InstanceIds=["i-0123456789abcdef0"])

    def test_tokens_filters_pages(self):
        token, team = name("token"), name("team")
        def run(n):
            return self.ec2.run_instances(ImageId=self.ami, InstanceType="t3.micro", MinCount=n, MaxCount=n, ClientToken=token,
                                          TagSpecifications=tagged("instance", team=team))["Instances"]
        ids = [i["InstanceId"] for i in run(7)]
        self.assertEqual(ids, [i["InstanceId"] for i in run(7)])
        self.refused("IdempotentParameterMismatch", run, 8)
        self.ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=QUICK)
        pages = self.ec2.get_paginator("describe_instances").paginate(
            Filters=named(tag_team=team, instance_state_name=["pending", "running"]), PaginationConfig={"PageSize": 5})
        found = [i["InstanceId"] for p in pages for r in p["Reservations"] for i in r["Instances"]]
        self.assertCountEqual(ids, found)
        self.assertEqual([], self.ec2.describe_instances(Filters=named(tag_team=team, instance_type="m*"))["Reservations"])
        self.ec2.terminate_instances(InstanceIds=ids)

    def test_key_pairs(self):
        n = name("key")
        made = self.ec2.create_key_pair(KeyName=n, KeyType="ed25519")
        self.assertIn("PRIVATE KEY", made["KeyMaterial"])
        self.ec2.get_waiter("key_pair_exists").wait(KeyNames=[n])
        self.refused("InvalidKeyPair.Duplicate", self.ec2.create_key_pair, KeyName=n)
        got = self.ec2.describe_key_pairs(KeyNames=[n], IncludePublicKey=True)["KeyPairs"][0]
        self.assertEqual((made["KeyPairId"], made["KeyFingerprint"]), (got["KeyPairId"], got["KeyFingerprint"]))
        self.ec2.delete_key_pair(KeyName=n)
        again = self.ec2.import_key_pair(KeyName=n, PublicKeyMaterial=got["PublicKey"].encode())
        self.assertEqual(made["KeyFingerprint"], again["KeyFingerprint"])
        self.ec2.delete_key_pair(KeyPairId=again["KeyPairId"])
        self.refused("InvalidKeyPair.NotFound", self.ec2.describe_key_pairs, KeyNames=[n])

    def test_types(self):
        got = self.ec2.describe_instance_types(InstanceTypes=["t3.micro"])["InstanceTypes"][0]
        self.assertEqual((2, 1024), (got["VCpuInfo"]["DefaultVCpus"], got["MemoryInfo"]["SizeInMiB"]))
        self.refused("InvalidInstanceType", self.ec2.describe_instance_types, InstanceTypes=["t9.nano"])
        pages = self.ec2.get_paginator("describe_instance_types").paginate(Filters=named(burstable_performance_supported="true"))
        self.assertIn("t3.micro", [t["InstanceType"] for p in pages for t in p["InstanceTypes"]])


class Disks(Machines):
    def test_volumes(self):
        token = name("token")
        v = self.volume(ClientToken=token, TagSpecifications=tagged("volume", Name="data"))
        i = self.run_one(Placement={"AvailabilityZone": "us-east-1a"})
        self.ec2.attach_volume(VolumeId=v, InstanceId=i, Device="/dev/sdf")
        self.ec2.get_waiter("volume_in_use").wait(VolumeIds=[v], WaiterConfig=QUICK)
        self.refused("VolumeInUse", self.ec2.attach_volume, VolumeId=v, InstanceId=i, Device="/dev/sdg")
        self.refused("VolumeInUse", self.ec2.delete_volume, VolumeId=v)
        found = self.ec2.describe_volumes(Filters=named(**{"attachment.instance_id": i, "attachment.device": "/dev/sdf"}))["Volumes"]
        self.assertEqual([v], [d["VolumeId"] for d in found])
        elsewhere = self.run_one(Placement={"AvailabilityZone": "us-east-1b"})
        self.ec2.detach_volume(VolumeId=v)
        self.ec2.get_waiter("volume_available").wait(VolumeIds=[v], WaiterConfig=QUICK)
        self.refused("InvalidVolume.ZoneMismatch", self.ec2.attach_volume, VolumeId=v, InstanceId=elsewhere, Device="/dev/sdf")
        self.refused("IncorrectState", self.ec2.detach_volume, VolumeId=v)
        self.ec2.delete_volume(VolumeId=v)
        self.ec2.get_waiter("volume_deleted").wait(VolumeIds=[v], WaiterConfig=QUICK)
        self.refused("InvalidVolume.NotFound", self.ec2.describe_volumes, VolumeIds=[v])
        self.ec2.terminate_instances(InstanceIds=[i, elsewhere])

    def test_snapshots(self):
        v = self.volume()
        team = name("team")
        s = self.ec2.create_snapshot(VolumeId=v, Description="d", TagSpecifications=tagged("snapshot", team=team))["SnapshotId"]
        self.ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[s], WaiterConfig=QUICK)
        for _ in range(5):
            self.ec2.create_snapshot(VolumeId=v, TagSpecifications=tagged("snapshot", team=team))
        pages = list(self.ec2.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=named(tag_team=team), PaginationConfig={"PageSize": 5}))
        self.assertEqual(6, len([d for p in pages for d in p["Snapshots"]]))
        self.refused("InvalidSnapshot.NotFound", self.ec2.describe_snapshots, SnapshotIds=["snap-0123456789abcdef0"])
        self.refused("InvalidVolume.NotFound", self.ec2.create_snapshot, VolumeId="vol-0123456789abcdef0")
        of = self.ec2.create_volume(AvailabilityZone="us-east-1b", SnapshotId=s)
        self.assertEqual((1, s), (of["Size"], of["SnapshotId"]))
        self.ec2.delete_snapshot(SnapshotId=s)
        self.refused("InvalidSnapshot.NotFound", self.ec2.delete_snapshot, SnapshotId=s)


class Images(Machines):
    def test_images(self):
        i = self.run_one()
        n = name("image")
        image = self.ec2.create_image(InstanceId=i, Name=n)["ImageId"]
        self.ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig=QUICK)
        self.refused("InvalidAMIName.Duplicate", self.ec2.create_image, InstanceId=i, Name=n)
        found = self.ec2.describe_images(Owners=["self"], Filters=named(name=n))["Images"]
        self.assertEqual([image], [d["ImageId"] for d in found])
        s = found[0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
        self.refused("InvalidSnapshot.InUse", self.ec2.delete_snapshot, SnapshotId=s)
        self.ec2.deregister_image(ImageId=image)
        self.refused("InvalidAMIID.NotFound", self.ec2.deregister_image, ImageId=image)
        self.refused("InvalidAMIID.NotFound", self.ec2.describe_images, ImageIds=["ami-0123456789abcdef0"])
        self.ec2.terminate_instances(InstanceIds=[i])

    def test_templates(self):
        n = name("template")
        data = {"ImageId": self.ami, "InstanceType": "t3.micro"}
        made = self.ec2.create_launch_template(LaunchTemplateName=n, LaunchTemplateData=data)["LaunchTemplate"]["LaunchTemplateId"]
        self.refused("InvalidLaunchTemplateName.AlreadyExistsException", self.ec2.create_launch_template, LaunchTemplateName=n, LaunchTemplateData=data)
        self.ec2.create_launch_template_version(LaunchTemplateId=made, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.small"})
        got = self.ec2.describe_launch_template_versions(LaunchTemplateId=made, Versions=["$Latest", "$Default"])["LaunchTemplateVersions"]
        self.assertCountEqual([(2, "t3.small", self.ami), (1, "t3.micro", self.ami)], [
            (v["VersionNumber"], v["LaunchTemplateData"]["InstanceType"], v["LaunchTemplateData"]["ImageId"]) for v in got])
        out = self.ec2.run_instances(LaunchTemplate={"LaunchTemplateName": n, "Version": "$Latest"}, MinCount=1, MaxCount=1)["Instances"][0]
        self.assertEqual("t3.small", out["InstanceType"])
        self.ec2.terminate_instances(InstanceIds=[out["InstanceId"]])
        self.ec2.delete_launch_template(LaunchTemplateName=n)
        self.refused("InvalidLaunchTemplateName.NotFoundException", self.ec2.describe_launch_templates, LaunchTemplateNames=[n])
        self.refused("InvalidLaunchTemplateId.NotFound", self.ec2.describe_launch_templates, LaunchTemplateIds=["lt-0123456789abcdef0"])

    def test_public_parameters(self):
        pages = self.ssm.get_paginator("get_parameters_by_path").paginate(Path=LATEST.rsplit("/", 1)[0])
        self.assertIn((LATEST, self.ami), [(p["Name"], p["Value"]) for page in pages for p in page["Parameters"]])
        i = self.ec2.run_instances(ImageId="resolve:ssm:" + LATEST, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
        self.assertEqual(self.ami, i["ImageId"])
        self.ec2.terminate_instances(InstanceIds=[i["InstanceId"]])


class Parameters(Machines):
    def test_versions(self):
        n = "/" + name("config")
        self.assertEqual(1, self.ssm.put_parameter(Name=n, Value="a", Type="String", Tags=[{"Key": "k", "Value": "v"}])["Version"])
        self.refused("ParameterAlreadyExists", self.ssm.put_parameter, Name=n, Value="b", Type="String")
        self.assertEqual(2, self.ssm.put_parameter(Name=n, Value="b", Overwrite=True)["Version"])
        self.ssm.label_parameter_version(Name=n, ParameterVersion=1, Labels=["old"])
        for selector, want in [("", "b"), (":1", "a"), (":old", "a")]:
            with self.subTest(selector):
                self.assertEqual(want, self.ssm.get_parameter(Name=n + selector)["Parameter"]["Value"])
        history = self.ssm.get_paginator("get_parameter_history").paginate(Name=n)
        self.assertEqual(["a", "b"], [p["Value"] for page in history for p in page["Parameters"]])
        self.refused("ParameterVersionNotFound", self.ssm.get_parameter, Name=n + ":9")
        self.ssm.delete_parameter(Name=n)
        self.refused("ParameterNotFound", self.ssm.get_parameter, Name=n)
        self.refused("ParameterNotFound", self.ssm.delete_parameter, Name=n)

    def test_secure_and_paths(self):
        root = "/" + name("tree")
        self.ssm.put_parameter(Name=root + "/db/password", Value="secret", Type="SecureString")
        for n in range(12):
            self.ssm.put_parameter(Name=f"{root}/n{n}", Value="a,b", Type="StringList")
        sealed = self.ssm.get_parameter(Name=root + "/db/password")["Parameter"]["Value"]
        self.assertNotIn("secret", sealed)
        self.assertEqual("secret", self.ssm.get_parameter(Name=root + "/db/password", WithDecryption=True)["Parameter"]["Value"])
        by_path = self.ssm.get_paginator("get_parameters_by_path")
        count = lambda **more: sum(len(p["Parameters"]) for p in by_path.paginate(Path=root, **more))
        self.assertEqual((12, 13), (count(), count(Recursive=True)))
        got = self.ssm.get_parameters(Names=[root + "/n1", root + "/none"])
        self.assertEqual(([root + "/n1"], [root + "/none"]), ([p["Name"] for p in got["Parameters"]], got["InvalidParameters"]))
        self.ssm.delete_parameters(Names=[f"{root}/n{n}" for n in range(10)])
        self.assertEqual(2, count())
