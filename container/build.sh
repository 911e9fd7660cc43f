#!/usr/bin/env bash
# Builds the Action's image with docker, else with buildah, and prints `ENGINE IMAGE` as its last line.
#
# PYTHON_IMAGE and FLYCTL_IMAGE name base images. Where no registry is reached they are made here: Debian by
# debootstrap, and the tests' stand-in for flyctl. Exit status 77 says that nothing here can build an image.
set -euo pipefail
cd "$(dirname "$0")/.."

tag=localhost/scorefly:test
say() { echo "$@" >&2; }
arguments=()
[ -z "${PYTHON_IMAGE:-}" ] || arguments+=(--build-arg "PYTHON_IMAGE=$PYTHON_IMAGE")
[ -z "${FLYCTL_IMAGE:-}" ] || arguments+=(--build-arg "FLYCTL_IMAGE=$FLYCTL_IMAGE")

if docker info >/dev/null 2>&1; then
  docker build --tag "$tag" "${arguments[@]}" . >&2
  echo "docker $tag"
  exit
fi

[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { say 'no docker, and no root to use buildah as'; exit 77; }
for program in buildah debootstrap; do
  command -v "$program" >/dev/null && continue
  say "installing $program"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$program"; } \
    >/dev/null || { say "$program cannot be installed"; exit 77; }
done
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs

# An image of one layer with what is in a folder.
image_of() {
  local container
  container=$(buildah from scratch) &&
    buildah copy -q "$container" "$1" "$2" >/dev/null &&
    buildah commit -q "$container" "$3" >/dev/null &&
    buildah rm "$container" >/dev/null
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if [ -z "${PYTHON_IMAGE:-}" ] && ! timeout 20 buildah pull -q docker.io/library/python:3.13-slim-trixie >/dev/null 2>&1; then
  PYTHON_IMAGE=localhost/scorefly-base
  if ! buildah inspect "$PYTHON_IMAGE" >/dev/null 2>&1; then
    say 'no registry is reached: making a Debian base'
    read -r site suite < <(apt-get indextargets --format '$(SITE) $(CODENAME)' 'Created-By: Packages' | sort | head -1)
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" "$scratch/root" "$site" \
      >"$scratch/log" 2>&1 || { tail -5 "$scratch/log" >&2; exit 77; }
    image_of "$scratch/root" / "$PYTHON_IMAGE" || { say 'buildah cannot make an image here'; exit 77; }
  fi
  arguments+=(--build-arg "PYTHON_IMAGE=$PYTHON_IMAGE")
fi
if [ -z "${FLYCTL_IMAGE:-}" ] && ! timeout 20 buildah pull -q docker.io/flyio/flyctl:v0.4.87 >/dev/null 2>&1; then
  FLYCTL_IMAGE=localhost/scorefly-flyctl-stand-in
  image_of tests/flyctl_standin.py /flyctl "$FLYCTL_IMAGE"
  arguments+=(--build-arg "FLYCTL_IMAGE=$FLYCTL_IMAGE")
fi

# Not every machine lets buildah run anything: that is no fault of the image.
probe=$(buildah from "${PYTHON_IMAGE:-docker.io/library/python:3.13-slim-trixie}")
buildah run "$probe" true >"$scratch/log" 2>&1 \
  || { tail -5 "$scratch/log" >&2; say 'buildah cannot run a container here'; exit 77; }
buildah rm "$probe" >/dev/null

# The build reaches packages as this machine does.
{ echo '[global]'; python3 -m pip config list 2>/dev/null \
  | sed -nE "s/^(global|:env:|install)\.(index-url|extra-index-url|trusted-host)='(.*)'$/\2 = \3/p" | sort -u; } \
  >"$scratch/pip.conf"
certificates=${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}
[ ! -f "$certificates" ] || { cp "$certificates" "$scratch/ca.crt"; echo 'cert = /run/ca.crt' >>"$scratch/pip.conf"; }
volumes=(--volume "$scratch/pip.conf:/etc/pip.conf:ro")
[ ! -f "$scratch/ca.crt" ] || volumes+=(--volume "$scratch/ca.crt:/run/ca.crt:ro")
for folder in /etc/apt /usr/share/keyrings; do
  [ ! -d "$folder" ] || volumes+=(--volume "$folder:$folder:ro")
done

buildah build -q --layers --network host "${volumes[@]}" "${arguments[@]}" --tag "$tag" . >&2
echo "buildah $tag"
