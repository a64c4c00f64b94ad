# Puts a docker-archive into a registry with curl alone. arguments: HOST NAME TAG ARCHIVE USER:PASSWORD
set -euo pipefail
host=$1 name=$2 tag=$3 archive=$4 login=${5-}
d=$(mktemp -d /var/tmp/stead-test-push.XXXXXX); trap 'rm -rf "$d"' EXIT
tar -xf "$archive" -C "$d"
auth=(); [ -z "$login" ] || auth=(-u "$login")
req() { curl -sf --noproxy '*' "${auth[@]}" "$@"; }
blob() { # FILE -> digest
  local digest; digest=sha256:$(sha256sum "$1" | cut -d' ' -f1)
  local where; where=$(req -X POST -D - -o /dev/null "http://$host/v2/$name/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
  case $where in *\?*) where="$where&digest=$digest" ;; *) where="$where?digest=$digest" ;; esac
  req -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$1" -o /dev/null "$where"
  printf '%s' "$digest"
}
config=$d/$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[0]["Config"])' "$d/manifest.json")
layers=()
for l in $(python3 -c 'import json,sys; print("\n".join(json.load(open(sys.argv[1]))[0]["Layers"]))' "$d/manifest.json"); do
  gzip -nc "$d/$l" >"$d/$l.gz"
  layers+=("{\"mediaType\":\"application/vnd.docker.image.rootfs.diff.tar.gzip\",\"size\":$(stat -c %s "$d/$l.gz"),\"digest\":\"$(blob "$d/$l.gz")\"}")
done
printf '{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":%s,"digest":"%s"},"layers":[%s]}' \
  "$(stat -c %s "$config")" "$(blob "$config")" "$(IFS=,; echo "${layers[*]}")" >"$d/m"
req -X PUT -H 'Content-Type: application/vnd.docker.distribution.manifest.v2+json' --data-binary "@$d/m" -o /dev/null "http://$host/v2/$name/manifests/$tag"
