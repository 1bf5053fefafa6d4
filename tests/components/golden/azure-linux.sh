#!/bin/bash
# Makes an empty Ubuntu a node of an Octopus cell: Octopus Server in a container, and nginx where TLS ends. Runs as root
# through a managed Run Command; may run again: every step looks first. It holds no secret and prints none: secrets are
# fetched with the machine's managed identity, and are on no command line. Azure runs it again when the facts changed.
set -euo pipefail
umask 077
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=900 update -q > /dev/null
apt-get -o DPkg::Lock::Timeout=900 install -y -q docker.io jq nginx-light cifs-utils openssl > /dev/null
modprobe cifs || apt-get -o DPkg::Lock::Timeout=900 install -y -q "linux-modules-extra-$(uname -r)" > /dev/null
mkdir -p /etc/cellctl
curl -fsS --retry 10 --header Metadata:true \
  'http://169.254.169.254/metadata/instance/compute/userData?api-version=2021-01-01&format=text' \
  | base64 --decode > /etc/cellctl/node.json
cat > /usr/local/sbin/octopus-node <<'TOOL'
#!/bin/bash
# A node of Octopus Server. node.json says what it is; `version` which release it runs, and changes with upgrades.
set -euo pipefail
umask 077
readonly version=/etc/cellctl/version
readonly files=/srv/octopus home=/var/lib/octopus run=/run/octopus tls=/etc/cellctl/tls
readonly settings=$home/home/.octopus/OctopusServer/OctopusServer.config
declare -A fact
while IFS= read -r line; do fact[${line%%=*}]=${line#*=}; done < <(
  jq -r 'paths(scalars) as $at | "\($at | map(tostring) | join("."))=\(getpath($at))"' /etc/cellctl/node.json
)
fact[database.server]=${fact[sql_host]} fact[database.name]=${fact[database]}
fact[administrator.username]=${fact[administrator]} fact[administrator.email]=${fact[email]}
fact[secrets.administrator]=${fact[administrator_password_secret]}

token() { # of the cell's identity, for a resource
  local query="api-version=2018-02-01&resource=$1&client_id=${fact[identity_client_id]}"
  curl -fsS --retry 10 --header Metadata:true "http://169.254.169.254/metadata/identity/oauth2/token?$query" \
    | jq -er .access_token
}

# The token is read from standard input: a command line can be seen.
authorized() { # resource, options of curl...
  local bearer
  bearer=$(token "$1")
  shift
  printf 'Authorization: Bearer %s\n' "$bearer" | curl -fsS --retry 5 --header @- "$@"
}

kept_at() { authorized https://vault.azure.net "$1?api-version=7.4" | jq -er .value; }

secret() { kept_at "https://${fact[vault_host]}/secrets/$1"; }

account_key() { # id of a storage account
  authorized https://management.azure.com/ --request POST --data '' \
    "https://management.azure.com$1/listKeys?api-version=2024-01-01" | jq -er '.keys[0].value'
}

image() { echo "octopusdeploy/octopusdeploy:$(cat "$version")"; }

leads() { [ "${fact[first]:-}" = true ]; }

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

host_of() { # share: where it is
  jq -er --arg share "$1" '[.files.kinds[] | select(.share == $share) | .host][0] // .file_host' /etc/cellctl/node.json
}

# Files: mounted before every start of the service, for the account that Octopus runs as (1000), with the key that the
# account has then. A mount whose key was rotated answers no more and is made again.
mount_share() {
  local share=$1 at=$files/.shares/$1 host account key failed=0
  (umask 022 && mkdir -p "$at") # account 1000 goes through it
  if mountpoint -q "$at"; then
    if timeout 30 ls "$at" > /dev/null; then return; fi
    umount --lazy "$at"
  fi
  host=$(host_of "$share")
  account=${fact[accounts.$host]:-${fact[storage_account_id]}}
  key=$(account_key "$account")
  printf 'username=%s\npassword=%s\n' "${account##*/}" "$key" > "$run/share"
  mount -t cifs -o "credentials=$run/share,vers=3.1.1,seal,serverino,nosharesock,actimeo=30,mfsymlinks,nobrl,\
uid=1000,gid=1000,file_mode=0660,dir_mode=0770" "//$host/$share" "$at" || failed=$?
  rm -f "$run/share"
  return "$failed"
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

queue_key() {
  authorized https://management.azure.com/ --request POST --data '' \
    "https://management.azure.com${fact[queue_id]}/listKeys?api-version=2025-07-01" | jq -er .primaryKey
}

configure() {
  local queue=''
  MASTER_KEY=$(secret "${fact[master_key_secret]}")
  DATABASE="Server=tcp:${fact[sql_host]},1433;Initial Catalog=${fact[database]};"
  DATABASE+="Authentication=Active Directory Managed Identity;User Id=${fact[identity_client_id]};"
  DATABASE+="Encrypt=True;TrustServerCertificate=False;Connect Timeout=30"
  local password known
  # A node that runs comes over to another user: it finishes the tasks it has, and takes no new one until it starts again.
  known=$(cat /etc/cellctl/database-user 2> /dev/null || echo octopus-database-password)
  if [ -e "$settings" ] && [ "$known" != "${fact[sql_password_secret]}" ]; then
    moves=yes
    octopus node '--drain=true --wait=600' || {
      octopus node --drain=false
      echo "tasks still run after 10 minutes, so the node keeps its database user and works on; cancel them or run again" >&2
      return 1
    }
  fi
  password=$(secret "${fact[sql_password_secret]}")
  DATABASE="Server=tcp:${fact[sql_host]},1433;Initial Catalog=${fact[database]};User ID=${fact[sql_login]};"
  DATABASE+="Password=$password;Encrypt=True;TrustServerCertificate=False;Connect Timeout=30"
  export DATABASE MASTER_KEY
  [ -e "$settings" ] || octopus create-instance '--config /home/octopus/.octopus/OctopusServer/OctopusServer.config'
  octopus database "--connectionString \"\$DATABASE\" --masterKey \"\$MASTER_KEY\" $(if leads; then echo --create; fi)"
  unset DATABASE MASTER_KEY
  if [ -n "${fact[queue_id]:-}" ]; then
    QUEUE="${fact[queue_host]}:${fact[queue_port]},ssl=true,password=$(queue_key)"
    queue="\"--multiNodePollingTentaclesRedisConnectionString=\$QUEUE\""
  fi
  export QUEUE
  octopus configure "--webForceSSL False --webListenPrefixes http://+:8080/ --commsListenPort 10943 \
    --serverNodeName ${fact[node]} $queue"
  unset QUEUE
  if leads; then prepare; fi
  # It joins without work, once; cellctl raises its cap when it has passed its gates.
  [ -e /etc/cellctl/joined ] || octopus node --taskCap=0
  touch /etc/cellctl/joined
}

private() { # name: all that it resolves to is private
  local address
  for address in $(getent ahostsv4 "$1" | awk '{print $1}' | sort -u); do
    case $address in
      10.* | 192.168.* | 172.1[6-9].* | 172.2[0-9].* | 172.3[01].*) ;;
      *) echo "$1 resolves to the public address $address: its private DNS zone is not linked" >&2; return 1 ;;
    esac
  done
}

port() { timeout 10 bash -c "true < /dev/tcp/$1/$2" 2> /dev/null; }

# TLS ends here: the cell's certificate, as its vault has it now, or one of the node's own.
certificate() {
  local before pfx
  before=$(cat "$tls/node.pem" 2> /dev/null || true)
  mkdir -p "$tls"
  if [ -n "${fact[certificate]:-}" ]; then
    pfx=$(kept_at "${fact[certificate]}")
    if [[ $pfx == -----BEGIN* ]]; then
      printf '%s\n' "$pfx" > "$tls/draft.pem"
    else
      base64 --decode <<< "$pfx" | openssl pkcs12 -nodes -passin pass: -out "$tls/draft.pem"
    fi
  elif [ ! -e "$tls/node.pem" ]; then
    openssl req -x509 -newkey rsa:3072 -nodes -days 1825 -subj "/CN=${fact[host]}" \
      -addext "subjectAltName=DNS:${fact[host]},DNS:${fact[node]}" -keyout "$tls/key.pem" -out "$tls/cert.pem" 2> /dev/null
    cat "$tls/cert.pem" "$tls/key.pem" > "$tls/draft.pem"
    rm -f "$tls/cert.pem" "$tls/key.pem"
  else
    return 0
  fi
  mv "$tls/draft.pem" "$tls/node.pem"
  [ "$before" = "$(cat "$tls/node.pem")" ] || systemctl reload-or-restart nginx
}

answers() { curl -fsS -o /dev/null --max-time 10 http://127.0.0.1/api/octopusservernodes/ping; }

config_digest() { sha256sum "$settings" 2> /dev/null || true; }

install_node() {
  local target before needed=("${fact[file_host]} 445" "${fact[sql_host]} 1433" "${fact[vault_host]} 443")
  for target in $(jq -r '.accounts // {} | keys[]' /etc/cellctl/node.json); do needed+=("$target 445"); done
  [ -z "${fact[queue_id]:-}" ] || needed+=("${fact[queue_host]} ${fact[queue_port]}")
  for target in "${needed[@]}"; do
    private "${target% *}"
    wait_for "$target" port "${target% *}" "${target#* }"
  done
  passwd --lock cellctl > /dev/null # the account that Azure asked for at creation; nobody has its key
  mkdir -p "$run" "$home"/{home,registry,cache,logs,diagnostics}
  cp /etc/ssl/certs/ca-certificates.crt "$home/trust.pem"
  chown -R 1000:1000 "$home"
  chmod 0755 "$home"
  chmod 0644 "$home/trust.pem"
  hostnamectl set-hostname "${fact[node]}"
  # A range that nobody routes: the usual one may be somebody's network.
  mkdir -p /etc/docker
  echo '{"bip": "198.18.0.1/24", "log-driver": "journald"}' > /etc/docker/daemon.json
  systemctl enable docker
  systemctl is-active --quiet octopus || systemctl restart docker
  # What is installed stays: cellctl upgrades all nodes together.
  [ -s "$version" ] || echo "${fact[octopus_version]}" > "$version"
  docker pull --quiet "$(image)" > /dev/null
  mount_files
  before=$(config_digest)
  configure
  certificate
  systemctl enable --now nginx octopus-certificate.timer
  systemctl enable octopus
  if [ "$before" = "$(config_digest)" ]; then systemctl start octopus; else systemctl restart octopus; fi
  if [ -n "${moves:-}" ]; then
    [ "$before" != "$(config_digest)" ] || systemctl restart octopus
    octopus node --drain=false
  fi
  echo "${fact[sql_password_secret]}" > /etc/cellctl/database-user
  wait_for 'the ping to be answered with 200' answers
}

case ${1:-} in
  install) install_node ;;
  files) mount_files ;;
  certificate) certificate ;;
  command) octopus "$2" "${3:-}" ;;
  run) # it ends when its input does
    docker rm --force octopus > /dev/null 2>&1 || true
    container --init --interactive --name octopus --publish 127.0.0.1:8080:8080 --publish 10943:10943 \
      --publish 8443:8443 --entrypoint /Octopus/Octopus.Server "$(image)" run --instance OctopusServer --console \
      < <(exec sleep infinity)
    ;;
  *) echo "octopus-node install|files|certificate|run|command VERB [OPTIONS]" >&2; exit 2 ;;
esac
TOOL
chmod 0700 /usr/local/sbin/octopus-node
# Port 80 is for the load balancer's probe, which wants exactly 200. Packages of any size go through, unread.
rm -f /etc/nginx/sites-enabled/default
cat > /etc/nginx/conf.d/octopus.conf <<'SITE'
map $http_upgrade $octopus_connection { default upgrade; '' ''; }
proxy_http_version 1.1;
proxy_set_header Host $host;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $octopus_connection;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
server {
  listen 80 default_server;
  location = /api/octopusservernodes/ping { proxy_pass http://127.0.0.1:8080; }
  location / { return 404; }
}
server {
  listen 443 ssl default_server;
  ssl_certificate /etc/cellctl/tls/node.pem;
  ssl_certificate_key /etc/cellctl/tls/node.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  client_max_body_size 0;
  proxy_request_buffering off;
  proxy_buffering off;
  proxy_read_timeout 3600s;
  proxy_send_timeout 3600s;
  location / { proxy_pass http://127.0.0.1:8080; }
}
SITE
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
cat > /etc/systemd/system/octopus-certificate.service <<'UNIT'
[Unit]
Description=The certificate of Octopus Server, as its vault has it now

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/octopus-node certificate
UNIT
cat > /etc/systemd/system/octopus-certificate.timer <<'UNIT'
[Unit]
Description=Looks once a day for a newer certificate of Octopus Server

[Timer]
OnCalendar=daily
RandomizedDelaySec=3h
Persistent=true

[Install]
WantedBy=timers.target
UNIT
systemctl daemon-reload
/usr/local/sbin/octopus-node install
echo OK
