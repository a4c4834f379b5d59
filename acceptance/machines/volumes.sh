# shellcheck shell=bash
# Volumes: attached, formatted, filled, snapshotted, moved.

start_default() {
  local group id
  group=$(query GroupId ec2 create-security-group --group-name open --description open)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --key-name me --security-group-ids "$group" --placement AvailabilityZone=us-east-1a)
  aws ec2 wait instance-running --instance-ids "$id"
  printf '%s\n' "open=$group" "one=$id" >vids
  within 5 into "$(public "$id")" true
}
run_case 'an instance in the default VPC' start_default

attach() {
  . ./vids
  local volume at
  at=$(public "$one")
  volume=$(query VolumeId ec2 create-volume --size 1 --volume-type gp3 --availability-zone us-east-1a)
  aws ec2 wait volume-available --volume-ids "$volume"
  aws ec2 attach-volume --volume-id "$volume" --instance-id "$one" --device /dev/sdf
  aws ec2 wait volume-in-use --volume-ids "$volume"
  within 5 into "$at" 'test -b /dev/sdf || test -b /dev/xvdf'
  into "$at" 'sudo mkfs.ext4 -q /dev/sdf && sudo mkdir -p /data && sudo mount /dev/sdf /data && echo kept | sudo tee /data/file && sync'
  echo "volume=$volume" >>vids
}
run_case 'a volume is attached, formatted and mounted' attach

snapshot() {
  . ./vids
  local s v other
  s=$(query SnapshotId ec2 create-snapshot --volume-id "$volume")
  aws ec2 wait snapshot-completed --snapshot-ids "$s"
  refused IncorrectState aws ec2 attach-volume --volume-id "$volume" --instance-id "$one" --device /dev/sdg || true
  v=$(query VolumeId ec2 create-volume --snapshot-id "$s" --availability-zone us-east-1b)
  aws ec2 wait volume-available --volume-ids "$v"
  refused InvalidVolume.ZoneMismatch aws ec2 attach-volume --volume-id "$v" --instance-id "$one" --device /dev/sdg
  other=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --key-name me --security-group-ids "$open" --placement AvailabilityZone=us-east-1b)
  aws ec2 wait instance-running --instance-ids "$other"
  aws ec2 attach-volume --volume-id "$v" --instance-id "$other" --device /dev/sdf
  within 5 into "$(public "$other")" 'sudo mkdir -p /data && sudo mount /dev/sdf /data'
  into "$(public "$other")" 'cat /data/file' | has kept
  echo "other=$other" >>vids
}
run_case 'its snapshot becomes a volume in another zone' snapshot

detach() {
  . ./vids
  into "$(public "$one")" 'sudo umount /data'
  aws ec2 detach-volume --volume-id "$volume"
  aws ec2 wait volume-available --volume-ids "$volume"
  aws ec2 modify-volume --volume-id "$volume" --size 2
  aws ec2 attach-volume --volume-id "$volume" --instance-id "$one" --device /dev/sdh
  within 5 into "$(public "$one")" 'sudo mkdir -p /again && sudo mount /dev/sdh /again && cat /again/file' | has kept
  aws ec2 terminate-instances --instance-ids "$one" "$other"
  aws ec2 wait instance-terminated --instance-ids "$one" "$other"
  equal available "$(query 'Volumes[0].State' ec2 describe-volumes --volume-ids "$volume")"
}
run_case 'detached, grown, attached elsewhere; it outlives the instance' detach
