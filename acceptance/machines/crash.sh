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
  shows "$at" alive # without the cloud
  SSL_CERT_FILE=$WORK/trusted.pem "$PILEUS" up --data-dir "$DATA" --port "${ENDPOINT##*:}" --uplink=false >again.out 2>again.log &
  echo $! >again.pid
  within 10 grep -qx 'Ready\.' again.out
  equal running "$(state "$id")"
  shows "$at" alive
  equal "$at" "$(public "$id")"
  aws ec2 terminate-instances --instance-ids "$id"
  aws ec2 wait instance-terminated --instance-ids "$id"
  if page "$at"; then return 1; fi
}
run_case 'kill -9: the instance serves on, and the next cloud manages it' crash
if [ -f again.pid ]; then CLOUDS+=("$(cat again.pid)"); fi
