# shellcheck shell=bash
# pileus's own commands, against a cloud of their own: some empty or end it.

mkdir -p init/boot.d init/start.d init/ready.d init/shutdown.d
for stage in boot start ready shutdown; do
  printf '#!/bin/sh\necho %s >>"%s/stages"\n' $stage "$WORK" >init/$stage.d/stage.sh
done
cat >init/ready.d/bucket.sh <<'SH'
#!/bin/sh
aws s3 mb s3://from-init --endpoint-url "$AWS_ENDPOINT_URL"
SH
chmod +x init/*/*.sh
cloud_start --init-dir "$WORK/init"
as_client

own_help() {
  local c
  pileus --version | has pileus
  for c in up env down status wait reset 'snapshot save' 'snapshot load' 'snapshot list' doctor coverage \
    'clock show' 'clock advance' 'clock set' 'clock freeze' 'clock resume' 'clock reset' \
    'fault add' 'fault list' 'fault clear' 'fault remove' trail bill why 'completion bash'; do
    # shellcheck disable=SC2086
    pileus $c --help | has Usage:
  done
  for c in up env down status wait reset snapshot doctor coverage clock fault trail bill why; do
    pileus $c --help | has Examples:
  done
  pileus completion bash >completion.bash
  bash -n completion.bash
  pileus completion zsh | has compdef
  pileus completion fish | has complete
  refused 'unknown command' pileus nonsense
  refused 'no cloud answers at' pileus status --endpoint http://127.0.0.1:9
}
run_case 'pileus --help, completion, mistakes' own_help

own_init() {
  made() { aws s3 ls | has from-init; }
  eventually made
  equal 'boot start ready' "$(tr '\n' ' ' <stages | sed 's/ $//')"
  curl -sf "$ENDPOINT/_localstack/init" | has '"name":"bucket.sh","state":"SUCCESSFUL"'
}
run_case 'init scripts run at each stage' own_init

own_status() {
  pileus wait --timeout 60s
  pileus status | has "$ENDPOINT"
  pileus status | has '1 buckets'
  pileus status --json | python3 -c 'import json,sys; assert "s3" in json.load(sys.stdin)["services"]'
  pileus coverage | has s3
  pileus coverage s3 | has GetObject
  pileus coverage --markdown | has '#'
  pileus doctor >doctor
  [ -s doctor ]
  refused '' pileus wait --timeout 1s --endpoint http://127.0.0.1:9
}
run_case 'pileus status, wait, coverage, doctor' own_status

own_clock() {
  aws s3api put-bucket-lifecycle-configuration --bucket from-init --lifecycle-configuration \
    '{"Rules":[{"ID":"old","Status":"Enabled","Filter":{"Prefix":"logs/"},"Expiration":{"Days":30}}]}'
  echo x | aws s3 cp - s3://from-init/logs/old
  echo x | aws s3 cp - s3://from-init/kept
  pileus clock advance 20d | has 'from the machine'
  aws s3 ls s3://from-init/logs/ | has old
  pileus clock advance 12d
  gone() { aws s3 ls s3://from-init --recursive | hasnt old; }
  eventually gone
  aws s3 ls s3://from-init | has kept
  pileus clock freeze | has frozen
  pileus clock resume | hasnt frozen
  pileus clock set "$(date -u -d '+1 year' +%F)" | has "$(date -u -d '+1 year' +%F)"
  pileus clock reset
  pileus clock show | has "$(date -u +%F)"
  refused '' pileus clock advance sideways
}
run_case 'pileus clock: a month passes, a lifecycle rule takes effect' own_clock

own_fault() {
  pileus fault add --service s3 --operation ListBuckets --error SlowDown --count 1
  pileus fault list | has SlowDown
  AWS_MAX_ATTEMPTS=1 refused SlowDown aws s3api list-buckets
  aws s3api list-buckets >/dev/null
  pileus fault add --service s3 --operation ListBuckets --error SlowDown --count 1
  aws s3api list-buckets >/dev/null # the client tries again by itself
  pileus fault add --service s3 --reset --count 1
  AWS_MAX_ATTEMPTS=1 refused 'onnection' aws s3api list-buckets
  pileus fault add --service s3 --error ServiceUnavailable
  pileus fault clear
  pileus fault list | hasnt ServiceUnavailable
  AWS_MAX_ATTEMPTS=1 aws s3api list-buckets >/dev/null
  refused '' pileus fault add --rate much
}
run_case 'pileus fault: add, list, clear' own_fault

own_trail() {
  aws s3api head-bucket --bucket from-init
  pileus trail --service s3 --operation HeadBucket | has from-init
  pileus trail --errors | has SlowDown
  pileus trail --format json --limit 1 | python3 -c 'import json,sys; json.loads(sys.stdin.readline())'
  pileus trail --writes --service s3 | hasnt HeadBucket
  timeout 120 pileus trail --follow --operation GetBucketLocation >followed &
  local follower=$!
  seen() { aws s3api get-bucket-location --bucket from-init >/dev/null; grep -q GetBucketLocation followed; }
  eventually seen
  kill $follower 2>/dev/null || true
  curl -sf "$ENDPOINT/_pileus/trail?limit=1" >/dev/null
  pileus bill | has AmazonS3
  pileus bill --by service,account --json | python3 -c 'import json,sys; json.load(sys.stdin)'
}
run_case 'pileus trail, bill' own_trail

own_snapshot() {
  pileus snapshot save before | has 'saved before'
  pileus snapshot list | has before
  pileus reset | has 'empty again'
  equal '' "$(aws s3 ls)"
  pileus snapshot load before | has 'loaded before'
  aws s3 ls s3://from-init | has kept
  equal x "$(aws s3 cp s3://from-init/kept -)"
  refused '' pileus snapshot load never-saved
  equal 200 "$(curl -s -o /dev/null -w '%{http_code}' -X POST "$ENDPOINT/moto-api/reset")"
  equal '' "$(aws s3 ls)"
}
run_case 'pileus snapshot save, load; reset' own_snapshot

own_localstack() {
  curl -sf "$ENDPOINT/_localstack/health" | python3 -c 'import json,sys; assert json.load(sys.stdin)["services"]["s3"] in ("running", "available")'
  curl -sf "$ENDPOINT/_localstack/info" | has '"version"'
  curl -sf "$ENDPOINT/_localstack/init/ready" | has '"completed"'
}
run_case '/_localstack/health, info, init' own_localstack

own_down() {
  aws s3 mb s3://survivor
  pileus down --endpoint "$ENDPOINT"
  ended() { ! kill -0 "$CLOUD"; }
  eventually ended
  equal 'boot start ready shutdown' "$(tr '\n' ' ' <stages | sed 's/ $//')"
  refused 'no cloud answers' pileus status
}
run_case 'pileus down' own_down

own_restart() {
  local pid round ok=0
  for round in first second; do
    "$PILEUS" up --data-dir "$CLOUD_DIR/data" --port 0 >$round 2>$round.log &
    pid=$!
    up() { grep -qsx 'Ready\.' $round; }
    eventually up
    aws --endpoint-url "$(sed -n 's/^ *endpoint *//p' $round)" s3api list-buckets --output text | has survivor || ok=1
    if [ $round = first ]; then kill -KILL $pid; else kill $pid; fi
    wait $pid || [ $round = first ]
  done
  [ $ok = 0 ]
}
run_case 'state survives a stop and a SIGKILL' own_restart
