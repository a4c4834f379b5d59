# shellcheck shell=bash
# The metadata service at its IPv6 address, for who asked for it.

over_ipv6() {
  local vpc subnet group table gateway six id at
  vpc=$(query Vpc.VpcId ec2 create-vpc --cidr-block 10.67.0.0/16 --amazon-provided-ipv6-cidr-block)
  six=$(query 'Vpcs[0].Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock' ec2 describe-vpcs --vpc-ids "$vpc")
  subnet=$(query Subnet.SubnetId ec2 create-subnet --vpc-id "$vpc" --cidr-block 10.67.1.0/24 --ipv6-cidr-block "${six%::/56}::/64")
  gateway=$(query InternetGateway.InternetGatewayId ec2 create-internet-gateway)
  aws ec2 attach-internet-gateway --vpc-id "$vpc" --internet-gateway-id "$gateway"
  table=$(query 'RouteTables[0].RouteTableId' ec2 describe-route-tables --filters "Name=vpc-id,Values=$vpc")
  aws ec2 create-route --route-table-id "$table" --destination-cidr-block 0.0.0.0/0 --gateway-id "$gateway"
  group=$(query GroupId ec2 create-security-group --vpc-id "$vpc" --group-name six --description 'IPv6')
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --key-name me --subnet-id "$subnet" --security-group-ids "$group" \
    --associate-public-ip-address --ipv6-address-count 1 --metadata-options HttpTokens=optional,HttpProtocolIpv6=enabled)
  aws ec2 wait instance-running --instance-ids "$id"
  at=$(public "$id")
  within 20 into "$at" true
  equal "$id" "$(into "$at" 'curl -s -m 30 http://[fd00:ec2::254]/latest/meta-data/instance-id')"
  aws ec2 modify-instance-metadata-options --instance-id "$id" --http-protocol-ipv6 disabled
  equal '' "$(into "$at" 'curl -s -m 3 http://[fd00:ec2::254]/latest/meta-data/instance-id || true')"
  equal "$id" "$(into "$at" 'curl -s -m 30 http://169.254.169.254/latest/meta-data/instance-id')"
  aws ec2 terminate-instances --instance-ids "$id"
}
run_case 'the metadata service answers over IPv6 where the options say so' over_ipv6
