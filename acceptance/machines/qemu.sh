# shellcheck shell=bash
# Virtual machines: a cloud of its own with --engine qemu. Where the processor
# does not run guests itself they are emulated, which takes some seconds for
# each boot.

. "$here/../lib/virtual.sh"

virtual_boots() {
  virtual_as
  pileus status --json | has 'engine of machines: qemu'
  aws ec2 create-key-pair --key-name me --key-type ed25519 --query KeyMaterial --output text >virtual.pem
  chmod 600 virtual.pem
  local group id
  group=$(query GroupId ec2 create-security-group --group-name virtual --description virtual)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr 0.0.0.0/0
  cat >virtual-data <<'U'
#!/bin/sh
mkdir -p /var/www/html
T=$(curl -s -X PUT http://169.254.169.254/latest/api/token -H "X-aws-ec2-metadata-token-ttl-seconds: 60")
echo "$(uname -r) $(curl -s -H "X-aws-ec2-metadata-token: $T" http://169.254.169.254/latest/meta-data/instance-id) $(hostname -f)" >/var/www/html/index.html
cat >/etc/systemd/system/web.service <<W
[Service]
ExecStart=/usr/bin/httpd -p 80 -h /var/www/html
W
systemctl enable web
systemctl start web
echo user data has run
U
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --key-name me --security-group-ids "$group" --user-data file://virtual-data)
  printf '%s\n' "group=$group" "id=$id" >virtual-ids
  aws ec2 wait instance-running --instance-ids "$id"
  within 60 virtual_says "$id" 'user data has run'
  local at
  at=$(public "$id")
  within 10 shows "$at" "$id"
  page "$at" | has '.ec2.internal'
  page "$at" | hasnt "$(uname -r)" # its kernel is not this one
  within 10 virtual_ok "$id"
  virtual_console "$id" | has 'Linux version'
  if page "$at:8080" 2; then return 1; fi
}
virtual_name='the built-in image boots a kernel of its own, reads its metadata, runs its user data; its page is read from outside'

virtual_pictured() {
  query ImageData ec2 get-console-screenshot --instance-id "$1" | base64 -d >virtual.jpg
  head -c 3 virtual.jpg | xxd -p | has ffd8ff
}
virtual_screen() {
  virtual_as
  . ./virtual-ids
  virtual_pictured "$id"
}

virtual_volume() {
  virtual_as
  . ./virtual-ids
  local volume zone
  zone=$(query 'Reservations[0].Instances[0].Placement.AvailabilityZone' ec2 describe-instances --instance-ids "$id")
  volume=$(query VolumeId ec2 create-volume --size 1 --availability-zone "$zone")
  aws ec2 wait volume-available --volume-ids "$volume"
  aws ec2 attach-volume --volume-id "$volume" --instance-id "$id" --device /dev/sdf
  within 20 virtual_attached "$volume" attached
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0
  virtual_into "$(public "$id")" 'sudo mkfs.ext4 /dev/sdf && sudo mkdir /data && sudo mount /dev/xvdf /data && echo kept | sudo tee /data/file'
  echo "volume=$volume" >>virtual-ids
}
virtual_into() { ssh -i virtual.pem -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=10 "ec2-user@$1" "${@:2}"; }

virtual_killed() {
  virtual_as
  . ./virtual-ids
  local before port
  before=$(virtual_pids "$id")
  [ -n "$before" ]
  port=${AWS_ENDPOINT_URL##*:}
  kill -9 "$(cat virtual.pid)"
  shows "$(public_of)" "$id" # it goes on by itself
  virtual_up "$port"
  equal "$before" "$(virtual_pids "$id")"
  within 10 virtual_ok "$id"
  within 5 shows "$(public "$id")" "$id"
}
public_of() { cat virtual-at; }

virtual_again() {
  virtual_as
  . ./virtual-ids
  aws ec2 stop-instances --instance-ids "$id"
  aws ec2 wait instance-stopped --instance-ids "$id"
  equal '' "$(virtual_pids "$id")"
  virtual_console "$id" | has 'pileus: down'
  aws ec2 start-instances --instance-ids "$id"
  aws ec2 wait instance-running --instance-ids "$id"
  within 60 shows "$(public "$id")" "$id" # what user data has written is there; it did not run again
  virtual_into "$(public "$id")" 'sudo mount /dev/sdf /data && cat /data/file' | has kept
}

# boot_disk FILE TEXT makes a disk whose boot sector writes a text to the first
# serial line, and stays.
boot_disk() {
  python3 - "$@" <<'P'
import sys
code = bytes.fromhex('31c0 8ed8 fc be167c baf803 ac 84c0 7403 ee ebf8 f4 ebfd')
sector = code + sys.argv[2].encode() + b'\0'
assert len(code) == 0x16 and len(sector) <= 440
open(sys.argv[1], 'wb').write(sector.ljust(510, b'\0') + b'\x55\xaa' + bytes(4 << 20))
P
}

virtual_windows() {
  virtual_as
  . ./virtual-ids
  local image windows kind=raw
  aws ec2 create-key-pair --key-name rsa --query KeyMaterial --output text >rsa.pem
  boot_disk windows.raw "<Password>$(printf Secret-1 | openssl pkeyutl -encrypt -inkey rsa.pem | base64 -w0)</Password>"
  if command -v qemu-img >/dev/null; then
    qemu-img convert -O vpc windows.raw windows.vhd
    kind=vhd
  fi
  image=$(pileus image import "windows.$kind" --platform windows --name windows | cut -f1)
  equal Windows "$(query 'Images[0].Platform' ec2 describe-images --image-ids "$image")"
  windows=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$image" --instance-type t3.micro --key-name rsa --security-group-ids "$group")
  echo "windows=$windows" >>virtual-ids
  aws ec2 wait instance-running --instance-ids "$windows"
  within 20 virtual_says "$windows" '</Password>'
  equal Secret-1 "$(query PasswordData ec2 get-password-data --instance-id "$windows" --priv-launch-key rsa.pem)"
  virtual_pictured "$windows"
  aws ec2 terminate-instances --instance-ids "$windows"
  aws ec2 wait instance-terminated --instance-ids "$windows"
  equal '' "$(virtual_pids "$windows")"
}

# An instance that is started anew is what the cloud then makes of it.
virtual_other() {
  virtual_as
  . ./virtual-ids
  aws ec2 stop-instances --instance-ids "$id"
  aws ec2 wait instance-stopped --instance-ids "$id"
  kill "$(cat virtual.pid)"
  within 10 virtual_quiet
  virtual_up "${AWS_ENDPOINT_URL##*:}" container
  aws ec2 start-instances --instance-ids "$id"
  aws ec2 wait instance-running --instance-ids "$id"
  equal '' "$(virtual_pids "$id")"
  within 10 shows "$(public "$id")" "$id" # the same volumes
  within 10 virtual_ok "$id"
}

virtual_gone() {
  virtual_as
  . ./virtual-ids
  aws ec2 terminate-instances --instance-ids "$id"
  aws ec2 wait instance-terminated --instance-ids "$id"
  equal '' "$(virtual_pids "$id")"
  within 10 virtual_attached_nowhere
  pileus down --all
  wait "$(cat virtual.pid)" 2>/dev/null || true
  equal '' "$(DATA=$WORK/virtual traces "$(printf %s "$WORK/virtual" | sha256sum | cut -c1-6)")"
}
virtual_attached_nowhere() { [ "$(query 'Volumes[0].State' ec2 describe-volumes --volume-ids "$volume")" = available ]; }

if why=$(virtual_ready); then
  virtual_up
  CLOUDS+=("$(cat virtual.pid)")
  run_case "qemu: $virtual_name" virtual_boots
  (virtual_as; . ./virtual-ids; public "$id") >virtual-at
  run_case 'qemu: its screen is a picture' virtual_screen
  run_case 'qemu: an attached volume appears under the name that was asked for' virtual_volume
  run_case 'qemu: kill -9 of the cloud; it goes on, and the next cloud manages the same process' virtual_killed
  CLOUDS+=("$(cat virtual.pid)")
  run_case 'qemu: stopped and started, it has its disks' virtual_again
  run_case 'qemu: a disk of Windows is imported and boots; the password that it tells is decrypted with the key pair' virtual_windows
  run_case 'qemu: started anew with another engine, it is a container with the same volumes' virtual_other
  CLOUDS+=("$(cat virtual.pid)")
  run_case 'qemu: terminated, nothing is left' virtual_gone
  "$PILEUS" down --all --data-dir "$WORK/virtual" >/dev/null 2>&1 # what a failure has left
else
  skip_case 'virtual machines' "$why"
fi
