# shellcheck shell=bash
# aws s3: the commands for people.

s3_copy() {
  aws s3 mb s3://copies
  head -c 20000000 /dev/urandom >large
  aws s3 cp large s3://copies/a/large --no-progress # in parts: it is over 8 MiB
  aws s3api head-object --bucket copies --key a/large --query ETag --output text | has '-3"'
  aws s3 cp s3://copies/a/large back --no-progress
  cmp large back
  aws s3 cp s3://copies/a/large s3://copies/b/large --no-progress # a copy of parts
  aws s3 cp s3://copies/b/large again --no-progress
  cmp large again
  echo 'from a pipe' | aws s3 cp - s3://copies/pipe
  equal 'from a pipe' "$(aws s3 cp s3://copies/pipe -)"
  aws s3 ls s3://copies --recursive --summarize | has 'Total Objects: 3'
  aws s3 ls s3://copies | has 'PRE a/'
  refused '404' aws s3 cp s3://copies/nothing .
}
run_case 's3 cp: in parts, between keys, through pipes' s3_copy

s3_sync() {
  aws s3 mb s3://synced
  mkdir -p tree/sub "tree/with space"
  echo one >tree/one.txt
  echo two >tree/sub/two.log
  echo three >"tree/with space/ünïcode é.txt"
  aws s3 sync tree s3://synced/t --exclude '*.log' --no-progress | hasnt two.log
  aws s3 sync tree s3://synced/t --no-progress | has two.log
  equal '' "$(aws s3 sync tree s3://synced/t)" # nothing is left to do
  aws s3 sync s3://synced/t down --no-progress
  diff -r tree down
  rm tree/one.txt
  aws s3 sync tree s3://synced/t --delete --no-progress | has 'delete: s3://synced/t/one.txt'
  refused NoSuchBucket aws s3 sync s3://synced s3://synced-nowhere
}
run_case 's3 sync: both ways, filters, --delete, unicode names' s3_sync

s3_move_remove() {
  aws s3 mb s3://moved
  echo x >x
  aws s3 mv x s3://moved/x
  [ ! -e x ]
  aws s3 mv s3://moved/x s3://moved/dir/y
  aws s3 ls s3://moved/dir/ | has y
  refused BucketNotEmpty aws s3 rb s3://moved
  aws s3 rm s3://moved --recursive | has 'delete: s3://moved/dir/y'
  aws s3 rb s3://moved | has 'remove_bucket: moved'
  echo x >x
  aws s3 mb s3://forced
  aws s3 cp x s3://forced/x
  aws s3 rb s3://forced --force
  aws s3 ls | hasnt forced
}
run_case 's3 mv, rm, rb' s3_move_remove

s3_presign() {
  local url
  aws s3 mb s3://presigned
  echo secret | aws s3 cp - s3://presigned/secret
  url=$(aws s3 presign s3://presigned/secret --expires-in 60)
  equal secret "$(curl -sf "$url")"
  equal 403 "$(curl -s -o body -w '%{http_code}' "${url}0")"
  has SignatureDoesNotMatch <body
  equal 403 "$(curl -s -o body -w '%{http_code}' "${url%%\?*}")"
  has AccessDenied <body
}
run_case 's3 presign' s3_presign

s3_website() {
  local port=${ENDPOINT##*:} site
  aws s3 mb s3://site
  aws s3 website s3://site --index-document index.html --error-document 404.html
  aws s3api delete-public-access-block --bucket site
  aws s3api put-bucket-policy --bucket site --policy '{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*"}]}'
  echo '<h1>home</h1>' | aws s3 cp - s3://site/index.html --content-type text/html
  echo '<h1>lost</h1>' | aws s3 cp - s3://site/404.html --content-type text/html
  echo '<h1>docs</h1>' | aws s3 cp - s3://site/docs/index.html --content-type text/html
  site=http://site.s3-website.localhost:$port
  browse() { curl -s --resolve "site.s3-website.localhost:$port:127.0.0.1" "$@"; }
  browse "$site/" | has home
  browse "$site/docs/" | has docs
  equal "302 $site/docs/" "$(browse -o body -w '%{http_code} %{redirect_url}' "$site/docs")"
  equal 403 "$(browse -o body -w '%{http_code}' "$site/nowhere")" # who may not list is not told what is missing
  aws s3api put-bucket-policy --bucket site --policy '{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::site","arn:aws:s3:::site/*"]}]}'
  equal 404 "$(browse -o body -w '%{http_code}' "$site/nowhere")"
  has lost <body
}
run_case 's3 website: index, folders, error page' s3_website
