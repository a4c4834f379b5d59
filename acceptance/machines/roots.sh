# shellcheck shell=bash
# Roots: the root volume of a running instance is replaced; an image goes to a
# bucket as a disk image, comes back and boots.

start_rooted() {
  local group id
  group=$(query GroupId ec2 create-security-group --group-name roots --description roots)
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0
  id=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$AMI" --instance-type t3.micro --key-name me --security-group-ids "$group" \
    --user-data $'#!/bin/sh\ndate +%s%N >/first')
  aws ec2 wait instance-running --instance-ids "$id"
  printf '%s\n' "group=$group" "one=$id" "at=$(public "$id")" >rids
  within 5 into "$(public "$id")" 'test -s /first'
  into "$(public "$id")" 'echo mine | sudo tee /mark && sync'
}
run_case 'an instance whose root its owner has written to' start_rooted

root_of() { query "Reservations[0].Instances[0].BlockDeviceMappings[?DeviceName=='/dev/xvda'].Ebs.VolumeId|[0]" ec2 describe-instances --instance-ids "$1"; }
task_is() { equal "$2" "$(query 'ReplaceRootVolumeTasks[0].TaskState' ec2 describe-replace-root-volume-tasks --replace-root-volume-task-ids "$1")"; }
replace() {
  local task
  task=$(query ReplaceRootVolumeTask.ReplaceRootVolumeTaskId ec2 create-replace-root-volume-task --instance-id "$one" "$@")
  within 20 task_is "$task" succeeded
  within 5 into "$at" true
}

replaced() {
  . ./rids
  local first second before snapshot
  first=$(root_of "$one")
  before=$(into "$at" 'cat /first')
  snapshot=$(query SnapshotId ec2 create-snapshot --volume-id "$first")
  aws ec2 wait snapshot-completed --snapshot-ids "$snapshot"
  replace
  [ "$(root_of "$one")" != "$first" ]
  equal available "$(query 'Volumes[0].State' ec2 describe-volumes --volume-ids "$first")"
  into "$at" 'test ! -e /mark'
  within 5 into "$at" 'test -s /first' # user data ran again
  [ "$(into "$at" 'cat /first')" != "$before" ]
  second=$(root_of "$one")
  replace --snapshot-id "$snapshot" --delete-replaced-root-volume
  into "$at" 'cat /mark' | has mine
  equal "$before" "$(into "$at" 'cat /first')"
  refused InvalidVolume.NotFound aws ec2 describe-volumes --volume-ids "$second"
}
run_case 'its root is as at its launch, and then as in a snapshot, at the same address' replaced

there_and_back() {
  . ./rids
  local image task back two
  aws s3 mb s3://roots
  aws iam create-role --role-name vmimport --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"vmie.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
  aws iam put-role-policy --role-name vmimport --policy-name disks --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::roots","arn:aws:s3:::roots/*"]}]}'
  image=$(query ImageId ec2 create-image --instance-id "$one" --name marked --no-reboot)
  aws ec2 wait image-available --image-ids "$image"
  task=$(query ExportImageTaskId ec2 export-image --image-id "$image" --disk-image-format VMDK --s3-export-location S3Bucket=roots)
  exported() { equal completed "$(query 'ExportImageTasks[0].Status' ec2 describe-export-image-tasks --export-image-task-ids "$task")"; }
  within 60 exported
  back=$(query ImportTaskId ec2 import-image --disk-containers "Format=VMDK,Url=s3://roots/$task.vmdk")
  imported() { equal completed "$(query 'ImportImageTasks[0].Status' ec2 describe-import-image-tasks --import-task-ids "$back")"; }
  within 60 imported
  back=$(query 'ImportImageTasks[0].ImageId' ec2 describe-import-image-tasks --import-task-ids "$back")
  two=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$back" --instance-type t3.micro --key-name me --security-group-ids "$group")
  aws ec2 wait instance-running --instance-ids "$two"
  within 5 into "$(public "$two")" 'cat /mark' | has mine
  aws ec2 create-store-image-task --image-id "$image" --bucket roots
  stored() { equal Completed "$(query 'StoreImageTaskResults[0].StoreTaskState' ec2 describe-store-image-tasks --image-ids "$image")"; }
  within 60 stored
  back=$(query ImageId ec2 create-restore-image-task --bucket roots --object-key "$image.bin" --name again)
  aws ec2 wait image-available --image-ids "$back"
  aws ec2 terminate-instances --instance-ids "$one" "$two"
  two=$(query 'Instances[0].InstanceId' ec2 run-instances --image-id "$back" --instance-type t3.micro --key-name me --security-group-ids "$group")
  aws ec2 wait instance-running --instance-ids "$two"
  within 5 into "$(public "$two")" 'cat /mark' | has mine
  aws ec2 terminate-instances --instance-ids "$two"
  aws ec2 wait instance-terminated --instance-ids "$one" "$two"
}
run_case 'an image goes to a bucket, as a disk and as a whole, comes back and boots' there_and_back
