#!/bin/sh
# Process 1 of the user-mode kernel. Its root is the host's file system, for reading; what must outlive the power cut is on
# the disk image, /dev/ubda. The console is the only way out: what is on it has left the machine.
# OCT_ROOT (the checkout), OCT_WORK (a directory of the host's) and OCT_GUEST come from the kernel's command line.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
export HOME=/run TMPDIR=/run
stty -F /dev/console -opost
echo "up"
modprobe -d "$OCT_WORK" ext4 && mkdir -p /run/disk && mount -t ext4 /dev/ubda /run/disk || echo "failed: the disk cannot be mounted"
cd "$OCT_ROOT" || exit 1
"$OCT_NODE" --conditions=source e2e/support/power-cut/guest.ts "$OCT_ROUND" || echo "failed: exit code $?"
umount /run/disk || echo "failed: the disk is busy"
echo "end"
echo o >/proc/sysrq-trigger
sleep 60
