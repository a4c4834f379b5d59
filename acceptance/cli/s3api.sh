# shellcheck shell=bash
# aws s3api: buckets' configurations and the finer points of objects.

aws s3api create-bucket --bucket api >/dev/null
printf 'twelve bytes' >body.txt

api_region() {
  refused InvalidLocationConstraint aws s3api create-bucket --bucket elsewhere --create-bucket-configuration LocationConstraint=nowhere-1
  aws s3api create-bucket --bucket elsewhere --region eu-west-1 --create-bucket-configuration LocationConstraint=eu-west-1 | has elsewhere
  equal eu-west-1 "$(aws s3api get-bucket-location --bucket elsewhere --query LocationConstraint --output text)"
  aws s3api head-bucket --bucket elsewhere --region eu-west-1
  refused BucketAlreadyOwnedByYou aws s3api create-bucket --bucket elsewhere --region eu-west-1 --create-bucket-configuration LocationConstraint=eu-west-1
  refused InvalidBucketName aws s3api create-bucket --bucket Capital_Letters
}
run_case 's3api: regions, names' api_region

api_versions() {
  local first second marker
  aws s3api put-bucket-versioning --bucket api --versioning-configuration Status=Enabled
  equal Enabled "$(aws s3api get-bucket-versioning --bucket api --query Status --output text)"
  first=$(aws s3api put-object --bucket api --key v --body body.txt --query VersionId --output text)
  echo new >new.txt
  second=$(aws s3api put-object --bucket api --key v --body new.txt --query VersionId --output text)
  marker=$(aws s3api delete-object --bucket api --key v --query VersionId --output text)
  refused NoSuchKey aws s3api get-object --bucket api --key v out
  aws s3api get-object --bucket api --key v --version-id "$first" out >/dev/null
  cmp out body.txt
  refused MethodNotAllowed aws s3api get-object --bucket api --key v --version-id "$marker" out
  equal "$second $first" "$(aws s3api list-object-versions --bucket api --prefix v --query 'Versions[].VersionId' --output text | tr '\t' ' ')"
  aws s3api delete-object --bucket api --key v --version-id "$marker" | has '"DeleteMarker": true'
  aws s3api get-object --bucket api --key v out >/dev/null
  cmp out new.txt
}
run_case 's3api: versions and delete markers' api_versions

api_conditions() {
  local etag
  etag=$(aws s3api put-object --bucket api --key c --body body.txt --if-none-match '*' --query ETag --output text)
  refused PreconditionFailed aws s3api put-object --bucket api --key c --body body.txt --if-none-match '*'
  refused 304 aws s3api get-object --bucket api --key c --if-none-match "$etag" out
  refused PreconditionFailed aws s3api get-object --bucket api --key c --if-match '"0"' out
  aws s3api get-object --bucket api --key c --range bytes=7-11 out | has 'bytes 7-11/12'
  equal bytes "$(cat out)"
  refused InvalidRange aws s3api get-object --bucket api --key c --range bytes=99- out
}
run_case 's3api: conditions and ranges' api_conditions

api_checksums() {
  local algorithm
  for algorithm in CRC32 SHA256; do
    aws s3api put-object --bucket api --key "sum-$algorithm" --body body.txt --checksum-algorithm $algorithm | has "Checksum$algorithm"
    aws s3api head-object --bucket api --key "sum-$algorithm" --checksum-mode ENABLED | has "Checksum$algorithm"
  done
  aws s3api get-object-attributes --bucket api --key sum-SHA256 --object-attributes Checksum ObjectSize | has '"ObjectSize": 12'
  refused BadDigest aws s3api put-object --bucket api --key bad --body body.txt --checksum-sha256 "$(printf %044d 0 | tr 0 A | sed 's/.$/=/')"
  refused InvalidDigest aws s3api put-object --bucket api --key bad --body body.txt --content-md5 nonsense
}
run_case 's3api: checksums' api_checksums

api_configurations() {
  local b=(--bucket api)
  aws s3api put-bucket-tagging "${b[@]}" --tagging 'TagSet=[{Key=team,Value=red}]'
  equal red "$(aws s3api get-bucket-tagging "${b[@]}" --query 'TagSet[0].Value' --output text)"
  aws s3api delete-bucket-tagging "${b[@]}"
  refused NoSuchTagSet aws s3api get-bucket-tagging "${b[@]}"
  aws s3api put-bucket-cors "${b[@]}" --cors-configuration '{"CORSRules":[{"AllowedMethods":["GET"],"AllowedOrigins":["https://a.example"],"MaxAgeSeconds":9}]}'
  curl -si -X OPTIONS "$ENDPOINT/api/c" -H 'Origin: https://a.example' -H 'Access-Control-Request-Method: GET' |
    tr -d '\r' | grep -i '^access-control-allow-origin: https://a.example$'
  refused NoSuchLifecycleConfiguration aws s3api get-bucket-lifecycle-configuration "${b[@]}"
  aws s3api put-bucket-lifecycle-configuration "${b[@]}" --lifecycle-configuration \
    '{"Rules":[{"ID":"old","Status":"Enabled","Filter":{"Prefix":"logs/"},"Expiration":{"Days":30}}]}'
  equal 30 "$(aws s3api get-bucket-lifecycle-configuration "${b[@]}" --query 'Rules[0].Expiration.Days' --output text)"
  equal AES256 "$(aws s3api get-bucket-encryption "${b[@]}" --output text \
    --query 'ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm')"
  equal BucketOwnerEnforced "$(aws s3api get-bucket-ownership-controls "${b[@]}" --query 'OwnershipControls.Rules[0].ObjectOwnership' --output text)"
  refused AccessControlListNotSupported aws s3api put-bucket-acl "${b[@]}" --acl public-read
  aws s3api put-bucket-logging "${b[@]}" --bucket-logging-status '{"LoggingEnabled":{"TargetBucket":"api","TargetPrefix":"log/"}}'
  aws s3api get-bucket-logging "${b[@]}" | has '"TargetPrefix": "log/"'
  aws s3api put-bucket-logging "${b[@]}" --bucket-logging-status '{}'
  aws s3api put-bucket-accelerate-configuration "${b[@]}" --accelerate-configuration Status=Suspended
  equal BucketOwner "$(aws s3api get-bucket-request-payment "${b[@]}" --query Payer --output text)"
  refused NoSuchBucketPolicy aws s3api get-bucket-policy "${b[@]}"
  refused MalformedPolicy aws s3api put-bucket-policy "${b[@]}" --policy '{"Statement":[{"Effect":"Perhaps"}]}'
  refused NoSuchBucket aws s3api get-bucket-versioning --bucket nobody-made-this
}
run_case 's3api: configurations of a bucket' api_configurations

api_objects() {
  aws s3api put-object --bucket api --key o --body body.txt --metadata colour=blue --content-type text/x-a --cache-control no-cache --tagging 'a=1&b=2' >/dev/null
  aws s3api head-object --bucket api --key o >head
  has '"colour": "blue"' <head
  has '"ContentType": "text/x-a"' <head
  equal 2 "$(aws s3api get-object-tagging --bucket api --key o --query 'length(TagSet)' --output text)"
  aws s3api copy-object --bucket api --key o2 --copy-source api/o --metadata-directive REPLACE --metadata colour=red | has CopyObjectResult
  equal red "$(aws s3api head-object --bucket api --key o2 --query Metadata.colour --output text)"
  aws s3api delete-objects --bucket api --delete 'Objects=[{Key=o},{Key=o2},{Key=never}]' --query 'length(Deleted)' --output text | has 3
  local key=00000000000000000000000000000000
  aws s3api put-object --bucket api --key sealed --body body.txt --sse-customer-algorithm AES256 --sse-customer-key $key >/dev/null
  refused 400 aws s3api head-object --bucket api --key sealed
  aws s3api get-object --bucket api --key sealed --sse-customer-algorithm AES256 --sse-customer-key $key out >/dev/null
  cmp out body.txt
}
run_case 's3api: metadata, tags, copies, batch delete, SSE-C' api_objects

api_parts() {
  local id
  head -c 5242880 /dev/zero >part
  id=$(aws s3api create-multipart-upload --bucket api --key parts --query UploadId --output text)
  aws s3api upload-part --bucket api --key parts --upload-id "$id" --part-number 1 --body part --query ETag --output text >etag1
  aws s3api upload-part --bucket api --key parts --upload-id "$id" --part-number 2 --body body.txt --query ETag --output text >etag2
  equal 2 "$(aws s3api list-parts --bucket api --key parts --upload-id "$id" --query 'length(Parts)' --output text)"
  aws s3api list-multipart-uploads --bucket api | has "$id"
  aws s3api complete-multipart-upload --bucket api --key parts --upload-id "$id" \
    --multipart-upload "Parts=[{ETag=$(cat etag1),PartNumber=1},{ETag=$(cat etag2),PartNumber=2}]" | has '-2'
  equal 5242892 "$(aws s3api head-object --bucket api --key parts --query ContentLength --output text)"
  refused NoSuchUpload aws s3api abort-multipart-upload --bucket api --key parts --upload-id "$id"
}
run_case 's3api: a multipart upload by hand' api_parts

api_lock() {
  aws s3api create-bucket --bucket locked --object-lock-enabled-for-bucket >/dev/null
  local v
  v=$(aws s3api put-object --bucket locked --key k --body body.txt --object-lock-mode GOVERNANCE \
    --object-lock-retain-until-date "$(date -u -d '+1 day' +%Y-%m-%dT%H:%M:%SZ)" --query VersionId --output text)
  refused AccessDenied aws s3api delete-object --bucket locked --key k --version-id "$v"
  aws s3api delete-object --bucket locked --key k --version-id "$v" --bypass-governance-retention >/dev/null
}
run_case 's3api: object lock' api_lock

api_pages() {
  aws s3api create-bucket --bucket pages >/dev/null
  mkdir -p many && (cd many && for i in $(seq 1 25); do mkdir -p "d$((i % 5))"; : >"d$((i % 5))/$i"; done)
  aws s3 sync many s3://pages --no-progress >/dev/null
  equal 25 "$(aws s3api list-objects-v2 --bucket pages --page-size 4 --query 'length(Contents)' --output json)"
  equal 5 "$(aws s3api list-objects-v2 --bucket pages --delimiter / --page-size 2 --query 'length(CommonPrefixes)' --output json)"
  aws s3api list-objects-v2 --bucket pages --max-items 3 | has NextToken
  equal 25 "$(aws s3api list-objects --bucket pages --page-size 7 --query 'length(Contents)' --output json)"
}
run_case 's3api: pages' api_pages
