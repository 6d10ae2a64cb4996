#!/bin/sh
# Installs schemathesis, once per change of the list.
set -eu
cd "$(dirname "$0")"

stamp=$(cksum <requirements.txt)
if [ "$(cat .venv/stamp 2>/dev/null || true)" = "$stamp" ]; then
    exit 0
fi
rm -rf .venv
python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
printf '%s' "$stamp" >.venv/stamp
