# Thin names for what is done often. `just` is a convenience: README.md does without it.

# List the recipes.
default:
    @just --list

# Serve on a private PostgreSQL in .passgate.
run *args:
    cargo run -- {{args}}

# Every test; the first starts a PostgreSQL of its own.
test *args:
    cargo test --workspace {{args}}

# What CI checks besides the tests.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    scripts/check-layers.sh

# The documentation of the crates, with warnings as errors.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

# Run the examples of passgate-auth against a real Passgate; `--lock` writes their lock files anew.
examples *args:
    scripts/test-examples.sh {{args}}

# Write down the public API of passgate-auth and passgate-domain; CI fails when it is another.
public-api:
    scripts/public-api.sh --write

# Write the table of docs/configuration.md anew, from the command line.
configuration:
    PASSGATE_TEST_WRITE=1 cargo test -p passgate-api --lib the_page_of_the_configuration

# Write crates/persistence/src/schema.rs and expectations.txt anew, from the migrations.
schema:
    PASSGATE_WRITE_SCHEMA=1 cargo test -p passgate-persistence --test schema

# Write down what a release that is made now expects of the schema, for its successors.
release-schema version:
    PASSGATE_WRITE_RELEASE={{version}} cargo test -p passgate-persistence --all-features --test releases

# Make the folder of a new migration, e.g. `just migration sessions`.
migration name:
    #!/usr/bin/env bash
    set -euo pipefail
    count=$(find migrations -mindepth 1 -maxdepth 1 -type d | wc -l)
    folder=migrations/$(date +%F)-$(printf '%06d' $((count + 1)))_{{name}}
    mkdir "$folder"
    touch "$folder/up.sql" "$folder/down.sql"
    echo "$folder"

# Attack the service over HTTP; secrets are looked for in so many lines and errors. At the end a few minutes on a
# machine that does nothing else: whether the time of a refusal tells who has an account.
attack lines="100000":
    PASSGATE_TEST_CANARIES={{lines}} cargo test -p passgate-api --test api -- attacks guessing every_refusal
    cargo bench -p passgate-api --bench refusals

# Send what the OpenAPI description allows and forbids, `examples` requests for each operation.
schemathesis examples="200":
    PASSGATE_TEST_EXAMPLES={{examples}} cargo test -p passgate-api --test api schemathesis

# The fault matrix with causes of fifteen seconds, some of them thirty; a table at the end.
faults seconds="15":
    PASSGATE_TEST_FAULT_SECONDS={{seconds}} cargo test -p passgate-api --test faults whatever_fails

# Replicas restarted in turn behind a balancer and under load, so many times each; tables at the end.
rollout times="10":
    PASSGATE_TEST_ROLLOUTS={{times}} cargo test -p passgate-api --test faults replicas_are_restarted

# Mixed load for so many minutes with a fault in each; a table at the end.
soak minutes="20":
    PASSGATE_TEST_SOAK_SECONDS=$(({{minutes}} * 60)) PASSGATE_TEST_SOAK_EVERY=60 \
        cargo test -p passgate-api --test faults after_a_long_time

# All of the long part: what is above, one after the other beside the soak; how long it took at the end. What is
# run is built first.
hardening:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo test -p passgate-api --no-run
    cargo bench -p passgate-api --bench refusals --no-run
    SECONDS=0
    just soak &
    soak=$!
    trap 'kill "$soak" 2>/dev/null || true' EXIT
    just attack
    just schemathesis
    just faults
    just rollout
    wait "$soak"
    echo "all of it held, in $SECONDS s"

# What the tests do not reach, line by line, and how much of it: at least 95 % of domain and of auth,
# 85 % of all. Wants cargo-llvm-cov, and llvm-tools or LLVM 19 (LLVM_COV=llvm-cov-19 LLVM_PROFDATA=llvm-profdata-19).
coverage:
    cargo llvm-cov clean --workspace
    cargo llvm-cov --no-report --workspace
    cargo llvm-cov --no-report -p passgate-auth --all-features
    cargo llvm-cov report --html
    cargo llvm-cov report --fail-under-lines 85
    cargo llvm-cov report --summary-only --fail-under-lines 95 \
        --ignore-filename-regex 'crates/(api|auth|bench|local-postgres|persistence)/'
    cargo llvm-cov report --summary-only --fail-under-lines 95 \
        --ignore-filename-regex 'crates/(api|bench|domain|local-postgres|persistence)/'

# Fuzz for a while, e.g. `just fuzz jwks 300`: token, claims, jwks or stored_hash. Wants cargo-fuzz
# and a C++ compiler; no nightly, since the code has no `unsafe` for a sanitizer to watch.
fuzz target seconds:
    mkdir -p crates/auth/fuzz/corpus/{{target}}
    cargo fuzz run --fuzz-dir crates/auth/fuzz --sanitizer none {{target}} \
        crates/auth/fuzz/corpus/{{target}} crates/auth/fuzz/seeds/{{target}} \
        -- -max_total_time={{seconds}} -timeout=10 -max_len=10000

# Break the checks of tokens and passwords in one place at a time: a test has to fail each time. All of it takes
# hours; a file, e.g. `just mutants '**/jwt/claims.rs'`. Wants cargo-mutants; .cargo/mutants.toml says
# what is left out, and why.
mutants files='crates/auth/src/{jwt,password}/**/*.rs' *args:
    cargo mutants -p passgate-auth --cargo-arg=--all-features --cargo-arg=--lib \
        --cargo-arg=--test=verifier --cargo-arg=--test=remote_jwks -f '{{files}}' {{args}}

# Known faults, licences and sources of what we depend on. Wants cargo-deny.
deny:
    cargo deny check

# What the program is made of, for scanners. Wants cargo-cyclonedx.
sbom:
    scripts/sbom.sh

# The Debian package, in target/debian. Wants cargo-deb.
deb profile='release':
    scripts/package-deb.sh {{profile}}

# Hold the Dockerfile, the manifests and the unit against their own tools: hadolint, kubernetes-validate
# and systemd-analyze.
lint-deploy:
    scripts/lint-deploy.sh

# Passgate beside its limits and its peers, in under ten minutes (docs/performance.md).
bench *args: load-generator
    cargo run --release -p passgate-bench -- {{args}}

# What a number of users takes, from the recorded figures (docs/scaling.md).
model *args:
    cargo run -p passgate-bench -- model {{args}}

# The small benches; each says what it compares, and fails if that is not as it should be.
micro-bench:
    cargo bench -p passgate-auth --bench hashing
    cargo run --release --manifest-path crates/auth/benches/peers/Cargo.toml
    cargo bench -p passgate-api --bench refusals
    cargo bench -p passgate-persistence --bench sessions

[private]
load-generator:
    command -v wrk >/dev/null || apt-get install -y wrk || sudo apt-get install -y wrk
