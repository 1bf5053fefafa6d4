  local password
  password=$(secret "${fact[sql_password_secret]}")
  DATABASE="Server=tcp:${fact[sql_host]},1433;Initial Catalog=${fact[database]};User ID=${fact[sql_login]};"
  DATABASE+="Password=$password;Encrypt=True;TrustServerCertificate=False;Connect Timeout=30"
