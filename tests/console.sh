#!/bin/sh
# The console's own checks. With `install`, only what the browser's tests need.
set -eu
cd "$(dirname "$0")/../web-console"

stamp=$(cksum <package-lock.json)
if [ "$(cat node_modules/.stamp 2>/dev/null || true)" != "$stamp" ]; then
    # Not `npm ci`: it refuses a lock file without an optional package (for another system) that no registry has.
    # What an installation changes in the lock file is undone: the bundle is made from the one that is committed.
    cp package-lock.json node_modules.lock
    npm install --no-audit --no-fund --silent
    mv node_modules.lock package-lock.json
    printf '%s' "$stamp" >node_modules/.stamp
fi
[ "${1:-}" = install ] && exit 0

npm run --silent check
npm run --silent lint
npm run --silent test
# Builds, and compares with what is committed.
npm run --silent stale
