# shellcheck shell=bash
# An application load balancer over two zones: packets from a client to its
# nodes and on to instances, with the security groups between them in force.

group_of() { query GroupId ec2 create-security-group --group-name "$1" --description "$1"; }
health() { query "sort(TargetHealthDescriptions[].TargetHealth.State) | join(',', @)" elbv2 describe-target-health --target-group-arn "$BALANCED"; }
reason() { query 'TargetHealthDescriptions[0].TargetHealth.[State, Reason, Description] | join(`|`, @)' elbv2 describe-target-health --target-group-arn "$BALANCED"; }
healths() { [ "$(health)" = "$1" ]; }
told() { [ "$(reason)" = "$1" ]; }
answers_of() { # which instances answer, over ten requests
  local n
  for ((n = 0; n < 10; n++)); do page "$1"; done | sort -u | tr '\n' ' '
}

balanced() {
  local front back vpc subnets i zone
  front=$(group_of balancer)
  back=$(group_of behind)
  BEHIND=$back FRONT=$front
  aws ec2 authorize-security-group-ingress --group-id "$front" --protocol tcp --port 80 --cidr 0.0.0.0/0
  aws ec2 authorize-security-group-ingress --group-id "$back" --protocol tcp --port 80 --source-group "$front"
  vpc=$(query 'Vpcs[0].VpcId' ec2 describe-vpcs --filters Name=is-default,Values=true)
  SUBNETS=()
  SERVERS=()
  for zone in us-east-1a us-east-1b; do
    SUBNETS+=("$(query 'Subnets[0].SubnetId' ec2 describe-subnets --filters Name=default-for-az,Values=true Name=availability-zone,Values=$zone)")
    printf '#!/bin/sh\nmkdir -p /var/www/html\necho %s >/var/www/html/index.html\nhttpd -p 80 -h /var/www/html\n' "$zone" >"serve-$zone"
    SERVERS+=("$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --security-group-ids "$back" \
      --subnet-id "${SUBNETS[-1]}" --user-data "file://serve-$zone")")
  done
  aws ec2 wait instance-running --instance-ids "${SERVERS[@]}"
  BALANCED=$(query 'TargetGroups[0].TargetGroupArn' elbv2 create-target-group --name balanced --protocol HTTP --port 80 --vpc-id "$vpc" \
    --health-check-interval-seconds 5 --health-check-timeout-seconds 2 --healthy-threshold-count 2 --unhealthy-threshold-count 2)
  for i in "${SERVERS[@]}"; do aws elbv2 register-targets --target-group-arn "$BALANCED" --targets "Id=$i"; done
  told 'unused|Target.NotInUse|Target group is not configured to receive traffic from the load balancer'
  BALANCER=$(query 'LoadBalancers[0].LoadBalancerArn' elbv2 create-load-balancer --name balanced --subnets "${SUBNETS[@]}" --security-groups "$front")
  aws elbv2 create-listener --load-balancer-arn "$BALANCER" --protocol HTTP --port 80 --default-actions "Type=forward,TargetGroupArn=$BALANCED" >/dev/null
  aws elbv2 wait load-balancer-available --load-balancer-arns "$BALANCER"
  within 20 healths healthy,healthy
  NODES=($(query "sort_by(NetworkInterfaces, &AvailabilityZone)[].Association.PublicIp" ec2 describe-network-interfaces --filters Name=requester-id,Values=amazon-elb Name=group-id,Values="$front"))
  equal 2 "${#NODES[@]}"
  equal 'us-east-1a us-east-1b ' "$(answers_of "${NODES[0]}")"
  equal 'us-east-1a us-east-1b ' "$(answers_of "${NODES[1]}")"
  declare -p FRONT BEHIND SUBNETS SERVERS BALANCED BALANCER NODES >balancer-parts # each case is a shell of its own
}
run_case 'an application load balancer carries packets from a client to instances in two zones' balanced

by_name() {
  . ./balancer-parts
  local name
  name=$(query 'LoadBalancers[0].DNSName' elbv2 describe-load-balancers --load-balancer-arns "$BALANCER")
  curl -s -m 30 "http://${name%.amazonaws.com}.localhost:${ENDPOINT##*:}/" --resolve "${name%.amazonaws.com}.localhost:${ENDPOINT##*:}:127.0.0.1" | grep -q us-east-1
}
run_case "the cloud's own port leads to it under its name" by_name

guarded() {
  . ./balancer-parts
  aws ec2 revoke-security-group-ingress --group-id "$BEHIND" --protocol tcp --port 80 --source-group "$FRONT"
  within 30 told 'unhealthy|Target.Timeout|Request timed out'
  aws ec2 authorize-security-group-ingress --group-id "$BEHIND" --protocol tcp --port 80 --source-group "$FRONT"
  within 30 healths healthy,healthy
}
run_case 'the security group between the load balancer and its targets binds: without the rule they are unhealthy with Target.Timeout' guarded

stopped() {
  . ./balancer-parts
  aws ec2 stop-instances --instance-ids "${SERVERS[0]}" >/dev/null
  aws ec2 wait instance-stopped --instance-ids "${SERVERS[0]}"
  within 5 healths healthy,unused
  equal 'us-east-1b ' "$(answers_of "${NODES[0]}")"
  aws ec2 start-instances --instance-ids "${SERVERS[0]}" >/dev/null
  within 40 healths healthy,healthy
}
run_case 'a stopped instance is out of service and comes back' stopped

zone_lost() {
  . ./balancer-parts
  local name
  name=$(query 'LoadBalancers[0].DNSName' elbv2 describe-load-balancers --load-balancer-arns "$BALANCER")
  pileus fault zone us-east-1a down
  within 30 healths healthy,unhealthy
  equal 'us-east-1b ' "$(answers_of "${NODES[1]}" | tr -d '\r')"
  if page "${NODES[0]}" 2 | grep -q .; then return 1; fi
  pileus fault zone us-east-1a up
  within 40 healths healthy,healthy
  within 10 shows "${NODES[0]}" us-east-1
  aws elbv2 delete-load-balancer --load-balancer-arn "$BALANCER"
  aws ec2 terminate-instances --instance-ids "${SERVERS[@]}" >/dev/null
  aws ec2 wait instance-terminated --instance-ids "${SERVERS[@]}"
  aws elbv2 delete-target-group --target-group-arn "$BALANCED"
  aws ec2 delete-security-group --group-id "$BEHIND" >/dev/null
  aws ec2 delete-security-group --group-id "$FRONT" >/dev/null
}
run_case 'with a zone lost the other node answers; nothing is left when the load balancer goes' zone_lost
