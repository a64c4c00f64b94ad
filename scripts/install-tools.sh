#!/bin/bash
# Installs what building and testing Stead needs on a fresh Debian or Ubuntu, as root. May be run again at any time: what is there is left alone.
# usage: install-tools.sh [build|test]   "build" is enough to build and use stead (and to make images); "test" (the default) adds the peers and the rigs.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
want=${1:-test}
say() { printf 'install: %s\n' "$*"; }
[ "$(id -u)" = 0 ] || { say "run me as root"; exit 1; }
command -v apt-get >/dev/null || { say "this machine has no apt-get; Debian or Ubuntu is needed"; exit 1; }

# Packages of daemons would start them: nothing of ours may be left running on the machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi

updated=
update() { [ -n "$updated" ] || { apt-get update -qq >/dev/null 2>&1 || say "apt-get update failed; going on with the lists that are here"; updated=1; }; }
have() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
install() { # install PACKAGE...: those that are missing, in one go; apt's words are shown only when it fails
  local missing=() p out
  for p in "$@"; do have "$p" || missing+=("$p"); done
  [ ${#missing[@]} -gt 0 ] || { say "already there: $*"; return 0; }
  update
  if ! out=$(apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" 2>&1); then
    printf '%s\n' "$out" | tail -20; say "FAILED: apt-get install ${missing[*]}"; return 1
  fi
  say "installed ${missing[*]}"
}

# new_enough VERSION LEAST
new_enough() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1)" = "$2" ]; }
cargo_ok() {
  local c v
  for c in "$(command -v cargo 2>/dev/null)" "$HOME/.cargo/bin/cargo"; do
    [ -n "$c" ] && [ -x "$c" ] || continue
    v=$("$c" --version 2>/dev/null | awk '{print $2}')
    [ -n "$v" ] && new_enough "$v" 1.88.0 && { say "cargo $v"; return 0; }
  done
  return 1
}
candidate() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p' | grep -vx '(none)' || true; }
# The distribution's newest compiler that will do, under whatever name it keeps it: `cargo`; `cargo-web` (Debian's, kept new for browsers);
# `cargo-1.NN` (Ubuntu's, several beside each other). Then its rustup, then rustup's own installer.
install_cargo() {
  cargo_ok && return 0
  update
  local v p
  # Debian's `cargo` of bookworm counts from 0.66, which is older than any 1.x; the comparison holds for it too.
  v=$(candidate cargo | sed 's/^[0-9]*://')
  if [ -n "$v" ] && new_enough "$v" 1.88.0; then install cargo rustc rustfmt rust-clippy && cargo_ok && return 0; fi
  v=$(candidate cargo-web | sed 's/^[0-9]*://')
  if [ -n "$v" ] && new_enough "$v" 1.88.0; then install cargo-web rustc-web rustfmt-web rust-web-clippy && cargo_ok && return 0; fi
  p=$(apt-cache search --names-only '^cargo-1\.[0-9]+$' | awk '{print $1}' | sort -V | tail -n 1); v=${p#cargo-}
  if [ -n "$v" ] && new_enough "$v.0" 1.88.0 && install "cargo-$v" "rustc-$v" "rustfmt-$v" "rust-$v-clippy"; then
    for p in "/usr/lib/rust-$v/bin"/*; do [ -e "/usr/local/bin/${p##*/}" ] || ln -s "$p" "/usr/local/bin/${p##*/}"; done
    cargo_ok && return 0
  fi
  if [ -n "$(candidate rustup)" ]; then
    install rustup && rustup -q toolchain install stable --profile minimal -c clippy -c rustfmt >/dev/null 2>&1 && rustup default stable >/dev/null 2>&1 && cargo_ok && return 0
  fi
  install curl ca-certificates
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y -q --profile minimal -c clippy -c rustfmt --no-modify-path >/dev/null 2>&1 || true
  cargo_ok || { say "FAILED: no cargo >= 1.88 from the distribution, its rustup, or sh.rustup.rs"; return 1; }
}

# The rig of the power cuts needs a storage daemon that records writes and exports over FUSE. Where it lives depends on the release: qemu-system-common
# (bookworm), qemu-utils (backports and trixie), or a package of its own. A qemu-utils newer than qemu-system-common has to step back for it.
qsd_ok() {
  command -v qemu-storage-daemon >/dev/null || return 1
  qemu-storage-daemon --help 2>/dev/null | grep -q 'type=\]fuse' || return 1
  qemu-storage-daemon --blockdev driver=null-co,node-name=a,size=1M --blockdev driver=null-co,node-name=b,size=1M \
    --blockdev driver=blklogwrites,node-name=w,file=a,log=b --blockdev driver=help 2>&1 | grep -q "Unknown driver 'blklogwrites'" && return 1
  return 0
}
install_qsd() {
  qsd_ok && { say "already there: qemu-storage-daemon"; return 0; }
  update
  local p
  for p in qemu-storage-daemon qemu-system-common qemu-utils; do
    [ -n "$(candidate $p)" ] || continue
    apt-get install -y -qq --no-install-recommends "$p" >/dev/null 2>&1 \
      || apt-get install -y -qq --no-install-recommends --allow-downgrades "$p" "qemu-utils=$(candidate qemu-system-common)" >/dev/null 2>&1 \
      || continue
    qsd_ok && { say "installed $p"; return 0; }
  done
  say "FAILED: no qemu-storage-daemon with FUSE exports and blklogwrites"; return 1
}

install_cargo
# Build: the compiler for bundled C (SQLite, zstd). Images and the tutorial: mmdebstrap, python3, binutils (readelf).
# Networks at run time: nft for the rules of bridges, aardvark-dns for names on them; both are looked for in the distribution's places only.
# iproute2 and util-linux keep the tests in network namespaces of their own.
install nftables aardvark-dns iproute2
install gcc libc6-dev make pkg-config git ca-certificates curl python3 binutils mmdebstrap debian-archive-keyring busybox-static e2fsprogs util-linux procps
[ "$want" = build ] && exit 0
# rustup's minimal profile leaves these out, and `./check` wants both.
cargo=$(command -v cargo || echo "$HOME/.cargo/bin/cargo")
if ! "$cargo" clippy --version >/dev/null 2>&1 || ! "$cargo" fmt --version >/dev/null 2>&1; then
  if command -v rustup >/dev/null || [ -x "$HOME/.cargo/bin/rustup" ]; then
    PATH=$PATH:$HOME/.cargo/bin rustup -q component add clippy rustfmt >/dev/null 2>&1
  else say "FAILED: cargo has neither clippy nor fmt"; exit 1; fi
fi
# Peers (docker.io brings dockerd, containerd and runc), oracles, tracers and file systems for the tests.
# Docker's client is a package of its own since Debian 13.
cli=; [ -z "$(candidate docker-cli)" ] || cli=docker-cli
# shellcheck disable=SC2086
install docker.io $cli podman crun docker-registry strace btrfs-progs xfsprogs hyperfine fuse3 acl attr
install_qsd
# Docker's own clients: clients/run gets docker-py, Testcontainers, dockerode and bollard from their registries into a cache of its own. Debian 13 and later
# have no docker-compose 1.29 any more; its suite says so then. nodejs of another source (nodesource) brings npm with it.
install python3-venv iproute2 util-linux iptables
command -v node >/dev/null && command -v npm >/dev/null || install nodejs npm
v=$(candidate docker-compose)
case $v in 1.29*) install docker-compose ;; *) say "no docker-compose 1.29 in this release (${v:-none})" ;; esac
say "done"
