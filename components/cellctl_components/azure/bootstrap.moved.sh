  if [ -n "${moves:-}" ]; then
    [ "$before" != "$(config_digest)" ] || systemctl restart octopus
    octopus node --drain=false
  fi
  echo "${fact[sql_password_secret]}" > /etc/cellctl/database-user
