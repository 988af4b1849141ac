#!/usr/bin/env bash
# Fails when a crate depends on one that its layer must not see (docs/architecture.md).
#
# Each rule reads: CRATE must not reach FORBIDDEN through normal dependencies. `cargo tree -i`
# asks for the way from FORBIDDEN up to CRATE; finding one is the error, and it is printed.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

failed=0

# Features are all on: a layer is not allowed to hide an edge behind one. `testing` of the
# persistence crate is the exception, since it starts the tests' database.
forbid() {
  local crate=$1 features=$2
  shift 2
  local tree
  tree=$(cargo tree --locked --quiet -p "$crate" -e normal --prefix none $features) || exit 1
  local forbidden
  for forbidden in "$@"; do
    if grep -qE "^$forbidden v" <<<"$tree"; then
      echo "layer broken: $crate must not depend on $forbidden; the way there is:" >&2
      cargo tree --locked --quiet -p "$crate" -e normal $features -i "$forbidden" >&2 || true
      failed=1
    fi
  done
}

# What a crate names itself in its manifest; what others bring along is their business.
forbid_direct() {
  local crate=$1
  shift
  local direct
  direct=$(cargo tree --locked --quiet -p "$crate" -e normal --depth 1 --prefix none)
  local forbidden
  for forbidden in "$@"; do
    if grep -qE "^$forbidden v" <<<"$direct"; then
      echo "layer broken: $crate must not name $forbidden in its Cargo.toml" >&2
      failed=1
    fi
  done
}

forbid passgate-domain --all-features \
  passgate-auth passgate-persistence passgate-api passgate-local-postgres \
  diesel r2d2 actix-web tokio argon2 jsonwebtoken
forbid passgate-auth "" \
  passgate-persistence passgate-api passgate-local-postgres diesel r2d2 tokio actix-web axum
forbid passgate-persistence "" \
  passgate-auth passgate-api passgate-local-postgres actix-web tokio argon2 jsonwebtoken
forbid passgate-local-postgres --all-features \
  passgate-domain passgate-auth passgate-persistence passgate-api diesel actix-web
# RUSTSEC-2023-0071 (deny.toml): for hosts of passgate-auth that cannot compile C.
forbid passgate-api "" rsa
forbid_direct passgate-api argon2 jsonwebtoken diesel r2d2 password-hash

if [ "$failed" -eq 0 ]; then echo "layers: every crate sees only what it may"; fi
exit "$failed"
