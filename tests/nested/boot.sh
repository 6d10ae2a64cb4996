#!/bin/bash
# Boots a real systemd as PID 1 of namespaces of its own, over an overlay of this machine's root: nothing outside is
# changed, and everything ends when the process this prints ends. Needs root and a cgroup v2 hierarchy.
# Usage: boot.sh DIR    DIR is visible inside at the same path. Prints the pid of the process to end; DIR/pid1 is
# systemd's own pid as seen from outside.
set -euo pipefail
export DIR=$1
HERE=$(dirname "$(realpath "$0")")
for root in /sys/fs/cgroup /sys/fs/cgroup/unified; do
  [ -e "$root/cgroup.procs" ] && [ -e "$root/cgroup.controllers" ] && break
done
GROUP="$root/llm-link-test-$$"
mkdir "$GROUP"
echo "$GROUP" > "$DIR/cgroup"
(
  echo "$BASHPID" > "$GROUP/cgroup.procs"
  exec setsid unshare --mount --pid --fork --cgroup --ipc --uts --net --kill-child=KILL bash "$HERE/inner.sh"
) > "$DIR/console.log" 2>&1 < /dev/null &
OUTER=$!
echo "$OUTER"
for _ in $(seq 100); do
  INNER=$(awk '{print $1}' "/proc/$OUTER/task/$OUTER/children" 2>/dev/null || true)
  if [ -n "$INNER" ] && nsenter -t "$INNER" -m -p -C -n -i -u test -S /run/systemd/private 2>/dev/null; then
    echo "$INNER" > "$DIR/pid1"
    exit 0
  fi
  sleep 0.1
done
echo "systemd did not come up in 10 s" >&2
kill -KILL "$OUTER"
exit 1
