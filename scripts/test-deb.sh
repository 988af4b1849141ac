#!/usr/bin/env bash
# Installs the package of target/debian, looks at what is there then, and removes it. For root, on a machine
# that is thrown away afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "the package: $*" >&2; exit 1; }

package=$(ls -t target/debian/passgate_*.deb | head -1)
dpkg --install "$package"
trap 'dpkg --purge passgate' EXIT

passgate --version
passgate config check --issuer https://id.example.com
[ "$(stat -c %a:%U /etc/passgate.env)" = 600:root ] || fail '/etc/passgate.env is not for root alone'
grep -qvE '^(#|$)' /etc/passgate.env && fail '/etc/passgate.env sets something'
# Every page and every completion that the program has.
for page in passgate passgate-users passgate-keys-rotate; do
  [ -s "/usr/share/man/man1/$page.1.gz" ] || fail "there is no page for $page"
done
bash -c '. /usr/share/bash-completion/completions/passgate && complete -p passgate' >/dev/null
# It has no settings yet: starting it is the operator's.
[ ! -e /etc/systemd/system/multi-user.target.wants/passgate.service ] || fail 'the unit is enabled'
if command -v systemd-analyze >/dev/null; then
  systemd-analyze verify /lib/systemd/system/passgate.service
fi
