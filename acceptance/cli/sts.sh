# shellcheck shell=bash
# aws sts: credentials for a while.

sts_assume() {
  local key secret token
  equal "arn:aws:iam::$ACCOUNT:root" "$(aws sts get-caller-identity --query Arn --output text)"
  aws iam create-role --role-name reader --max-session-duration 7200 --assume-role-policy-document "{\"Version\":\"2012-10-17\",\"Statement\":[
    {\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"$ACCOUNT\"},\"Action\":\"sts:AssumeRole\",\"Condition\":{\"StringEquals\":{\"sts:ExternalId\":\"xyz\"}}}]}" >/dev/null
  aws iam attach-role-policy --role-name reader --policy-arn arn:aws:iam::aws:policy/ReadOnlyAccess
  aws iam create-user --user-name visitor >/dev/null
  aws iam put-user-policy --user-name visitor --policy-name assume --policy-document '{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}'
  read -r key secret < <(aws iam create-access-key --user-name visitor --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text)
  echo "$key $secret" >visitor.keys
  local role=(aws sts assume-role --role-arn "arn:aws:iam::$ACCOUNT:role/reader" --role-session-name session)
  refused AccessDenied as "$key" "$secret" -- "${role[@]}"
  refused ValidationError as "$key" "$secret" -- "${role[@]}" --external-id xyz --duration-seconds 7201
  read -r key secret token < <(as "$key" "$secret" -- "${role[@]}" --external-id xyz \
    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
  equal "arn:aws:sts::$ACCOUNT:assumed-role/reader/session" "$(as "$key" "$secret" "$token" -- aws sts get-caller-identity --query Arn --output text)"
  as "$key" "$secret" "$token" -- aws s3 ls >/dev/null
  refused AccessDenied as "$key" "$secret" "$token" -- aws s3 mb s3://not-with-this-role
  refused InvalidAccessKeyId as "$key" "$secret" -- aws s3 ls
  refused 'The security token included in the request is invalid' as "$key" "$secret" "${token}x" -- aws sts get-caller-identity
}
run_case 'sts: assume a role and use it' sts_assume

sts_profiles() {
  local key secret
  read -r key secret <visitor.keys
  mkdir -p "$HOME/.aws"
  cat >"$HOME/.aws/config" <<CONFIG
[profile base]
aws_access_key_id = $key
aws_secret_access_key = $secret
region = eu-central-1
[profile reader]
role_arn = arn:aws:iam::$ACCOUNT:role/reader
external_id = xyz
source_profile = base
region = eu-central-1
CONFIG
  (
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION AWS_DEFAULT_REGION
    aws --profile reader sts get-caller-identity | has assumed-role/reader/
  )
  rm -r "$HOME/.aws"
}
run_case 'sts: a profile that assumes a role' sts_profiles

sts_session() {
  local key secret token
  aws iam create-user --user-name sessions >/dev/null
  aws iam attach-user-policy --user-name sessions --policy-arn arn:aws:iam::aws:policy/AdministratorAccess
  read -r key secret < <(aws iam create-access-key --user-name sessions --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text)
  read -r a b c < <(as "$key" "$secret" -- aws sts get-session-token --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
  as "$a" "$b" "$c" -- aws s3 ls >/dev/null
  refused InvalidClientTokenId as "$a" "$b" "$c" -- aws iam list-users
  read -r a b c < <(as "$key" "$secret" -- aws sts get-federation-token --name guest --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text \
    --policy '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}')
  as "$a" "$b" "$c" -- aws sts get-caller-identity | has federated-user/guest
  as "$a" "$b" "$c" -- aws s3 ls >/dev/null
  refused AccessDenied as "$a" "$b" "$c" -- aws s3 mb s3://not-as-a-guest
  aws sts get-access-key-info --access-key-id "$key" | has "$ACCOUNT"
}
run_case 'sts: session and federation tokens' sts_session
