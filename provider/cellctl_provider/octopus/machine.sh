#!/bin/bash
# What cellctl asks of a machine that runs Octopus Server in a container: fetch, stop, start or upgrade. It holds no
# secret, needs none and prints none. Every action looks first, so it may run again.
set -euo pipefail
version=/etc/cellctl/version

fetch() {
  docker image inspect "octopusdeploy/octopusdeploy:$1" > /dev/null 2>&1 && return
  docker pull --quiet "octopusdeploy/octopusdeploy:$1" > /dev/null
}

newer() { [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort --version-sort | tail -n 1)" = "$1" ]; }

upgrade() {
  local runs
  runs=$(cat "$version")
  if newer "$runs" "$1"; then
    echo "Octopus $runs is installed, which is newer than $1" >&2
    return 1
  fi
  fetch "$1"
  systemctl stop octopus
  # Cut off here it is upgraded again: the schema that is new enough stays as it is.
  echo "$1" > "$version.draft"
  mv "$version.draft" "$version"
  octopus-node command database "--upgrade --skipLicenseCheck" > /dev/null
  systemctl start octopus
  [ "$runs" = "$1" ] || docker image rm --force "octopusdeploy/octopusdeploy:$runs" > /dev/null 2>&1 || true
}

main() {
  # One at a time: a command that was sent again waits for the one under way.
  exec 9> /run/lock/cellctl-machine
  flock 9
  case $1 in
    fetch) fetch "$2" ;;
    stop) systemctl stop octopus ;;
    start) systemctl start octopus ;;
    upgrade) upgrade "$2" ;;
    *) echo "there is no action '$1'" >&2; return 1 ;;
  esac
  echo OK
}
