#!/bin/bash
# First boot of an Octopus Server node in a container, on Amazon Linux 2023. It holds names and references only: every
# secret is read with the instance's own role when it is needed. The marked value is filled in by linux_boot.
set -euo pipefail
umask 077
mkdir -p /etc/cellctl
cat > /etc/cellctl/node.json <<'FACTS'
@@facts@@
FACTS
cat > /usr/local/sbin/octopus-node <<'TOOL'
#!/bin/bash
# A node of Octopus Server. node.json says what it is; `version` which release it runs, and changes with upgrades.
set -euo pipefail
umask 077
readonly version=/etc/cellctl/version
readonly files=/srv/octopus home=/var/lib/octopus run=/run/octopus
declare -A fact
while IFS= read -r line; do fact[${line%%=*}]=${line#*=}; done < <(
  jq -r 'paths(scalars) as $at | "\($at | map(tostring) | join("."))=\(getpath($at))"' /etc/cellctl/node.json
)

secret() {
  aws secretsmanager get-secret-value --region "${fact[region]}" --secret-id "$1" --query SecretString --output text
}

image() { echo "octopusdeploy/octopusdeploy:$(cat "$version")"; }

leads() { [ "${fact[node]}" = "${fact[first.name]}" ]; }

@@kinds@@

# Files: mounted before every start of the service, for the account that Octopus runs as (1000, to whom shares give
# what has no owner).
mount_share() {
  local share=$1 at=$files/.shares/$1 guest
  (umask 022 && mkdir -p "$at") # account 1000 goes through it
  if mountpoint -q "$at"; then return; fi
  if [ "${fact[files.protocol]}" = nfs ]; then
    mount -t nfs -o nolock,hard "${fact[files.host]}:/$share" "$at"
    return
  fi
  guest=$(secret "${fact[secrets.guest]}")
  printf 'username=smbguest\npassword=%s\ndomain=%s\n' "$guest" "${fact[files.domain]}" > "$run/guest"
  mount -t cifs -o "credentials=$run/guest,vers=3.0,nobrl,uid=1000,gid=1000,file_mode=0660,dir_mode=0770" \
    "//${fact[files.host]}/$share" "$at"
  rm -f "$run/guest"
}

@@container@@

configure() {
  local login queue=''
  login=$(secret "${fact[secrets.login]}")
  MASTER_KEY=$(secret "${fact[secrets.key]}")
  DATABASE="Server=tcp:${fact[database.server]},1433;Database=${fact[database.name]};User ID=${fact[database.login]};"
  DATABASE+="Password=$login;Encrypt=True;TrustServerCertificate=False;MultiSubnetFailover=True"
  if [ -n "${fact[queue]:-}" ]; then
    QUEUE="${fact[queue]},ssl=true,password=$(secret "${fact[secrets.queue]}")"
    queue="\"--multiNodePollingTentaclesRedisConnectionString=\$QUEUE\""
  fi
  export DATABASE MASTER_KEY QUEUE
  octopus create-instance '--config /home/octopus/.octopus/OctopusServer/OctopusServer.config'
  octopus database "--connectionString \"\$DATABASE\" --masterKey \"\$MASTER_KEY\" $(if leads; then echo --create; fi)"
  octopus configure "--webForceSSL False --webListenPrefixes http://+:${fact[port]}/ --commsListenPort 10943 \
    --serverNodeName ${fact[node]} $queue"
  unset DATABASE MASTER_KEY QUEUE
  if leads; then prepare; fi
  octopus node --taskCap=0 # cellctl raises it once the node has passed its gates
}

answers() {
  curl -fsS -o /dev/null --max-time 10 "http://${fact[first.address]}:${fact[port]}/api/octopusservernodes/ping"
}

running_version() { curl -fsS --max-time 10 "http://${fact[peer]}:${fact[port]}/api" | jq -er .Version; }

tagged_version() {
  local metadata=http://169.254.169.254/latest token
  token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$metadata/api/token")
  curl -fsS -H "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/tags/instance/${fact[version_tag]}"
}

# Amazon signs the certificates of RDS itself, with roots that no system brings.
trust() {
  curl -fsS --retry 10 --retry-all-errors -o "$run/rds.pem" https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
  cat /etc/pki/tls/certs/ca-bundle.crt "$run/rds.pem" > "$home/trust.pem"
  chmod 0644 "$home/trust.pem"
}

install_node() {
  mkdir -p "$run" "$home"/{home,registry,cache,logs,diagnostics}
  chown -R 1000:1000 "$home"
  chmod 0755 "$home"
  hostnamectl set-hostname "${fact[node]}"
  # A range that nobody routes: the usual one may be somebody's network.
  mkdir -p /etc/docker
  echo '{"bip": "198.18.0.1/24", "log-driver": "journald"}' > /etc/docker/daemon.json
  systemctl enable --now docker
  trust
  # The first node makes the schema, alone; the others wait until it answers.
  if ! leads; then wait_for "node ${fact[first.name]}" answers; fi
  { running_version || tagged_version; } > "$version"
  docker pull --quiet "$(image)"
  mount_files
  configure
  systemctl enable --now octopus
}

case ${1:-} in
  install) install_node ;;
  files) mount_files ;;
  command) octopus "$2" "${3:-}" ;;
  run) # it ends when its input does
    docker rm --force octopus > /dev/null 2>&1 || true
    container --init --interactive --name octopus --publish "${fact[port]}:${fact[port]}" --publish 10943:10943 \
      --publish 8443:8443 --entrypoint /Octopus/Octopus.Server "$(image)" run --instance OctopusServer --console \
      < <(exec sleep infinity)
    ;;
  *) echo "octopus-node install|files|run|command VERB [OPTIONS]" >&2; exit 2 ;;
esac
TOOL
chmod 0700 /usr/local/sbin/octopus-node
@@unit@@
systemctl daemon-reload
dnf install -y -q docker jq nfs-utils cifs-utils
/usr/local/sbin/octopus-node install
