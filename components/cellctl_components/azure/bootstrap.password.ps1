# The database wants a password. SqlClient quotes nothing of it: it has letters, digits, `-`, `_`, `.` and `!` only.
$password = Get-Secret $facts.sql_password_secret
$connection = "Server=tcp:$($facts.sql_host),1433;Initial Catalog=$($facts.database);" +
    "User ID=$($facts.sql_login);Password=$password;Encrypt=True;TrustServerCertificate=False;Connect Timeout=30"
$password = $null
# A node that runs comes over to another user: it finishes the tasks it has, takes no new one, and starts again below.
$userFile = "$env:ProgramData\cellctl-database-user"
$known = Get-Content $userFile -ErrorAction SilentlyContinue
if (-not $known) { $known = 'octopus-database-password' }
$moves = (Get-Service OctopusDeploy -ErrorAction SilentlyContinue) -and $known -ne $facts.sql_password_secret
if ($moves) {
    try { Invoke-Octopus node --instance $instance '--drain=true' '--wait=600' | Out-Null } catch {
        Invoke-Octopus node --instance $instance '--drain=false' | Out-Null
        throw 'tasks still run after 10 minutes, so the node keeps its database user and works on; cancel them or run again'
    }
}
function Invoke-Sql($statement) {
    $opened = [Data.SqlClient.SqlConnection]::new($connection)
    try {
        $opened.Open()
        $command = $opened.CreateCommand()
        $command.CommandText = $statement
        $command.ExecuteScalar()
    } finally { $opened.Dispose() }
}
