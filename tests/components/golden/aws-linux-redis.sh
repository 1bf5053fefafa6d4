#!/bin/bash
# First boot of an Octopus Server node in a container, on Amazon Linux 2023. It holds names and references only: every
# secret is read with the instance's own role when it is needed. The marked value is filled in by linux_boot.
set -euo pipefail
umask 077
mkdir -p /etc/cellctl
cat > /etc/cellctl/node.json <<'FACTS'
{
 "region": "eu-west-1",
 "node": "acme-1",
 "port": 8080,
 "first": {
  "name": "acme-1",
  "address": "10.64.8.21"
 },
 "peer": "10.64.9.22",
 "version_tag": "octopus-version",
 "database": {
  "server": "sql.example",
  "name": "octo_acme_g1",
  "login": "octo_acme_a"
 },
 "secrets": {
  "login": "arn:login",
  "key": "arn:key",
  "administrator": "arn:admin",
  "queue": "arn:queue"
 },
 "administrator": {
  "username": "admin",
  "email": "admin@acme.octopus.internal"
 },
 "queue": "queue.example:6379",
 "files": {
  "protocol": "nfs",
  "host": "files.acme.octopus.internal",
  "domain": "sgw-1",
  "kinds": [
   {
    "kind": "packages",
    "share": "packages",
    "folder": "",
    "path": "/repository",
    "option": "nugetRepository"
   },
   {
    "kind": "artifacts",
    "share": "artifacts",
    "folder": "",
    "path": "/artifacts",
    "option": "artifacts"
   },
   {
    "kind": "task-logs",
    "share": "task-logs",
    "folder": "",
    "path": "/taskLogs",
    "option": "taskLogs"
   },
   {
    "kind": "imports",
    "share": "imports",
    "folder": "",
    "path": "/imports",
    "option": "imports"
   },
   {
    "kind": "event-exports",
    "share": "event-exports",
    "folder": "",
    "path": "/eventExports",
    "option": "eventExports"
   },
   {
    "kind": "cluster",
    "share": "free-6",
    "folder": "cluster",
    "path": "/clusterShared",
    "option": "clusterShared"
   }
  ]
 }
}
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

wait_for() { # what, command...
  local what=$1 try
  shift
  for ((try = 0; try < 240; try++)); do
    if "$@"; then return; fi
    sleep 15
  done
  echo "gave up waiting for $what" >&2
  return 1
}

each_kind() { # command...: it is given kind, folder on this machine, path in the container, option of Octopus
  local i at share folder
  for ((i = 0; ; i++)); do
    at=files.kinds.$i
    [ -n "${fact[$at.kind]:-}" ] || return 0
    share=${fact[$at.share]} folder=${fact[$at.folder]}
    "$@" "${fact[$at.kind]}" "$files/.shares/$share${folder:+/$folder}" "${fact[$at.path]}" "${fact[$at.option]}" "$share"
  done
}

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

as_octopus() { setpriv --reuid=1000 --regid=1000 --clear-groups "$@"; }

# Octopus starts only where every share returns what is written to it, as the account it runs as, and on all nodes but
# the first where it holds what the first node wrote: files that are not shared lose packages and logs without a word.
prove() {
  local kind=$1 folder=$2 probe mark="$2/.cellctl-first" try
  probe="$folder/.cellctl-${fact[node]}"
  echo ok | as_octopus tee "$probe" > /dev/null
  [ "$(as_octopus cat "$probe")" = ok ] || { echo "$folder does not return what was written" >&2; return 1; }
  as_octopus rm "$probe"
  if leads; then
    echo "${fact[database.name]} $kind" | as_octopus tee "$mark" > /dev/null
    return
  fi
  for ((try = 0; try < 20; try++)); do
    [ "$(as_octopus cat "$mark" 2> /dev/null)" != "${fact[database.name]} $kind" ] || return 0
    sleep 15
  done
  echo "$folder does not hold what the first node wrote" >&2
  return 1
}

mount_kind() {
  mount_share "$5"
  as_octopus mkdir -p "$2"
  prove "$1" "$2"
}

mount_files() {
  mkdir -p "$run"
  each_kind mount_kind
}

# Every container of a node: no more rights than its files need, and what Octopus writes on its own disk.
container() {
  options=(--rm --user 1000:1000 --cap-drop ALL --security-opt no-new-privileges
    --env HOME=/home/octopus --env ACCEPT_EULA=Y --env SSL_CERT_FILE=/etc/ssl/octopus.pem
    --volume "$home/trust.pem:/etc/ssl/octopus.pem:ro" --volume "$home/home:/home/octopus"
    --volume "$home/registry:/etc/octopus" --volume "$home/cache:/cache" --volume "$home/logs:/Octopus/Octopus/Logs"
    --volume "$home/diagnostics:/Octopus/.diagnostics")
  each_kind carry
  docker run "${options[@]}" "$@"
}

carry() { options+=(--volume "$2:$3"); }

# One command of Octopus' own command line. Secrets come in its environment; its last argument is for the shell inside.
octopus() {
  container --env DATABASE --env MASTER_KEY --env PASSWORD --env QUEUE --entrypoint /bin/bash "$(image)" \
    -c "exec /Octopus/Octopus.Server $1 --instance OctopusServer ${2:-}"
}

# What is stored in the database is set once: a mark keeps a node that is made again from undoing what people have
# changed since, such as the administrator's password.
prepare() {
  local mark done_with
  mark="$files/.shares/${fact[files.kinds.0.share]}/.cellctl-prepared"
  done_with="${fact[database.server]} ${fact[database.name]}"
  [ "$(as_octopus cat "$mark" 2> /dev/null)" != "$done_with" ] || return 0
  PASSWORD=$(secret "${fact[secrets.administrator]}")
  export PASSWORD
  octopus admin "$(printf -- '--username %q --email %q' "${fact[administrator.username]}" \
    "${fact[administrator.email]}") --password \"\$PASSWORD\""
  unset PASSWORD
  each_kind move_kind
  echo "$done_with" | as_octopus tee "$mark" > /dev/null
}

move_kind() { octopus path "--$4 $3"; }

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
cat > /etc/systemd/system/octopus.service <<'UNIT'
[Unit]
Description=Octopus Server
Requires=docker.service
After=docker.service network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStartPre=/usr/local/sbin/octopus-node files
ExecStart=/usr/local/sbin/octopus-node run
ExecStop=/usr/bin/docker stop --time 600 octopus
Restart=always
RestartSec=15
TimeoutStartSec=infinity
TimeoutStopSec=660

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
dnf install -y -q docker jq nfs-utils cifs-utils
/usr/local/sbin/octopus-node install
