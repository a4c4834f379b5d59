# The site is served, and what is put in one bucket arrives in the other.
port=${AWS_ENDPOINT_URL##*:}
curl -sf --resolve "tf-site.s3-website.localhost:$port:127.0.0.1" "http://tf-site.s3-website.localhost:$port/" | grep terraform
curl -s -o /dev/null -w '%{redirect_url}' --resolve "tf-site.s3-website.localhost:$port:127.0.0.1" \
  "http://tf-site.s3-website.localhost:$port/old/x" | grep '/new/x$'
