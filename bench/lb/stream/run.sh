#!/bin/sh
# Compares the engine's TCP listeners with HAProxy's, by turns on one machine:
#   bench/lb/stream/run.sh [ROUNDS [SECONDS [CONNECTIONS]]]
# It needs haproxy in the path.
set -eu
rounds=${1:-3} secs=${2:-3} conns=${3:-32}
cd "$(dirname "$0")/../../.."
dir=$(mktemp -d)
trap 'kill $pids 2>/dev/null; rm -rf "$dir"' EXIT
pids=
go build -o "$dir/stream" ./bench/lb/stream

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
target=127.0.0.1:$(port) ours=127.0.0.1:$(port) theirs=127.0.0.1:$(port)
cat >"$dir/haproxy.cfg" <<EOF
global
  maxconn 4000
  nbthread 2
defaults
  mode tcp
  option splice-auto
  timeout connect 10s
  timeout client 350s
  timeout server 350s
listen bench
  bind $theirs
  server one $target
EOF
"$dir/stream" serve "$target" & pids="$pids $!"
"$dir/stream" balance "$ours" "$target" & pids="$pids $!"
haproxy -f "$dir/haproxy.cfg" -db >"$dir/haproxy.log" 2>&1 & pids="$pids $!"
for at in $target $ours $theirs; do
  python3 - "${at#*:}" <<'EOF'
import socket, sys, time
end = time.monotonic() + 30
while time.monotonic() < end:
    try:
        socket.create_connection(('127.0.0.1', int(sys.argv[1]))).close()
        sys.exit()
    except OSError:
        time.sleep(0.01)
sys.exit('nobody listens at port ' + sys.argv[1])
EOF
done
for work in exchange connect bulk; do
  n=$conns
  [ $work = bulk ] && n=2
  for round in $(seq "$rounds"); do
    echo "$work haproxy $("$dir/stream" load "$theirs" $work "$n" "$secs")"
    echo "$work pileus  $("$dir/stream" load "$ours" $work "$n" "$secs")"
  done
  echo "$work direct  $("$dir/stream" load "$target" $work "$n" "$secs")"
done
