# shellcheck shell=bash
# aws elbv2: application and network load balancers.

balancers() {
  local vpc subnets lb tg listener rule
  vpc=$(aws ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[0].VpcId' --output text)
  read -r -a subnets < <(aws ec2 describe-subnets --filters Name=default-for-az,Values=true --query 'Subnets[:2].SubnetId' --output text)
  lb=$(aws elbv2 create-load-balancer --name web --subnets "${subnets[@]}" --query 'LoadBalancers[0].LoadBalancerArn' --output text)
  aws elbv2 wait load-balancer-available --load-balancer-arns "$lb"
  aws elbv2 wait load-balancer-exists --names web
  equal "$lb" "$(aws elbv2 create-load-balancer --name web --subnets "${subnets[@]}" --query 'LoadBalancers[0].LoadBalancerArn' --output text)"
  refused DuplicateLoadBalancerName aws elbv2 create-load-balancer --name web --type network --subnets "${subnets[@]}"
  tg=$(aws elbv2 create-target-group --name web --protocol HTTP --port 80 --vpc-id "$vpc" --health-check-path /health --query 'TargetGroups[0].TargetGroupArn' --output text)
  aws elbv2 modify-target-group-attributes --target-group-arn "$tg" --attributes Key=deregistration_delay.timeout_seconds,Value=7 |
    has '"Value": "7"'
  listener=$(aws elbv2 create-listener --load-balancer-arn "$lb" --protocol HTTP --port 80 --default-actions "Type=forward,TargetGroupArn=$tg" --query 'Listeners[0].ListenerArn' --output text)
  rule=$(aws elbv2 create-rule --listener-arn "$listener" --priority 5 --conditions Field=path-pattern,Values='/old/*' \
    --actions 'Type=fixed-response,FixedResponseConfig={StatusCode=410,ContentType=text/plain,MessageBody=gone}' --query 'Rules[0].RuleArn' --output text)
  refused PriorityInUse aws elbv2 create-rule --listener-arn "$listener" --priority 5 --conditions Field=path-pattern,Values=/x --actions "Type=forward,TargetGroupArn=$tg"
  aws elbv2 set-rule-priorities --rule-priorities "RuleArn=$rule,Priority=9" --query 'Rules[0].Priority' --output text | has 9
  refused ResourceInUse aws elbv2 delete-target-group --target-group-arn "$tg"

  # The cloud's own port leads to the listener, under the load balancer's name.
  local host
  host=$(aws elbv2 describe-load-balancers --names web --query 'LoadBalancers[0].DNSName' --output text)
  equal '410 gone' "$(curl -s -H "Host: $host" -w ' %{http_code}' "$ENDPOINT/old/page" | awk '{print $2, $1}')"
  equal 503 "$(curl -s -o page -H "Host: $host" -w '%{http_code}' "$ENDPOINT/new")" # no target
  has '503 Service Temporarily Unavailable' <page

  aws elbv2 add-tags --resource-arns "$lb" --tags Key=team,Value=red
  aws elbv2 describe-tags --resource-arns "$lb" --query 'TagDescriptions[0].Tags[0].Value' --output text | has red
  aws elbv2 modify-load-balancer-attributes --load-balancer-arn "$lb" --attributes Key=deletion_protection.enabled,Value=true >/dev/null
  refused OperationNotPermitted aws elbv2 delete-load-balancer --load-balancer-arn "$lb"
  aws elbv2 modify-load-balancer-attributes --load-balancer-arn "$lb" --attributes Key=deletion_protection.enabled,Value=false >/dev/null
  aws elbv2 delete-load-balancer --load-balancer-arn "$lb"
  aws elbv2 wait load-balancers-deleted --load-balancer-arns "$lb"
  aws elbv2 delete-target-group --target-group-arn "$tg"
  refused LoadBalancerNotFound aws elbv2 describe-load-balancers --names web
}
run_case 'elbv2: a load balancer, its targets, rules and attributes' balancers
