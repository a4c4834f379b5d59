# shellcheck shell=bash
# An endpoint service of one account, and an endpoint to it in the VPC of
# another, whose range is the same: nothing but the service is reached.

CONSUMER=111122223333
consumer() { AWS_ACCESS_KEY_ID=$CONSUMER "$@"; }
consumed() { consumer query "$@"; }
connection_state() { query 'VpcEndpointConnections[0].VpcEndpointState' ec2 describe-vpc-endpoint-connections; }
is_connected() { [ "$(connection_state)" = "$1" ]; }
is_healthy() { [ "$(query "TargetHealthDescriptions[].TargetHealth.State | join(',', @)" elbv2 describe-target-health --target-group-arn "$1")" = healthy ]; }
# says_through NAME: what the service says to the consumer's instance.
says_through() { consumer into "$guest" curl -s -m 3 "http://$1/cgi-bin/who"; }

privatelink() {
  local vpc subnet group id targets targets2 balancer service name vpce door mine consumer_id guest group2 at consumer_hex
  vpc=$(query 'Vpcs[0].VpcId' ec2 describe-vpcs --filters Name=is-default,Values=true)
  subnet=$(query 'Subnets[0].SubnetId' ec2 describe-subnets --filters Name=default-for-az,Values=true Name=availability-zone,Values=us-east-1a)
  group=$(query GroupId ec2 create-security-group --group-name offered --description 'behind the service')
  cat >offers <<'END'
#!/bin/bash
mkdir -p /srv/web/cgi-bin
printf '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nhello $REMOTE_ADDR"\n' > /srv/web/cgi-bin/who
chmod +x /srv/web/cgi-bin/who
httpd -p 80 -h /srv/web > /dev/null 2>&1 &
nc -l -k -p 81 > /srv/web/heard 2> /dev/null &
END
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --subnet-id "$subnet" --security-group-ids "$group" --user-data file://offers)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 80-81 --cidr 172.31.0.0/16
  targets=$(query 'TargetGroups[0].TargetGroupArn' elbv2 create-target-group --name offered --protocol TCP --port 80 --vpc-id "$vpc" \
    --health-check-interval-seconds 5 --health-check-timeout-seconds 2 --healthy-threshold-count 2 --unhealthy-threshold-count 2)
  balancer=$(query 'LoadBalancers[0].LoadBalancerArn' elbv2 create-load-balancer --name offered --type network --scheme internal --subnets "$subnet")
  aws ec2 wait instance-running --instance-ids "$id"
  aws elbv2 register-targets --target-group-arn "$targets" --targets "Id=$id"
  aws elbv2 create-listener --load-balancer-arn "$balancer" --protocol TCP --port 80 --default-actions "Type=forward,TargetGroupArn=$targets" >/dev/null
  read -r service name < <(query '[ServiceConfiguration.ServiceId,ServiceConfiguration.ServiceName]' ec2 create-vpc-endpoint-service-configuration --network-load-balancer-arns "$balancer" --acceptance-required)
  aws ec2 modify-vpc-endpoint-service-permissions --service-id "$service" --add-allowed-principals "arn:aws:iam::$CONSUMER:root" >/dev/null

  # The consumer: an instance in its default VPC, which has the same range.
  consumer aws ec2 import-key-pair --key-name me --public-key-material "fileb://$WORK/me.pub" >/dev/null
  group2=$(consumed GroupId ec2 create-security-group --group-name guest --description 'who asks')
  consumer aws ec2 authorize-security-group-ingress --group-id "$group2" --protocol tcp --port 22 --cidr 0.0.0.0/0
  subnet=$(consumed 'Subnets[0].SubnetId' ec2 describe-subnets --filters Name=default-for-az,Values=true Name=availability-zone,Values=us-east-1a)
  consumer_id=$(consumed 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --subnet-id "$subnet" --key-name me --security-group-ids "$group2")
  consumer aws ec2 wait instance-running --instance-ids "$consumer_id"
  guest=$(consumer public "$consumer_id")
  mine=$(consumer private "$consumer_id")
  within 20 consumer into "$guest" true
  door=$(consumed GroupId ec2 create-security-group --group-name door --description 'of the endpoint')
  consumer aws ec2 authorize-security-group-ingress --group-id "$door" --protocol tcp --port 80 --cidr "$mine/32"
  vpce=$(consumed VpcEndpoint.VpcEndpointId ec2 create-vpc-endpoint --vpc-endpoint-type Interface --service-name "$name" \
    --vpc-id "$(consumed 'Vpcs[0].VpcId' ec2 describe-vpcs --filters Name=is-default,Values=true)" --subnet-ids "$subnet" --security-group-ids "$door")
  at=$(consumed 'VpcEndpoints[0].DnsEntries[0].DnsName' ec2 describe-vpc-endpoints --vpc-endpoint-ids "$vpce")

  # Waiting, it carries nothing; accepted, it does, and the node is who asks.
  is_connected pendingAcceptance
  within 30 is_healthy "$targets"
  if says_through "$at" | grep -q hello; then return 1; fi
  aws ec2 accept-vpc-endpoint-connections --service-id "$service" --vpc-endpoint-ids "$vpce" >/dev/null
  within 10 is_connected available
  answers() { says_through "$at" | grep -q "hello $(query 'NetworkInterfaces[0].PrivateIpAddress' ec2 describe-network-interfaces --filters 'Name=description,Values=ELB net/offered/*')\$"; }
  within 5 answers

  # The endpoint's security group binds.
  consumer aws ec2 revoke-security-group-ingress --group-id "$door" --protocol tcp --port 80 --cidr "$mine/32"
  if says_through "$at" | grep -q hello; then return 1; fi
  consumer aws ec2 authorize-security-group-ingress --group-id "$door" --protocol tcp --port 80 --cidr "$mine/32"
  within 5 answers

  # What is in use is not taken away.
  aws ec2 delete-vpc-endpoint-service-configurations --service-ids "$service" | has ExistingVpcEndpointConnections
  { aws elbv2 delete-load-balancer --load-balancer-arn "$balancer" 2>&1 || true; } | has 'currently associated with another service'

  # The PROXY protocol tells the client's own address, and the endpoint.
  targets2=$(query 'TargetGroups[0].TargetGroupArn' elbv2 create-target-group --name heard --protocol TCP --port 81 --vpc-id "$vpc" --health-check-port 80)
  aws elbv2 modify-target-group-attributes --target-group-arn "$targets2" --attributes Key=proxy_protocol_v2.enabled,Value=true >/dev/null
  aws elbv2 register-targets --target-group-arn "$targets2" --targets "Id=$id"
  aws elbv2 create-listener --load-balancer-arn "$balancer" --protocol TCP --port 81 --default-actions "Type=forward,TargetGroupArn=$targets2" >/dev/null
  consumer aws ec2 authorize-security-group-ingress --group-id "$door" --protocol tcp --port 81 --cidr "$mine/32"
  heard() {
    into "$guest" "echo hello | nc -w 2 $at 81" || true
    into "$guest" "curl -s -m 3 http://$at/heard" >heard
    grep -aq "$vpce" heard && grep -aq hello heard
  }
  within 20 heard
  consumer_hex=$(printf '%02x' ${mine//./ })
  od -An -v -tx1 heard | tr -d ' \n' | has "$consumer_hex"

  # A connection that is open ends when the endpoint is rejected.
  aws ec2 reject-vpc-endpoint-connections --service-id "$service" --vpc-endpoint-ids "$vpce" >/dev/null
  silent() { ! says_through "$at" | grep -q hello; }
  within 5 silent
  is_connected rejected

  consumer aws ec2 delete-vpc-endpoints --vpc-endpoint-ids "$vpce" >/dev/null
  aws ec2 delete-vpc-endpoint-service-configurations --service-ids "$service" >/dev/null
  aws elbv2 delete-load-balancer --load-balancer-arn "$balancer"
  consumer aws ec2 terminate-instances --instance-ids "$consumer_id" >/dev/null
  aws ec2 terminate-instances --instance-ids "$id" >/dev/null
  consumer aws ec2 wait instance-terminated --instance-ids "$consumer_id"
  aws ec2 wait instance-terminated --instance-ids "$id"
}
ssh-keygen -y -f "$WORK/me.pem" >"$WORK/me.pub"
run_case 'an endpoint of another account reaches a service behind a network load balancer, and nothing else' privatelink
