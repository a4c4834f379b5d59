# shellcheck shell=bash
# Debian as people bring it, with a boot loader, a kernel, systemd and cloud-init
# of its own, in virtual machines: by BIOS and by UEFI. The disks are made before
# (debian-disk), because this part has no internet. It takes long where the
# processor does not run guests, which is why it runs only when it is asked for:
# `make debian` does both.
. "$here/../lib/virtual.sh"

# slow SECONDS command...: within, as long as an emulated processor takes.
slow() { within $(($1 * ${SLOWER:-4})) "${@:2}"; }

debian_ready() {
  virtual_ready || return
  command -v qemu-img >/dev/null || { echo 'qemu-img is not installed'; return 1; }
  [ -e "${DEBIAN_DISKS:-}/both.raw" ] && [ -e "$DEBIAN_DISKS/efi.raw" ] || { echo 'there are no disks: make debian makes them'; return 1; }
  compgen -G '/usr/share/OVMF/OVMF_CODE*.fd' >/dev/null || { echo 'ovmf is not installed'; return 1; }
}

# debian_into INSTANCE COMMAND runs a command there, as the image's own user.
debian_into() {
  ssh -i "$WORK/debian.pem" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=60 "debian@$(public "$1")" "${@:2}"
}
# cloud-init has come to its end, and says so with its exit status.
debian_done() { debian_into "$1" 'cloud-init status | grep -q "status: done"'; }
debian_field() { query "Reservations[0].Instances[0].$2" ec2 describe-instances --instance-ids "$1"; }

# debian_run IMAGE arguments...: starts an instance, and tells its id.
debian_run() {
  query 'Instances[0].InstanceId' ec2 run-instances --image-id "$1" --instance-type t3.small --key-name debian --security-group-ids "$group" "${@:2}"
}

# User data of two parts: cloud-config, and a script that trusts the cloud's
# authority, which the firmware has for those who ask, and calls an API.
debian_data() {
  python3 - <<'P'
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
m = MIMEMultipart()
m.attach(MIMEText('''#cloud-config
write_files:
- path: /etc/from-cloud-config
  content: "written\\n"
''', 'cloud-config'))
m.attach(MIMEText('''#!/bin/bash
echo run >>/var/log/user-data-runs
modprobe qemu_fw_cfg
cat /sys/firmware/qemu_fw_cfg/by_name/opt/com.pileus/authority/raw >/usr/local/share/ca-certificates/pileus.crt
update-ca-certificates >/dev/null
curl -s -o /dev/null -w 'answered %{http_code}' https://sts.us-east-1.amazonaws.com/ >/var/log/answered
echo user data has run on $(uname -r)
''', 'x-shellscript'))
print(m.as_string())
P
}

debian_bios() {
  virtual_as
  aws ec2 create-key-pair --key-name debian --key-type ed25519 --query KeyMaterial --output text >debian.pem
  chmod 600 debian.pem
  local group image id
  group=$(query GroupId ec2 create-security-group --group-name debian --description debian)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0
  image=$(pileus image import "$DEBIAN_DISKS/both.raw" --name debian | cut -f1)
  equal None "$(query 'Images[0].BootMode' ec2 describe-images --image-ids "$image")"
  debian_data >debian.data
  id=$(debian_run "$image" --user-data file://debian.data --block-device-mappings 'DeviceName=/dev/xvda,Ebs={VolumeSize=6}')
  printf '%s\n' "group=$group" "image=$image" "id=$id" >debian-ids
  aws ec2 wait instance-running --instance-ids "$id"
  equal legacy-bios "$(debian_field "$id" CurrentInstanceBootMode)"
  slow 300 debian_done "$id"
}

debian_inside() {
  virtual_as
  . ./debian-ids
  local all name
  debian_into "$id" 'ls -d /sys/firmware/efi 2>&1; cloud-id; cat /var/log/user-data-runs /etc/from-cloud-config /var/log/answered; hostname
    for f in sys_vendor product_name product_uuid product_serial board_asset_tag; do echo $f=$(sudo cat /sys/class/dmi/id/$f); done
    cat /sys/class/net/ens*/mtu; resolvectl dns; df --output=size -BM / | tail -1; getent hosts "$(hostname).ec2.internal"' >inside
  all=$(cat inside)
  name=$(debian_field "$id" PrivateDnsName)
  for want in 'No such file' aws 'run' written 'answered 4' "${name%%.*}" 'sys_vendor=Amazon EC2' product_name=t3.small product_uuid=ec2 product_serial=ec2 \
    "board_asset_tag=$id" 9001 169.254.169.253 "$(private "$id")"; do
    has "$want" <<<"$all"
  done
  equal 1 "$(grep -c '^run$' inside)"
  equal 5 "$(sed -n 's/^ *\([0-9]\)[0-9]*M$/\1/p' inside)" # GiB of 6, begun: the image's disk has 2
  virtual_console "$id" | has 'user data has run on'
  virtual_console "$id" | has 'login:'
  slow 60 virtual_ok "$id"
}

debian_volume() {
  virtual_as
  . ./debian-ids
  local volume
  volume=$(query VolumeId ec2 create-volume --size 1 --availability-zone "$(debian_field "$id" Placement.AvailabilityZone)")
  aws ec2 wait volume-available --volume-ids "$volume"
  aws ec2 attach-volume --volume-id "$volume" --instance-id "$id" --device /dev/sdf
  slow 30 virtual_attached "$volume" attached
  local disk=/dev/disk/by-id/virtio-${volume/-/}
  slow 30 debian_into "$id" test -e "$disk"
  debian_into "$id" "sudo mkfs.ext4 -q $disk && sudo mount $disk /mnt && echo kept | sudo tee /mnt/file && sudo umount /mnt"
  aws ec2 detach-volume --volume-id "$volume"
  slow 30 debian_free "$volume"
  debian_into "$id" test ! -e "$disk"
  aws ec2 delete-volume --volume-id "$volume"
}
debian_free() { [ "$(query 'Volumes[0].State' ec2 describe-volumes --volume-ids "$1")" = available ]; }

debian_killed() {
  virtual_as
  . ./debian-ids
  local before
  before=$(virtual_pids "$id")
  [ -n "$before" ]
  kill -9 "$(cat virtual.pid)"
  virtual_up "${AWS_ENDPOINT_URL##*:}" auto
  equal "$before" "$(virtual_pids "$id")"
  slow 60 virtual_ok "$id"
  debian_into "$id" true
}

debian_measured() {
  virtual_as
  . ./debian-ids
  within 200 debian_metric "$id"
}
debian_metric() {
  query 'Datapoints[0].Maximum' cloudwatch get-metric-statistics --namespace AWS/EC2 --metric-name CPUUtilization --dimensions "Name=InstanceId,Value=$1" \
    --start-time "$(date -u -d '-1 hour' +%FT%TZ)" --end-time "$(date -u -d '+5 minutes' +%FT%TZ)" --period 300 --statistics Maximum | grep -q '^[0-9]*[1-9]'
}

# boots counts the kernels that an instance has started.
boots() { debian_into "$1" 'sudo journalctl --list-boots | grep -c "[0-9a-f]\{32\}"'; }
booted() { [ "$(boots "$1")" = "$2" ]; }

debian_rebooted() {
  virtual_as
  . ./debian-ids
  aws ec2 reboot-instances --instance-ids "$id"
  slow 150 booted "$id" 2
  equal 1 "$(debian_into "$id" 'grep -c run /var/log/user-data-runs')"
}

debian_stopped() {
  virtual_as
  . ./debian-ids
  debian_into "$id" 'echo kept | sudo tee /srv/kept' # and nothing that would write it to the disk
  aws ec2 stop-instances --instance-ids "$id"
  slow 60 is "$id" stopped
  equal '' "$(virtual_pids "$id")"
  virtual_console "$id" | has 'Power down'
  aws ec2 start-instances --instance-ids "$id"
  aws ec2 wait instance-running --instance-ids "$id"
  slow 150 debian_into "$id" 'grep -qx kept /srv/kept && grep -c run /var/log/user-data-runs | grep -qx 1'
}

debian_image() {
  virtual_as
  . ./debian-ids
  local copy other
  debian_into "$id" 'echo fresh | sudo tee /srv/fresh'
  copy=$(query ImageId ec2 create-image --instance-id "$id" --name debian-copy)
  slow 60 debian_available "$copy"
  other=$(debian_run "$copy" --user-data $'#!/bin/sh\necho again >>/var/log/user-data-runs')
  echo "other=$other" >>debian-ids
  aws ec2 wait instance-running --instance-ids "$other"
  slow 200 debian_done "$other"
  debian_into "$other" 'cat /srv/fresh; sort /var/log/user-data-runs | uniq -c; hostname' >copied
  has fresh <copied
  has '1 again' <copied
  has '1 run' <copied
  name=$(debian_field "$other" PrivateDnsName)
  has "${name%%.*}" <copied
  aws ec2 terminate-instances --instance-ids "$other"
}
debian_available() { [ "$(query 'Images[0].State' ec2 describe-images --image-ids "$1")" = available ]; }

debian_powered_off() {
  virtual_as
  . ./debian-ids
  debian_into "$id" 'sudo systemctl --no-block poweroff'
  slow 60 is "$id" stopped
  aws ec2 terminate-instances --instance-ids "$id"
  aws ec2 wait instance-terminated --instance-ids "$id"
  equal '' "$(virtual_pids "$id")"
}

debian_uefi() {
  virtual_as
  . ./debian-ids
  local image id
  qemu-img convert -O qcow2 "$DEBIAN_DISKS/efi.raw" efi.qcow2
  image=$(pileus image import efi.qcow2 --name debian-uefi | cut -f1)
  equal uefi "$(query 'Images[0].BootMode' ec2 describe-images --image-ids "$image")"
  refused 'does not support an AMI with a boot mode of UEFI' aws ec2 run-instances --image-id "$image" --instance-type t2.micro
  id=$(debian_run "$image" --user-data file://debian.data)
  echo "id=$id" >>debian-ids
  aws ec2 wait instance-running --instance-ids "$id"
  equal 'uefi uefi' "$(debian_field "$id" '[BootMode, CurrentInstanceBootMode] | join(`" "`, @)')"
  slow 300 debian_done "$id"
  debian_into "$id" 'ls -d /sys/firmware/efi/efivars; findmnt -n -o FSTYPE /boot/efi' | has vfat
  # What firmware is told, it knows at the next start.
  debian_into "$id" 'mountpoint -q /sys/firmware/efi/efivars || sudo mount -t efivarfs efivarfs /sys/firmware/efi/efivars
    printf "\7\0\0\0told" | sudo tee /sys/firmware/efi/efivars/Pileus-12345678-1234-1234-1234-123456789abc >/dev/null'
  aws ec2 stop-instances --instance-ids "$id"
  slow 60 is "$id" stopped
  aws ec2 start-instances --instance-ids "$id"
  aws ec2 wait instance-running --instance-ids "$id"
  slow 150 debian_into "$id" 'grep -q told /sys/firmware/efi/efivars/Pileus-*'
  aws ec2 terminate-instances --instance-ids "$id"
}

# One disk, two firmwares: that which its image prefers, on a type that has it.
debian_preferred() {
  virtual_as
  . ./debian-ids
  local image id
  image=$(pileus image import "$DEBIAN_DISKS/both.raw" --name debian-preferred --boot-mode uefi-preferred | cut -f1)
  id=$(debian_run "$image")
  equal 'uefi-preferred uefi' "$(debian_field "$id" '[BootMode, CurrentInstanceBootMode] | join(`" "`, @)')"
  slow 60 virtual_says "$id" 'efi: EFI v'
  aws ec2 terminate-instances --instance-ids "$id"
}

# The same files without a disk around them: their kernel and their init in a
# virtual machine, our first process in a container.
debian_files() {
  virtual_as
  . ./debian-ids
  local image id
  echo '/dev/vda / ext4 defaults 0 1' >fstab
  tar -C "$DEBIAN_DISKS/debian-bookworm" --exclude=./etc/fstab -cf files.tar .
  tar --transform 's,^,./etc/,' -rf files.tar fstab
  image=$(pileus image import files.tar --name debian-files --user debian | cut -f1)
  id=$(debian_run "$image" --user-data file://debian.data)
  aws ec2 wait instance-running --instance-ids "$id"
  slow 20 debian_into "$id" 'grep -c run /var/log/user-data-runs | grep -qx 1 && grep written /etc/from-cloud-config && grep -q pileus-init /proc/1/cmdline'
  equal '' "$(virtual_pids "$id")"
  aws ec2 terminate-instances --instance-ids "$id"
  kill "$(cat virtual.pid)"
  within 20 virtual_quiet
  virtual_up "${AWS_ENDPOINT_URL##*:}" qemu
  id=$(debian_run "$image" --user-data file://debian.data)
  aws ec2 wait instance-running --instance-ids "$id"
  slow 300 debian_done "$id"
  debian_into "$id" 'cat /proc/1/comm /var/log/user-data-runs' >files
  has systemd <files
  equal 1 "$(grep -c run files)"
  aws ec2 terminate-instances --instance-ids "$id"
  aws ec2 wait instance-terminated --instance-ids "$id"
}

debian_gone() {
  virtual_as
  pileus down --all
  wait "$(cat virtual.pid)" 2>/dev/null || true
  equal '' "$(DATA=$WORK/virtual traces "$(printf %s "$WORK/virtual" | sha256sum | cut -c1-6)")"
  equal '' "$(pgrep -f "qemu-system-x86_64.*$WORK" || true)"
}

# debian_case "what" f runs a case unless ONLY names others.
debian_case() { if [ -z "${ONLY:-}" ] || [[ " $ONLY " == *" $2 "* ]]; then run_case "debian: $1" "$2"; fi; }

if why=$(debian_ready); then
  virtual_up 0 auto
  CLOUDS+=("$(cat virtual.pid)")
  debian_case 'a raw disk boots by BIOS in a virtual machine, and cloud-init comes to its end' debian_bios
  debian_case 'inside it is as on EC2: user data once, name, address, tables of the firmware, the root as large as its volume' debian_inside
  debian_case 'a volume comes and goes while it runs' debian_volume
  debian_case 'kill -9 of the cloud; the next one manages the same process' debian_killed
  CLOUDS+=("$(cat virtual.pid)")
  debian_case 'CloudWatch has its processor' debian_measured
  debian_case 'it reboots, and user data does not run again' debian_rebooted
  debian_case 'it shuts down when it is stopped, and starts with what it had written' debian_stopped
  debian_case 'an image of it has what was written a moment ago, and is an instance of its own' debian_image
  debian_case 'it powers itself off' debian_powered_off
  debian_case 'a qcow2 disk boots by UEFI, whose variables last' debian_uefi
  debian_case 'a disk for either boots by the firmware that its image prefers' debian_preferred
  debian_case 'the same files as an archive: a container, or with --engine qemu their own kernel and systemd' debian_files
  CLOUDS+=("$(cat virtual.pid)")
  debian_case 'nothing is left' debian_gone
  "$PILEUS" down --all --data-dir "$WORK/virtual" >/dev/null 2>&1 # what a failure has left
else
  skip_case 'Debian in virtual machines' "$why"
fi
