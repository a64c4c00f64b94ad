#!/bin/bash
# Builds every image as a docker-archive tar from Debian packages, with no engine and no registry: busybox, alpine-like, redis, nginx, postgres, mariadb,
# registry, debian-slim, layers, and hostile ones. They keep the contract of the official images (entrypoint, USER, VOLUME, owner of the data directory).
# usage: build.sh [IMAGE...]   (all when none is named)   output: $STEAD_IMAGES, by default /var/cache/stead-images
# Needs, as root: mmdebstrap gcc binutils python3 (docker-registry for the registry image); about 3 minutes the first time, seconds after that.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${STEAD_IMAGES:-/var/cache/stead-images}
export BUILD=$out/build
mkdir -p "$BUILD"
# Only one build at a time: tests of several engines may ask for the images at once.
exec 9>"$BUILD/lock"; flock 9

base=bash,gosu,busybox-static,libc-bin,coreutils,tini
small=1
for i in "$@"; do case $i in busybox|alpine|hello-world|ubuntu|redis|nginx|layers|hostile) ;; *) small= ;; esac; done
[ $# -gt 0 ] || small=
if [ -n "$small" ] && [ ! -d "$BUILD/dbroot" ]; then
  export DBROOT=dbroot-small packages=$base,redis-server,redis-tools,nginx-light
else
  export DBROOT=dbroot packages=$base,redis-server,redis-tools,nginx-light,postgresql-15,postgresql-client-15,mariadb-server,mariadb-client
fi
if [ ! -d "$BUILD/$DBROOT" ]; then
  rm -rf "$BUILD/$DBROOT.part"
  mmdebstrap --quiet --variant=extract --include="$packages" bookworm "$BUILD/$DBROOT.part"
  mv "$BUILD/$DBROOT.part" "$BUILD/$DBROOT"
fi
wants_slim=1; [ $# -eq 0 ] || { wants_slim=; for i in "$@"; do [ "$i" != debian-slim ] || wants_slim=1; done; }
if [ -n "$wants_slim" ] && [ ! -f "$BUILD/debslim.tar" ]; then
  mmdebstrap --quiet --variant=minbase --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' bookworm "$BUILD/debslim.part.tar"
  mv "$BUILD/debslim.part.tar" "$BUILD/debslim.tar"
fi
[ -f "$BUILD/hello" ] || gcc -static -nostdlib -Os -s -Wl,--build-id=none -o "$BUILD/hello" "$here/hello.c"
python3 "$here/build.py" "$out" "$@"
