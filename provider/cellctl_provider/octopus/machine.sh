#!/bin/bash
# What cellctl asks of a machine that runs Octopus Server in a container: fetch, stop, start, upgrade or queue. It holds no
# secret, is given none and prints none. Every action looks first, so it may run again. What queue is told, as JSON: where
# it answers, which secret is its token, and what its nodes share besides.
set -euo pipefail
version=/etc/cellctl/version node=/etc/cellctl/node.json

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

# The node learns what its first boot would have told it, so that every start mounts the share.
learn() {
  jq --argjson told "$1" '.queue = $told.address | .secrets.queue = $told.secret
    | .files.kinds = [.files.kinds[] | select(.kind != $told.mount.kind)] + [$told.mount]' "$node" > "$node.draft"
  mv "$node.draft" "$node"
}

told() { jq -r --argjson told "$1" -n "\$told.$2"; }

join_queue() {
  local QUEUE
  learn "$1"
  octopus-node files
  QUEUE="$(told "$1" address),ssl=true,password=$(aws secretsmanager get-secret-value --region "$(told "$1" region)" \
    --secret-id "$(told "$1" secret)" --query SecretString --output text)"
  export QUEUE
  systemctl stop octopus
  # One setting for all nodes, in their database.
  [ "$(told "$1" leads)" != true ] || octopus-node command path "--clusterShared $(told "$1" folder)" > /dev/null
  octopus-node command configure "\"--multiNodePollingTentaclesRedisConnectionString=\$QUEUE\"" > /dev/null
  unset QUEUE
  systemctl start octopus
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
    queue) join_queue "$3" ;;
    *) echo "there is no action '$1'" >&2; return 1 ;;
  esac
  echo OK
}
