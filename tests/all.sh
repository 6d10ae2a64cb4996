#!/bin/sh
# Everything that is checked, from a fresh machine on: Rust, a C and C++ compiler, Python 3, Node 20, and root or
# sudo are all it needs to find. Ends with nextest's summary; any failure ends it at once.
set -eu
cd "$(dirname "$0")/.."

say() {
    printf '\n== %s\n' "$*"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian packages that are missing, found by a command or file that each brings.
packages=""
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || packages="$packages nginx-light"
python3 -c 'import ensurepip, venv' 2>/dev/null || packages="$packages python3-venv"
command -v chromium >/dev/null || packages="$packages chromium"
command -v c++ >/dev/null || packages="$packages g++"
command -v setpriv >/dev/null || packages="$packages util-linux"
if [ -n "$packages" ]; then
    say "Debian packages:$packages"
    as_root apt-get update -qq
    # Unquoted on purpose: a list of words.
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
fi

say "SDKs"
tests/sdk/install.sh
tests/schema/install.sh

say "console: translations, types, lints, tests, bundle"
tests/console.sh

if ! cargo nextest --version >/dev/null 2>&1; then
    say "cargo-nextest"
    cargo install --locked cargo-nextest
fi

say "format"
cargo fmt --all --check

say "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

if cargo deny --version >/dev/null 2>&1; then
    say "dependencies"
    cargo deny --all-features check bans licenses sources
fi

say "build"
cargo build --workspace --locked

say "fuzzing, one minute"
protocol/tests/fuzz/run.sh 7

say "tests"
cargo nextest run --workspace --locked --profile ci
