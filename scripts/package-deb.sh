#!/usr/bin/env bash
# Makes the Debian package in target/debian, of a build of the profile named (release unless given); what
# follows is for cargo-deb, which it wants.
#
#   scripts/package-deb.sh [PROFILE [ARGS...]]
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${1:-release}
target=$(cargo metadata --locked --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
folder=$target/$([ "$profile" = dev ] && echo debug || echo "$profile")

cargo build --locked --profile "$profile" -p passgate-api
# Where the manifest looks for what it packs.
pack=target/deb
rm -rf "$pack"
mkdir -p "$pack/man"
strip --strip-unneeded -o "$pack/passgate" "$folder/passgate"
"$folder/passgate" manual "$pack/man"
gzip -9n "$pack"/man/*.1
for shell in bash zsh fish; do
  "$folder/passgate" completions "$shell" >"$pack/passgate.$shell"
done
mkdir -p target/debian
cargo deb --no-build -p passgate-api --output target/debian/ "${@:2}"
