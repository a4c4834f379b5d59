#!/bin/sh
# Fetches Debian's nginx into a folder, without installing it, and prints where
# it is: nginx is compared with, never shipped.
#   go run ./bench/lb -nginx "$(bench/lb/nginx.sh /tmp/nginx)"
set -eu
dir=${1:?folder}
mkdir -p "$dir"
cd "$dir"
if [ ! -x root/usr/sbin/nginx ]; then
	apt-get download nginx >&2
	dpkg -x nginx_*.deb root
fi
echo "$dir/root/usr/sbin/nginx"
