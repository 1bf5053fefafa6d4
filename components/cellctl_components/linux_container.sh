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
