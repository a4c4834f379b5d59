# shellcheck shell=bash
# An unmodified aws CLI inside of an instance: it finds the cloud by DNS, trusts
# its TLS, gets the role's credentials, and IAM allows or denies it.

HOST_AMI=$(query 'Images[0].ImageId' ec2 describe-images --owners amazon --filters 'Name=name,Values=pileus-host-userland-*')

role() {
  local group id
  aws s3 mb s3://for-the-role
  echo 'what the role may read' | aws s3 cp - s3://for-the-role/file
  aws iam create-role --role-name reader --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
  aws iam put-role-policy --role-name reader --policy-name read --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"*"}]}'
  aws iam create-instance-profile --instance-profile-name reader
  aws iam add-role-to-instance-profile --instance-profile-name reader --role-name reader
  group=$(query GroupId ec2 create-security-group --group-name role --description role)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$HOST_AMI" --instance-type t3.small --key-name me --security-group-ids "$group" --iam-instance-profile Name=reader)
  aws ec2 wait instance-running --instance-ids "$id"
  echo "reader=$id" >rids
  within 10 into "$(public "$id")" true
  into "$(public "$id")" 'aws sts get-caller-identity --query Arn --output text' | has "assumed-role/reader/$id"
  into "$(public "$id")" 'aws s3 cp s3://for-the-role/file -' | has 'what the role may read'
  into "$(public "$id")" 'aws s3 rm s3://for-the-role/file 2>&1 || true' | has 'AccessDenied'
  into "$(public "$id")" 'aws ec2 describe-vpcs 2>&1 || true' | has 'UnauthorizedOperation'
  aws ec2 terminate-instances --instance-ids "$id"
}
if [ -x /usr/bin/aws ]; then
  run_case 'the aws CLI in an instance works with its role, without endpoint or key' role
else
  skip_case 'the aws CLI in an instance' 'it is not in /usr/bin; scripts/setup installs the package awscli where there is one'
fi

agent() {
  local id
  aws iam create-role --role-name watched --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
  aws iam put-role-policy --role-name watched --policy-name put --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloudwatch:PutMetricData","Resource":"*"}]}'
  aws iam create-instance-profile --instance-profile-name watched
  aws iam add-role-to-instance-profile --instance-profile-name watched --role-name watched
  cat >agent.sh <<'END'
#!/bin/sh
cat >/tmp/agent.json <<'CONFIG'
{"metrics": {"metrics_collection_interval": 1, "append_dimensions": {"InstanceId": "${aws:InstanceId}"},
  "metrics_collected": {"mem": {"measurement": ["mem_used_percent"]}, "disk": {"measurement": ["disk_used_percent"], "resources": ["/"]}}}}
CONFIG
amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c file:/tmp/agent.json
END
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.small --iam-instance-profile Name=watched --user-data file://agent.sh)
  aws ec2 wait instance-running --instance-ids "$id"
  published() { [ "$(query 'length(Metrics)' cloudwatch list-metrics --namespace CWAgent --metric-name "$1" --dimensions "Name=InstanceId,Value=$id")" = 1 ]; }
  within 20 published mem_used_percent
  within 20 published disk_used_percent
  local from to
  from=$(date -u -d '-10 min' +%FT%TZ) to=$(date -u -d '+2 min' +%FT%TZ)
  query 'Datapoints[0].Maximum' cloudwatch get-metric-statistics --namespace CWAgent --metric-name mem_used_percent --dimensions "Name=InstanceId,Value=$id" \
    --start-time "$from" --end-time "$to" --period 3600 --statistics Maximum |
    python3 -c 'import sys; v = float(sys.stdin.read()); sys.exit(not 0 < v < 100)'
  aws ec2 terminate-instances --instance-ids "$id"
}
run_case 'the CloudWatch agent in an instance publishes its memory and disk with its role' agent
