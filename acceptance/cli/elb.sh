# shellcheck shell=bash
# aws elb: classic load balancers.

classic_balancer() {
  local zone=us-east-1a
  aws elb create-load-balancer --load-balancer-name web --availability-zones $zone --tags Key=team,Value=red \
    --listeners Protocol=HTTP,LoadBalancerPort=80,InstanceProtocol=HTTP,InstancePort=8080 --query DNSName --output text | has .us-east-1.elb.amazonaws.com
  aws elb describe-tags --load-balancer-names web --query 'TagDescriptions[0].Tags[0].Value' --output text | has red
  aws elb configure-health-check --load-balancer-name web --health-check Target=HTTP:8080/,Interval=10,UnhealthyThreshold=2,HealthyThreshold=2,Timeout=3 |
    has '"Target": "HTTP:8080/"'
  aws elb enable-availability-zones-for-load-balancer --load-balancer-name web --availability-zones us-east-1b | has us-east-1b
  aws elb create-lb-cookie-stickiness-policy --load-balancer-name web --policy-name sticky --cookie-expiration-period 60
  aws elb set-load-balancer-policies-of-listener --load-balancer-name web --load-balancer-port 80 --policy-names sticky
  aws elb describe-load-balancers --load-balancer-names web --query 'LoadBalancerDescriptions[0].ListenerDescriptions[0].PolicyNames[0]' --output text | has sticky
  aws elb modify-load-balancer-attributes --load-balancer-name web --load-balancer-attributes '{"ConnectionDraining":{"Enabled":true,"Timeout":30}}' | has '"Timeout": 30'
  aws elb describe-instance-health --load-balancer-name web --query 'length(InstanceStates)' --output text | has 0
  refused DuplicateLoadBalancerName aws elb create-load-balancer --load-balancer-name web --availability-zones $zone --listeners Protocol=TCP,LoadBalancerPort=80,InstancePort=80
  aws elb delete-load-balancer --load-balancer-name web
  refused LoadBalancerNotFound aws elb describe-load-balancers --load-balancer-names web
}
run_case 'elb: a load balancer, its checks, zones, policies and attributes' classic_balancer
