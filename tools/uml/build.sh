#!/bin/sh
# Builds the user-mode kernel that `config` describes from Debian's linux-source package, into the machine's cache, and
# points /var/cache/ocicat/linux.uml at it. One that is there for the same configuration and sources is not built again.
set -eu
cd "$(dirname "$0")"

CACHE=/var/cache/ocicat
SOURCE=linux-source-6.12

say() { printf 'uml: %s\n' "$*"; }

tarball=/usr/src/$SOURCE.tar.xz
if [ ! -e "$tarball" ]; then
  say "$tarball is not there; install it: apt-get install $SOURCE" >&2
  exit 1
fi
version=$(dpkg-query -W -f '${Version}' "$SOURCE")
digest=$( (printf '%s\n' "$version" && cat config) | sha256sum | cut -c1-16)
home=$CACHE/uml-$digest
if [ -x "$home/linux" ]; then
  ln -sfn "uml-$digest/linux" "$CACHE/linux.uml"
  exit 0
fi

say "building $SOURCE $version for user mode, once: some minutes"
began=$(date +%s)
mkdir -p "$CACHE"
work=$(mktemp -d "$CACHE/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
config=$PWD/config
cd "$work"
# What no user-mode kernel is made of is two thirds of the sources.
tar -xf "$tarball" --exclude='*.rst' --exclude='*.dts' --exclude='*.dtsi' --exclude='*/tools/testing/*' \
  --exclude='*/sound/*.[ch]' --exclude='*/drivers/gpu/*.[ch]' --exclude='*/drivers/media/*.[ch]' \
  --exclude='*/drivers/net/ethernet/*.[ch]' --exclude='*/drivers/net/wireless/*.[ch]'

# Nothing of the caller's environment reaches the build: it is made from what the digest is of.
build() { env -i PATH="$PATH" HOME="$work" make -s -C "$work/$SOURCE" ARCH=um O="$work/out" "$@" >>"$work/log" 2>&1 || failed; }
failed() {
  tail -n 20 "$work/log" >&2
  say "the kernel cannot be built" >&2
  exit 1
}
mkdir out
build KCONFIG_ALLCONFIG="$config" allnoconfig
# An option that was renamed, or that another would be needed for, is left out without a word.
if grep '=' "$config" | grep -v '=n$' | grep -vxF -f out/.config >&2; then
  say "the sources do not take these options" >&2
  exit 1
fi
build -j "$(nproc)" linux
strip -o linux out/linux

mkdir -p "$home"
mv linux "$home/linux.new" && mv "$home/linux.new" "$home/linux"
ln -sfn "uml-$digest/linux" "$CACHE/linux.uml"
say "built in $(($(date +%s) - began)) s: $home/linux"
