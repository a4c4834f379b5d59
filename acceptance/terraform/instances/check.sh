# The web server that user data started answers at the elastic address, where packets are real.
pileus status | grep -q 'data plane *linux' || exit 0
address=$(cd "$WORK/instances" && "${TERRAFORM:-terraform}" output -raw address)
for _ in $(seq 600); do
  curl -s -m 2 "http://$address/" | grep 'hello from terraform' && exit 0
  sleep 0.2
done
exit 1
