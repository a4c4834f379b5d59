"""A whole cloud on the host's own network, as a user starts one: a VPC by hand,
an instance with user data, its limits and metrics, a slow zone, a paused volume,
hibernation, and nothing left at the end. It is for a machine that has nothing
else to do, as the guest of scripts/vm-test. boto3 makes the calls, because an
emulated processor needs a quarter of a minute for one of the aws CLI.

The only argument is the pileus program."""

import datetime
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

import boto3

PILEUS = sys.argv[1]
SLOWNESS = int(os.environ.get("SLOWNESS", "1"))
work = tempfile.mkdtemp(prefix="pileus-cloud.")
os.chdir(work)
os.environ.update(HOME=work, PILEUS_PLANE="linux", AWS_EC2_METADATA_DISABLED="true")
passed = failed = 0


def run(*words, ok=True, timeout=60):
    r = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, timeout=timeout * SLOWNESS)
    if ok and r.returncode:
        raise AssertionError(f"{words}: status {r.returncode}: {r.stdout}")
    return r.stdout


def within(seconds, so, *arguments):
    """Tries until something is so, and returns it."""
    end, last = time.monotonic() + seconds * SLOWNESS, None
    while time.monotonic() < end:
        try:
            if last := so(*arguments):
                return last
        except (AssertionError, subprocess.TimeoutExpired, OSError) as e:
            last = e
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds * SLOWNESS} s: {so.__name__}{arguments}: {last}")


def equal(want, got):
    assert want == got, f"want {want!r}, got {got!r}"


def read(pattern):
    (path,) = glob.glob(pattern)
    with open(path) as f:
        return f.read().strip()


class Cloud:
    """The process, and clients of it."""

    def __init__(self):
        self.log = open("cloud.log", "a")
        self.start("0")
        make = lambda service: boto3.client(
            service, endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
            config=boto3.session.Config(read_timeout=60 * SLOWNESS, retries={"max_attempts": 0}))
        self.ec2, self.ssm, self.cloudwatch = make("ec2"), make("ssm"), make("cloudwatch")
        os.environ.update(PILEUS_ENDPOINT=self.endpoint)

    def start(self, port):
        self.process = subprocess.Popen([PILEUS, "up", "--data-dir", "data", "--port", port], stdout=subprocess.PIPE, stderr=self.log, text=True)
        for line in self.process.stdout:
            if m := re.match(r" *endpoint *(\S+)", line):
                self.endpoint = m[1]
            if line == "Ready.\n":
                return
        raise AssertionError("the cloud did not come up: " + open("cloud.log").read())

    def instance(self):
        return self.ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0]

    def state(self, want):
        within(120, lambda: self.instance()["State"]["Name"] == want)
        self.at = self.instance().get("PublicIpAddress")

    def group(self, file):
        return read(f"/sys/fs/cgroup/pileus-*/{self.id}/{file}")

    def into(self, command, ok=True):
        return run("ssh", "-i", "me.pem", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                   "-o", f"ConnectTimeout={10 * SLOWNESS}", "ec2-user@" + self.at, command, ok=ok)

    def page(self):
        """What its web server says, and after how many seconds."""
        out = run("curl", "-s", "-m", str(10 * SLOWNESS), "-w", "\n%{time_total}", f"http://{self.at}/")
        text, _, took = out.rpartition("\n")
        return text, float(took)


def able(_):
    plane = run(PILEUS, "doctor").partition("data plane:")[2]
    equal([], [l for l in plane.splitlines() if re.match(" *--", l) and "KVM" not in l and "real internet" not in l])


def builds(c):
    ec2 = c.ec2
    with open("me.pem", "w", opener=lambda *a: os.open(*a, 0o600)) as f:
        f.write(ec2.create_key_pair(KeyName="me", KeyType="ed25519")["KeyMaterial"])
    ami = c.ssm.get_parameter(Name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")["Parameter"]["Value"]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    for port in 22, 80:
        ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="0.0.0.0/0")
    root = ec2.describe_images(ImageIds=[ami])["Images"][0]["RootDeviceName"]
    c.id = ec2.run_instances(
        ImageId=ami, InstanceType="t3.micro", MinCount=1, MaxCount=1, KeyName="me", SubnetId=subnet, SecurityGroupIds=[group],
        Monitoring={"Enabled": True}, HibernationOptions={"Configured": True}, BlockDeviceMappings=[{"DeviceName": root, "Ebs": {"Encrypted": True}}],
        UserData='#!/bin/bash\nyum install -y httpd\nsystemctl start httpd\necho "hello from $(hostname -f)" >/var/www/html/index.html\n',
    )["Instances"][0]["InstanceId"]
    c.state("running")
    within(60, lambda: "hello from ip-10-0-1-" in c.page()[0])


def bounded(c):
    equal(str(1 << 30), c.group("memory.max"))
    equal("200000 100000", c.group("cpu.max"))
    assert c.group("cgroup.procs")
    memory = int(c.group("memory.current"))
    assert 1 << 20 < memory < 200 << 20, memory


def burst(c):
    """Busy and without credits it has its baseline: a tenth of two processors."""
    c.ec2.modify_instance_credit_specification(InstanceCreditSpecifications=[{"InstanceId": c.id, "CpuCredits": "standard"}])
    within(120, lambda: c.group("cpu.max") == "20000 100000")
    c.ec2.modify_instance_credit_specification(InstanceCreditSpecifications=[{"InstanceId": c.id, "CpuCredits": "unlimited"}])
    within(120, lambda: c.group("cpu.max") == "200000 100000")


def measured(c):
    """What is busy shows in CloudWatch, once a minute has ended."""
    c.into('for i in 1 2; do setsid sh -c "while :; do :; done" </dev/null >/dev/null 2>&1 & done')
    c.into('setsid sh -c "while :; do date >written; sync; sleep 1; done" </dev/null >/dev/null 2>&1 &')

    def most(metric):
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        points = c.cloudwatch.get_metric_statistics(
            Namespace="AWS/EC2", MetricName=metric, Dimensions=[{"Name": "InstanceId", "Value": c.id}], Statistics=["Maximum"],
            StartTime=now - datetime.timedelta(hours=4), EndTime=now, Period=60)["Datapoints"]
        return max((p["Maximum"] for p in points), default=0)

    def exceeds(metric, bound):
        return most(metric) > bound
    within(150, exceeds, "CPUUtilization", 10)
    assert most("CPUUtilization") <= 105
    for metric in "NetworkPacketsIn", "NetworkIn", "EBSWriteOps", "EBSWriteBytes":
        within(150, exceeds, metric, 0)


def slow(c):
    usual = within(60, c.page)[1]
    run(PILEUS, "fault", "zone", "us-east-1a", "slow", "--latency", "3s")
    # There and back, to connect and to ask.
    took = c.page()[1]
    assert took >= 12, f"{took} s, before {usual} s"
    run(PILEUS, "fault", "zone", "us-east-1a", "up")
    took = within(60, c.page)[1]
    assert took < 12, took


def disk(c):
    """A volume is attached, formatted, bounded and counted, and detached."""
    v = c.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, VolumeType="gp3")["VolumeId"]
    is_ = lambda state: c.ec2.describe_volumes(VolumeIds=[v])["Volumes"][0]["State"] == state
    within(60, is_, "available")
    c.ec2.attach_volume(VolumeId=v, InstanceId=c.id, Device="/dev/sdf")
    within(60, is_, "in-use")
    within(60, lambda: c.into("test -e /dev/sdf && echo yes"))
    c.into("sudo mkfs.ext4 -q /dev/sdf && sudo mkdir -p /data && sudo mount /dev/sdf /data && echo kept | sudo tee /data/file && sync")
    assert "riops=3000 wiops=3000" in read("/sys/fs/cgroup/pileus-*[0-9a-f]/io.max"), "not bounded"
    equal("kept\n", c.into("cat /data/file"))
    c.into("sudo umount /data")
    c.ec2.detach_volume(VolumeId=v)
    within(60, is_, "available")


def hibernates(c):
    c.into("echo 1 >/tmp/memory; setsid sh -c 'while :; do echo tick >>/tmp/ticks; sleep 0.2; done' </dev/null >/dev/null 2>&1 &")
    c.ec2.stop_instances(InstanceIds=[c.id], Hibernate=True)
    c.state("stopped")
    equal("1", c.group("cgroup.freeze"))
    c.ec2.start_instances(InstanceIds=[c.id])
    c.state("running")
    equal("0", c.group("cgroup.freeze"))
    within(60, lambda: c.into("pgrep -f 'echo tick'"))


def stops(c):
    c.ec2.stop_instances(InstanceIds=[c.id])
    c.state("stopped")
    equal([], glob.glob(f"/sys/fs/cgroup/pileus-*/{c.id}"))
    c.ec2.start_instances(InstanceIds=[c.id])
    c.state("running")
    within(60, lambda: c.into("cat /var/www/html/index.html"))


def outlives(c):
    """kill -9: the instance goes on, and is found again."""
    birth = "cut -d' ' -f22 /proc/1/stat"
    before = c.into(birth)
    c.process.send_signal(signal.SIGKILL)
    c.process.wait()
    equal(before, c.into(birth))
    c.start(c.endpoint.rpartition(":")[2])
    equal(before, c.into(birth))
    assert c.group("cgroup.procs")


def traces():
    out = run("sh", "-c", f"""ip netns list | grep pileus-; ip -o link | grep pl-; losetup -a; grep -- {work}/ /proc/mounts
        find /sys/fs/cgroup -name 'pileus-*'; pgrep -a '^pileus-'; nft list tables | grep -i pileus; true""")
    return out.splitlines()


def ends(c):
    assert traces()
    run(PILEUS, "down", "--all")
    c.process.wait(60 * SLOWNESS)
    equal([], traces())


cloud = None
for name, case in {
    "doctor: the data plane can do everything": able,
    "a VPC by hand, an instance with user data: its web server is read from the host": builds,
    "its control groups have the limits of t3.micro": bounded,
    "a slow zone has its latency, and then no more": slow,
    "a volume: formatted, bounded, counted, detached": disk,
    "hibernation": hibernates,
    "stop and start": stops,
    "kill -9 and another start: the instance has gone on": outlives,
    "CloudWatch has its processor time, packets and disk writes": measured,
    "without credits it is held to its baseline": burst,
    "down --all leaves nothing": ends,
}.items():
    watch = time.monotonic()
    try:
        if cloud is None and case is not able:
            cloud = Cloud()
        case(cloud)
        passed += 1
        said = "ok  "
    except Exception as e:
        failed += 1
        said = "FAIL"
        print("    ", type(e).__name__, e)
    print(f"{said} {name} ({time.monotonic() - watch:.1f}s)", flush=True)
if cloud and cloud.process.poll() is None:
    subprocess.run([PILEUS, "down", "--all"], timeout=300)
print(f"cloud: {passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
