#!/bin/bash
# Runs smoke.sh through the stead of this tree, on a root of its own.
set -euo pipefail
# In a network namespace of its own: no bridge and no rule reaches the machine's.
[ -n "${STEAD_APART-}" ] || exec unshare --net env STEAD_APART=1 bash "$0" "$@"
ip link set lo up
here=$(cd "$(dirname "$0")" && pwd)
stead=${STEAD:-$here/../target/debug/stead}
images=${STEAD_IMAGES:-/var/cache/stead-images}
box=$(mktemp -d /var/tmp/stead-smoke.XXXXXX)
d="$stead --root $box/root --run-root $box/run"
clean() {
  ids=$($d ps -aq || true)
  # shellcheck disable=SC2086
  [ -z "$ids" ] || $d rm -fv $ids >/dev/null 2>&1 || true
  grep -q " $box/" /proc/self/mounts && { echo "FAIL mounts are left below $box"; return; }
  rm -rf --one-file-system "$box"
}
trap clean EXIT
for i in hello-world busybox alpine-3.10 redis nginx postgres mariadb layers debian-slim; do $d load -q -i "$images/$i.tar" >/dev/null; done
bash "$here/smoke.sh" "$d"
