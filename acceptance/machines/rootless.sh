# shellcheck shell=bash
# A normal user: the same machines and networks inside of a user namespace, on a
# cloud of his own, and nothing left at its end.

# The user is made for this part, with ranges of ids, and is gone after it.
rootless_user() {
  LUSER=plr$$
  LHOME=$(mktemp -d /tmp/pileus-rootless.XXXXXX)
  useradd --home-dir "$LHOME" --no-log-init "$LUSER" || return
  grep -q "^$LUSER:" /etc/subuid || usermod --add-subuids 600100000-600165535 --add-subgids 600100000-600165535 "$LUSER" || return
  mkdir "$LHOME/bin"
  cp "$PILEUS" "$LHOME/bin/pileus"
  chmod 755 "$LHOME"
  chown -R "$LUSER:" "$LHOME"
}
as_user() {
  (cd "$LHOME" && exec setpriv --reuid="$LUSER" --regid="$LUSER" --init-groups \
    env -i HOME="$LHOME" PATH="$LHOME/bin:/usr/sbin:/usr/bin:/sbin:/bin" "$@")
}
rootless_gone() {
  local p
  for p in $(rootless_left | awk '{ print $1 }'); do kill -9 "$p"; done
  userdel "$LUSER" 2>/dev/null
  rm -rf "$LHOME"
}
# rootless_left lists what runs as the user or as one of his ids, but what is
# dead and waits to be noticed.
rootless_left() {
  local first
  first=$(awk -F: -v u="$LUSER" '$1 == u { print $2 }' /etc/subuid)
  ps -eo pid=,uid=,stat=,args= | awk -v me="$(id -u "$LUSER")" -v first="$first" \
    '$3 !~ /^Z/ && ($2 == me || $2 >= first && $2 < first + 65536) { $3 = ""; print }'
}

rootless_up() {
  rm -f "$LHOME/out" # of one that was started before
  as_user pileus up --data-dir "$LHOME/data" --port "$1" >"$LHOME/out" 2>"$LHOME/log" &
  within 60 grep -qsx 'Ready\.' "$LHOME/out" || { cat "$LHOME/out" "$LHOME/log"; return 1; }
  ENDPOINT=$(sed -n 's/^ *endpoint *//p' "$LHOME/out")
  as_client
}
rootless_at() { ENDPOINT=$(sed -n 's/^ *endpoint *//p' "$LHOME/out") && as_client; }

rootless_starts() {
  rootless_up 0
  as_user pileus --endpoint "$ENDPOINT" status >status
  has 'linux (user namespace)' <status
  has 'the host reaches 198.18.0.0/15' <status
  has 'limits of memory and processors' <status
  has 'volumes as block devices' <status
  has 'encryption of volumes at rest' <status
  refused UnsupportedOperation aws ec2 create-volume --availability-zone us-east-1a --size 1 --encrypted
}

# login COMMAND: in the first instance, through the cloud's own port.
login() {
  . ./rids
  as_user pileus --endpoint "$ENDPOINT" ssh -i "$LHOME/me.pem" "$one" -- "$@"
}
inside() { page_through "$1" | grep -q "$2"; }
page_through() { curl -s -m 3 --noproxy '' --proxy "socks5h://${ENDPOINT#http://}" "http://$1/"; }

rootless_boots() {
  rootless_at
  local ami group other one two
  aws ec2 create-key-pair --key-name me --key-type ed25519 --query KeyMaterial --output text >"$LHOME/me.pem"
  chmod 600 "$LHOME/me.pem"
  chown "$LUSER:" "$LHOME/me.pem"
  ami=$(query Parameter.Value ssm get-parameter --name /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64)
  group=$(query GroupId ec2 create-security-group --group-name web --description web)
  other=$(query GroupId ec2 create-security-group --group-name shut --description shut)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr 0.0.0.0/0
  printf '#!/bin/sh\necho "user data of $(hostname)"\nmkdir -p /var/www/html\nhostname >/var/www/html/index.html\nhttpd -p 80 -h /var/www/html\n' >serve
  one=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$ami" --instance-type t3.micro --key-name me --security-group-ids "$group" --placement AvailabilityZone=us-east-1a --user-data file://serve)
  two=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$ami" --instance-type t3.micro --key-name me --security-group-ids "$group" --placement AvailabilityZone=us-east-1b --user-data file://serve)
  aws ec2 wait instance-running --instance-ids "$one" "$two"
  printf '%s\n' "one=$one" "two=$two" "group=$group" "other=$other" >rids
  within 10 inside "$(public "$one")" ip-
  within 10 inside "$(public "$two")" ip-
  query Output ec2 get-console-output --instance-id "$one" | has 'user data of ip-'
}

rootless_talks() {
  rootless_at
  . ./rids
  local near far
  near=$(private "$two") far=$(public "$two")
  equal ec2-user "$(login whoami)"
  equal "$one" "$(login "$(token) http://169.254.169.254/latest/meta-data/instance-id")"
  login curl -s -m 30 "http://$near/" | has ip-
  login sudo ping -c 1 -W 3 "$near" && return 1 # the group lets no ICMP in
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol icmp --port -1 --cidr 0.0.0.0/0
  login sudo ping -c 1 -W 30 "$near"
  aws ec2 modify-instance-attribute --instance-id "$two" --groups "$other"
  login curl -s -m 2 "http://$near/" && return 1
  page_through "$far" && return 1
  aws ec2 modify-instance-attribute --instance-id "$two" --groups "$group"
  within 5 inside "$far" ip-
}

rootless_forwards() {
  rootless_at
  . ./rids
  as_user pileus --endpoint "$ENDPOINT" connect "$(public "$one"):80" --listen 127.0.0.1:0 >forward &
  trap 'kill "$(pgrep -u "$LUSER" -f -- "--listen")"' EXIT
  within 5 grep -q leads forward
  page "$(awk '{ print $1 }' forward)" | has ip-
  refused 'a security group or network ACL is in the way' as_user pileus --endpoint "$ENDPOINT" connect "$(public "$one"):81"
  refused 'no public address of the cloud' as_user pileus --endpoint "$ENDPOINT" connect 127.0.0.1:22
}

# What stands for the internet is another address of the host.
rootless_outbound() {
  rootless_at
  ip addr add 203.0.113.80/32 dev lo
  mkdir -p site
  echo outside >site/index.html
  python3 -m http.server --directory site --bind 203.0.113.80 8080 &
  trap 'kill %1' EXIT
  within 10 curl -s -o /dev/null http://203.0.113.80:8080/
  equal outside "$(login curl -s -m 30 http://203.0.113.80:8080/)"
  login curl -s -m 5 http://203.0.113.80:8081/ && return 1
  # Datagrams as well: somebody who answers with what he is asked.
  python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("203.0.113.80", 5353))
while True:
    b, a = s.recvfrom(2000)
    s.sendto(b"heard " + b, a)' &
  trap 'kill %1 %2' EXIT
  within 10 heard
  # What the host has for itself stays there.
  python3 -m http.server --directory site --bind 127.0.0.1 8082 &
  trap 'kill %1 %2 %3' EXIT
  within 10 curl -s -o /dev/null http://127.0.0.1:8082/
  login curl -s -m 2 http://198.19.255.254:8082/ && return 1
  return 0
}

heard() { login 'echo question | timeout 3 nc -u 203.0.113.80 5353; true' | grep -q 'heard question'; }

rootless_volume() {
  rootless_at
  . ./rids
  local volume snapshot copy
  volume=$(query VolumeId ec2 create-volume --size 1 --volume-type gp3 --availability-zone us-east-1a)
  aws ec2 wait volume-available --volume-ids "$volume"
  aws ec2 attach-volume --volume-id "$volume" --instance-id "$one" --device /dev/sdf
  aws ec2 wait volume-in-use --volume-ids "$volume"
  within 5 login test -e /dev/sdf
  login 'sudo mkfs.ext4 -q /dev/sdf && sudo mkdir -p /data && sudo mount /dev/xvdf /data && echo kept | sudo tee /data/file && sync'
  login lsblk | has /data
  snapshot=$(query SnapshotId ec2 create-snapshot --volume-id "$volume")
  aws ec2 wait snapshot-completed --snapshot-ids "$snapshot"
  copy=$(query VolumeId ec2 create-volume --snapshot-id "$snapshot" --availability-zone us-east-1a)
  aws ec2 wait volume-available --volume-ids "$copy"
  aws ec2 attach-volume --volume-id "$copy" --instance-id "$one" --device /dev/sdg
  within 5 login 'sudo mkdir -p /copy && sudo mount /dev/sdg /copy'
  login cat /copy/file | has kept
  login sudo umount /data
  aws ec2 detach-volume --volume-id "$volume"
  aws ec2 wait volume-available --volume-ids "$volume"
  aws ec2 modify-volume --volume-id "$volume" --size 2
  aws ec2 attach-volume --volume-id "$volume" --instance-id "$one" --device /dev/sdh
  within 5 login 'sudo mount /dev/sdh /data'
  login cat /data/file | has kept
  login df -h /data | has 2.0G
  aws ec2 stop-instances --instance-ids "$one"
  aws ec2 wait instance-stopped --instance-ids "$one"
  aws ec2 start-instances --instance-ids "$one"
  aws ec2 wait instance-running --instance-ids "$one"
  within 10 login 'sudo mount /dev/sdh /data'
  login cat /data/file | has kept
}

rootless_survives() {
  rootless_at
  . ./rids
  local port before after
  port=${ENDPOINT##*:}
  before=$(rootless_left | grep pileus-init)
  kill -9 "$(pgrep -u "$LUSER" -f 'bin/pileus up')"
  equal "$before" "$(rootless_left | grep pileus-init)"
  rootless_up "$port"
  equal running "$(state "$one")"
  equal "$before" "$(rootless_left | grep pileus-init)"
  within 5 login cat /data/file
  within 10 inside "$(public "$two")" ip-
  aws ec2 terminate-instances --instance-ids "$two"
  aws ec2 wait instance-terminated --instance-ids "$two"
  equal 1 "$(rootless_left | grep -c pileus-init)"
}

rootless_leaves() {
  rootless_at
  rootless_left | has pileus-holder
  as_user pileus --endpoint "$ENDPOINT" down --all
  within 5 nothing_runs
  if grep "$LHOME" /proc/mounts; then return 1; fi
}
nothing_runs() { equal '' "$(rootless_left)"; }

# A cloud that was killed is cleared away without being started again.
rootless_clears() {
  rootless_up 0
  within 10 login true # the instance boots with its cloud
  kill -9 "$(pgrep -u "$LUSER" -f 'bin/pileus up')"
  rootless_left | has pileus-init
  as_user pileus down --all --data-dir "$LHOME/data"
  within 5 nothing_runs
}

rootless_part() {
  if ! command -v useradd >/dev/null || ! command -v setpriv >/dev/null || ! rootless_user; then
    skip_case rootless 'no user could be made: it takes useradd, usermod and setpriv'
    return
  fi
  as_user pileus doctor >"$WORK/doctor" 2>&1
  if ! grep -q 'data plane: linux (user namespace)' "$WORK/doctor"; then
    skip_case rootless "a normal user has no user namespaces here: $(sed -n '/^data plane/,$p' "$WORK/doctor" | sed -n 2p)"
    return
  fi
  run_case 'a normal user starts a cloud with the real data plane, and status tells its limits' rootless_starts
  run_case 'instances boot, run user data and have console output' rootless_boots
  run_case 'they talk as their groups allow, and ssh comes in through the loopback' rootless_talks
  run_case 'a port of the host leads to a public address, and to nothing else' rootless_forwards
  run_case 'they reach the internet through pileus' rootless_outbound
  run_case 'an attached volume holds data, is snapshotted, grown, and there after stop and start' rootless_volume
  run_case 'kill -9: the same processes are managed again' rootless_survives
  run_case 'down --all leaves no process and no mount' rootless_leaves
  run_case 'down --all clears what a killed cloud has left' rootless_clears
}

MAIN_ENDPOINT=$ENDPOINT
rootless_part
rootless_gone
ENDPOINT=$MAIN_ENDPOINT
as_client
