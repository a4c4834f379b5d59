# shellcheck shell=bash
# Encrypted volumes: what is written to them is on the disk as ciphertext alone,
# and there for the instance, whatever is killed.

# on_disk TEXT: whether the cloud's files hold a text in the clear. Holes are
# passed over.
on_disk() {
  python3 - "$DATA" "$1" <<'PY'
import os, sys
text = sys.argv[2].encode()
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(folder, name)
        if os.path.islink(path) or not os.path.isfile(path):
            continue
        with open(path, "rb") as f:
            at, size, rest = 0, os.path.getsize(path), b""
            while at < size:
                try:
                    data = os.lseek(f.fileno(), at, os.SEEK_DATA)
                except OSError:
                    break
                end = os.lseek(f.fileno(), data, os.SEEK_HOLE)
                rest = b"" if data > at else rest
                while data < end:
                    b = os.pread(f.fileno(), min(4 << 20, end - data), data)
                    if not b:
                        break
                    if text in rest + b:
                        print("in the clear:", path)
                        sys.exit(0)
                    data, rest = data + len(b), b[-len(text):]
                at = end
sys.exit(1)
PY
}
nowhere() { if on_disk "$1"; then return 1; fi; }
ciphers_are() { [ "$({ pgrep -f "^pileus-cipher $(cloud_id)" || true; } | wc -l)" = "$1" ]; }
cipher_of() { pgrep -f "^pileus-cipher $(cloud_id) $1\$"; }
volume_status() { query 'VolumeStatuses[0].VolumeStatus.Status' ec2 describe-volume-status --volume-ids "$1"; }
volume_is() { [ "$(volume_status "$1")" = "$2" ]; }
secret() { echo "${1}_$(printf %s "$WORK" | sha256sum | cut -c1-16)"; } # in no program and no log

# service_groups lists the control groups of a service as systemd would make them.
service_groups() {
  local tree
  for tree in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
    if [ -w "$tree/cgroup.procs" ]; then echo "$tree/service-$(cloud_id)"; fi
  done
}
# as_service PID: the process is a service from here on.
as_service() {
  local g
  for g in $(service_groups); do
    mkdir -p "$g"
    echo "$1" >"$g/cgroup.procs"
  done
}
# service_ends kills all that is in the service, as `systemctl restart` does.
service_ends() { within 20 service_killed; }
service_killed() {
  local g left=
  for g in $(service_groups); do
    [ -d "$g" ] || continue
    xargs -r kill -9 <"$g/cgroup.procs" || true
    rmdir "$g" || left=1
  done
  [ -z "$left" ]
}

encrypted_start() {
  local group id root
  as_service "$(pileus status --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])')"
  group=$(query GroupId ec2 create-security-group --group-name encrypted --description encrypted)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --key-name me --security-group-ids "$group" \
    --placement AvailabilityZone=us-east-1a --block-device-mappings 'DeviceName=/dev/xvda,Ebs={Encrypted=true,VolumeSize=8}')
  aws ec2 wait instance-running --instance-ids "$id"
  root=$(query 'Volumes[0].VolumeId' ec2 describe-volumes --filters "Name=attachment.instance-id,Values=$id")
  equal True "$(query 'Volumes[0].Encrypted' ec2 describe-volumes --volume-ids "$root")"
  printf '%s\n' "einst=$id" "eroot=$root" >eids
  within 5 into "$(public "$id")" true
  into "$(public "$id")" "echo $(secret root) >kept; sync"
  ciphers_are 1
}
run_case 'an instance with an encrypted root volume' encrypted_start

encrypted_attach() {
  . ./eids
  local at plain v
  at=$(public "$einst")
  plain=$(query VolumeId ec2 create-volume --size 1 --availability-zone us-east-1a)
  v=$(query VolumeId ec2 create-volume --size 1 --availability-zone us-east-1a --encrypted)
  aws ec2 wait volume-available --volume-ids "$plain" "$v"
  aws ec2 attach-volume --volume-id "$plain" --instance-id "$einst" --device /dev/sdf
  aws ec2 attach-volume --volume-id "$v" --instance-id "$einst" --device /dev/sdg
  within 5 into "$at" 'test -b /dev/sdf && test -b /dev/sdg'
  into "$at" 'for d in sdf sdg; do sudo mkfs.ext4 -q /dev/$d && sudo mkdir -p /$d && sudo mount /dev/$d /$d; done'
  into "$at" "echo $(secret plain) | sudo tee /sdf/file; echo $(secret data) | sudo tee /sdg/file; sync"
  on_disk "$(secret plain)" # so that what follows means something
  nowhere "$(secret data)"
  nowhere "$(secret root)"
  echo "evol=$v" >>eids
}
run_case 'what is written to encrypted volumes is nowhere on the disk; to others it is' encrypted_attach

encrypted_snapshot() {
  . ./eids
  local s v at
  at=$(public "$einst")
  s=$(query SnapshotId ec2 create-snapshot --volume-id "$evol")
  aws ec2 wait snapshot-completed --snapshot-ids "$s"
  v=$(query VolumeId ec2 create-volume --snapshot-id "$s" --availability-zone us-east-1a --size 2)
  aws ec2 wait volume-available --volume-ids "$v"
  equal True "$(query 'Volumes[0].Encrypted' ec2 describe-volumes --volume-ids "$v")"
  aws ec2 attach-volume --volume-id "$v" --instance-id "$einst" --device /dev/sdh
  within 5 into "$at" 'test -b /dev/sdh'
  into "$at" 'sudo mkdir -p /sdh && sudo mount /dev/sdh /sdh && cat /sdh/file' | has "$(secret data)"
  nowhere "$(secret data)"
  ciphers_are 3
}
run_case 'a volume of its snapshot has it, and is encrypted' encrypted_snapshot

encrypted_crash() {
  . ./eids
  local at was
  at=$(public "$einst")
  was=$(cipher_of "$evol")
  service_ends
  into "$at" "echo $(secret alone) | sudo tee /sdg/alone; sync; cat kept" | has "$(secret root)" # without the cloud
  nowhere "$(secret alone)"
  cloud_again encrypted
  equal "$was" "$(cipher_of "$evol")"
  into "$at" 'cat /sdg/file /sdg/alone' | has "$(secret alone)"
  aws ec2 stop-instances --instance-ids "$einst"
  aws ec2 wait instance-stopped --instance-ids "$einst"
  within 5 ciphers_are 0
  aws ec2 start-instances --instance-ids "$einst"
  aws ec2 wait instance-running --instance-ids "$einst"
  at=$(public "$einst")
  within 5 into "$at" 'cat kept' | has "$(secret root)"
  into "$at" 'sudo mkdir -p /sdg && sudo mount /dev/sdg /sdg && cat /sdg/file /sdg/alone' | has "$(secret alone)"
  equal ok "$(volume_status "$evol")"
}
run_case 'the service of the cloud is killed: the instance keeps its disks; all is there after a stop and start' encrypted_crash

# resends: whether the kernel says again what a process has not answered that died.
resends() { [ "$(printf '6.9\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.9 ]; }

encrypted_replaced() {
  . ./eids
  local at was
  at=$(public "$einst")
  was=$(cipher_of "$evol")
  kill -9 "$was"
  into "$at" "echo $(secret after) | sudo tee /sdg/after; sync; sudo dd if=/dev/sdg of=/dev/null bs=4096 count=1 skip=900"
  into "$at" 'cat /sdg/after' | has "$(secret after)"
  equal ok "$(volume_status "$evol")"
  [ -n "$(cipher_of "$evol")" ] && [ "$was" != "$(cipher_of "$evol")" ]
  nowhere "$(secret after)"
}
if resends; then
  run_case 'kill -9 of what encrypts: another takes its place, and the instance sees no error' encrypted_replaced
else
  skip_case 'kill -9 of what encrypts: another takes its place' "Linux $(uname -r) is older than 6.9"
fi

encrypted_broken() {
  . ./eids
  local at
  at=$(public "$einst")
  into "$at" "echo $(secret synced) | sudo tee /sdg/synced; sync"
  kill -9 "$(pileus status --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])')"
  kill -9 "$(cipher_of "$evol")" # and there is nobody to start another
  cloud_again encrypted
  within 5 volume_is "$evol" impaired
  if into "$at" 'echo lost | sudo tee /sdg/lost && sync && sudo dd if=/dev/sdg of=/dev/null bs=4096 count=1 skip=1000'; then return 1; fi
  aws ec2 detach-volume --volume-id "$evol" --force
  aws ec2 wait volume-available --volume-ids "$evol"
  aws ec2 attach-volume --volume-id "$evol" --instance-id "$einst" --device /dev/sdi
  within 5 into "$at" 'test -b /dev/sdi'
  into "$at" 'sudo mkdir -p /sdi && sudo mount /dev/sdi /sdi && cat /sdi/synced' | has "$(secret synced)"
  equal ok "$(volume_status "$evol")"
  nowhere "$(secret synced)"
  aws ec2 terminate-instances --instance-ids "$einst"
  aws ec2 wait instance-terminated --instance-ids "$einst"
  within 5 ciphers_are 0
}
run_case 'what encrypts is killed while there is no cloud: impaired, I/O fails, attached anew nothing that was synced is lost' encrypted_broken
if [ -f encrypted.pid ]; then CLOUDS+=("$(cat encrypted.pid)"); fi
