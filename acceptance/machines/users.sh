# shellcheck shell=bash
# Users of an application load balancer are authenticated by an OpenID Connect
# provider that it reaches over the internet, and clients by tokens.

. "$here/speaking.sh"

# provider starts the identity provider in its instance.
provider() {
  into "$1" 'sudo setsid ./speaker provider '"$1"':8443 idp.pem idp.key >idp.log 2>&1 &'
  up() { curl -s -m 2 --cacert trusted.pem -o /dev/null "https://$1:8443/keys"; }
  within 5 up "$1"
}

behind_door() {
  local subnet id outside at
  authority servers
  VPC=$(query 'Vpcs[0].VpcId' ec2 describe-vpcs --filters Name=is-default,Values=true)
  subnet=$(query 'Subnets[0].SubnetId' ec2 describe-subnets --filters Name=default-for-az,Values=true Name=availability-zone,Values=us-east-1a)
  SUBNETS=("$subnet" "$(query 'Subnets[0].SubnetId' ec2 describe-subnets --filters Name=default-for-az,Values=true Name=availability-zone,Values=us-east-1b)")
  FRONT=$(query GroupId ec2 create-security-group --group-name users-front --description 'load balancer')
  BACK=$(query GroupId ec2 create-security-group --group-name users-back --description 'behind it')
  aws ec2 authorize-security-group-ingress --group-id "$FRONT" --protocol tcp --port 443 --cidr 0.0.0.0/0
  aws ec2 authorize-security-group-ingress --group-id "$BACK" --protocol tcp --port 80 --source-group "$FRONT"
  aws ec2 authorize-security-group-ingress --group-id "$BACK" --protocol tcp --port 22 --cidr 0.0.0.0/0
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --key-name me --security-group-ids "$BACK" --subnet-id "$subnet")
  aws ec2 wait instance-running --instance-ids "$id"
  SERVERS=("$id")
  speaks_in "$id"
  A=$(server_certificate users.test)
  GROUP=$(targets users HTTP 80)
  ALB=$(balancer users --security-groups "$FRONT")
  HTTPS=$(listens "$ALB" HTTPS 443 "$GROUP" --certificates "CertificateArn=$A")
  good() { [ "$(query 'TargetHealthDescriptions[0].TargetHealth.State' elbv2 describe-target-health --target-group-arn "$GROUP")" = healthy ]; }
  within 30 good
  NODE=$(node app/users)
  ME=$(at_node users.test 443 https://users.test/ | field Header.X-Forwarded-For)
  # The provider lets in who browses from here, and the load balancer's nodes by
  # their public addresses: they call it from there.
  outside=$(query GroupId ec2 create-security-group --group-name users-outside --description 'identity provider')
  aws ec2 authorize-security-group-ingress --group-id "$outside" --protocol tcp --port 22 --cidr 0.0.0.0/0
  for at in "$ME" "$NODE" "$(node app/users us-east-1b)"; do aws ec2 authorize-security-group-ingress --group-id "$outside" --protocol tcp --port 8443 --cidr "$at/32" >/dev/null; done
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --key-name me --security-group-ids "$outside" --subnet-id "$subnet")
  aws ec2 wait instance-running --instance-ids "$id"
  AT=$(public "$id")
  certificate trusted idp "subjectAltName=IP:$AT"
  within 10 into "$AT" true
  into "$AT" 'cat >speaker; chmod +x speaker' <"$SPEAKER"
  into "$AT" 'cat >idp.pem' <idp.pem
  into "$AT" 'cat >idp.key' <idp.key
  provider "$AT"
  IDP=https://$AT:8443
  declare -p ALB HTTPS GROUP NODE SERVERS FRONT AT IDP >user-parts
}
run_case 'an instance behind a load balancer, an identity provider outside' behind_door

# browse arguments...: a browser, with cookies in the file jar.
browse() { at_node users.test 443 --cacert both.pem -L --cookie jar --cookie-jar jar "$@"; }

log_in() {
  . ./user-parts
  cat servers.pem trusted.pem >both.pem
  RULE=$(HTTPS=$HTTPS GROUP=$GROUP IDP=$IDP python3 - <<'PY'
import os

import boto3

elb, idp = boto3.client("elbv2"), os.environ["IDP"]
made = elb.create_rule(
    ListenerArn=os.environ["HTTPS"], Priority=10, Conditions=[{"Field": "path-pattern", "Values": ["/users/*"]}],
    Actions=[
        {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {
            "Issuer": idp, "AuthorizationEndpoint": idp + "/authorize", "TokenEndpoint": idp + "/token", "UserInfoEndpoint": idp + "/userinfo",
            "ClientId": "balancer", "ClientSecret": "a secret of the client's", "Scope": "openid email", "SessionTimeout": 3600}},
        {"Type": "forward", "Order": 2, "TargetGroupArn": os.environ["GROUP"]}])["Rules"][0]
assert "ClientSecret" not in made["Actions"][0]["AuthenticateOidcConfig"], made
print(made["RuleArn"])
PY
)
  declare -p RULE >>user-parts
  redirected() { [ "$(at_node users.test 443 -o /dev/null -w '%{http_code}' https://users.test/users/)" = 302 ]; }
  within 5 redirected
  browse -o answer -w '%{http_code} %{num_redirects} %{url_effective}' 'https://users.test/users/me?q=1' >went
  equal '200 3 https://users.test:443/users/me?q=1' "$(cat went)"
  equal '/users/me?q=1' "$(field Path <answer)"
  equal ada "$(field Header.X-Amzn-Oidc-Identity <answer)"
  equal of-ada "$(field Header.X-Amzn-Oidc-Accesstoken <answer)"
  grep -q 'AWSELBAuthSessionCookie-0' jar
  local data kid
  data=$(field Header.X-Amzn-Oidc-Data <answer)
  kid=$(python3 -c 'import base64,json,sys; print(json.loads(base64.urlsafe_b64decode(sys.argv[1].split(".")[0]))["kid"])' "$data")
  # The target verifies it as it would on AWS.
  into "$(public "${SERVERS[0]}")" "curl -s https://public-keys.auth.elb.us-east-1.amazonaws.com/$kid" >key.pem
  "$SPEAKER" verify key.pem "$data" >told
  python3 - "$ALB" "$IDP" <<'PY'
import json
import sys

header, claims = [json.loads(line) for line in open("told")]
assert header["signer"] == sys.argv[1] and header["iss"] == sys.argv[2] and header["client"] == "balancer" and header["alg"] == "ES256", header
assert claims["sub"] == "ada" and claims["email"] == "ada@example.com", claims
PY
  # The session holds, without the provider.
  into "$AT" 'sudo pkill speaker'
  equal '200 0' "$(browse -o answer -w '%{http_code} %{num_redirects}' https://users.test/users/again)"
  equal ada "$(field Header.X-Amzn-Oidc-Identity <answer)"
  provider "$AT"
  # Other paths are nobody's business.
  at_node users.test 443 https://users.test/ | hasnt Oidc
}
run_case "a user logs in by OpenID Connect; the target verifies who he is with the region's public key" log_in

strangers() {
  . ./user-parts
  rm -f jar
  modify() { aws elbv2 modify-rule --rule-arn "$RULE" --actions "$(python3 - "$IDP" "$GROUP" "$1" "${2:-}" <<'PY'
import json
import sys

idp, group, otherwise, fail = sys.argv[1:]
print(json.dumps([
    {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {
        "Issuer": idp, "AuthorizationEndpoint": idp + "/authorize", "TokenEndpoint": idp + "/token", "UserInfoEndpoint": idp + "/userinfo",
        "ClientId": "balancer", "UseExistingClientSecret": True, "OnUnauthenticatedRequest": otherwise,
        "AuthenticationRequestExtraParams": {"fail": fail} if fail else {}}},
    {"Type": "forward", "Order": 2, "TargetGroupArn": group}]))
PY
)" >/dev/null; }
  code() { browse -o answer -w '%{http_code}' https://users.test/users/; }
  is_code() { [ "$(code)" = "$1" ]; }
  modify deny
  within 5 is_code 401
  modify allow
  within 5 is_code 200
  hasnt Oidc <answer
  modify authenticate access_denied
  within 5 is_code 401
  modify authenticate server_error
  within 5 is_code 561
  # The load balancer's own security group decides on its way to the provider.
  modify authenticate
  aws ec2 revoke-security-group-egress --group-id "$FRONT" --ip-permissions 'IpProtocol=-1,IpRanges=[{CidrIp=0.0.0.0/0}]' >/dev/null
  aws ec2 authorize-security-group-egress --group-id "$FRONT" --protocol tcp --port 80 --cidr 172.31.0.0/16 >/dev/null
  at_node users.test 443 --cacert both.pem -m 20 -L --cookie jar --cookie-jar jar -o answer -w '%{http_code}' https://users.test/users/ | has 500
  aws ec2 authorize-security-group-egress --group-id "$FRONT" --protocol tcp --port 8443 --cidr "$AT/32" >/dev/null
  within 5 is_code 200
}
run_case 'who does not log in is denied or let through; without a way to the provider nobody comes in' strangers

machines() {
  . ./user-parts
  local token
  aws elbv2 create-rule --listener-arn "$HTTPS" --priority 20 --conditions Field=path-pattern,Values='/machines/*' --actions "$(python3 - "$IDP" "$GROUP" <<'PY'
import json
import sys

idp, group = sys.argv[1:]
print(json.dumps([
    {"Type": "jwt-validation", "Order": 1, "JwtValidationConfig": {"JwksEndpoint": idp + "/keys", "Issuer": idp, "AdditionalClaims": [
        {"Format": "space-separated-values", "Name": "scope", "Values": ["write"]}, {"Format": "single-string", "Name": "sub", "Values": ["machine"]}]}},
    {"Type": "forward", "Order": 2, "TargetGroupArn": group}]))
PY
)" >/dev/null
  shut() { [ "$(at_node users.test 443 -o /dev/null -w '%{http_code}' https://users.test/machines/)" = 401 ]; }
  within 5 shut
  token=$(curl -s --cacert trusted.pem -u "balancer:a secret of the client's" -d grant_type=client_credentials "$IDP/token" | field access_token)
  at_node users.test 443 -H "Authorization: Bearer $token" https://users.test/machines/x >answer
  equal "Bearer $token" "$(field Header.Authorization <answer)"
  equal 401 "$(at_node users.test 443 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer ${token%??}AA" https://users.test/machines/)"
}
run_case 'clients bring tokens that the load balancer verifies with the keys of their issuer' machines
