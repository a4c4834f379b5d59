# Each load balancer answers, where packets are real; what decides is looked at
# from outside.
pileus status | grep -q 'data plane *linux' || exit 0
out() { (cd "$WORK/balancing" && "${TERRAFORM:-terraform}" output -raw "$1"); }
node() { aws ec2 describe-network-interfaces --filters "Name=description,Values=ELB $1*" --query 'NetworkInterfaces[0].Association.PublicIp' --output text; }
within() {
  for _ in $(seq 600); do
    "$@" && return
    sleep 0.2
  done
  echo "waited in vain for: $*"
  return 1
}
web=$(node app/tf-web) classic=$(node tf-classic) front=$(out front)
serves() { curl -s -m 2 "$@" | grep -q '^web'; }
cd "$WORK/balancing"
secure=(--cacert one.crt --resolve "one.example.com:443:$web")
within serves "${secure[@]}" https://one.example.com/
curl -s -o /dev/null -w '%{http_code} %{redirect_url}\n' "http://$web/x?y=1" -H 'Host: one.example.com' | grep '301 https://one.example.com:443/x?y=1'
within sh -c 'curl -s -m 2 "$@" | grep "^api 1"' _ "${secure[@]}" https://one.example.com/api/
curl -s --cacert two.crt --resolve "two.example.com:443:$web" https://two.example.com/ | grep '^web'
test "$(curl -sk -o /dev/null -w '%{http_code}' --resolve "down.example.com:443:$web" -H 'X-Test: maybe so' 'https://down.example.com/?show=1')" = 503
within serves "http://$front:8080/"
within serves "http://$classic/"
curl -s -D - -o /dev/null "http://$classic/" | grep -i '^set-cookie: AWSELB='
