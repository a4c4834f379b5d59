# shellcheck shell=bash
# For people who come from another local cloud: awslocal and tflocal, as they
# are, and the variables that they know.

unset AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY PILEUS_ENDPOINT
unset -f aws
if ! cloud_try --port 4566; then
  # Somebody has the usual port; the tools are told of another, each in its way.
  cloud_start
  export LOCALSTACK_HOST=localhost:${ENDPOINT##*:} EDGE_PORT=${ENDPOINT##*:}
fi

dropin_awslocal() {
  awslocal s3 mb s3://local | has 'make_bucket: local'
  awslocal s3 ls | has local
  awslocal iam create-user --user-name local | has arn:aws:iam::000000000000:user/local
  local url
  url=$(awslocal sqs create-queue --queue-name local --query QueueUrl --output text)
  awslocal sqs send-message --queue-url "$url" --message-body x | has MessageId
  awslocal sts get-caller-identity | has 000000000000
}
if command -v awslocal >/dev/null; then
  run_case 'awslocal works as it is' dropin_awslocal
else
  skip_case 'awslocal' 'it is not installed; scripts/setup installs it'
fi

dropin_tflocal() {
  mkdir -p tflocal && cd tflocal
  # It addresses buckets by a host name of public DNS; where that is out of reach, by path.
  getent hosts s3.localhost.localstack.cloud >/dev/null || export S3_HOSTNAME=localhost
  cat >main.tf <<'TF'
resource "aws_s3_bucket" "b" { bucket = "of-tflocal" }
resource "aws_iam_user" "u" { name = "of-tflocal" }
TF
  tflocal init -no-color
  tflocal apply -auto-approve -no-color
  pileus trail --endpoint "$ENDPOINT" --operation CreateBucket | has of-tflocal
  tflocal plan -detailed-exitcode -no-color
  tflocal destroy -auto-approve -no-color
}
. "$ROOT/acceptance/terraform/mirror.sh"
if ! command -v tflocal >/dev/null || ! command -v "${TERRAFORM:-terraform}" >/dev/null; then
  skip_case 'tflocal' 'it, or terraform, is not installed'
elif ! provider_settings "$WORK/terraform.rc"; then
  skip_case 'tflocal' 'the AWS provider is in no mirror here, and the registry does not answer'
else
  run_case 'tflocal works as it is' dropin_tflocal
fi

dropin_variables() {
  local pid out=variables.out
  EDGE_PORT=0 PERSISTENCE=0 DEBUG=1 DEFAULT_REGION=eu-west-3 LOCALSTACK_HOST='' "$PILEUS" up >$out 2>variables.log &
  pid=$!
  up() { grep -qsx 'Ready\.' $out; }
  eventually up
  has 'in memory' <$out
  has 'region eu-west-3' <$out
  kill $pid
  wait $pid
}
run_case 'EDGE_PORT, PERSISTENCE, DEBUG, DEFAULT_REGION' dropin_variables

dropin_hosts() {
  local port=${ENDPOINT##*:}
  AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 aws --endpoint-url "$ENDPOINT" s3 mb s3://hosted
  curl -s -o /dev/null -w '%{http_code}' --resolve "hosted.s3.localhost.localstack.cloud:$port:127.0.0.1" "http://hosted.s3.localhost.localstack.cloud:$port/" | has 403
  curl -s -o /dev/null -w '%{http_code}' --resolve "absent.s3.localhost:$port:127.0.0.1" "http://absent.s3.localhost:$port/" | has 404
  curl -sk "https://localhost:$port/_localstack/health" | has s3
}
run_case '*.localhost.localstack.cloud, *.localhost and TLS on the same port' dropin_hosts
