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
