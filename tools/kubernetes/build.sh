#!/bin/sh
# Builds Kubernetes from its public Go modules, as e2e/kubernetes/kube says, into the machine's cache, and points
# /var/cache/ocicat/kubernetes at it: one program under seven names (etcd, kube-apiserver, …), agnhost and pause for pods.
# What is there for the same sources and the same Go is not built again. Whoever comes while another builds waits for it.
set -eu
cd "$(dirname "$0")/../.."

CACHE=/var/cache/ocicat
MODULE=e2e/kubernetes/kube
PROGRAMS="etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl"

say() { printf 'kubernetes: %s\n' "$*"; }

PATH="$PATH:/usr/local/go/bin"
if ! command -v go >/dev/null 2>&1; then
  say "Go 1.25 or newer is needed to build Kubernetes; or set OCICAT_KUBERNETES to a directory of its programs" >&2
  exit 1
fi
go=$(go env GOVERSION)
digest=$( (printf '%s\n' "$go" && cat "$MODULE/go.mod" "$MODULE/go.sum" "$MODULE/main.go" tools/kubernetes/pause.c) |
  sha256sum | cut -c1-16)
home=$CACHE/kubernetes-$digest

mkdir -p "$CACHE"
exec 9>"$CACHE/kubernetes.lock"
flock 9
if [ -e "$home/done" ]; then
  ln -sfn "kubernetes-$digest" "$CACHE/kubernetes"
  [ "${1:-}" != --say ] || say "$(cat "$home/done")"
  exit 0
fi

version=$(sed -n 's,^\tk8s.io/kubernetes \(v.*\)$,\1,p' "$MODULE/go.mod")
say "building Kubernetes $version with $go, once: some ten minutes"
began=$(date +%s)
work=$(mktemp -d "$CACHE/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

minor=${version#v1.} && minor=${minor%%.*}
stamp=
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  stamp="$stamp -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$minor"
done
# The same flags for every build, or nothing of one is of use to the next.
CGO_ENABLED=0 go -C "$MODULE" build -trimpath -buildvcs=false -ldflags "-s -w$stamp" -o "$work/kube" .
CGO_ENABLED=0 go -C "$MODULE" build -trimpath -buildvcs=false -ldflags "-s -w" -o "$work/agnhost" k8s.io/kubernetes/test/images/agnhost
cc -static -Os -s -o "$work/pause" tools/kubernetes/pause.c
for program in $PROGRAMS; do ln -s kube "$work/$program"; done
chmod 755 "$work"
printf 'Kubernetes %s, built %s in %s s with %s\n' "$version" "$(date -u +%F)" "$(($(date +%s) - began))" "$go" >"$work/done"

rm -rf "$home"
mv "$work" "$home"
ln -sfn "kubernetes-$digest" "$CACHE/kubernetes"
say "$(cat "$home/done"): $home"
