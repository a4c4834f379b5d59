# shellcheck shell=bash
# A VPC by hand, as in the course: subnets, routes, a gateway, an ACL with rules
# 100 and 101, a security group, an instance whose user data starts a web server.

build() {
  local vpc public private gateway table acl
  vpc=$(query Vpc.VpcId ec2 create-vpc --cidr-block 10.0.0.0/16)
  aws ec2 modify-vpc-attribute --vpc-id "$vpc" --enable-dns-hostnames
  public=$(query Subnet.SubnetId ec2 create-subnet --vpc-id "$vpc" --cidr-block 10.0.1.0/24 --availability-zone us-east-1a)
  private=$(query Subnet.SubnetId ec2 create-subnet --vpc-id "$vpc" --cidr-block 10.0.2.0/24 --availability-zone us-east-1b)
  aws ec2 modify-subnet-attribute --subnet-id "$public" --map-public-ip-on-launch
  gateway=$(query InternetGateway.InternetGatewayId ec2 create-internet-gateway)
  aws ec2 attach-internet-gateway --internet-gateway-id "$gateway" --vpc-id "$vpc"
  table=$(query RouteTable.RouteTableId ec2 create-route-table --vpc-id "$vpc")
  aws ec2 create-route --route-table-id "$table" --destination-cidr-block 0.0.0.0/0 --gateway-id "$gateway"
  aws ec2 associate-route-table --route-table-id "$table" --subnet-id "$public"
  acl=$(query NetworkAcl.NetworkAclId ec2 create-network-acl --vpc-id "$vpc")
  aws ec2 create-network-acl-entry --network-acl-id "$acl" --rule-number 100 --protocol tcp --port-range From=80,To=80 --cidr-block 0.0.0.0/0 --rule-action allow --ingress
  aws ec2 create-network-acl-entry --network-acl-id "$acl" --rule-number 101 --protocol tcp --port-range From=22,To=22 --cidr-block 0.0.0.0/0 --rule-action allow --ingress
  aws ec2 create-network-acl-entry --network-acl-id "$acl" --rule-number 100 --protocol tcp --port-range From=1024,To=65535 --cidr-block 0.0.0.0/0 --rule-action allow --egress
  local association
  association=$(query "NetworkAcls[0].Associations[?SubnetId=='$public'].NetworkAclAssociationId | [0]" ec2 describe-network-acls --filters "Name=association.subnet-id,Values=$public")
  aws ec2 replace-network-acl-association --association-id "$association" --network-acl-id "$acl"
  local group
  group=$(query GroupId ec2 create-security-group --group-name web --description 'web servers' --vpc-id "$vpc")
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr 0.0.0.0/0
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0
  printf '%s\n' "vpc=$vpc" "public_subnet=$public" "private_subnet=$private" "acl=$acl" "group=$group" "table=$table" >ids
}
run_case 'a VPC by hand: subnets, gateway, routes, ACL, group' build

launch() {
  . ./ids
  cat >user-data <<'U'
#!/bin/bash
yum install -y httpd
systemctl start httpd
echo "hello from $(hostname -f)" >/var/www/html/index.html
echo started >/home/ec2-user/marker
U
  local id ip
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --key-name me --subnet-id "$public_subnet" --security-group-ids "$group" --user-data file://user-data --tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=web}]')
  aws ec2 wait instance-running --instance-ids "$id"
  ip=$(public "$id")
  within 10 shows "$ip" 'hello from ip-10-0-1-'
  printf '%s\n' "web=$id" "ip=$ip" >>ids
  aws ec2 get-console-output --instance-id "$id" --latest --query Output --output text | has 'Complete!'
}
run_case 'an instance with user data: its web server is read from outside' launch

inside() {
  . ./ids
  into "$ip" 'cat marker' | has started
  # As on AWS, this image's instances tell nothing without a token.
  into "$ip" 'curl -s -o /dev/null -w %{http_code} http://169.254.169.254/latest/meta-data/' | has 401
  into "$ip" "$(token) http://169.254.169.254/latest/meta-data/instance-id" | has "$web"
  into "$ip" 'T=$(curl -s -X PUT http://169.254.169.254/latest/api/token -H "X-aws-ec2-metadata-token-ttl-seconds: 60"); curl -s -H "X-aws-ec2-metadata-token: $T" http://169.254.169.254/latest/meta-data/placement/availability-zone' | has us-east-1a
  into "$ip" "$(token) http://169.254.169.254/latest/user-data" | has 'yum install'
  into "$ip" 'sudo id -u' | has 0
}
run_case 'ssh with the key pair; metadata from inside' inside

packets() {
  . ./ids
  aws ec2 revoke-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr 0.0.0.0/0
  if page "$ip" 2; then return 1; fi
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr 0.0.0.0/0
  shows "$ip" hello
  # Without the ephemeral ports, answers do not leave: an ACL knows no connections.
  aws ec2 delete-network-acl-entry --network-acl-id "$acl" --rule-number 100 --egress
  if page "$ip" 2; then return 1; fi
  aws ec2 create-network-acl-entry --network-acl-id "$acl" --rule-number 100 --protocol tcp --port-range From=1024,To=65535 --cidr-block 0.0.0.0/0 --rule-action allow --egress
  shows "$ip" hello
  # A lower number wins.
  aws ec2 create-network-acl-entry --network-acl-id "$acl" --rule-number 99 --protocol tcp --port-range From=80,To=80 --cidr-block 0.0.0.0/0 --rule-action deny --ingress
  if page "$ip" 2; then return 1; fi
  aws ec2 delete-network-acl-entry --network-acl-id "$acl" --rule-number 99 --ingress
  shows "$ip" hello
  aws ec2 delete-route --route-table-id "$table" --destination-cidr-block 0.0.0.0/0
  if page "$ip" 2; then return 1; fi
  aws ec2 create-route --route-table-id "$table" --destination-cidr-block 0.0.0.0/0 --gateway-id "$(query 'InternetGateways[0].InternetGatewayId' ec2 describe-internet-gateways --filters "Name=attachment.vpc-id,Values=$vpc")"
  shows "$ip" hello
}
run_case 'packets obey the group, the ACL and the routes, at once' packets

stop_start() {
  . ./ids
  local was=$ip
  aws ec2 stop-instances --instance-ids "$web"
  aws ec2 wait instance-stopped --instance-ids "$web"
  equal None "$(public "$web")"
  if page "$was" 2; then return 1; fi
  local before
  before=$(private "$web")
  aws ec2 start-instances --instance-ids "$web"
  aws ec2 wait instance-running --instance-ids "$web"
  ip=$(public "$web")
  [ "$ip" != None ]
  equal "$before" "$(private "$web")"
  echo "ip=$ip" >>ids
  within 5 into "$ip" 'cat marker' | has started # user data did not run again, the disk is the same
}
run_case 'stop and start: another public address, the same private one, the same disk' stop_start

shutdown_inside() {
  . ./ids
  into "$ip" 'sudo shutdown -h now' || true
  aws ec2 wait instance-stopped --instance-ids "$web"
  query 'Reservations[0].Instances[0].StateReason.Code' ec2 describe-instances --instance-ids "$web" | has Client.InstanceInitiatedShutdown
  aws ec2 start-instances --instance-ids "$web"
  aws ec2 wait instance-running --instance-ids "$web"
  echo "ip=$(public "$web")" >>ids
}
run_case 'shutdown from inside stops it' shutdown_inside

golden() {
  . ./ids
  within 5 into "$ip" 'echo golden | sudo tee -a marker; sync'
  local ami id second
  ami=$(query ImageId ec2 create-image --instance-id "$web" --name golden)
  aws ec2 wait image-available --image-ids "$ami"
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$ami" --instance-type t3.micro --key-name me --subnet-id "$public_subnet" --security-group-ids "$group")
  aws ec2 wait instance-running --instance-ids "$id"
  second=$(public "$id")
  within 5 into "$second" 'cat marker' | has golden
  aws ec2 terminate-instances --instance-ids "$id"
  aws ec2 wait instance-terminated --instance-ids "$id"
}
run_case 'an image of it, launched, has what it had' golden

private_subnet() {
  . ./ids
  local id at
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --key-name me --subnet-id "$private_subnet" --security-group-ids "$group" --user-data file://user-data)
  aws ec2 wait instance-running --instance-ids "$id"
  at=$(private "$id")
  equal None "$(public "$id")"
  aws ec2 create-network-acl-entry --network-acl-id "$acl" --rule-number 200 --protocol=-1 --cidr-block 10.0.0.0/16 --rule-action allow --ingress
  aws ec2 create-network-acl-entry --network-acl-id "$acl" --rule-number 200 --protocol=-1 --cidr-block 10.0.0.0/16 --rule-action allow --egress
  within 10 into "$ip" "curl -s -m 2 http://$at/" | has 'hello from ip-10-0-2-'
  echo "db=$id" >>ids
}
run_case 'an instance in a private subnet is reached from within alone' private_subnet

nat() {
  . ./ids
  local address gateway table at
  at=$(private "$db")
  address=$(query AllocationId ec2 allocate-address --domain vpc)
  gateway=$(query NatGateway.NatGatewayId ec2 create-nat-gateway --subnet-id "$public_subnet" --allocation-id "$address")
  aws ec2 wait nat-gateway-available --nat-gateway-ids "$gateway"
  table=$(query RouteTable.RouteTableId ec2 create-route-table --vpc-id "$vpc")
  aws ec2 associate-route-table --route-table-id "$table" --subnet-id "$private_subnet"
  # Without a route there is no way out of the subnet.
  within 5 reaches_api "$at" refuses
  aws ec2 create-route --route-table-id "$table" --destination-cidr-block 0.0.0.0/0 --nat-gateway-id "$gateway"
  aws ec2 create-network-acl-entry --network-acl-id "$acl" --rule-number 300 --protocol tcp --port-range From=443,To=443 --cidr-block 0.0.0.0/0 --rule-action allow --egress
  aws ec2 create-network-acl-entry --network-acl-id "$acl" --rule-number 300 --protocol tcp --port-range From=1024,To=65535 --cidr-block 0.0.0.0/0 --rule-action allow --ingress
  within 5 reaches_api "$at" answers
}
# reaches_api AT answers|refuses: does an instance in the private subnet reach
# the cloud's API? It is asked through the one in the public subnet.
reaches_api() {
  local out
  out=$(through "$1" 'curl -s -m 2 https://sts.us-east-1.amazonaws.com/ >/dev/null && echo yes || echo no')
  case $2 in answers) [ "$out" = yes ] ;; refuses) [ "$out" = no ] ;; esac
}
through() {
  ssh -i "$WORK/me.pem" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
    -o "ProxyCommand=ssh -i $WORK/me.pem -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -W %h:%p ec2-user@$ip" "ec2-user@$1" "$2"
}
run_case 'a NAT gateway lets a private subnet out' nat

why() {
  . ./ids
  pileus why net internet "$web" 80 | has 'It arrives, and so do the answers.'
  pileus why net internet "$web" 81 | has 'there it stops'
}
if pileus why net --help 2>&1 | grep -q 'why net'; then run_case 'why net: what stops a packet' why; fi

gone() {
  . ./ids
  aws ec2 terminate-instances --instance-ids "$web" "$db"
  aws ec2 wait instance-terminated --instance-ids "$web" "$db"
  refused DependencyViolation aws ec2 delete-vpc --vpc-id "$vpc"
}
run_case 'terminated, and gone' gone
