#!/usr/bin/env bash
# Writes down what the program is made of (CycloneDX), into target/sbom. Wants cargo-cyclonedx.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p target/sbom
# It writes beside each manifest of the workspace, and nowhere else.
cargo cyclonedx --format json --spec-version 1.5 --override-filename sbom
mv crates/api/sbom.json target/sbom/passgate.cdx.json
rm -f crates/*/sbom.json
grep -q '"name": "actix-web"' target/sbom/passgate.cdx.json
