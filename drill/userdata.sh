#!/bin/bash
meta() {
  token=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
  curl -s -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"
}
mkdir -p /srv/web/cgi-bin
echo "$(meta instance-id) in $(meta placement/availability-zone)" > /srv/web/index.html

# The role's keys, where the pages find them. They are asked for again long
# before they run out.
keys() {
  meta iam/security-credentials/web > /srv/keys.json
  for name in AccessKeyId SecretAccessKey Token; do
    echo "$name='$(grep "\"$name\"" /srv/keys.json | sed 's/.*: *"\(.*\)".*/\1/')'"
  done > /srv/keys.new
  mv /srv/keys.new /srv/keys
}
keys
(while sleep 600; do keys; done) > /dev/null 2>&1 &

cat > /srv/web/cgi-bin/visit <<'END'
#!/bin/sh
. /srv/keys
if curl -s -f -m 3 -X PUT --aws-sigv4 aws:amz:REGION:s3 -u "$AccessKeyId:$SecretAccessKey" \
  -H "x-amz-security-token: $Token" -H 'Content-Type: text/plain' --data-binary "$QUERY_STRING" \
  "http://s3.REGION.amazonaws.com/BUCKET/$QUERY_STRING" > /dev/null; then
  printf 'Status: 200 OK\nContent-Type: text/plain\n\nkept %s\n' "$QUERY_STRING"
else
  printf 'Status: 503 Service Unavailable\nContent-Type: text/plain\n\nnot kept\n'
fi
END

cat > /srv/web/cgi-bin/burn <<'END'
#!/bin/sh
{ mkdir /tmp/burning && { stress --cpu 1 --cpu-load 35 --timeout 150; rmdir /tmp/burning; }; } > /dev/null 2>&1 < /dev/null &
printf 'Status: 200 OK\nContent-Type: text/plain\n\nburning\n'
END

chmod +x /srv/web/cgi-bin/visit /srv/web/cgi-bin/burn
httpd -p 80 -h /srv/web > /dev/null 2>&1 &
