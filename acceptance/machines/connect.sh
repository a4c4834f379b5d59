# shellcheck shell=bash
# EC2 Instance Connect: into an instance that has neither a public address nor a
# key, through an endpoint, with a key that is good for a minute.

endpoint_state() { query 'InstanceConnectEndpoints[0].State' ec2 describe-instance-connect-endpoints --instance-connect-endpoint-ids "$1"; }
endpoint_is() { [ "$(endpoint_state "$1")" = "$2" ]; }

connected() {
  local vpc subnet inside door id at eice name answer
  vpc=$(query Vpc.VpcId ec2 create-vpc --cidr-block 10.66.0.0/16)
  subnet=$(query Subnet.SubnetId ec2 create-subnet --vpc-id "$vpc" --cidr-block 10.66.1.0/24)
  door=$(query GroupId ec2 create-security-group --vpc-id "$vpc" --group-name door --description 'of the endpoint')
  inside=$(query GroupId ec2 create-security-group --vpc-id "$vpc" --group-name inside --description 'of the instance')
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --subnet-id "$subnet" --security-group-ids "$inside")
  eice=$(query InstanceConnectEndpoint.InstanceConnectEndpointId ec2 create-instance-connect-endpoint --subnet-id "$subnet" --security-group-ids "$door")
  aws ec2 wait instance-running --instance-ids "$id"
  within 10 endpoint_is "$eice" create-complete
  at=$(private "$id")
  name=$(query 'InstanceConnectEndpoints[0].DnsName' ec2 describe-instance-connect-endpoints --instance-connect-endpoint-ids "$eice")
  cat >through <<END
#!/bin/sh
exec python3 $here/tunnel.py $eice $name $at 22 ${ENDPOINT#http://}
END
  chmod +x through

  # The instance's group decides about the endpoint, and no key fits yet.
  answer=$(./through </dev/null 2>&1 || true)
  equal 'Unable to connect to target' "$answer"
  aws ec2 authorize-security-group-ingress --group-id "$inside" --protocol tcp --port 22 --source-group "$door" >/dev/null
  ssh-keygen -q -t ed25519 -N '' -f fresh
  inward() { ssh -i fresh -o ProxyCommand=./through -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=60 "$1@inside" "${@:2}"; }
  if inward ec2-user true; then return 1; fi
  aws ec2-instance-connect send-ssh-public-key --instance-id "$id" --instance-os-user ec2-user --ssh-public-key file://fresh.pub | has true
  equal "10.66.1 $id" "$(inward ec2-user 'echo $(echo $SSH_CLIENT | cut -d. -f1-3) $(curl -s -H "X-aws-ec2-metadata-token: $(curl -s -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" 169.254.169.254/latest/api/token)" 169.254.169.254/latest/meta-data/instance-id)')"
  if inward root true; then return 1; fi # it was pushed for somebody else
  pileus clock advance 61s >/dev/null
  if inward ec2-user true; then return 1; fi

  aws ec2 delete-instance-connect-endpoint --instance-connect-endpoint-id "$eice" >/dev/null
  aws ec2 terminate-instances --instance-ids "$id" >/dev/null
  aws ec2 wait instance-terminated --instance-ids "$id"
}
run_case 'a key that was pushed lets somebody in for a minute, through an Instance Connect Endpoint' connected

HOST_AMI=$(query 'Images[0].ImageId' ec2 describe-images --owners amazon --filters 'Name=name,Values=pileus-host-userland-*')

# The library of the aws CLI, in an instance: it finds the endpoint by its name,
# and trusts it.
by_library() {
  local subnet group id eice name
  subnet=$(query 'Subnets[0].SubnetId' ec2 describe-subnets --filters Name=default-for-az,Values=true Name=availability-zone,Values=us-east-1a)
  group=$(query GroupId ec2 create-security-group --group-name library --description library)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0 >/dev/null
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$HOST_AMI" --instance-type t3.small --key-name me --subnet-id "$subnet" --security-group-ids "$group")
  eice=$(query InstanceConnectEndpoint.InstanceConnectEndpointId ec2 create-instance-connect-endpoint --subnet-id "$subnet" --security-group-ids "$group")
  aws ec2 wait instance-running --instance-ids "$id"
  within 10 endpoint_is "$eice" create-complete
  within 10 into "$(public "$id")" true
  name=$(query 'InstanceConnectEndpoints[0].DnsName' ec2 describe-instance-connect-endpoints --instance-connect-endpoint-ids "$eice")
  into "$(public "$id")" "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 /usr/bin/python3 - $eice $name $(private "$id") 22" <"$here/tunnel.py" | has SSH-2.0
  aws ec2 delete-instance-connect-endpoint --instance-connect-endpoint-id "$eice" >/dev/null
  aws ec2 terminate-instances --instance-ids "$id" >/dev/null
}
if /usr/bin/python3 -c 'import awscrt.websocket' 2>/dev/null; then
  run_case "the aws CLI's library opens a tunnel from an instance" by_library
else
  skip_case "the aws CLI's library in an instance" 'python3-awscrt is not installed'
fi
