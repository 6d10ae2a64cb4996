#!/bin/sh
# Builds the Debian package: packaging/deb.sh [EXECUTABLE]   (without it: cargo build --release)
# Prints the path of the package. Needs dpkg-deb and gzip. COMPRESSION=none builds it fast, for tests.
set -eu
cd "$(dirname "$0")/.."
ROOT=$PWD
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
if [ $# -gt 0 ]; then
    EXECUTABLE=$(realpath "$1")
else
    cargo build --release --locked --package supervisor >&2
    EXECUTABLE=$TARGET/release/llm-link
fi
VERSION=$("$EXECUTABLE" --version | cut -d' ' -f2)
ARCH=$(dpkg --print-architecture)
LIBC=$(ldd --version | head -n1 | grep -oE '[0-9]+\.[0-9]+$')
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
umask 022
put() { # MODE FROM TO
    install -D -m "$1" "$2" "$DIR/$3"
}

put 755 "$EXECUTABLE" usr/bin/llm-link
put 644 systemd/llm-link.socket usr/lib/systemd/system/llm-link.socket
put 644 systemd/llm-link.sysusers.conf usr/lib/sysusers.d/llm-link.conf
put 644 systemd/llm-link.tmpfiles.conf usr/lib/tmpfiles.d/llm-link.conf
put 640 systemd/llm-link.toml etc/llm-link/llm-link.toml
put 644 README.md usr/share/doc/llm-link/README.md
find docs -name '*.md' | while read -r page; do put 644 "$page" "usr/share/doc/llm-link/$page"; done
sed 's,/usr/local/bin/,/usr/bin/,' systemd/llm-link.service > "$DIR/usr/lib/systemd/system/llm-link.service"
gzip -9n < CHANGELOG.md > "$DIR/usr/share/doc/llm-link/changelog.gz"
cat > "$DIR/usr/share/doc/llm-link/copyright" <<EOF
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: llm-link
Files: *
Copyright: the authors of LLM Link
License: MIT
EOF

mkdir -p "$DIR/usr/share/man/man1" "$DIR/usr/share/bash-completion/completions" \
    "$DIR/usr/share/zsh/vendor-completions" "$DIR/usr/share/fish/vendor_completions.d"
"$EXECUTABLE" man "$DIR/usr/share/man/man1" >&2
gzip -9n "$DIR"/usr/share/man/man1/*.1
"$EXECUTABLE" completions bash > "$DIR/usr/share/bash-completion/completions/llm-link"
"$EXECUTABLE" completions zsh > "$DIR/usr/share/zsh/vendor-completions/_llm-link"
"$EXECUTABLE" completions fish > "$DIR/usr/share/fish/vendor_completions.d/llm-link.fish"

mkdir -p "$DIR/DEBIAN"
cat > "$DIR/DEBIAN/control" <<EOF
Package: llm-link
Version: $VERSION
Architecture: $ARCH
Maintainer: The LLM Link maintainers <llm-link@localhost>
Section: net
Priority: optional
Depends: libc6 (>= $LIBC), systemd | systemd-standalone-sysusers
Recommends: ca-certificates
Installed-Size: $(du -sk --exclude=DEBIAN "$DIR" | cut -f1)
Description: one local endpoint in front of every LLM provider
 Routes calls of OpenAI, Anthropic, Ollama and Gemini clients to any provider,
 each provider in a supervised, sandboxed process of its own.
EOF
echo /etc/llm-link/llm-link.toml > "$DIR/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 755 "packaging/debian/$script" "$DIR/DEBIAN/$script"; done

mkdir -p "$TARGET/debian"
PACKAGE=$TARGET/debian/llm-link_${VERSION}_$ARCH.deb
dpkg-deb --root-owner-group --build "-Z${COMPRESSION:-xz}" "$DIR" "$PACKAGE" >&2
echo "$PACKAGE"
