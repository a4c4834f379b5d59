# shellcheck shell=bash
# kill -9 of the cloud while 20 instances launch, at a random moment, again and
# again: CRASHES rounds (2). After each, the next cloud brings every instance to
# a true state: running, with a machine that answers, or terminated, without one.

# young starts a cloud over the data of the one that was killed.
young() {
  cloud_again "young-$1"
  cp "young-$1.pid" cloud.pid
}

# cloud_pid is the process that serves now.
cloud_pid() { pileus status --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])'; }

# settled tells whether no instance is on its way any more.
settled() {
  local states
  states=$(aws ec2 describe-instances --filters Name=instance-state-name,Values=pending,shutting-down,stopping --query 'Reservations[].Instances[].InstanceId' --output text)
  [ -z "$states" ]
}

# with_state STATE: the instances of this part that have it, by id and address.
with_state() {
  aws ec2 describe-instances --filters "Name=instance-state-name,Values=$1" Name=tag:part,Values=crashes \
    --query 'Reservations[].Instances[].[InstanceId,PublicIpAddress]' --output text
}

# machines_of lists the machines that the kernel has, by the network namespaces
# that are named after instances.
machines_of() { ip netns list | { grep -o "pileus-$(cloud_id)-i-[0-9a-f]*" || true; } | sed 's/.*-i-/i-/' | sort; }
agree() {
  equal "$(aws ec2 describe-instances --filters Name=instance-state-name,Values=running --query 'Reservations[].Instances[].[InstanceId]' --output text | sort)" "$(machines_of)"
}

# launch asks for 20 instances that serve a page; it is sent at once, which the
# aws CLI is not.
launch() {
  curl -s --aws-sigv4 aws:amz:us-east-1:ec2 -u test:test "$ENDPOINT/" --data Version=2016-11-15 --data Action=RunInstances \
    --data "ImageId=$AMI" --data InstanceType=t3.micro --data MinCount=20 --data MaxCount=20 \
    --data "SecurityGroupId.1=$(cat crashes.group)" --data-urlencode "UserData=$(base64 -w0 serve)" \
    --data TagSpecification.1.ResourceType=instance --data TagSpecification.1.Tag.1.Key=part --data TagSpecification.1.Tag.1.Value=crashes
}

crash_round() {
  local n=$1 pid moment launcher id at lived=0 known
  pid=$(cloud_pid)
  moment=$(awk -v r=$RANDOM 'BEGIN { printf "%.3f", r / 32768 * r / 32768 * 1.5 }') # early ones more often
  echo "round $n: killed after $moment s"
  launch >"launch-$n.xml" &
  launcher=$!
  sleep "$moment"
  kill -9 "$pid"
  wait "$launcher" || true # it may not have been answered
  young "$n"
  within 60 settled
  within 10 agree
  while read -r id at; do
    [ -n "$id" ] || continue
    lived=$((lived + 1))
    if ! within 20 shows "$at" alive; then
      echo "$id at $at is said to run and does not answer"
      aws ec2 get-console-output --instance-id "$id" --latest --query Output --output text
      return 1
    fi
  done < <(with_state running)
  # What was answered was kept: an instance that its user knows of is not lost.
  aws ec2 describe-instances --filters Name=instance-state-name,Values=running,terminated --query 'Reservations[].Instances[].InstanceId' --output text | tr '\t' '\n' | sort >true-states
  { grep -o '<instanceId>i-[0-9a-f]*' "launch-$n.xml" || true; } | cut -d'>' -f2 | sort >told
  comm -23 told true-states >lost
  equal '' "$(cat lost)"
  known=$(sort -u told | grep -c . || true)
  echo "round $n: $known were answered, $lived run"
  # shellcheck disable=SC2046
  [ "$lived" = 0 ] || aws ec2 terminate-instances --instance-ids $(with_state running | cut -f1) >/dev/null
  within 30 settled
  equal '' "$(with_state running)"
  within 10 agree
}

crashes() {
  local group n
  printf '#!/bin/sh\nmkdir -p /var/www/html\necho alive >/var/www/html/index.html\nhttpd -p 80 -h /var/www/html\n' >serve
  group=$(query GroupId ec2 create-security-group --group-name crashes --description crashes)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr 0.0.0.0/0
  echo "$group" >crashes.group
  for ((n = 1; n <= ${CRASHES:-2}; n++)); do crash_round "$n"; done
}
run_case "kill -9 while 20 instances launch, ${CRASHES:-2} times: all come to a true state" crashes
if [ -n "${CRASHES:-}" ]; then cat "$WORK/case-$((PASSED + FAILED - 1)).log" | grep '^round'; fi
if [ -f cloud.pid ]; then CLOUDS+=("$(cat cloud.pid)"); fi
