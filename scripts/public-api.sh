#!/usr/bin/env bash
# Fails when the public API of the crates for other services is not the one that is written down
# (crates/auth/public-api.txt, and crates/domain/public-api.txt, which auth re-exports).
#
#   scripts/public-api.sh           compare
#   scripts/public-api.sh --write   write down what it is now
set -euo pipefail
cd "$(dirname "$0")/.."
target=$PWD/target/public-api
mkdir -p "$target"

cargo build --locked --quiet --manifest-path crates/auth/public-api/Cargo.toml --target-dir "$target"

# rustdoc's JSON is unstable, and stable rustdoc writes it if told so. Told to rustdoc alone: build
# scripts that see the variable build other code.
printf '#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc "$@"\n' >"$target/rustdoc"
chmod +x "$target/rustdoc"

failed=0
for crate in domain auth; do
  # `testing` of the domain is for the stores of this repository.
  features=--all-features
  if [ "$crate" = domain ]; then features=--no-default-features; fi
  RUSTDOC=$target/rustdoc cargo rustdoc --locked --quiet -p "passgate-$crate" --lib "$features" \
    -- --cap-lints allow -Z unstable-options --output-format json
  now=$target/$crate.txt
  "$target/debug/public-api-of" "${CARGO_TARGET_DIR:-target}/doc/passgate_$crate.json" >"$now"
  if [ "${1:-}" = --write ]; then
    cp "$now" "crates/$crate/public-api.txt"
  elif ! diff -u "crates/$crate/public-api.txt" "$now"; then
    echo "the public API of passgate-$crate has changed: if that is meant, CHANGELOG.md says it, and" \
      "\`just public-api\` writes it down" >&2
    failed=1
  fi
done
exit "$failed"
