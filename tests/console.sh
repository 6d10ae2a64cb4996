#!/bin/sh
# The console's own checks. With `install`, only what the browser's tests need.
set -eu
cd "$(dirname "$0")/../web-console"

stamp=$(cksum <package-lock.json)
if [ "$(cat node_modules/.stamp 2>/dev/null || true)" != "$stamp" ]; then
    npm ci --no-audit --no-fund --silent
    printf '%s' "$stamp" >node_modules/.stamp
fi
[ "${1:-}" = install ] && exit 0

npm run --silent check
npm run --silent lint
npm run --silent test
# Builds, and compares with what is committed.
npm run --silent stale
