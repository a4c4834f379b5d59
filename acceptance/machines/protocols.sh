# shellcheck shell=bash
# What load balancers carry beside plain HTTP, packet by packet: HTTP/2, WebSockets
# and gRPC over TLS, certificates by name, clients with certificates; TCP, UDP and
# TLS on network load balancers. The targets are instances that run speaker.

. "$here/speaking.sh"

prepare() {
  local zone id
  authority servers
  authority clients
  VPC=$(query 'Vpcs[0].VpcId' ec2 describe-vpcs --filters Name=is-default,Values=true)
  FRONT=$(query GroupId ec2 create-security-group --group-name speak-front --description 'load balancers')
  BACK=$(query GroupId ec2 create-security-group --group-name speak-back --description 'behind them')
  aws ec2 authorize-security-group-ingress --group-id "$FRONT" --protocol tcp --port 0-65535 --cidr 0.0.0.0/0
  aws ec2 authorize-security-group-ingress --group-id "$BACK" --protocol tcp --port 0-65535 --source-group "$FRONT"
  aws ec2 authorize-security-group-ingress --group-id "$BACK" --protocol tcp --port 22 --cidr 0.0.0.0/0
  SUBNETS=() SERVERS=()
  for zone in us-east-1a us-east-1b; do
    SUBNETS+=("$(query 'Subnets[0].SubnetId' ec2 describe-subnets --filters Name=default-for-az,Values=true Name=availability-zone,Values=$zone)")
    SERVERS+=("$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --key-name me --security-group-ids "$BACK" --subnet-id "${SUBNETS[-1]}")")
  done
  aws ec2 wait instance-running --instance-ids "${SERVERS[@]}"
  for id in "${SERVERS[@]}"; do
    speaks_in "$id"
  done
  A=$(server_certificate a.test)
  B=$(server_certificate b.test)
  declare -p VPC FRONT BACK SUBNETS SERVERS A B >protocol-parts
}
run_case 'two instances speak all protocols' prepare

http() {
  . ./protocol-parts
  local group
  group=$(targets speak-http HTTP 80)
  ALB=$(balancer speak --security-groups "$FRONT")
  HTTPS=$(listens "$ALB" HTTPS 443 "$group" --certificates "CertificateArn=$A" --ssl-policy ELBSecurityPolicy-TLS13-1-2-2021-06)
  within 30 all_healthy "$group"
  NODE=$(node app/speak)
  declare -p ALB HTTPS NODE group | sed 's/ group=/ HTTP_GROUP=/' >>protocol-parts
  equal 2 "$(at_node a.test 443 -o answer -w '%{http_version}' --http2 https://a.test/page?q=1)"
  equal HTTP/1.1 "$(field Protocol <answer)"
  equal '/page?q=1' "$(field Path <answer)"
  equal https "$(field Header.X-Forwarded-Proto <answer)"
  equal 1.1 "$(at_node a.test 443 -o answer -w '%{http_version}' --http1.1 https://a.test/)"
  # Ten requests over one connection of HTTP/2, at once, go to both targets.
  at_node a.test 443 --http2 --parallel --parallel-max 10 -o 'many-#1' 'https://a.test/[1-10]'
  equal 2 "$(for n in {1..10}; do field Target <"many-$n"; done | sort -u | wc -l)"
  aws elbv2 modify-load-balancer-attributes --load-balancer-arn "$ALB" --attributes Key=routing.http2.enabled,Value=false >/dev/null
  http1() { equal 1.1 "$(at_node a.test 443 -o answer -w '%{http_version}' --http2 https://a.test/)"; }
  within 5 http1
  aws elbv2 modify-load-balancer-attributes --load-balancer-arn "$ALB" --attributes Key=routing.http2.enabled,Value=true >/dev/null
}
run_case 'HTTP/2 over TLS: carried to targets of HTTP/1.1, over both of them' http

websocket() {
  . ./protocol-parts
  equal $'over the balancer\nover the balancer' "$("$SPEAKER" websocket "wss://$NODE:443/websocket?name=a.test" servers.pem 'over the balancer')"
}
run_case 'a WebSocket through an application load balancer' websocket

http2_targets() {
  . ./protocol-parts
  local group
  group=$(targets speak-http2 HTTP 8080 --protocol-version HTTP2)
  listens "$ALB" HTTPS 8443 "$group" --certificates "CertificateArn=$A" >/dev/null
  within 30 all_healthy "$group"
  at_node a.test 8443 -o answer --http2 https://a.test:8443/
  equal HTTP/2.0 "$(field Protocol <answer)"
  equal 464 "$(at_node a.test 8443 -o /dev/null -w '%{http_code}' --http1.1 https://a.test:8443/)"
}
run_case 'a target group of HTTP/2; clients of HTTP/1.1 are told 464' http2_targets

grpc() {
  . ./protocol-parts
  local group default
  group=$(targets speak-grpc HTTP 9000 --protocol-version GRPC --health-check-path /grpc.health.v1.Health/Check --matcher GrpcCode=0)
  default=$(targets speak-grpc-default HTTP 9000 --protocol-version GRPC) # /AWS.ALB/healthcheck, which nobody implements: 12
  listens "$ALB" HTTPS 50051 "$group" --certificates "CertificateArn=$A" >/dev/null
  listens "$ALB" HTTPS 50052 "$default" --certificates "CertificateArn=$A" >/dev/null
  within 30 all_healthy "$group"
  within 30 all_healthy "$default"
  NODE=$NODE python3 - <<'PY'
import os

import grpc

roots = grpc.ssl_channel_credentials(open("servers.pem", "rb").read())
with grpc.secure_channel(os.environ["NODE"] + ":50051", roots, [("grpc.ssl_target_name_override", "a.test")]) as channel:
    say = channel.unary_unary("/speaker.Echo/Say")
    for n in range(5):
        answer, call = say.with_call(b"message %d" % n, timeout=60)
        assert answer == b"message %d" % n, answer
        assert ("x-seen-proto", "https") in [tuple(m) for m in call.initial_metadata()], call.initial_metadata()
    try:
        channel.unary_unary("/speaker.Echo/Nothing")(b"", timeout=60)
        raise AssertionError("a method that nobody implements has answered")
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.UNIMPLEMENTED, e
PY
  aws elbv2 modify-target-group --target-group-arn "$group" --matcher GrpcCode=5 >/dev/null
  mismatch() {
    query "TargetHealthDescriptions[0].TargetHealth.[State, Reason, Description] | join('|', @)" elbv2 describe-target-health --target-group-arn "$group" |
      grep -qxF 'unhealthy|Target.ResponseCodeMismatch|Health checks failed with these codes: [0]'
  }
  within 30 mismatch
}
if python3 -c 'import grpc' 2>/dev/null; then
  run_case 'gRPC: health checks by method and code, calls of an unmodified client, errors in trailers' grpc
else
  skip_case 'gRPC through an application load balancer' 'Python has no grpcio; scripts/setup installs it'
fi

subject() { openssl s_client -connect "$NODE:443" "$@" </dev/null 2>/dev/null | openssl x509 -noout -subject | tr -d ' '; }
names() {
  . ./protocol-parts
  aws elbv2 add-listener-certificates --listener-arn "$HTTPS" --certificates "CertificateArn=$B" >/dev/null
  by_name() { equal subject=CN=b.test "$(subject -servername b.test)"; }
  within 5 by_name
  equal subject=CN=a.test "$(subject -servername a.test)"
  equal subject=CN=a.test "$(subject -servername else.test)"
  equal subject=CN=a.test "$(subject -noservername)"
  at_node b.test 443 https://b.test/ | field Host | has b.test
}
run_case 'a second certificate is chosen by the name that the client asks for' names

# speaks VERSION: whether the listener takes a client of that version of TLS.
speaks() { openssl s_client -connect "$NODE:443" -servername a.test -cipher 'ALL@SECLEVEL=0' "-$1" </dev/null 2>/dev/null | grep -q 'Cipher is [A-Z]'; }
policies() {
  . ./protocol-parts
  local version
  for version in tls1 tls1_1; do if speaks $version; then return 1; fi; done
  speaks tls1_2
  speaks tls1_3
  aws elbv2 modify-listener --listener-arn "$HTTPS" --ssl-policy ELBSecurityPolicy-TLS13-1-0-2021-06 >/dev/null
  within 5 speaks tls1
  speaks tls1_1
  aws elbv2 modify-listener --listener-arn "$HTTPS" --ssl-policy ELBSecurityPolicy-TLS13-1-3-2021-06 >/dev/null
  only13() { speaks tls1_3 && ! speaks tls1_2; }
  within 5 only13
  aws elbv2 modify-listener --listener-arn "$HTTPS" --ssl-policy ELBSecurityPolicy-TLS13-1-2-2021-06 >/dev/null
}
run_case 'security policies refuse old versions of TLS' policies

mutual() {
  . ./protocol-parts
  local store verify through
  certificate clients good 'extendedKeyUsage=clientAuth'
  certificate clients bad 'extendedKeyUsage=clientAuth'
  authority strangers
  certificate strangers stranger 'extendedKeyUsage=clientAuth'
  : >revoked.txt
  printf '[ca]\ndefault_ca=d\n[d]\ndatabase=revoked.txt\ndefault_md=sha256\ndefault_crl_days=30\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n' >revoke.cnf
  openssl ca -config revoke.cnf -cert clients.pem -keyfile clients.key -revoke bad.pem 2>/dev/null
  openssl ca -config revoke.cnf -cert clients.pem -keyfile clients.key -gencrl -out revoked.pem 2>/dev/null
  aws s3 mb s3://trust-of-speak >/dev/null
  aws s3 cp clients.pem s3://trust-of-speak/clients.pem >/dev/null
  aws s3 cp revoked.pem s3://trust-of-speak/revoked.pem >/dev/null
  store=$(query 'TrustStores[0].TrustStoreArn' elbv2 create-trust-store --name speak --ca-certificates-bundle-s3-bucket trust-of-speak --ca-certificates-bundle-s3-key clients.pem)
  verify=$(listens "$ALB" HTTPS 9443 "$HTTP_GROUP" --certificates "CertificateArn=$A" --mutual-authentication "Mode=verify,TrustStoreArn=$store")
  through=$(listens "$ALB" HTTPS 9444 "$HTTP_GROUP" --certificates "CertificateArn=$A" --mutual-authentication Mode=passthrough)
  as() { at_node a.test "$1" --cert "$2.pem" --key "$2.key" "https://a.test:$1/"; }
  within 5 as 9443 good >/dev/null
  as 9443 good >answer
  equal CN=good "$(field Header.X-Amzn-Mtls-Clientcert-Subject <answer)"
  equal CN=clients "$(field Header.X-Amzn-Mtls-Clientcert-Issuer <answer)"
  equal "$(openssl x509 -in good.pem -noout -serial | cut -d= -f2)" "$(field Header.X-Amzn-Mtls-Clientcert-Serial-Number <answer | tr a-f A-F)"
  field Header.X-Amzn-Mtls-Clientcert-Validity <answer | has NotBefore=
  equal "$(cat good.pem)" "$(python3 -c 'import sys,urllib.parse; print(urllib.parse.unquote(sys.stdin.read()).strip())' <<<"$(field Header.X-Amzn-Mtls-Clientcert-Leaf <answer)")"
  # A client cannot say so by itself.
  at_node a.test 443 -H 'X-Amzn-Mtls-Clientcert-Subject: CN=good' https://a.test/ | hasnt CN=good
  as 9443 bad | has '"Target"' # it is not revoked yet
  if as 9443 stranger; then return 1; fi
  if at_node a.test 9443 https://a.test:9443/; then return 1; fi
  aws elbv2 add-trust-store-revocations --trust-store-arn "$store" --revocation-contents S3Bucket=trust-of-speak,S3Key=revoked.pem >/dev/null
  refuses() { ! as 9443 bad; }
  within 5 refuses
  as 9443 good | has '"Target"'
  # Whoever it is, and without a certificate, too: the target decides.
  as 9444 stranger >answer
  python3 -c 'import sys,urllib.parse; print(urllib.parse.unquote(sys.stdin.read()).strip())' <<<"$(field Header.X-Amzn-Mtls-Clientcert <answer)" >shown.pem
  equal "$(cat stranger.pem)" "$(cat shown.pem)"
  at_node a.test 9444 https://a.test:9444/ | hasnt Mtls
  aws elbv2 delete-listener --listener-arn "$verify"
  aws elbv2 delete-listener --listener-arn "$through"
  aws elbv2 delete-trust-store --trust-store-arn "$store"
}
run_case 'mutual TLS: verified by a trust store from S3 with revocations, and passed through' mutual

# asks PROTOCOL ADDRESS PORT [N]: who answered and whom it saw: "TARGET ADDRESS:PORT".
asks() {
  local n
  for ((n = 0; n < ${4:-1}; n++)); do
    case $1 in
      udp) "$SPEAKER" packets "$2:$3" 1 hello ;;
      tcp) "$SPEAKER" line "$2:$3" hello ;;
      tls) over_tls -connect "$2:$3" "${@:5}" ;;
    esac || true # nobody has answered
  done | sed -n 's/^hello //p'
}
# over_tls arguments...: what answers hello through openssl s_client, which stays
# until its input ends.
over_tls() {
  rm -f tls.answer tls.over
  {
    echo hello
    until [ -s tls.answer ] || [ -e tls.over ]; do sleep 0.05; done
  } | {
    timeout 20 openssl s_client -quiet -no_ign_eof -verify_quiet "$@" >tls.answer 2>/dev/null || true
    touch tls.over
  }
  head -n 1 tls.answer
}
seen() { awk '{sub(/:[0-9]+$/, "", $2); print $2}' | sort -u; }
answered() { awk '{print $1}' | sort -u | wc -l; }

network() {
  . ./protocol-parts
  local group me
  # The client itself is let in by the targets from now on.
  me=$(at_node a.test 443 https://a.test/ | field Header.X-Forwarded-For)
  aws ec2 authorize-security-group-ingress --group-id "$BACK" --ip-permissions "IpProtocol=-1,IpRanges=[{CidrIp=$me/32},{CidrIp=172.31.0.0/16}]"
  NLB=$(balancer speak-net --type network)
  NET=$(node net/speak-net)

  ME=$me
  declare -p NLB NET ME >>protocol-parts
  group=$(targets speak-udp UDP 7000 --health-check-protocol TCP --health-check-port 80)
  listens "$NLB" UDP 7000 "$group" >/dev/null
  within 30 all_healthy "$group"
  equal "$me" "$(asks udp "$NET" 7000 5 | seen)"
  # One flow stays with one target, and others are spread.
  equal 1 "$(asks udp "$NET" 7000 1 | answered)"
  aws elbv2 modify-load-balancer-attributes --load-balancer-arn "$NLB" --attributes Key=load_balancing.cross_zone.enabled,Value=true >/dev/null
  both() { equal 2 "$(asks udp "$NET" 7000 20 | answered)"; }
  within 5 both
}
run_case 'UDP through a network load balancer: the targets see the client' network

both_protocols() {
  . ./protocol-parts
  local group
  group=$(targets speak-both TCP_UDP 7000 --health-check-protocol HTTP --health-check-path / --health-check-port 80)
  listens "$NLB" TCP_UDP 7001 "$group" >/dev/null
  within 30 all_healthy "$group"
  equal "$ME" "$(asks udp "$NET" 7001 | seen)"
  equal "$ME" "$(asks tcp "$NET" 7001 | seen)"
  aws elbv2 modify-target-group-attributes --target-group-arn "$group" --attributes Key=stickiness.enabled,Value=true Key=stickiness.type,Value=source_ip >/dev/null
  sticks() {
    equal 1 "$( (asks udp "$NET" 7001 10; asks tcp "$NET" 7001 10) | answered)"
  }
  within 5 sticks
  sticks
  sticks
  aws elbv2 modify-target-group-attributes --target-group-arn "$group" --attributes Key=stickiness.enabled,Value=false >/dev/null
  loose() { equal 2 "$(asks tcp "$NET" 7001 20 | answered)"; }
  within 5 loose
}
run_case 'TCP_UDP: both on one port; with stickiness a client keeps its target over both' both_protocols

tls() {
  . ./protocol-parts
  local plain secret
  plain=$(targets speak-plain TCP 7000)
  secret=$(targets speak-tls TLS 7443)
  listens "$NLB" TLS 443 "$plain" --certificates "CertificateArn=$A" >/dev/null
  listens "$NLB" TLS 8443 "$secret" --certificates "CertificateArn=$A" --alpn-policy HTTP2Preferred >/dev/null
  listens "$NLB" TCP 9443 "$(targets speak-through TCP 7443)" >/dev/null
  within 30 all_healthy "$plain"
  within 30 all_healthy "$secret"
  for port in 443 8443; do
    equal 1 "$(asks tls "$NET" $port 1 -CAfile servers.pem -verify_return_error -verify_hostname a.test -servername a.test | answered)"
  done
  equal "$ME" "$(asks tls "$NET" 443 1 -servername a.test | seen)"
  openssl s_client -connect "$NET:8443" -servername a.test -alpn http/1.1,h2 </dev/null 2>/dev/null | has 'ALPN protocol: h2'
  # What a TCP listener carries is the target's own business, TLS too.
  through() { openssl s_client -connect "$NET:9443" </dev/null 2>/dev/null | openssl x509 -noout -subject | tr -d ' ' | grep -qx subject=CN=target; }
  within 30 through
}
run_case 'TLS on a network load balancer: ended with a server certificate, made anew to targets, and carried through' tls

in_front() {
  . ./protocol-parts
  local group health
  group=$(query 'TargetGroups[0].TargetGroupArn' elbv2 create-target-group --name speak-alb --target-type alb --protocol TCP --port 443 --vpc-id "$VPC" \
    --health-check-protocol HTTPS --health-check-path / --health-check-interval-seconds 5 --health-check-timeout-seconds 2 --healthy-threshold-count 2 --unhealthy-threshold-count 2)
  aws elbv2 register-targets --target-group-arn "$group" --targets "Id=$ALB"
  listens "$NLB" TCP 10443 "$group" >/dev/null
  good() { [ "$(query 'TargetHealthDescriptions[0].TargetHealth.State' elbv2 describe-target-health --target-group-arn "$group")" = healthy ]; }
  within 30 good
  curl -s -m 30 --cacert servers.pem --resolve "a.test:10443:$NET" https://a.test:10443/ >answer
  equal "$ME" "$(field Header.X-Forwarded-For <answer)"
  equal https "$(field Header.X-Forwarded-Proto <answer)"
  refused ResourceInUse aws elbv2 delete-load-balancer --load-balancer-arn "$ALB"
}
run_case 'a network load balancer in front of an application load balancer, which sees the client' in_front

walls() {
  . ./protocol-parts
  local wall inner nlb group at
  wall=$(query GroupId ec2 create-security-group --group-name speak-wall --description 'a network load balancer')
  inner=$(query GroupId ec2 create-security-group --group-name speak-inner --description 'behind it')
  aws ec2 authorize-security-group-ingress --group-id "$inner" --protocol tcp --port 7000 --source-group "$wall"
  for id in "${SERVERS[@]}"; do aws ec2 modify-instance-attribute --instance-id "$id" --groups "$inner"; done
  group=$(targets speak-walled TCP 7000)
  nlb=$(balancer speak-walled --type network --security-groups "$wall")
  listens "$nlb" TCP 7000 "$group" >/dev/null
  within 30 all_healthy "$group"
  at=$(node net/speak-walled)
  if asks tcp "$at" 7000 | grep -q .; then return 1; fi # the load balancer's own group lets nobody in
  aws ec2 authorize-security-group-ingress --group-id "$wall" --protocol tcp --port 7000 --cidr "$ME/32"
  let_in() { equal "$ME" "$(asks tcp "$at" 7000 | seen)"; }
  within 5 let_in
  # The targets' group, which names the load balancer's, is what lets it through.
  aws ec2 revoke-security-group-ingress --group-id "$inner" --protocol tcp --port 7000 --source-group "$wall"
  shut() { [ -z "$(asks tcp "$at" 7000)" ]; }
  within 5 shut
  ill() { [ "$(query "TargetHealthDescriptions[].TargetHealth.State | join(',', @)" elbv2 describe-target-health --target-group-arn "$group")" = unhealthy,unhealthy ]; }
  within 30 ill
  aws elbv2 delete-load-balancer --load-balancer-arn "$nlb"
  for id in "${SERVERS[@]}"; do aws ec2 modify-instance-attribute --instance-id "$id" --groups "$BACK"; done
}
run_case "security groups bind on both sides of a network load balancer" walls
