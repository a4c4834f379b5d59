# shellcheck shell=bash
# aws organizations: accounts, and the policies that bind them.

org_tree() {
  local root ou request
  refused AWSOrganizationsNotInUse aws organizations describe-organization
  aws organizations create-organization --feature-set ALL | has '"FeatureSet": "ALL"'
  root=$(aws organizations list-roots --query 'Roots[0].Id' --output text)
  ou=$(aws organizations create-organizational-unit --parent-id "$root" --name Workloads --query OrganizationalUnit.Id --output text)
  refused DuplicateOrganizationalUnit aws organizations create-organizational-unit --parent-id "$root" --name Workloads
  request=$(aws organizations create-account --account-name prod --email prod@example.com --query CreateAccountStatus.Id --output text)
  made() { aws organizations describe-create-account-status --create-account-request-id "$request" | has SUCCEEDED; }
  eventually made
  aws organizations describe-create-account-status --create-account-request-id "$request" --query CreateAccountStatus.AccountId --output text >member
  aws organizations move-account --account-id "$(cat member)" --source-parent-id "$root" --destination-parent-id "$ou"
  equal "$ou" "$(aws organizations list-parents --child-id "$(cat member)" --query 'Parents[0].Id' --output text)"
  aws organizations list-accounts-for-parent --parent-id "$ou" | has prod@example.com
  echo "$root $ou" >tree.ids
}
run_case 'organizations: organisation, units, accounts' org_tree

org_scp() {
  local root ou key secret token policy
  read -r root ou <tree.ids
  local role=(aws sts assume-role --role-arn "arn:aws:iam::$(cat member):role/OrganizationAccountAccessRole" --role-session-name admin
    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
  refused 'Roles may not be assumed by root accounts' "${role[@]}"
  aws iam create-user --user-name orgadmin >/dev/null
  aws iam attach-user-policy --user-name orgadmin --policy-arn arn:aws:iam::aws:policy/AdministratorAccess
  read -r key secret < <(aws iam create-access-key --user-name orgadmin --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text)
  read -r key secret token < <(as "$key" "$secret" -- "${role[@]}")
  as "$key" "$secret" "$token" -- aws s3 mb s3://in-the-member
  as "$key" "$secret" "$token" -- aws sts get-caller-identity | has "$(cat member)"
  aws organizations enable-policy-type --root-id "$root" --policy-type SERVICE_CONTROL_POLICY >/dev/null
  policy=$(aws organizations create-policy --name nobuckets --description none --type SERVICE_CONTROL_POLICY --query Policy.PolicySummary.Id --output text \
    --content '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:CreateBucket","Resource":"*"}]}')
  aws organizations attach-policy --policy-id "$policy" --target-id "$ou"
  aws organizations list-policies-for-target --target-id "$ou" --filter SERVICE_CONTROL_POLICY | has nobuckets
  refused 'explicit deny in a service control policy' as "$key" "$secret" "$token" -- aws s3 mb s3://forbidden-by-scp
  pileus why last | has "$policy"
  as "$key" "$secret" "$token" -- aws s3 ls | has in-the-member
  aws s3 mb s3://management-is-not-bound
  aws organizations detach-policy --policy-id "$policy" --target-id "$ou"
  as "$key" "$secret" "$token" -- aws s3 mb s3://allowed-again
}
run_case 'organizations: a service control policy binds' org_scp
