# shellcheck shell=bash
# A zonal shift of an application load balancer over two zones: its name leads to
# the other zone's node only, and nothing new reaches the targets of the zone, be
# the request sent to its node all the same.

# named are the addresses that the name leads to, as an instance resolves it.
named() { into "$CLIENT" "dig +short $NAME" | sort | tr '\n' ' '; }
leads() { [ "$(named)" = "$1" ]; }
# answering are the zones of the instances that answer at an address, over ten requests.
answering() {
  local n
  for ((n = 0; n < 10; n++)); do page "$1"; done | sort -u | tr '\n' ' '
}
overrides() { # health and override of each target
  query 'TargetHealthDescriptions[].[TargetHealth.State, AdministrativeOverride.State]' elbv2 describe-target-health --target-group-arn "$TARGETS" |
    tr '\t' , | sort | tr '\n' ' '
}
well() { [ "$(query "TargetHealthDescriptions[].TargetHealth.State | join(',', @)" elbv2 describe-target-health --target-group-arn "$TARGETS")" = healthy,healthy ]; }

shiftable() {
  local inside vpc zone subnets=() client
  SERVERS=()
  inside=$(query GroupId ec2 create-security-group --group-name shifted --description 'shifted')
  aws ec2 authorize-security-group-ingress --group-id "$inside" --protocol tcp --port 80 --cidr 0.0.0.0/0
  aws ec2 authorize-security-group-ingress --group-id "$inside" --protocol tcp --port 22 --cidr 0.0.0.0/0
  vpc=$(query 'Vpcs[0].VpcId' ec2 describe-vpcs --filters Name=is-default,Values=true)
  for zone in us-east-1a us-east-1b; do
    subnets+=("$(query 'Subnets[0].SubnetId' ec2 describe-subnets --filters Name=default-for-az,Values=true Name=availability-zone,Values=$zone)")
    printf '#!/bin/sh\nmkdir -p /var/www/html\necho %s >/var/www/html/index.html\nhttpd -p 80 -h /var/www/html\n' "$zone" >"shift-$zone"
    SERVERS+=("$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --security-group-ids "$inside" \
      --subnet-id "${subnets[-1]}" --user-data "file://shift-$zone" --key-name me)")
  done
  aws ec2 wait instance-running --instance-ids "${SERVERS[@]}"
  CLIENT=$(public "${SERVERS[1]}")
  TARGETS=$(query 'TargetGroups[0].TargetGroupArn' elbv2 create-target-group --name shifted --protocol HTTP --port 80 --vpc-id "$vpc" \
    --health-check-interval-seconds 5 --health-check-timeout-seconds 2 --healthy-threshold-count 2 --unhealthy-threshold-count 2)
  aws elbv2 register-targets --target-group-arn "$TARGETS" --targets "Id=${SERVERS[0]}" "Id=${SERVERS[1]}"
  LB=$(query 'LoadBalancers[0].LoadBalancerArn' elbv2 create-load-balancer --name shifted --subnets "${subnets[@]}" --security-groups "$inside")
  NAME=$(query 'LoadBalancers[0].DNSName' elbv2 describe-load-balancers --load-balancer-arns "$LB")
  aws elbv2 modify-load-balancer-attributes --load-balancer-arn "$LB" --attributes Key=zonal_shift.config.enabled,Value=true >/dev/null
  aws elbv2 create-listener --load-balancer-arn "$LB" --protocol HTTP --port 80 --default-actions "Type=forward,TargetGroupArn=$TARGETS" >/dev/null
  aws elbv2 wait load-balancer-available --load-balancer-arns "$LB"
  within 30 well
  NODES=($(query "sort_by(NetworkInterfaces[?starts_with(Description, 'ELB app/shifted/')], &AvailabilityZone)[].Association.PublicIp" ec2 describe-network-interfaces \
    --filters Name=requester-id,Values=amazon-elb))
  equal 2 "${#NODES[@]}"
  BOTH=$(printf '%s\n' "${NODES[@]}" | sort | tr '\n' ' ')
  within 10 leads "$BOTH"
  equal 'us-east-1a us-east-1b ' "$(answering "${NODES[0]}")"
  equal 'us-east-1a us-east-1b ' "$(answering "${NODES[1]}")"
  equal 'healthy,no_override healthy,no_override ' "$(overrides)"
  aws arc-zonal-shift list-managed-resources --query 'items[].arn' --output text | has "$LB"
  declare -p SERVERS CLIENT TARGETS LB NAME NODES BOTH inside >shift-parts # each case is a shell of its own
}
run_case 'a load balancer over two zones that traffic can be shifted away from' shiftable

shifted_away() {
  . ./shift-parts
  local id
  id=$(query zonalShiftId arc-zonal-shift start-zonal-shift --resource-identifier "$LB" --away-from use1-az1 --expires-in 1h --comment test)
  within 10 leads "${NODES[1]} "
  equal 'us-east-1b ' "$(answering "${NODES[1]}")"
  equal 'us-east-1b ' "$(answering "${NODES[0]}")" # who knows the address still
  equal 'us-east-1b' "$(into "$CLIENT" "curl -s http://$NAME/")"
  equal 'healthy,no_override healthy,zonal_shift_active ' "$(overrides)"
  equal 0.0 "$(query 'appliedWeights."use1-az1"' arc-zonal-shift get-managed-resource --resource-identifier "$LB")"
  refused ConflictException aws arc-zonal-shift start-zonal-shift --resource-identifier "$LB" --away-from use1-az2 --expires-in 1h --comment again
  aws arc-zonal-shift cancel-zonal-shift --zonal-shift-id "$id" >/dev/null
  within 10 leads "$BOTH"
  equal 'us-east-1a us-east-1b ' "$(answering "${NODES[0]}")"
  equal 'healthy,no_override healthy,no_override ' "$(overrides)"
}
run_case 'a shift takes the zone out of the name, and its targets out of traffic; canceled, both are back' shifted_away

shift_delegated() {
  . ./shift-parts
  aws elbv2 modify-target-group-attributes --target-group-arn "$TARGETS" --attributes Key=load_balancing.cross_zone.enabled,Value=false >/dev/null
  within 10 only_own_zone
  aws arc-zonal-shift start-zonal-shift --resource-identifier "$LB" --away-from use1-az2 --expires-in 1m --comment test >/dev/null
  within 10 leads "${NODES[0]} "
  equal 'healthy,no_override healthy,zonal_shift_delegated_to_dns ' "$(overrides)"
  equal 'us-east-1b ' "$(answering "${NODES[1]}")" # without cross-zone, only DNS keeps clients away
  pileus clock advance 1m >/dev/null
  within 10 leads "$BOTH"
  equal EXPIRED "$(query 'items[?comment==`test`] | [-1].status' arc-zonal-shift list-zonal-shifts)"
}
only_own_zone() { [ "$(answering "${NODES[0]}")$(answering "${NODES[1]}")" = 'us-east-1a us-east-1b ' ]; }
run_case 'without cross-zone load balancing the shift is left to DNS; it expires by the clock' shift_delegated

shift_gone() {
  . ./shift-parts
  aws elbv2 delete-load-balancer --load-balancer-arn "$LB"
  aws arc-zonal-shift list-managed-resources --query 'items[].arn' --output text | hasnt "$LB"
  aws ec2 terminate-instances --instance-ids "${SERVERS[@]}" >/dev/null
  aws ec2 wait instance-terminated --instance-ids "${SERVERS[@]}"
  aws elbv2 delete-target-group --target-group-arn "$TARGETS"
  aws ec2 delete-security-group --group-id "$inside" >/dev/null
}
run_case 'what is deleted is managed no more' shift_gone
