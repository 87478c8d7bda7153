#!/bin/sh
# Process 1 of the user-mode machine. Its root is the host's file system; what belongs to a running machine (/proc, /sys,
# /dev, /run) is its own, and $OCT_OWN names further directories that are. $OCT_WORK is a directory of the host's, seen as
# /run/host whatever lies over it: `run` there is what the machine is for. Variables come from the kernel's command line.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -sfn /proc/self/fd /dev/fd
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/host /run/tmp /run/home /run/lock
mount -t hostfs -o "$OCT_WORK" host /run/host
for own in $(printf '%s' "$OCT_OWN" | tr ':' ' '); do mount -t tmpfs -o mode=1777 tmpfs "$own"; done
export HOME=/run/home TMPDIR=/run/tmp PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset OCT_OWN OCT_WORK
hostname uml
ip link set lo up
stty -F /dev/console -opost 2>/dev/null
# The line to the host carries bytes as they are.
stty -F /dev/ttyS0 raw -echo
sh /run/host/run
printf '%s\n' "$?" >/run/host/status
echo o >/proc/sysrq-trigger
# The power goes within a moment; without process 1 the kernel would panic first.
while :; do sleep 60; done
