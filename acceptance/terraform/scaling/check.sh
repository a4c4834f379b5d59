# The group's instances serve through the load balancer, where packets are real;
# on Monday morning there is one more.
group=$(aws autoscaling describe-auto-scaling-groups --query 'AutoScalingGroups[0].AutoScalingGroupName' --output text)
serving() { aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$group" --query 'length(AutoScalingGroups[0].Instances[?LifecycleState==`InService`])' --output text; }
within() {
  for _ in $(seq 600); do
    "$@" && return
    sleep 0.2
  done
  echo "waited in vain for: $*"
  return 1
}
test "$(serving)" = 2
if pileus status | grep -q 'data plane *linux'; then
  node=$(aws ec2 describe-network-interfaces --filters 'Name=description,Values=ELB app/tf-scaling*' --query 'NetworkInterfaces[0].Association.PublicIp' --output text)
  answers() { curl -s -m 2 "http://$node/" | grep -q '^ip-'; }
  within answers
fi
pileus clock advance 4d # a workday's morning at least
three() { test "$(serving)" = 3; }
within three
aws autoscaling describe-scaling-activities --auto-scaling-group-name "$group" --query 'Activities[].Cause' --output text | grep -q 'morning'
