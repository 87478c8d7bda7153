#!/bin/sh
# Process 1 of the user-mode kernel. Its root is the host's file system, so Node and this checkout are there; /proc, /sys
# and /run (namespaces, sockets) are its own. What it has found goes to $OCT_WORK, a directory of the host; `status` comes
# last and is the only sign of an end that was reached. Variables come from the kernel's command line.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
export HOME=/run TMPDIR=/run PATH="$OCT_ROOT/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
uname -r >"$OCT_WORK/kernel"
(
  set -e
  for module in veth bridge vxlan ipip nf_tables nf_conntrack_netlink nfnetlink_log iptable_filter xt_tcpudp xt_NFLOG ifb sch_tbf sch_ingress cls_u32 act_mirred; do modprobe -d "$OCT_WORK" "$module"; done
  # Else every new namespace has a tunl0 by itself.
  echo 1 >/proc/sys/net/core/fb_tunnels_only_for_init_net
  # By its memory it would track 8,000.
  echo 100000 >/proc/sys/net/netfilter/nf_conntrack_max
  ip link set lo up
  cd "$OCT_ROOT"
  # One after the other: this machine has one processor, and its random numbers begin alike in each process. Without the flood
  # of packets, which so slow a machine takes minutes for.
  vitest run --no-cache --maxWorkers=1 --test-timeout=60000 --reporter=json --outputFile="$OCT_WORK/report.json" \
    packages/linux/test/namespace packages/linux/test/kernel packages/linux/test/capture --exclude '**/fake*.test.ts' \
    --exclude '**/packet-log-overflow.test.ts'
) >"$OCT_WORK/output" 2>&1
echo $? >"$OCT_WORK/status"
sync
echo o >/proc/sysrq-trigger
sleep 60
