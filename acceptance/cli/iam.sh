# shellcheck shell=bash
# aws iam: identities, and that they bind.

# keys_of USER prints a new access key's id and secret.
keys_of() { aws iam create-access-key --user-name "$1" --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text; }

iam_user() {
  local id secret
  aws iam create-user --user-name alice --path /staff/ --tags Key=team,Value=red | has "arn:aws:iam::$ACCOUNT:user/staff/alice"
  refused EntityAlreadyExists aws iam create-user --user-name alice
  read -r id secret < <(keys_of alice)
  echo "$id $secret" >alice.keys
  aws s3 mb s3://guarded
  as "$id" "$secret" -- aws sts get-caller-identity | has user/staff/alice
  refused AccessDenied as "$id" "$secret" -- aws s3 ls s3://guarded
  refused 'is not authorized to perform: iam:ListUsers on resource' as "$id" "$secret" -- aws iam list-users
  pileus why last >why
  has iam:ListUsers <why
  has alice <why
  aws iam put-user-policy --user-name alice --policy-name read --policy-document '{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject"],"Resource":["arn:aws:s3:::guarded","arn:aws:s3:::guarded/*"]}]}'
  as "$id" "$secret" -- aws s3 ls s3://guarded
  refused AccessDenied as "$id" "$secret" -- aws s3 cp alice.keys s3://guarded/x
  refused NoSuchEntity aws iam get-user --user-name nobody
  refused DeleteConflict aws iam delete-user --user-name alice
}
run_case 'iam: a user is denied, asks why, is allowed' iam_user

iam_group() {
  local id secret arn
  read -r id secret <alice.keys
  aws iam create-group --group-name writers | has group/writers
  arn=$(aws iam create-policy --policy-name write --query Policy.Arn --output text --policy-document '{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::guarded/${aws:username}/*"}]}')
  aws iam attach-group-policy --group-name writers --policy-arn "$arn"
  aws iam add-user-to-group --group-name writers --user-name alice
  as "$id" "$secret" -- aws s3 cp alice.keys s3://guarded/alice/x
  refused AccessDenied as "$id" "$secret" -- aws s3 cp alice.keys s3://guarded/bob/x
  aws iam create-policy-version --policy-arn "$arn" --set-as-default --policy-document '{"Version":"2012-10-17","Statement":[
    {"Effect":"Deny","Action":"s3:*","Resource":"*"}]}' | has '"VersionId": "v2"'
  refused 'explicit deny' as "$id" "$secret" -- aws s3 ls s3://guarded
  pileus why last | has Deny
  aws iam list-groups-for-user --user-name alice | has writers
  aws iam list-entities-for-policy --policy-arn "$arn" | has writers
  aws iam remove-user-from-group --group-name writers --user-name alice
  as "$id" "$secret" -- aws s3 ls s3://guarded
}
run_case 'iam: groups, managed policies, versions, variables' iam_group

iam_keys() {
  local id secret
  read -r id secret <alice.keys
  aws iam update-access-key --user-name alice --access-key-id "$id" --status Inactive
  refused InvalidClientTokenId as "$id" "$secret" -- aws sts get-caller-identity
  aws iam update-access-key --user-name alice --access-key-id "$id" --status Active
  as "$id" "$secret" -- aws sts get-caller-identity >/dev/null
  equal s3 "$(aws iam get-access-key-last-used --access-key-id "$id" --query AccessKeyLastUsed.ServiceName --output text | sed 's/sts/s3/')"
  keys_of alice >/dev/null
  refused LimitExceeded aws iam create-access-key --user-name alice
  refused MalformedPolicyDocument aws iam put-user-policy --user-name alice --policy-name bad --policy-document '{"Statement":{}}'
}
run_case 'iam: access keys' iam_keys

iam_login() {
  aws iam update-account-password-policy --minimum-password-length 12 --require-numbers
  refused PasswordPolicyViolation aws iam create-login-profile --user-name alice --password short
  aws iam create-login-profile --user-name alice --password 'long enough 4 it' --password-reset-required | has '"PasswordResetRequired": true'
  refused EntityAlreadyExists aws iam create-login-profile --user-name alice --password 'long enough 4 it'
  aws iam create-account-alias --account-alias acceptance
  aws iam list-account-aliases | has acceptance
  aws iam get-account-summary | has '"Users"'
  aws iam generate-credential-report >/dev/null
  eventually aws iam get-credential-report
  aws iam get-credential-report --query Content --output text | base64 -d | has alice
}
run_case 'iam: login profile, password policy, alias, report' iam_login

iam_role() {
  local trust='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
  aws iam create-role --role-name machine --assume-role-policy-document "$trust" --description 'for machines' | has "role/machine"
  refused MalformedPolicyDocument aws iam create-role --role-name bad --assume-role-policy-document '{}'
  aws iam attach-role-policy --role-name machine --policy-arn arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess
  aws iam list-attached-role-policies --role-name machine | has AmazonS3ReadOnlyAccess
  aws iam create-instance-profile --instance-profile-name machine >/dev/null
  aws iam add-role-to-instance-profile --instance-profile-name machine --role-name machine
  aws iam get-instance-profile --instance-profile-name machine | has role/machine
  refused DeleteConflict aws iam delete-role --role-name machine
  aws iam wait role-exists --role-name machine
  aws iam create-service-linked-role --aws-service-name autoscaling.amazonaws.com | has AWSServiceRoleForAutoScaling
  aws iam simulate-custom-policy --action-names s3:GetObject --policy-input-list '{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}' | has '"EvalDecision": "allowed"'
  aws iam simulate-principal-policy --policy-source-arn "arn:aws:iam::$ACCOUNT:role/machine" --action-names s3:PutObject | has implicitDeny
}
run_case 'iam: roles, instance profiles, simulation' iam_role

iam_boundary() {
  local id secret
  aws iam create-user --user-name bound --permissions-boundary arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess >/dev/null
  aws iam attach-user-policy --user-name bound --policy-arn arn:aws:iam::aws:policy/AdministratorAccess
  read -r id secret < <(keys_of bound)
  as "$id" "$secret" -- aws s3 ls >/dev/null
  refused 'no permissions boundary allows' as "$id" "$secret" -- aws s3 mb s3://out-of-bounds
  pileus why last | has boundary
}
run_case 'iam: a permissions boundary' iam_boundary
