#!/bin/sh
# Builds Kubernetes from its public Go modules, as e2e/kubernetes/kube says, into the machine's cache, and points
# /var/cache/ocicat/kubernetes at it: one program under seven names (etcd, kube-apiserver, …), agnhost and pause for pods.
# With --upstream also Kubernetes' own tests of networks and the network policy API's, into /var/cache/ocicat/kubernetes-tests.
# What is there for the same sources and the same Go is not built again. Whoever comes while another builds waits for it.
set -eu
cd "$(dirname "$0")/../.."

CACHE=/var/cache/ocicat
MODULE=e2e/kubernetes/kube
UPSTREAM=e2e/kubernetes/upstream
PROGRAMS="etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl"

say() { printf 'kubernetes: %s\n' "$*"; }

PATH="$PATH:/usr/local/go/bin"
if ! command -v go >/dev/null 2>&1; then
  say "Go 1.25 or newer is needed to build Kubernetes; or set OCICAT_KUBERNETES to a directory of its programs" >&2
  exit 1
fi
go=$(go env GOVERSION)
export CGO_ENABLED=0

# Nothing of one build is of use to the next unless both have the same flags.
# shellcheck disable=SC2086
build() { nice go -C "$1" $2 -trimpath -buildvcs=false -ldflags "-s -w${5:-}" -o "$3" "$4"; }

# make NAME SOURCES…: runs make_NAME in a new directory and keeps it, unless it is there for the same sources.
make() {
  name=$1 && shift
  digest=$( (printf '%s\n' "$go" && cat "$@") | sha256sum | cut -c1-16)
  home=$CACHE/$name-$digest
  if [ ! -e "$home/done" ]; then
    say "building $name with $go, once: some minutes"
    began=$(date +%s)
    work=$(mktemp -d "$CACHE/build.XXXXXX")
    "make_$(printf %s "$name" | tr - _)" "$work"
    chmod 755 "$work"
    printf 'built %s in %s s with %s\n' "$(date -u +%F)" "$(($(date +%s) - began))" "$go" >"$work/done"
    rm -rf "$home"
    mv "$work" "$home"
    say "$name: $(cat "$home/done"): $home"
  fi
  ln -sfn "$name-$digest" "$CACHE/$name"
}

make_kubernetes() {
  version=$(sed -n 's,^\tk8s.io/kubernetes \(v.*\)$,\1,p' "$MODULE/go.mod")
  minor=${version#v1.} && minor=${minor%%.*}
  stamp=
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    stamp="$stamp -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$minor"
  done
  build "$MODULE" build "$1/kube" . "$stamp"
  build "$MODULE" build "$1/agnhost" k8s.io/kubernetes/test/images/agnhost
  build e2e/kubernetes/dns build "$1/coredns" .
  cc -static -Os -s -o "$1/pause" tools/kubernetes/pause.c
  for program in $PROGRAMS; do ln -s kube "$1/$program"; done
}

make_kubernetes_tests() {
  build "$UPSTREAM/netpol" "test -c" "$1/e2e.test" .
  build "$UPSTREAM/netpol" build "$1/ginkgo" github.com/onsi/ginkgo/v2/ginkgo
  build "$UPSTREAM/policy-api" "test -c" "$1/policy-api.test" .
}

mkdir -p "$CACHE"
exec 9>"$CACHE/kubernetes.lock"
flock 9
work=
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

make kubernetes "$MODULE"/go.* "$MODULE/main.go" e2e/kubernetes/dns/go.* e2e/kubernetes/dns/main.go tools/kubernetes/pause.c
[ "${1:-}" != --upstream ] || make kubernetes-tests "$UPSTREAM"/*/go.* "$UPSTREAM"/*/*.go
