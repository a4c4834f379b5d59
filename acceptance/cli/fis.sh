# shellcheck shell=bash
# aws fis, and pileus fault zone: failure on purpose.

experiment_is() { [ "$(aws fis get-experiment --id "$1" --query experiment.state.status --output text)" = "$2" ]; }
instance_is() { [ "$(aws ec2 describe-instances --instance-ids "$1" --query 'Reservations[0].Instances[0].State.Name' --output text)" = "$2" ]; }

stopped() {
  local ami id template x
  ami=$(aws ssm get-parameter --name /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64 --query Parameter.Value --output text)
  id=$(aws ec2 run-instances --image-id "$ami" --instance-type t3.micro --tag-specifications 'ResourceType=instance,Tags=[{Key=chaos,Value=yes}]' --query 'Instances[0].InstanceId' --output text)
  aws ec2 wait instance-running --instance-ids "$id"
  aws iam create-role --role-name chaos --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"fis.amazonaws.com"},"Action":"sts:AssumeRole"}]}' >/dev/null
  aws iam put-role-policy --role-name chaos --policy-name act --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:*","tag:*"],"Resource":"*"}]}'
  template=$(aws fis create-experiment-template --description 'an instance stops' --role-arn arn:aws:iam::$ACCOUNT:role/chaos --stop-conditions source=none \
    --targets '{"one":{"resourceType":"aws:ec2:instance","resourceTags":{"chaos":"yes"},"selectionMode":"ALL"}}' \
    --actions '{"stop":{"actionId":"aws:ec2:stop-instances","parameters":{"startInstancesAfterDuration":"PT10M"},"targets":{"Instances":"one"}}}' \
    --query experimentTemplate.id --output text)
  x=$(aws fis start-experiment --experiment-template-id "$template" --query experiment.id --output text)
  soon instance_is "$id" stopped
  pileus clock advance 11m
  soon instance_is "$id" running
  soon experiment_is "$x" completed
  aws fis list-actions --query 'length(actions[?id==`aws:ec2:stop-instances`])' --output text | has 1
  refused ResourceNotFoundException aws fis get-experiment --id EXPnothing
  aws fis delete-experiment-template --id "$template" >/dev/null
  aws ec2 terminate-instances --instance-ids "$id" >/dev/null
}
run_case 'fis: an experiment stops an instance, and starts it again' stopped

zone_lost() {
  pileus fault zone us-east-1b down | has down
  aws ec2 describe-availability-zones --zone-names us-east-1b --query 'AvailabilityZones[0].State' --output text | has unavailable
  local ami
  ami=$(aws ssm get-parameter --name /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64 --query Parameter.Value --output text)
  refused InsufficientInstanceCapacity env AWS_MAX_ATTEMPTS=1 aws ec2 run-instances --image-id "$ami" --instance-type t3.micro --placement AvailabilityZone=us-east-1b
  pileus fault zone us-east-1b up
  aws ec2 describe-availability-zones --zone-names us-east-1b --query 'AvailabilityZones[0].State' --output text | has available
}
run_case 'fault zone: nothing starts in a zone that is dark, until it is lit' zone_lost
