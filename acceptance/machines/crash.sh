# shellcheck shell=bash
# kill -9 of the cloud: instances go on, and are managed again.

crash() {
  local group id at pid
  group=$(query GroupId ec2 create-security-group --group-name crash --description crash)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr 0.0.0.0/0
  printf '#!/bin/sh\nmkdir -p /var/www/html\necho alive >/var/www/html/index.html\nhttpd -p 80 -h /var/www/html\n' >serve
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --security-group-ids "$group" --user-data file://serve)
  aws ec2 wait instance-running --instance-ids "$id"
  at=$(public "$id")
  within 10 shows "$at" alive
  pid=$(pileus status --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])')
  kill -9 "$pid"
  within 10 shows "$at" alive # without the cloud
  cloud_again crash
  equal running "$(state "$id")"
  within 10 shows "$at" alive
  equal "$at" "$(public "$id")"
  aws ec2 terminate-instances --instance-ids "$id"
  aws ec2 wait instance-terminated --instance-ids "$id"
  if page "$at" 2; then return 1; fi
}
run_case 'kill -9: the instance serves on, and the next cloud manages it' crash

# power_cut takes away what a cloud has in the kernel, as a host does that loses
# its power. It is killed first, because it would write down what it sees.
power_cut() {
  local id p
  id=$(cloud_id)
  kill -9 "$1"
  for p in $(pgrep -f pileus-init); do
    case $(ip netns identify "$p") in pileus-$id-*) kill -9 "$p" ;; esac
  done
  pkill -9 -f "^pileus-cipher $id " || true
  within 20 powerless
  for p in $(ip netns list | grep -o -- "pileus-$id[^ ]*"); do ip netns delete "$p"; done
  for p in $(ip -o link | grep -o -- "pl-$id[^:@]*"); do ip link delete "$p" 2>/dev/null || true; done # the other end may have taken it along
  for p in $(losetup -a | grep -- "$DATA" | cut -d: -f1); do losetup -d "$p"; done
  within 20 no_kernel_traces
}
powerless() {
  ! find /sys/fs/cgroup -path "*pileus-$(cloud_id)/*" -name cgroup.procs -exec cat {} + 2>/dev/null | grep -q .
}
no_kernel_traces() { ! traces "$(cloud_id)" | grep -v ^/sys/fs/cgroup | grep -q .; }

host_restarts() {
  local group id at
  group=$(query GroupId ec2 create-security-group --group-name power --description power)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --key-name me --security-group-ids "$group" \
    --block-device-mappings 'DeviceName=/dev/sdf,Ebs={VolumeSize=1,Encrypted=true}')
  aws ec2 wait instance-running --instance-ids "$id"
  at=$(public "$id")
  within 60 into "$at" true
  into "$at" 'sudo mkfs.ext4 -q /dev/sdf && sudo mkdir /data && sudo mount /dev/sdf /data && echo kept | sudo tee /data/file >file && sync'
  power_cut "$(pileus status --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])')"
  cat /proc/sys/kernel/random/uuid >"$WORK/boot_id"
  cloud_again crash
  within 60 into "$at" cat file | has kept
  within 60 into "$at" 'sudo mount /dev/sdf /data; cat /data/file' | has kept
  equal running "$(state "$id")"
  aws ec2 wait instance-status-ok --instance-ids "$id"
  aws ec2 terminate-instances --instance-ids "$id"
  aws ec2 wait instance-terminated --instance-ids "$id"
}
run_case 'the host restarts: instances boot again, with their addresses and their volumes' host_restarts
if [ -f crash.pid ]; then CLOUDS+=("$(cat crash.pid)"); fi
