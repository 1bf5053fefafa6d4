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
