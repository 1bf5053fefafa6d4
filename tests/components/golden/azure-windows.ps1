# Makes an empty Windows Server a node of an Octopus cell. Runs as SYSTEM through a managed Run Command; may run again:
# every step looks first. It holds no secret and prints none: secrets are fetched with the machine's managed identity.
# $digest is of the user data: when that changes, Azure runs the script again.
param([string] $digest)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
Set-PSDebug -Off
$metadata = 'http://169.254.169.254/metadata'
$header = @{ Metadata = 'true' }
$instance = 'Default'
$octopus = "$env:ProgramFiles\Octopus Deploy\Octopus\Octopus.Server.exe"
$config = 'C:\Octopus\OctopusServer.config'

function Read-Facts {
    $text = Invoke-RestMethod -Headers $header "$metadata/instance/compute/userData?api-version=2021-01-01&format=text"
    [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($text)) | ConvertFrom-Json
}
function Get-Token($resource) {
    $query = "api-version=2018-02-01&resource=$resource&client_id=$($facts.identity_client_id)"
    (Invoke-RestMethod -Headers $header "$metadata/identity/oauth2/token?$query").access_token
}
function Get-Secret($name) {
    $bearer = @{ Authorization = "Bearer $(Get-Token 'https://vault.azure.net')" }
    (Invoke-RestMethod -Headers $bearer "https://$($facts.vault_host)/secrets/${name}?api-version=7.4").value
}
function Wait-Port($name, $port) {
    for ($try = 0; $try -lt 60; $try++) {
        if (Test-NetConnection $name -Port $port -InformationLevel Quiet -WarningAction SilentlyContinue) { return }
        Start-Sleep 15
    }
    throw "$name does not answer on port $port"
}
function Assert-Private($name) {
    foreach ($address in (Resolve-DnsName $name -Type A | Where-Object IPAddress).IPAddress) {
        if ($address -notmatch '^(10\.|172\.(1[6-9]|2\d|3[01])\.|192\.168\.)') {
            throw "$name resolves to the public address ${address}: its private DNS zone is not linked"
        }
    }
}
function Invoke-Octopus {
    # Arguments are never echoed: one of them may be the master key. Its process lives well under a second, and the
    # machine is this cell's alone. What it writes to stderr is no error in itself: its exit code says.
    $ErrorActionPreference = 'Continue'
    $output = & $octopus @args 2>&1
    if ($LASTEXITCODE -ne 0) { throw "Octopus.Server $($args[0]) ended with $LASTEXITCODE" }
    $output
}
function Invoke-Sql($statement) {
    $target = "Server=tcp:$($facts.sql_host),1433;Database=$($facts.database);Encrypt=True;TrustServerCertificate=False"
    $connection = [Data.SqlClient.SqlConnection]::new($target)
    $connection.AccessToken = Get-Token 'https://database.windows.net/'
    try {
        $connection.Open()
        $command = $connection.CreateCommand()
        $command.CommandText = $statement
        $command.ExecuteScalar()
    } finally { $connection.Dispose() }
}
function New-Password {
    $bytes = [byte[]]::new(24)
    [Security.Cryptography.RandomNumberGenerator]::Create().GetBytes($bytes)
    'Aa1!' + [Convert]::ToBase64String($bytes)
}

$facts = Read-Facts

# 1. Everything the node needs answers, and by private addresses.
foreach ($target in @(@($facts.file_host, 445), @($facts.sql_host, 1433), @($facts.vault_host, 443))) {
    Assert-Private $target[0]
    Wait-Port $target[0] $target[1]
}

# 2. The administrator that Azure asked for at creation is never used: give it a password nobody knows.
$builtin = Get-LocalUser | Where-Object { $_.SID -like 'S-1-5-*-500' }
$builtin | Set-LocalUser -Password (ConvertTo-SecureString (New-Password) -AsPlainText -Force)
$builtin | Disable-LocalUser

# Shares in storage accounts apart are there too.
foreach ($name in $facts.accounts.PSObject.Properties.Name) {
    Assert-Private $name
    Wait-Port $name 445
}
# 3. The shares, for every service of this single-tenant machine: mappings of a user are invisible to a service, and cmdkey
#    would take the key on its command line. A task looks every quarter of an hour, as SYSTEM, whether they answer: where
#    the account's key was renewed, they are mapped again with the one of now.
$map = "$env:ProgramFiles\cellctl\shares.ps1"
New-Item -ItemType Directory -Force (Split-Path $map) | Out-Null
@'
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$metadata = 'http://169.254.169.254/metadata'
$header = @{ Metadata = 'true' }
$text = Invoke-RestMethod -Headers $header "$metadata/instance/compute/userData?api-version=2021-01-01&format=text"
$facts = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($text)) | ConvertFrom-Json
foreach ($unc in $facts.shares.PSObject.Properties.Value) {
    $server = $unc.Split('\')[2]
    if (Get-SmbGlobalMapping -RemotePath $unc -ErrorAction SilentlyContinue) {
        if (Test-Path $unc) { continue }
        # While nothing answers there the key is not to blame.
        if (-not (Test-NetConnection $server -Port 445 -InformationLevel Quiet -WarningAction SilentlyContinue)) { continue }
        Remove-SmbGlobalMapping -RemotePath $unc -Force
    }
    $apart = if ($facts.accounts) { $facts.accounts.PSObject.Properties[$server] }
    $id = if ($apart) { $apart.Value } else { $facts.storage_account_id }
    $query = "api-version=2018-02-01&resource=https://management.azure.com/&client_id=$($facts.identity_client_id)"
    $token = (Invoke-RestMethod -Headers $header "$metadata/identity/oauth2/token?$query").access_token
    $keys = Invoke-RestMethod -Method Post -Headers @{ Authorization = "Bearer $token" } `
        "https://management.azure.com${id}/listKeys?api-version=2024-01-01"
    $password = ConvertTo-SecureString $keys.keys[0].value -AsPlainText -Force
    $keys = $null
    $credential = [pscredential]::new("localhost\$($id.Split('/')[-1])", $password)
    New-SmbGlobalMapping -RemotePath $unc -Credential $credential -Persistent $true -RequirePrivacy $true | Out-Null
}
'@ | Set-Content $map
& $map
Register-ScheduledTask -TaskName 'Octopus shares' -Force `
    -Action (New-ScheduledTaskAction -Execute powershell.exe `
        -Argument "-NoProfile -NonInteractive -ExecutionPolicy Bypass -File `"$map`"") `
    -Trigger (New-ScheduledTaskTrigger -AtStartup), `
        (New-ScheduledTaskTrigger -Once -At (Get-Date) -RepetitionInterval (New-TimeSpan -Minutes 15)) `
    -Principal (New-ScheduledTaskPrincipal -UserId SYSTEM -LogonType ServiceAccount -RunLevel Highest) | Out-Null
foreach ($share in $facts.shares.PSObject.Properties) {
    $unc = $share.Value
    $probe = "$unc\.cellctl-$env:COMPUTERNAME"
    Set-Content $probe 'ok'
    if ((Get-Content $probe) -ne 'ok') { throw "$unc does not return what was written" }
    Remove-Item $probe
    # On all nodes but the first the share holds what the first wrote: files that are not shared lose logs without a word.
    $mark = "$unc\.cellctl-first"
    $held = "$($facts.database) $($share.Name)"
    if ($facts.first) { Set-Content $mark $held; continue }
    for ($try = 0; $try -lt 20 -and (Get-Content $mark -ErrorAction SilentlyContinue) -ne $held; $try++) { Start-Sleep 15 }
    if ((Get-Content $mark) -ne $held) { throw "$unc does not hold what the first node wrote" }
}

# 4. Octopus Server, in the version all nodes of the cell run. What is installed stays: cellctl upgrades all nodes together.
if (-not (Test-Path $octopus)) {
    $package = "$env:TEMP\Octopus.$($facts.octopus_version)-x64.msi"
    Invoke-WebRequest -UseBasicParsing "https://download.octopusdeploy.com/octopus/Octopus.$($facts.octopus_version)-x64.msi" -OutFile $package
    $signature = Get-AuthenticodeSignature $package
    if ($signature.Status -ne 'Valid' -or $signature.SignerCertificate.Subject -notmatch 'Octopus Deploy') {
        throw "the installer of Octopus $($facts.octopus_version) is not signed by Octopus Deploy"
    }
    $setup = Start-Process msiexec -ArgumentList '/i', $package, '/quiet', '/norestart' -Wait -PassThru
    if ($setup.ExitCode -notin 0, 3010) { throw "the installer ended with $($setup.ExitCode)" }
}

# 5. TLS ends on the node: the cell's certificate as its vault has it now, for which a task looks once a day, or one of its
#    own. The task runs as SYSTEM: its script lies where nobody else may write.
$tls = "$env:ProgramFiles\cellctl\certificate.ps1"
New-Item -ItemType Directory -Force (Split-Path $tls) | Out-Null
@'
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$metadata = 'http://169.254.169.254/metadata'
$header = @{ Metadata = 'true' }
$text = Invoke-RestMethod -Headers $header "$metadata/instance/compute/userData?api-version=2021-01-01&format=text"
$facts = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($text)) | ConvertFrom-Json
$binding = 'ipport=0.0.0.0:443'
$bound = netsh http show sslcert $binding | Out-String
if ($facts.certificate) {
    $id = [uri]$facts.certificate
    $query = "api-version=2018-02-01&resource=https://vault.azure.net&client_id=$($facts.identity_client_id)"
    $token = (Invoke-RestMethod -Headers $header "$metadata/identity/oauth2/token?$query").access_token
    $address = "https://$($id.Host)$($id.AbsolutePath)?api-version=7.4"
    $pfx = [Convert]::FromBase64String((Invoke-RestMethod -Headers @{ Authorization = "Bearer $token" } $address).value)
    $kind = [Security.Cryptography.X509Certificates.X509Certificate2]
    # Its key is written to the disk only when it is new.
    $thumbprint = $kind::new($pfx, '', 'EphemeralKeySet').Thumbprint
    if ($bound -match $thumbprint) { return }
    $store = [Security.Cryptography.X509Certificates.X509Store]::new('My', 'LocalMachine')
    $store.Open('ReadWrite'); $store.Add($kind::new($pfx, '', 'MachineKeySet,PersistKeySet')); $store.Close()
} else {
    $own = Get-ChildItem Cert:\LocalMachine\My | Where-Object FriendlyName -eq 'cellctl' | Select-Object -First 1
    if (-not $own) {
        $own = New-SelfSignedCertificate -DnsName $facts.host, $env:COMPUTERNAME -CertStoreLocation Cert:\LocalMachine\My `
            -FriendlyName cellctl -NotAfter (Get-Date).AddYears(5)
    }
    $thumbprint = $own.Thumbprint
    if ($bound -match $thumbprint) { return }
}
$what = "certhash=$thumbprint", 'appid={8c1f7f3c-53f3-4d3a-9a39-6a3c2a1f5b10}'
netsh http update sslcert $binding @what | Out-Null
if ($LASTEXITCODE -ne 0) { netsh http add sslcert $binding @what | Out-Null }  # nothing was bound yet
if ($LASTEXITCODE -ne 0) { throw 'the certificate could not be bound to port 443' }
'@ | Set-Content $tls
& $tls
if ($facts.certificate) {
    Register-ScheduledTask -TaskName 'Octopus certificate' -Force `
        -Action (New-ScheduledTaskAction -Execute powershell.exe `
            -Argument "-NoProfile -NonInteractive -ExecutionPolicy Bypass -File `"$tls`"") `
        -Trigger (New-ScheduledTaskTrigger -Daily -At 3am -RandomDelay (New-TimeSpan -Hours 3)) `
        -Principal (New-ScheduledTaskPrincipal -UserId SYSTEM -LogonType ServiceAccount -RunLevel Highest) `
        -Settings (New-ScheduledTaskSettingsSet -StartWhenAvailable) | Out-Null
}

# 6. The instance: its home stays on the node, its database and its key are the cell's.
$connection = "Server=tcp:$($facts.sql_host),1433;Initial Catalog=$($facts.database);" +
    "Authentication=Active Directory Managed Identity;User Id=$($facts.identity_client_id);" +
    'Encrypt=True;TrustServerCertificate=False;Connect Timeout=30'
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
if (-not (Test-Path $config)) { Invoke-Octopus create-instance --instance $instance --config $config | Out-Null }
$key = Get-Secret $facts.master_key_secret
Invoke-Octopus database --instance $instance --masterKey $key --connectionString $connection | Out-Null
$key = $null
# Port 80 answers the load balancer's probe, which wants exactly 200 and follows no redirect: webForceSSL stays off.
Invoke-Octopus configure --instance $instance --webForceSSL False --commsListenPort 10943 `
    --webListenPrefixes "http://+:80/,https://+:443/" --serverNodeName $facts.node | Out-Null

# 7. What is stored in the database is set once, by the first node; the mark keeps a node that is made again from undoing
#    what people have changed since, such as the administrator's password.
$prepared = "FROM sys.extended_properties WHERE class = 0 AND name = N'cellctl:prepared'"
if ($facts.first -and (Invoke-Sql "SELECT COUNT(*) $prepared") -eq 0) {
    Invoke-Octopus path --instance $instance --nugetRepository $facts.shares.packages --artifacts $facts.shares.artifacts `
        --taskLogs $facts.shares.task_logs --imports $facts.shares.imports --eventExports $facts.shares.event_exports | Out-Null
    $password = Get-Secret $facts.administrator_password_secret
    Invoke-Octopus admin --instance $instance --username $facts.administrator --email $facts.email --password $password | Out-Null
    $password = $null
    Invoke-Sql "EXEC sys.sp_addextendedproperty @name = N'cellctl:prepared', @value = N'1'" | Out-Null
}

# Nodes share a queue of polling Tentacles, and what Octopus keeps besides for all of them. Its key is the queue's own.
Assert-Private $facts.queue_host
Wait-Port $facts.queue_host $facts.queue_port
$keys = Invoke-RestMethod -Method Post -Headers @{ Authorization = "Bearer $(Get-Token 'https://management.azure.com/')" } `
    "https://management.azure.com$($facts.queue_id)/listKeys?api-version=2025-07-01"
$queue = "$($facts.queue_host):$($facts.queue_port),ssl=true,password=$($keys.primaryKey)"
$keys = $null
if ($facts.first) { Invoke-Octopus path --instance $instance --clusterShared $facts.shares.cluster | Out-Null }
Invoke-Octopus configure --instance $instance "--multiNodePollingTentaclesRedisConnectionString=$queue" | Out-Null
$queue = $null

# 8. Join without work and answer; cellctl gives the node work once it has passed its gates. The firewall of Windows opens what the network's rules let through.
foreach ($port in 80, 443, 10943) {
    if (-not (Get-NetFirewallRule -Name "cellctl-$port" -ErrorAction SilentlyContinue)) {
        New-NetFirewallRule -Name "cellctl-$port" -DisplayName "Octopus $port" -Direction Inbound -Protocol TCP -LocalPort $port -Action Allow | Out-Null
    }
}
if (-not (Get-NetFirewallRule -Name 'cellctl-8443' -ErrorAction SilentlyContinue)) {
    New-NetFirewallRule -Name 'cellctl-8443' -DisplayName 'Octopus 8443' -Direction Inbound -Protocol TCP -LocalPort 8443 -Action Allow | Out-Null
}
if ((Get-Service OctopusDeploy -ErrorAction SilentlyContinue) -eq $null) { Invoke-Octopus node --instance $instance '--taskCap=0' | Out-Null }
Invoke-Octopus service --instance $instance --install --reconfigure --start | Out-Null
if ($moves) {
    Restart-Service OctopusDeploy
    Invoke-Octopus node --instance $instance '--drain=false' | Out-Null
}
Set-Content $userFile $facts.sql_password_secret
for ($try = 0; $try -lt 80; $try++) {
    try {
        if ((Invoke-WebRequest -UseBasicParsing http://localhost/api/octopusservernodes/ping).StatusCode -eq 200) {
            Write-Output 'OK'
            exit 0
        }
    } catch { Write-Verbose 'not yet' }
    Start-Sleep 15
}
throw 'the node never answered its ping with 200'
