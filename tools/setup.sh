#!/bin/sh
# Brings a fresh Debian machine (Node.js >= 20, npm, root) to where `npm run demo` and `npm test` work.
# Idempotent: each step looks first and says what it does; the second run does nothing and says so.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }

# Node modules, exactly as locked. A stamp of the lock file's digest tells whether they are current.
stamp=node_modules/.ocicat-installed
digest=$(sha256sum package-lock.json | cut -d' ' -f1)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$digest" ]; then
  say "installing node modules (npm ci)"
  npm ci --no-audit --no-fund --loglevel=error
  printf '%s' "$digest" >"$stamp"
fi

# Debian packages, by the program that proves them: what the product's tests and its peers need.
missing=
need() { command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || missing="$missing $2"; }
need ip iproute2
need ping iputils-ping
need arping iputils-arping
need nft nftables
need tcpdump tcpdump
need iperf3 iperf3
need tshark tshark
need nsenter util-linux
need strace strace
need cc gcc
need /usr/include/stdio.h libc6-dev
need iptables iptables
need conntrack conntrack
need curl curl
need ps procps
need zsh zsh
need /usr/lib/python3/dist-packages/jsonschema python3-jsonschema
need fish fish
need etcd etcd-server
need etcdctl etcd-client
need /usr/lib/cni/ptp containernetworking-plugins
need /usr/sbin/bird bird2
# The other BGP daemons that ours must understand, and be measured beside. None of them is started.
need /usr/lib/frr/bgpd frr
need gobgpd gobgpd
need exabgp exabgp
# Reads what a speaker writes down.
need bgpdump bgpdump
need linux.uml user-mode-linux
need mkfs.ext4 e2fsprogs
need modprobe kmod
# Nodes of a Kubernetes cluster, and what is in their pods' images.
need containerd containerd
need runc runc
need openssl openssl
need busybox busybox-static
need bash-static bash-static
need nc.openbsd netcat-openbsd
need dig bind9-dnsutils
# Of these the user-mode kernel is built.
need /usr/src/linux-source-6.12.tar.xz linux-source-6.12
need make make
need flex flex
need bison bison
need bc bc
need xz xz-utils
if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null 2>&1; then
    say "missing:$missing; this is not Debian, install them by hand" >&2
    exit 1
  fi
  if [ "$(id -u)" != 0 ]; then
    say "missing:$missing; run as root, or: apt-get install --no-install-recommends$missing" >&2
    exit 1
  fi
  say "installing Debian packages:$missing"
  # Debian starts a daemon when its package is installed; this machine asked for the program only.
  policy=/usr/sbin/policy-rc.d
  made_policy=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made_policy=1
  fi
  status=0
  # shellcheck disable=SC2086
  { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; }; } || status=$?
  [ -z "$made_policy" ] || rm -f "$policy"
  [ "$status" = 0 ] || exit "$status"
fi

# The user-mode kernel: built once for its configuration, kept outside the checkout.
sh tools/uml/build.sh

# The build: incremental, silent when nothing changed.
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
if [ ! -e node_modules/.bin/node ]; then
  say "Node 24 did not install: npm's install scripts must be allowed for the package \"node\"" >&2
  exit 1
fi
tsc -b
node tools/bundle.ts
[ -n "$missing" ] || say "nothing to install; build is current"
