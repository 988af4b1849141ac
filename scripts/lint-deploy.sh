#!/usr/bin/env bash
# Holds what cannot be run everywhere against its own tool: the Dockerfile (hadolint), the manifests
# (kubernetes-validate, with the schemas of Kubernetes in it), the alerts (promtool) and the unit
# (systemd-analyze).
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
  echo "skipped: $*"
  [ -z "${PASSGATE_TEST_NO_SKIPS:-}" ] || exit 1
}

hadolint Dockerfile
kubernetes-validate --strict docs/deploy/kubernetes.yaml

if command -v promtool >/dev/null; then
  promtool check rules docs/deploy/alerts.yaml
  promtool test rules scripts/alerts-test.yaml
else
  skip 'no promtool for docs/deploy/alerts.yaml'
fi

if command -v systemd-analyze >/dev/null; then
  # The one complaint is that the program is not installed here.
  complaints=$(systemd-analyze verify docs/deploy/passgate.service 2>&1 |
    grep -v 'passgate is not executable' || true)
  [ -z "$complaints" ] || { echo "$complaints" >&2; exit 1; }
  # From 0 (best) to 10.
  score=$(systemd-analyze security --offline=true --threshold=20 --no-pager docs/deploy/passgate.service |
    tail -1)
  echo "$score"
  told=$(sed -n 's/.*`systemd-analyze security` gives it \([0-9.]*\) (0 is best.*/\1/p' docs/operations.md)
  case "$score" in
    *": $told "*) ;;
    *) echo "docs/operations.md says $told" >&2; exit 1 ;;
  esac
else
  skip 'no systemd-analyze for docs/deploy/passgate.service'
fi
