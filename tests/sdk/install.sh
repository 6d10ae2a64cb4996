#!/bin/sh
# Installs the official SDKs beside these scripts, once per change of the lists.
set -eu
cd "$(dirname "$0")"

stamp=$(cat requirements.txt package-lock.json | cksum)
if [ "$(cat .venv/stamp 2>/dev/null || true)" = "$stamp" ] && [ -d node_modules/openai ]; then
    exit 0
fi
rm -rf .venv node_modules
python3 -m venv .venv
# pip takes minutes where uv takes seconds. The list is complete: nothing has to be resolved.
.venv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps -r requirements.txt
npm ci --no-audit --no-fund --silent
printf '%s' "$stamp" >.venv/stamp
