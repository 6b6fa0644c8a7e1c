#!/usr/bin/env bash
# Sets this checkout up on Debian or Ubuntu, and does nothing when that was done.
#
# System packages that are missing (announced first), a virtual environment from the hashed lock,
# the project itself, and the jars of the stack. Nothing is started, and nothing is left running.
# `infra/setup.sh packages <name>…` installs more system packages by the same rules.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly venv=.venv
readonly policy=/usr/sbin/policy-rc.d

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# A Python that the packages of the lock are known to work with. The distribution's comes first: it
# is built with profile-guided optimization, and runs our code a third faster than a plain build.
# One that can make an environment is preferred to one for which python3-venv has to be installed.
find_python() {
  local needed candidate
  for needed in "import ensurepip, venv" ""; do
    for candidate in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
      if "$candidate" -c "$needed
import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" 2>/dev/null; then
        command -v "$candidate"
        return
      fi
    done
  done
}

missing_packages() {
  local python=$1
  if [ -z "$python" ]; then echo python3 python3-venv
  elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then echo python3-venv; fi
  command -v redis-server >/dev/null || echo redis-server
  command -v mvn >/dev/null || echo maven
}

# What only some faults of `chatlog chaos` need, and what `chatlog up --nginx` does: without them
# those are left out, and it is said.
useful_packages() {
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || echo libfaketime
  PATH=$PATH:/usr/sbin command -v nginx >/dev/null || echo nginx
}

may_install() { command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; }

install_packages() {
  local sudo=()
  local line="apt-get install --yes --no-install-recommends $*"
  if ! command -v apt-get >/dev/null; then
    fail "These programs are missing, and this is no Debian or Ubuntu: $*" "Install them, then run it again."
  fi
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || fail "System packages are missing. Run this, then make again:" "  sudo $line"
    sudo=(sudo -n)
  fi
  say "installing system packages: $*"
  say "(a server among them is neither started nor enabled: we run our own)"
  local server new_servers=()
  for server in redis-server nginx ejabberd prosody postgresql; do
    if [[ " $* " = *" $server "* ]] && ! dpkg -s "$server" >/dev/null 2>&1; then new_servers+=("$server"); fi
  done
  # Debian starts servers as it installs them, unless this file forbids it.
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
    "${sudo[@]}" chmod +x "$policy"
    trap '"${sudo[@]}" rm -f "$policy"' EXIT
  fi
  local log
  log=$(mktemp --suffix=-chatlog-apt.log)
  # shellcheck disable=SC2086  # a command of several words
  if ! { "${sudo[@]}" apt-get update && "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive $line; } \
    >"$log" 2>&1 </dev/null; then
    tail -n 5 "$log" >&2
    fail "apt-get could not install them; the details are in $log. Run this by hand, then make again:" \
      "  sudo $line"
  fi
  rm -f "$log"
  if [ -d /run/systemd/system ]; then
    for server in "${new_servers[@]}"; do
      "${sudo[@]}" systemctl disable --quiet "$server" 2>/dev/null || true
    done
  fi
}

hash_of() { sha256sum "$@" | sha256sum | cut -c1-16; }

# A step is done once for each content of its files.
unless_done() {
  local stamp="$venv/.done-$1-$2"
  shift 2
  [ -e "$stamp" ] && return
  "$@"
  touch "$stamp"
}

make_venv() {
  local python=$1
  if [ -x $venv/bin/python ] && $venv/bin/python -c 'import pip' 2>/dev/null; then return; fi
  say "making $venv with $("$python" --version)"
  rm -rf $venv
  "$python" -m venv $venv
}

install_python_packages() {
  local count
  count=$(grep -c '^[a-z0-9]' requirements.lock)
  say "installing up to $count locked Python packages"
  $venv/bin/python -m pip install --disable-pip-version-check --no-input --require-hashes \
    --progress-bar off --requirement requirements.lock 2>&1 |
    awk '/^Collecting/ { if (++n % 20 == 0) { print "setup:   " n; fflush() } }
         /^(ERROR|error)/ { print; fflush() }'
}

install_project() {
  say "installing the project itself"
  $venv/bin/python -m pip install --disable-pip-version-check --no-input --quiet \
    --no-build-isolation --no-deps --editable .
}

check_java() {
  if ! $venv/bin/python -c 'from infra.stack.java import find_java; find_java({})' 2>/dev/null; then
    install_packages openjdk-17-jre-headless
  fi
}

fetch_jars() {
  local wanted
  wanted=$(sha256sum infra/stack/artifacts.lock | cut -d ' ' -f 1)
  [ "$(cat .chatlog/jars/checked-against 2>/dev/null)" = "$wanted" ] || $venv/bin/chatlog artifacts fetch
}

main() {
  local python packages
  python=$(find_python)
  packages=$(missing_packages "$python")
  # shellcheck disable=SC2086  # one word a package
  if [ -n "$packages" ]; then install_packages $packages; python=$(find_python); fi
  # shellcheck disable=SC2046  # one word a package
  if may_install && [ -n "$(useful_packages)" ]; then
    (install_packages $(useful_packages)) || say "going on without $(useful_packages)"
  fi
  [ -n "$python" ] || fail "Python 3.11, 3.12 or 3.13 is needed, and the system has none of them." \
    "Install one (for example with pyenv or uv), then run it again."
  make_venv "$python"
  unless_done packages "$(hash_of requirements.lock)" install_python_packages
  unless_done project "$(hash_of pyproject.toml)" install_project
  unless_done java "$(hash_of infra/stack/java.py)" check_java
  fetch_jars
}

if [ "${1:-}" = packages ]; then
  install_packages "${@:2}"
else
  main
fi
