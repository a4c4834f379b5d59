# What Terraform made binds: its access key is good for what its policies say, and the other is switched off.
output() { (cd "$WORK/iam" && "${TERRAFORM:-terraform}" show -json) | python3 -c "
import json, sys
root = json.load(sys.stdin)['values']['root_module']['resources']
print(next(r['values']['$2'] for r in root if r['address'] == '$1'))"; }
call() { AWS_ACCESS_KEY_ID=$(output "$1" id) AWS_SECRET_ACCESS_KEY=$(output "$1" secret) aws --endpoint-url "$AWS_ENDPOINT_URL" "${@:2}" 2>&1 || true; }
command -v aws >/dev/null || exit 0
call aws_iam_access_key.alice sts assume-role --role-arn arn:aws:iam::000000000000:role/tf-machine --role-session-name terraform | grep tf-machine/terraform
call aws_iam_access_key.alice iam list-users | grep AccessDenied
call aws_iam_access_key.bob sts get-caller-identity | grep InvalidClientTokenId
(cd "$WORK/iam" && "${TERRAFORM:-terraform}" output -raw bob_may_write) | grep -x true
