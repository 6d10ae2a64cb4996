#!/bin/bash
# Inside the new namespaces, see boot.sh: a root file system of tmpfs over the real one, its own /proc, /sys, /dev, /run
# and /tmp, and then systemd with nothing but a journal.
set -e
mount --make-rprivate /
UP=$DIR/overlay
mkdir -p "$UP"
mount -t tmpfs -o size=1g,mode=755 tmpfs "$UP"
mkdir -p "$UP"/{upper,work,root}
mount -t overlay overlay -o lowerdir=/,upperdir="$UP/upper",workdir="$UP/work" "$UP/root"
cd "$UP/root"
# Nothing of an LLM Link that was run on this machine.
rm -rf var/lib/llm-link etc/llm-link
mount -t proc -o nosuid,noexec,nodev proc proc
mount -t sysfs -o nosuid,noexec,nodev sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p ".$DIR"
mount --bind "$DIR" ".$DIR"
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
  touch "dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
mkdir -p dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t cgroup2 cgroup2 sys/fs/cgroup
ip link set lo up
mkdir -p etc/systemd/system
cat > etc/systemd/system/test.target <<'UNIT'
[Unit]
Description=Nothing but a journal
AllowIsolate=yes
Wants=systemd-journald.service
DefaultDependencies=no
UNIT
pivot_root . mnt
cd /
umount -l /mnt
# systemd does this itself, but not when `container` is set; LoadCredential= needs it.
mount --make-rshared /
exec env -i PATH="$PATH" container=test TERM=dumb /lib/systemd/systemd --system --unit=test.target \
  --log-target=console --show-status=0 --log-level=notice
