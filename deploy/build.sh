#!/usr/bin/env bash
# Builds the image of deploy/Containerfile into build/image, without a daemon and, by default, without a registry:
# its base is made from Debian's mirror. BASE=docker.io/library/debian:bookworm-slim takes that one instead.
# Needs root, and buildah (and mmdebstrap for the base). Writes what a test starts: build/image/root.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/build/image
mkdir -p "$here"
run() { buildah --root "$here/storage" --runroot "$here/run" --storage-driver vfs "$@"; }

if [ -z "${BASE:-}" ]; then
  BASE=localhost/debian
  if ! run inspect --type image "$BASE" >/dev/null 2>&1; then
    mmdebstrap --quiet --variant=apt --aptopt='APT::Install-Recommends "false"' \
      --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
      --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$here/base.tar"
    made=$(run from scratch)
    run add -q "$made" "$here/base.tar" / >/dev/null
    run commit -q "$made" "$BASE" >/dev/null
    run rm "$made" >/dev/null
    rm "$here/base.tar"
  fi
fi
# The authorities that this machine reaches the package index by.
run build --isolation chroot --build-arg "BASE=$BASE" \
  --build-arg PIP_CERT=/run/authorities.crt --volume /etc/ssl/certs/ca-certificates.crt:/run/authorities.crt:ro \
  -t marketplace -f deploy/Containerfile .
run rm --all >/dev/null
ln -sfn "$(run mount "$(run from --name marketplace marketplace)")" "$here/root"
du -sm --apparent-size "$here/root/" | sed 's/\t.*/ MB/'
