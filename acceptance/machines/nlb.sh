# shellcheck shell=bash
# A network load balancer in front of an instance that says who asks: it is the
# client, whose own range the instance's security group lets in.

states() { query "TargetHealthDescriptions[].TargetHealth.State | join(',', @)" elbv2 describe-target-health --target-group-arn "$1"; }
is_healthy() { [ "$(states "$1")" = healthy ]; }
asked_by() { curl -s -m 3 "http://$1/cgi-bin/who"; }

preserved() {
  local group vpc subnet id direct node me targets balancer
  vpc=$(query 'Vpcs[0].VpcId' ec2 describe-vpcs --filters Name=is-default,Values=true)
  subnet=$(query 'Subnets[0].SubnetId' ec2 describe-subnets --filters Name=default-for-az,Values=true Name=availability-zone,Values=us-east-1a)
  group=$(query GroupId ec2 create-security-group --group-name behind-nlb --description 'who asks')
  cat >says-who <<'END'
#!/bin/bash
mkdir -p /srv/web/cgi-bin
printf '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n$REMOTE_ADDR"\n' > /srv/web/cgi-bin/who
chmod +x /srv/web/cgi-bin/who
httpd -p 80 -h /srv/web > /dev/null 2>&1 &
END
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --subnet-id "$subnet" --security-group-ids "$group" --user-data file://says-who)
  aws ec2 wait instance-running --instance-ids "$id"
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr 0.0.0.0/0
  direct=$(public "$id")
  answered() { me=$(asked_by "$direct") && [ -n "$me" ]; }
  within 20 answered
  # From now on only the client itself, and the health checks from the VPC.
  aws ec2 revoke-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr 0.0.0.0/0
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr "$me/32"
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr 172.31.0.0/16

  targets=$(query 'TargetGroups[0].TargetGroupArn' elbv2 create-target-group --name who --protocol TCP --port 80 --vpc-id "$vpc" \
    --health-check-interval-seconds 5 --health-check-timeout-seconds 2 --healthy-threshold-count 2 --unhealthy-threshold-count 2)
  balancer=$(query 'LoadBalancers[0].LoadBalancerArn' elbv2 create-load-balancer --name who --type network --subnets "$subnet")
  aws elbv2 register-targets --target-group-arn "$targets" --targets "Id=$id"
  aws elbv2 create-listener --load-balancer-arn "$balancer" --protocol TCP --port 80 --default-actions "Type=forward,TargetGroupArn=$targets" >/dev/null
  within 30 is_healthy "$targets"
  node=$(query 'NetworkInterfaces[0].Association.PublicIp' ec2 describe-network-interfaces --filters 'Name=description,Values=ELB net/who/*')
  equal "$me" "$(asked_by "$node")"

  # The client's range goes: the health checks go on, the client gets no answer.
  aws ec2 revoke-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr "$me/32"
  if asked_by "$node" | grep -q .; then return 1; fi
  is_healthy "$targets"

  # Without preservation it is the node that asks, from inside of the VPC.
  aws elbv2 modify-target-group-attributes --target-group-arn "$targets" --attributes Key=preserve_client_ip.enabled,Value=false >/dev/null
  by_node() { asked_by "$node" | grep -q '^172\.31\.'; }
  within 10 by_node

  aws elbv2 delete-load-balancer --load-balancer-arn "$balancer"
  aws ec2 terminate-instances --instance-ids "$id" >/dev/null
  aws ec2 wait instance-terminated --instance-ids "$id"
  aws elbv2 delete-target-group --target-group-arn "$targets"
  aws ec2 delete-security-group --group-id "$group" >/dev/null
}
run_case "a network load balancer's targets see the client, and their security group decides on it" preserved
