#!/bin/sh
# Process 1 of the User Mode Linux guest, started by host.sh. The guest's root is the host's, read-only; what it
# writes goes into an overlay in memory. RESULTS, the one host folder that it can write to, comes from the kernel's
# command line and holds job.sh, what to run.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
modules=/usr/lib/uml/modules

mount -t proc proc /proc
mount -t tmpfs run /run
mkdir -p /run/m/lib /run/overlay
ln -s $modules /run/m/lib/modules
modprobe -d /run/m overlay || echo "guest: no overlay"
mount -t tmpfs overlay /run/overlay
mkdir /run/overlay/upper /run/overlay/work /run/overlay/root
mount -t overlay -o lowerdir=/,upperdir=/run/overlay/upper,workdir=/run/overlay/work \
  overlay /run/overlay/root || echo "guest: no overlay root"

cd /run/overlay/root
mkdir -p proc sys dev run tmp lib/modules
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devtmpfs dev dev
mkdir -p dev/pts dev/shm dev/net
# As udev makes it: whoever opens it has the kernel load its module.
mknod dev/net/tun c 10 200
mount -t devpts devpts dev/pts
mount -t tmpfs shm dev/shm
mount -t tmpfs run run
mount --bind $modules lib/modules
mkdir run/results run/old
mount -t hostfs -o "$RESULTS" results run/results || echo "guest: no results folder"
# pivot_root, not chroot: the kernel runs modprobe in the init root.
pivot_root . run/old
ip link set lo up

sh /run/results/job.sh >/run/results/output 2>&1 </dev/null
echo $? >/run/results/status.new
sync
mv /run/results/status.new /run/results/status
sync
# The host ends the guest when it sees this line; a halt would need one more package and more time.
echo "guest: done"
while :; do sleep 60; done
