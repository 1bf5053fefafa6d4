# The database wants a password. SqlClient quotes nothing of it: it has letters, digits, `-`, `_`, `.` and `!` only.
$password = Get-Secret $facts.sql_password_secret
$connection = "Server=tcp:$($facts.sql_host),1433;Initial Catalog=$($facts.database);" +
    "User ID=$($facts.sql_login);Password=$password;Encrypt=True;TrustServerCertificate=False;Connect Timeout=30"
$password = $null
function Invoke-Sql($statement) {
    $opened = [Data.SqlClient.SqlConnection]::new($connection)
    try {
        $opened.Open()
        $command = $opened.CreateCommand()
        $command.CommandText = $statement
        $command.ExecuteScalar()
    } finally { $opened.Dispose() }
}
