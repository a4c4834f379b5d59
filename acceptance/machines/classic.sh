# shellcheck shell=bash
# A classic load balancer over two zones: real connections, its own security
# group, instances that stop, and the death of the cloud.

nodes() { query 'NetworkInterfaces[].Association.PublicIp' ec2 describe-network-interfaces --filters 'Name=description,Values=ELB classic'; }
in_service() { [ "$(query "length(InstanceStates[?State=='InService'])" elb describe-instance-health --load-balancer-name classic)" = "$1" ]; }

# answers ADDRESS N: how often each instance answers N requests.
answers() { for _ in $(seq "$2"); do page "$1" || echo failed; done | sort | uniq -c | awk '{printf "%s:%s ", $NF, $1}'; }

balance() {
  local lb web a b ids at
  lb=$(query GroupId ec2 create-security-group --group-name classic-lb --description lb)
  web=$(query GroupId ec2 create-security-group --group-name classic-web --description web)
  aws ec2 authorize-security-group-ingress --group-id "$lb" --protocol tcp --port 80-81 --cidr 0.0.0.0/0
  aws ec2 authorize-security-group-ingress --group-id "$web" --protocol tcp --port 80 --source-group "$lb"
  printf '#!/bin/sh\nmkdir -p /var/www/html\nhostname >/var/www/html/index.html\nhttpd -p 80 -h /var/www/html\n' >serve
  a=$(query 'Subnets[0].SubnetId' ec2 describe-subnets --filters Name=availability-zone,Values=us-east-1a Name=default-for-az,Values=true)
  b=$(query 'Subnets[0].SubnetId' ec2 describe-subnets --filters Name=availability-zone,Values=us-east-1b Name=default-for-az,Values=true)
  ids=
  for subnet in "$a" "$b"; do
    ids="$ids $(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --subnet-id "$subnet" --security-group-ids "$web" --user-data file://serve)"
  done
  # shellcheck disable=SC2086
  aws ec2 wait instance-running --instance-ids $ids
  aws elb create-load-balancer --load-balancer-name classic --subnets "$a" "$b" --security-groups "$lb" \
    --listeners Protocol=TCP,LoadBalancerPort=80,InstancePort=80 Protocol=HTTP,LoadBalancerPort=81,InstancePort=80 | has classic-
  aws elb configure-health-check --load-balancer-name classic --health-check Target=HTTP:80/,Interval=5,Timeout=2,UnhealthyThreshold=2,HealthyThreshold=2
  aws elb modify-load-balancer-attributes --load-balancer-name classic --load-balancer-attributes '{"CrossZoneLoadBalancing":{"Enabled":true}}'
  # shellcheck disable=SC2086
  aws elb register-instances-with-load-balancer --load-balancer-name classic --instances $ids
  within 30 in_service 2
  for at in $(nodes); do
    answers "$at" 10 | tee /dev/stderr | grep -Eq '^ip[^ ]*:5 ip[^ ]*:5 $' # TCP goes around
    page "$at:81" | grep -q '^ip-'
  done
  if page "$(public "${ids##* }")" 2; then return 1; fi # only the load balancer may
  echo "ids='$ids'" >classic-ids
}
run_case 'classic: TCP and HTTP over two zones; instances let in nobody but the load balancer' balance

instance_stops() {
  . ./classic-ids
  local first=${ids# }
  first=${first%% *}
  aws ec2 stop-instances --instance-ids "$first"
  aws ec2 wait instance-stopped --instance-ids "$first"
  within 15 in_service 1
  aws elb describe-instance-health --load-balancer-name classic --instances "$first" | has 'Instance is in stopped state.'
  for at in $(nodes); do
    answers "$at" 10 | tee /dev/stderr | grep -Eq '^ip[^ ]*:10 $'
  done
  aws ec2 start-instances --instance-ids "$first"
  within 60 in_service 2
}
run_case 'classic: an instance that stops gets nothing, and comes back' instance_stops

again() {
  local pid at
  at=$(nodes | awk '{print $1}')
  pid=$(pileus status --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])')
  kill -9 "$pid"
  if page "$at" 2; then return 1; fi
  cloud_again classic
  local ready=$EPOCHREALTIME
  within 5 page "$at"
  awk -v a="$ready" -v b="$EPOCHREALTIME" 'BEGIN { printf "answers %.2f s after the cloud is ready\n", b - a }' >&2
}
run_case 'classic: after kill -9 of the cloud it answers again' again
if [ -f classic.pid ]; then CLOUDS+=("$(cat classic.pid)"); fi

gone() {
  . ./classic-ids
  local at
  at=$(nodes | awk '{print $1}')
  aws elb delete-load-balancer --load-balancer-name classic
  if page "$at" 2; then return 1; fi
  equal '' "$(nodes)"
  # shellcheck disable=SC2086
  aws ec2 terminate-instances --instance-ids $ids
}
run_case 'classic: removed, it answers no more' gone
