# shellcheck shell=bash
# What the README's first screen promises.

first_steps() {
  unset AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY PILEUS_ENDPOINT
  eval "$(pileus env)" # finds the cloud that runs here
  equal "$ENDPOINT" "$AWS_ENDPOINT_URL"
  aws s3 mb s3://hello | has 'make_bucket: hello'
  aws s3 ls | has hello
  echo 'hello, world' >hello.txt
  aws s3 cp hello.txt s3://hello/ | has 'upload: ./hello.txt to s3://hello/hello.txt'
  aws s3 cp s3://hello/hello.txt - | has 'hello, world'
}
run_case 'README: eval "$(pileus env)"; aws s3 mb; cp; ls' first_steps

env_formats() {
  pileus env --format json | python3 -c 'import json,sys; assert json.load(sys.stdin)["AWS_ENDPOINT_URL"]'
  pileus env --format dotenv | has "AWS_ENDPOINT_URL=$ENDPOINT"
  pileus env --format fish | has "set -gx AWS_ENDPOINT_URL '$ENDPOINT'"
  pileus env --format powershell | has '$Env:AWS_ENDPOINT_URL'
  refused '--format is' pileus env --format cobol
}
run_case 'pileus env for other shells' env_formats

wrong_keys() {
  refused InvalidAccessKeyId as AKIAIOSFODNN7EXAMPLE nonsense -- aws s3 ls
  refused SignatureDoesNotMatch as test wrong -- aws s3 ls
  refused InvalidClientTokenId as AKIAIOSFODNN7EXAMPLE nonsense -- aws iam list-users
}
run_case 'an unknown key and a wrong secret are refused' wrong_keys

other_account() {
  as 111122223333 test -- aws s3 mb s3://of-another-account
  as 111122223333 test -- aws s3 ls | has of-another-account
  aws s3 ls | hasnt of-another-account
  refused BucketAlreadyExists aws s3api create-bucket --bucket of-another-account
}
run_case 'a 12-digit access key is the root of that account' other_account
