# shellcheck shell=bash
# A classic load balancer in front of an instance that takes nobody: its surge
# queue fills, spills over, and empties when the instance answers.

. "$here/speaking.sh"

surge() {
  local group subnet id at node
  group=$(query GroupId ec2 create-security-group --group-name surge --description surge)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 0-65535 --cidr 0.0.0.0/0 >/dev/null
  subnet=$(query 'Subnets[0].SubnetId' ec2 describe-subnets --filters Name=default-for-az,Values=true Name=availability-zone,Values=us-east-1a)
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --key-name me --security-group-ids "$group" --subnet-id "$subnet")
  aws ec2 wait instance-running --instance-ids "$id"
  at=$(public "$id")
  speaks_in "$id" # for the health checks
  into "$at" 'setsid ./speaker stubborn 8888 >stubborn.log 2>&1 &'
  within 10 into "$at" grep -q listening stubborn.log
  aws elb create-load-balancer --load-balancer-name surge --subnets "$subnet" --security-groups "$group" --listeners Protocol=HTTP,LoadBalancerPort=80,InstancePort=8888 >/dev/null
  aws elb configure-health-check --load-balancer-name surge --health-check Target=TCP:7000,Interval=5,Timeout=2,UnhealthyThreshold=2,HealthyThreshold=2 >/dev/null
  aws elb register-instances-with-load-balancer --load-balancer-name surge --instances "$id" >/dev/null
  serves() { [ "$(query 'InstanceStates[0].State' elb describe-instance-health --load-balancer-name surge)" = InService ]; }
  within 30 serves
  node=$(query 'NetworkInterfaces[0].Association.PublicIp' ec2 describe-network-interfaces --filters 'Name=description,Values=ELB surge')
  python3 - "$node" "ssh -i $WORK/me.pem -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR ec2-user@$at pkill -HUP speaker" <<'PY'
import asyncio
import collections
import resource
import subprocess
import sys

resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
node, release = sys.argv[1:]
CLIENTS = 1124
codes = collections.Counter()
spilled = asyncio.Event()


async def ask():
    reader, writer = await asyncio.open_connection(node, 80)
    writer.write(b"GET / HTTP/1.1\r\nHost: surge\r\nConnection: close\r\n\r\n")
    said = await reader.readline()
    codes[said.split()[1].decode() if said else "closed"] += 1
    if codes["503"] >= 90:
        spilled.set()
    writer.close()


async def main():
    all = [asyncio.create_task(ask()) for _ in range(CLIENTS)]
    await asyncio.wait_for(spilled.wait(), 60)
    assert not codes["200"], codes
    subprocess.run(release, shell=True, check=True)
    await asyncio.wait_for(asyncio.gather(*all), 120)
    print(codes)
    # A few are in the instance's own backlog, 1,024 in the queue.
    assert 90 <= codes["503"] <= 100 and codes["200"] + codes["503"] == CLIENTS, codes


asyncio.run(main())
PY
  pileus clock advance 2m >/dev/null
  metric() { query "$3" cloudwatch get-metric-statistics --namespace AWS/ELB --metric-name "$1" --dimensions Name=LoadBalancerName,Value=surge --statistics "$2" --period 3600 \
    --start-time "$(date -u -d '-1 hour' +%FT%TZ)" --end-time "$(date -u -d '+1 hour' +%FT%TZ)"; }
  longest() { equal 1024.0 "$(metric SurgeQueueLength Maximum 'max(Datapoints[].Maximum)')"; }
  within 10 longest
  metric SpilloverCount Sum 'sum(Datapoints[].Sum)' | grep -E '^(9[0-9]|100)\.0'
  aws elb delete-load-balancer --load-balancer-name surge
  aws ec2 terminate-instances --instance-ids "$id" >/dev/null
}
run_case 'a surge queue of 1,024 requests fills, spills over with 503, and empties; its metrics say so' surge
