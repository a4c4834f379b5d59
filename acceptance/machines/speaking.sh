# shellcheck shell=bash
# What the parts have in common whose instances run speaker.

SPEAKER=$WORK/speaker
(cd "$ROOT" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$SPEAKER" ./acceptance/machines/speaker)

# speaks_in ID starts speaker in an instance.
speaks_in() {
  local at
  at=$(public "$1")
  within 10 into "$at" true
  into "$at" 'cat >speaker; chmod +x speaker' <"$SPEAKER"
  into "$at" 'sudo setsid ./speaker serve $(hostname) >speaker.log 2>&1 &'
  within 5 into "$at" 'curl -s http://localhost/ | grep -q HTTP/1.1'
}

# authority NAME makes a certificate authority; certificate AUTHORITY NAME [extension]
# one that it signs.
authority() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>/dev/null; }
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$2.key" -out "$2.csr" 2>/dev/null
  openssl x509 -req -in "$2.csr" -CA "$1.pem" -CAkey "$1.key" -CAcreateserial -days 30 -extfile <(printf '%s' "${3:-subjectAltName=DNS:$2}") -out "$2.pem" 2>/dev/null
}

# server_certificate NAME makes one and uploads it; prints its ARN.
server_certificate() {
  certificate servers "$1"
  query ServerCertificateMetadata.Arn iam upload-server-certificate --server-certificate-name "$1" --certificate-body "file://$1.pem" --private-key "file://$1.key"
}

# targets NAME PROTOCOL PORT options...: a target group with both instances, checked often.
targets() {
  local arn i
  arn=$(query 'TargetGroups[0].TargetGroupArn' elbv2 create-target-group --name "$1" --protocol "$2" --port "$3" --vpc-id "$VPC" \
    --health-check-interval-seconds 5 --health-check-timeout-seconds 2 --healthy-threshold-count 2 --unhealthy-threshold-count 2 "${@:4}")
  for i in "${SERVERS[@]}"; do aws elbv2 register-targets --target-group-arn "$arn" --targets "Id=$i"; done
  echo "$arn"
}
all_healthy() { [ "$(query "TargetHealthDescriptions[].TargetHealth.State | join(',', @)" elbv2 describe-target-health --target-group-arn "$1")" = healthy,healthy ]; }
listens() { query 'Listeners[0].ListenerArn' elbv2 create-listener --load-balancer-arn "$1" --protocol "$2" --port "$3" --default-actions "Type=forward,TargetGroupArn=$4" "${@:5}"; }
balancer() {
  local arn
  arn=$(query 'LoadBalancers[0].LoadBalancerArn' elbv2 create-load-balancer --name "$1" --subnets "${SUBNETS[@]}" "${@:2}")
  aws elbv2 wait load-balancer-available --load-balancer-arns "$arn"
  echo "$arn"
}
# node KIND/NAME [ZONE]: the public address of a load balancer's node.
node() { query "NetworkInterfaces[?AvailabilityZone=='${2:-us-east-1a}'].Association.PublicIp | [0]" ec2 describe-network-interfaces --filters "Name=description,Values=ELB $1/*"; }

# at_node NAME PORT arguments...: curl of a node by a name, with the servers' authority.
at_node() { curl -s -m 20 --cacert servers.pem --resolve "$1:$2:$NODE" "${@:3}"; }
field() { python3 -c 'import json,sys; v = json.load(sys.stdin)
for k in sys.argv[1].split("."): v = v[k]
print(v[0] if isinstance(v, list) else v)' "$1"; }
