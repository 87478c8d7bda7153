#!/bin/sh
# The certificates of ocicat fanout and of its agents, as secrets:
#
#     sh deploy/fanout-certificates.sh [NAMESPACE] | kubectl apply -f -
#
# Of an authority of their own, whose key is thrown away: for new ones all are made again. Both sides read them again when
# they change.
set -eu
namespace=${1:-kube-system}
days=3650
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
# shellcheck disable=SC2086 # several words
openssl req -x509 $key -keyout ca.key -out ca.crt -days "$days" -subj /CN=ocicat-fanout-authority 2>/dev/null

# NAME SECRET USAGE: a certificate for a name, in a secret.
issue() {
  # shellcheck disable=SC2086
  openssl req $key -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
  printf 'subjectAltName=DNS:%s\nextendedKeyUsage=%s\n' "$1" "$3" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" -extfile "$1.ext" -out "$1.crt" 2>/dev/null
  cat <<EOF
---
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata:
  name: $2
  namespace: $namespace
data:
  ca.crt: $(base64 -w 0 <ca.crt)
  tls.crt: $(base64 -w 0 <"$1.crt")
  tls.key: $(base64 -w 0 <"$1.key")
EOF
}

issue ocicat-fanout ocicat-fanout serverAuth
issue ocicat-node ocicat-fanout-agent clientAuth
