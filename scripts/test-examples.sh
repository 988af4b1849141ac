#!/usr/bin/env bash
# Runs the examples of passgate-auth against a real Passgate (crates/auth/examples/README.md).
#
#   scripts/test-examples.sh          format, lints and tests
#   scripts/test-examples.sh --lock   only write their lock files anew, from the workspace's
set -euo pipefail
cd "$(dirname "$0")/.."
examples=crates/auth/examples
services=(todo-actix todo-axum embedded)
packages=("${services[@]}" suite)

if [ "${1:-}" = --lock ]; then
  for package in "${packages[@]}"; do
    # The versions that the workspace has, as far as it has them.
    cp Cargo.lock "$examples/$package/Cargo.lock"
    cargo update --quiet --workspace --manifest-path "$examples/$package/Cargo.toml"
  done
  exit
fi

# One for all, so that they share what they can, and apart from the workspace's: its profile is another.
target=$PWD/target/examples
export CARGO_PROFILE_DEV_DEBUG=${CARGO_PROFILE_DEV_DEBUG:-line-tables-only}

of() { # COMMAND PACKAGE ARGS...
  local command=$1 package=$2
  shift 2
  cargo "$command" --locked --quiet --target-dir "$target" \
    --manifest-path "$examples/$package/Cargo.toml" "$@" ||
    { echo "$package: cargo $command failed (stale lock file? scripts/test-examples.sh --lock)" >&2; exit 1; }
}

if [ -z "${PASSGATE_TEST_PROGRAM:-}" ]; then
  cargo build --locked --quiet
  export PASSGATE_TEST_PROGRAM=${CARGO_TARGET_DIR:-$PWD/target}/debug/passgate
fi
for package in "${packages[@]}"; do
  cargo fmt --check --manifest-path "$examples/$package/Cargo.toml"
  of clippy "$package" --all-targets -- -D warnings
done
for service in "${services[@]}"; do
  of test "$service"
  of build "$service"
done
of test suite
