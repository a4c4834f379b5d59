# shellcheck shell=bash
# A cloud of virtual machines, beside the suite's own, and what is asked of it.

virtual_ready() {
  command -v qemu-system-x86_64 >/dev/null || { echo 'qemu-system-x86_64 is not installed'; return 1; }
  [ "$(uname -m)" = x86_64 ] || { echo 'the engine is for x86_64'; return 1; }
  compgen -G '/boot/vmlinuz-*' >/dev/null || [ -n "${VIRTUAL_KERNEL:-}" ] || { echo 'there is no kernel in /boot for guests: scripts/setup installs one'; return 1; }
}

# virtual_up [PORT [ENGINE]] starts or restarts the cloud of virtual machines.
virtual_up() {
  rm -f virtual.out # of one that was started before
  PILEUS_ENDPOINT='' "$PILEUS" up --data-dir "$WORK/virtual" --port "${1:-0}" --uplink=false --engine "${2:-qemu}" ${VIRTUAL_KERNEL:+--kernel "$VIRTUAL_KERNEL"} >virtual.out 2>virtual.log &
  echo $! >virtual.pid
  within 60 grep -qsx 'Ready\.' virtual.out
}
virtual_as() { export AWS_ENDPOINT_URL PILEUS_ENDPOINT; AWS_ENDPOINT_URL=$(sed -n 's/^ *endpoint *//p' virtual.out); PILEUS_ENDPOINT=$AWS_ENDPOINT_URL; }
virtual_console() { query Output ec2 get-console-output --instance-id "$1" --latest; }
virtual_says() { virtual_console "$1" | grep -q -- "$2"; }
virtual_pids() { pgrep -f "qemu-system-x86_64.*guest=$1" || true; }
virtual_ok() { [ "$(query 'InstanceStatuses[0].[SystemStatus.Status,InstanceStatus.Status] | join(`,`, @)' ec2 describe-instance-status --instance-ids "$1")" = ok,ok ]; }
virtual_attached() { [ "$(query 'Volumes[0].Attachments[0].State' ec2 describe-volumes --volume-ids "$1")" = "$2" ]; }
virtual_quiet() { ! curl -s -m 1 "$AWS_ENDPOINT_URL/_pileus/health" >/dev/null; }
