#!/bin/busybox sh
# The guest's first process: mounts what a tracer expects of a machine, then hands over to the agent.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=linux LANG=C.UTF-8
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /tmp /run /root /etc /var/tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ifconfig lo 127.0.0.1 up
hostname guest
printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'nobody:x:65534:65534:nobody:/:/bin/sh' >/etc/passwd
echo 'root:x:0:' >/etc/group
echo 1 >/proc/sys/kernel/perf_event_paranoid
# A guest whose host has died must not stay for ever.
(sleep 7200; poweroff -f) &
cd /bpfkit || cd /
if [ "$GUEST_SHELL" = 1 ]; then
	setsid cttyhack /bin/sh
else
	stty raw -echo </dev/ttyS1
	node /agent.mjs <>/dev/ttyS1 >&0
fi
poweroff -f
