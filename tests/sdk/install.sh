#!/bin/sh
# Installs the official SDKs beside these scripts, once per change of the lists.
set -eu
cd "$(dirname "$0")"

stamp=$(cat requirements.txt package.json | cksum)
if [ "$(cat .venv/stamp 2>/dev/null || true)" = "$stamp" ] && [ -d node_modules/openai ]; then
    exit 0
fi
rm -rf .venv node_modules
python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
npm ci --no-audit --no-fund --silent
printf '%s' "$stamp" >.venv/stamp
