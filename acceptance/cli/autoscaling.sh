# shellcheck shell=bash
# aws autoscaling: a group that keeps its size, grows by schedule and policy,
# asks before it lets an instance go, and renews itself.

group_state() { aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names web --query "$1" --output text; }
serving() { group_state 'length(AutoScalingGroups[0].Instances[?LifecycleState==`InService`])'; }
in_service() { [ "$(serving)" = "$1" ]; }

made() {
  local ami id
  ami=$(aws ssm get-parameter --name /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64 --query Parameter.Value --output text)
  aws ec2 create-launch-template --launch-template-name web --launch-template-data "ImageId=$ami,InstanceType=t3.micro" >/dev/null
  aws autoscaling create-auto-scaling-group --auto-scaling-group-name web --launch-template LaunchTemplateName=web --min-size 1 --max-size 4 --desired-capacity 2 \
    --availability-zones us-east-1a us-east-1b --default-cooldown 0 --tags Key=Name,Value=web,PropagateAtLaunch=true
  aws autoscaling wait group-exists --auto-scaling-group-names web 2>/dev/null || true # newer clients have no such waiter
  soon in_service 2
  equal 2 "$(aws ec2 describe-instances --filters Name=tag:aws:autoscaling:groupName,Values=web Name=instance-state-name,Values=running --query 'length(Reservations[].Instances[])' --output text)"
  id=$(group_state 'AutoScalingGroups[0].Instances[0].InstanceId')
  aws ec2 terminate-instances --instance-ids "$id" >/dev/null
  replaced() { [ "$(serving)" = 2 ] && ! group_state 'AutoScalingGroups[0].Instances[].InstanceId' | grep -q "$id"; }
  soon replaced
  aws autoscaling describe-scaling-activities --auto-scaling-group-name web --query 'Activities[].Cause' --output text | has 'taken out of service in response to'
  refused ValidationError aws autoscaling set-desired-capacity --auto-scaling-group-name web --desired-capacity 9
}
run_case 'autoscaling: a group keeps its size' made

scaled() {
  aws autoscaling put-scaling-policy --auto-scaling-group-name web --policy-name more --adjustment-type ChangeInCapacity --scaling-adjustment 1 --query PolicyARN --output text | has :policyName/more
  aws autoscaling execute-policy --auto-scaling-group-name web --policy-name more
  soon in_service 3
  aws autoscaling put-scaling-policy --auto-scaling-group-name web --policy-name cpu --policy-type TargetTrackingScaling --target-tracking-configuration \
    '{"PredefinedMetricSpecification":{"PredefinedMetricType":"ASGAverageCPUUtilization"},"TargetValue":50}' --query 'length(Alarms)' --output text | has 2
  aws cloudwatch describe-alarms --alarm-name-prefix TargetTracking-web- --query 'length(MetricAlarms)' --output text | has 2
  aws autoscaling delete-policy --auto-scaling-group-name web --policy-name cpu
  aws cloudwatch describe-alarms --alarm-name-prefix TargetTracking-web- --query 'length(MetricAlarms)' --output text | has 0
  aws autoscaling put-scheduled-update-group-action --auto-scaling-group-name web --scheduled-action-name night --recurrence '0 2 * * *' --desired-capacity 1
  pileus clock advance 1d
  soon in_service 1
  aws autoscaling delete-scheduled-action --auto-scaling-group-name web --scheduled-action-name night
}
run_case 'autoscaling: policies and schedules' scaled

asked() {
  local url token id
  url=$(aws sqs create-queue --queue-name leaving --query QueueUrl --output text)
  aws iam create-role --role-name leaving --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"autoscaling.amazonaws.com"},"Action":"sts:AssumeRole"}]}' >/dev/null
  aws iam put-role-policy --role-name leaving --policy-name send --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:SendMessage","sqs:GetQueueUrl"],"Resource":"*"}]}'
  aws autoscaling put-lifecycle-hook --auto-scaling-group-name web --lifecycle-hook-name leaving --lifecycle-transition autoscaling:EC2_INSTANCE_TERMINATING \
    --heartbeat-timeout 600 --notification-target-arn arn:aws:sqs:us-east-1:$ACCOUNT:leaving --role-arn arn:aws:iam::$ACCOUNT:role/leaving
  id=$(group_state 'AutoScalingGroups[0].Instances[0].InstanceId')
  aws autoscaling terminate-instance-in-auto-scaling-group --instance-id "$id" --no-should-decrement-desired-capacity >/dev/null
  waits() { [ "$(group_state "AutoScalingGroups[0].Instances[?InstanceId=='$id'].LifecycleState")" = Terminating:Wait ]; }
  soon waits
  told() {
    token=$(aws sqs receive-message --queue-url "$url" --query "Messages[0].Body" --output text | python3 -c '
import json, sys
text = sys.stdin.read()
m = json.loads(text) if text.startswith("{") else {}
print(m.get("LifecycleActionToken", "") if m.get("EC2InstanceId") == sys.argv[1] else "")' "$id") && [ -n "$token" ]
  }
  soon told
  aws autoscaling complete-lifecycle-action --auto-scaling-group-name web --lifecycle-hook-name leaving --lifecycle-action-token "$token" --lifecycle-action-result CONTINUE
  gone() { ! group_state 'AutoScalingGroups[0].Instances[].InstanceId' | grep -q "$id"; }
  soon gone
  aws autoscaling delete-lifecycle-hook --auto-scaling-group-name web --lifecycle-hook-name leaving
}
run_case 'autoscaling: a lifecycle hook tells a queue, and waits for its answer' asked

renewed() {
  local before
  soon in_service 1
  before=$(group_state 'AutoScalingGroups[0].Instances[].InstanceId')
  aws autoscaling start-instance-refresh --auto-scaling-group-name web --preferences '{"InstanceWarmup":0,"MinHealthyPercentage":0}' --query InstanceRefreshId --output text | has -
  done_with() { [ "$(aws autoscaling describe-instance-refreshes --auto-scaling-group-name web --query 'InstanceRefreshes[0].Status' --output text)" = Successful ]; }
  soon done_with
  if [ "$before" = "$(group_state 'AutoScalingGroups[0].Instances[].InstanceId')" ]; then return 1; fi
  aws autoscaling put-warm-pool --auto-scaling-group-name web --min-size 1
  warm() { [ "$(aws autoscaling describe-warm-pool --auto-scaling-group-name web --query 'Instances[0].LifecycleState' --output text)" = Warmed:Stopped ]; }
  soon warm
  refused ResourceInUse aws autoscaling delete-auto-scaling-group --auto-scaling-group-name web
  aws autoscaling delete-auto-scaling-group --auto-scaling-group-name web --force-delete
  ended() { [ "$(group_state 'length(AutoScalingGroups)')" = 0 ]; }
  soon ended
  aws ec2 delete-launch-template --launch-template-name web >/dev/null
}
run_case 'autoscaling: an instance refresh, a warm pool, the end' renewed
