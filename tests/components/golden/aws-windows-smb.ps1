<powershell>
# First boot of an Octopus Server node. It holds names and references only: every secret is read with the instance's
# own role when it is needed. Marked values are filled in by cellctl_components.aws.bootstrap.
$ErrorActionPreference = 'Stop'
$region = 'eu-west-1'; $node = 'acme-1'; $first = 'acme-1'
New-Item -ItemType Directory -Force C:\Octopus | Out-Null

function Wait-For([string] $what, [scriptblock] $test) {
    for ($try = 0; $try -lt 240; $try++) {
        try { if (& $test) { return } } catch { }
        Start-Sleep -Seconds 15
    }
    throw "gave up waiting for $what"
}

function Read-Secret([string] $id) { (Get-SECSecretValue -SecretId $id -Region $region).SecretString }

function Invoke-Octopus { & $octopus @args; if ($LASTEXITCODE -ne 0) { throw "Octopus.Server $($args[0]) failed" } }

if ($env:COMPUTERNAME -ne $node.ToUpper()) { Rename-Computer -NewName $node -Force }
Set-TimeZone -Id 'UTC'

# Files: mounted for LocalSystem, as whom Octopus runs, at every boot and before the service starts.
@'
$guest = (Get-SECSecretValue -SecretId arn:guest -Region eu-west-1).SecretString
$cell = 'octo_acme_g1'; $leads = $true
$ErrorActionPreference = 'Stop'
function Test-Share($folder) {
    $probe = Join-Path $folder ".cellctl-$env:COMPUTERNAME"
    Set-Content $probe 'ok'
    if ((Get-Content $probe) -ne 'ok') { throw "$folder does not return what was written" }
    Remove-Item $probe
    $mark = Join-Path $folder '.cellctl-first'
    if ($leads) { Set-Content $mark "$cell $folder"; return }
    for ($try = 0; $try -lt 20; $try++) {
        if ((Get-Content $mark -ErrorAction SilentlyContinue) -eq "$cell $folder") { return }
        Start-Sleep -Seconds 15
    }
    throw "$folder does not hold what the first node wrote"
}
New-Item -ItemType Directory -Force C:\Octopus\Shared | Out-Null
New-SmbMapping -RemotePath '\\files.acme.octopus.internal\packages' -UserName 'sgw-1\smbguest' -Password $guest -Persistent $false | Out-Null
if (-not (Test-Path 'C:\Octopus\Shared\packages')) { New-Item -ItemType SymbolicLink -Path 'C:\Octopus\Shared\packages' -Value '\\files.acme.octopus.internal\packages' | Out-Null }
Test-Share 'C:\Octopus\Shared\packages'
New-SmbMapping -RemotePath '\\files.acme.octopus.internal\artifacts' -UserName 'sgw-1\smbguest' -Password $guest -Persistent $false | Out-Null
if (-not (Test-Path 'C:\Octopus\Shared\artifacts')) { New-Item -ItemType SymbolicLink -Path 'C:\Octopus\Shared\artifacts' -Value '\\files.acme.octopus.internal\artifacts' | Out-Null }
Test-Share 'C:\Octopus\Shared\artifacts'
New-SmbMapping -RemotePath '\\files.acme.octopus.internal\task-logs' -UserName 'sgw-1\smbguest' -Password $guest -Persistent $false | Out-Null
if (-not (Test-Path 'C:\Octopus\Shared\task-logs')) { New-Item -ItemType SymbolicLink -Path 'C:\Octopus\Shared\task-logs' -Value '\\files.acme.octopus.internal\task-logs' | Out-Null }
Test-Share 'C:\Octopus\Shared\task-logs'
New-SmbMapping -RemotePath '\\files.acme.octopus.internal\imports' -UserName 'sgw-1\smbguest' -Password $guest -Persistent $false | Out-Null
if (-not (Test-Path 'C:\Octopus\Shared\imports')) { New-Item -ItemType SymbolicLink -Path 'C:\Octopus\Shared\imports' -Value '\\files.acme.octopus.internal\imports' | Out-Null }
Test-Share 'C:\Octopus\Shared\imports'
New-SmbMapping -RemotePath '\\files.acme.octopus.internal\event-exports' -UserName 'sgw-1\smbguest' -Password $guest -Persistent $false | Out-Null
if (-not (Test-Path 'C:\Octopus\Shared\event-exports')) { New-Item -ItemType SymbolicLink -Path 'C:\Octopus\Shared\event-exports' -Value '\\files.acme.octopus.internal\event-exports' | Out-Null }
Test-Share 'C:\Octopus\Shared\event-exports'
Start-Service OctopusDeploy
'@ | Set-Content C:\Octopus\mount.ps1
$action = New-ScheduledTaskAction -Execute powershell.exe -Argument '-File C:\Octopus\mount.ps1'
Register-ScheduledTask -TaskName 'Octopus files' -Action $action -User SYSTEM -RunLevel Highest `
    -Trigger (New-ScheduledTaskTrigger -AtStartup) | Out-Null

# Octopus Server, the same version on every node: the one that the cell runs, else the one in this machine's tag.
function Get-RunningVersion { try { (Invoke-RestMethod -TimeoutSec 10 'http://10.64.9.22:8080/api').Version } catch { $null } }
function Get-TaggedVersion {
    $metadata = 'http://169.254.169.254/latest'
    $token = Invoke-RestMethod -Method Put -Headers @{ 'X-aws-ec2-metadata-token-ttl-seconds' = '300' } "$metadata/api/token"
    Invoke-RestMethod -Headers @{ 'X-aws-ec2-metadata-token' = $token } "$metadata/meta-data/tags/instance/octopus-version"
}
# The first node makes the schema, alone; the others wait until it answers.
if ($node -ne $first) {
    Wait-For "node $first" { (Invoke-WebRequest -UseBasicParsing 'http://10.64.8.21:8080/api/octopusservernodes/ping').StatusCode -eq 200 }
}
$version = Get-RunningVersion
if (-not $version) { $version = Get-TaggedVersion }
$installer = 'C:\Octopus\Octopus.msi'
Invoke-WebRequest -UseBasicParsing -OutFile $installer `
    -Uri "https://download.octopusdeploy.com/octopus/Octopus.$version-x64.msi"
if ((Get-AuthenticodeSignature $installer).Status -ne 'Valid') { throw 'the installer is not signed' }
Start-Process msiexec -Wait -ArgumentList '/i', $installer, '/quiet', '/norestart'
$octopus = 'C:\Program Files\Octopus Deploy\Octopus\Octopus.Server.exe'

# Amazon signs the certificates of RDS itself, with roots that Windows does not bring.
$roots = 'C:\Octopus\rds.p7b'
Invoke-WebRequest -UseBasicParsing -OutFile $roots -Uri 'https://truststore.pki.rds.amazonaws.com/global/global-bundle.p7b'
Import-Certificate -FilePath $roots -CertStoreLocation Cert:\LocalMachine\Root | Out-Null

$login = Read-Secret 'arn:login'
$database = 'Server=tcp:sql.example,1433;Database=octo_acme_g1;User ID=octo_acme_a;' +
    "Password=$login;Encrypt=True;TrustServerCertificate=False;MultiSubnetFailover=True"
$key = Read-Secret 'arn:key'

Invoke-Octopus create-instance --instance Default --config C:\Octopus\OctopusServer.config
$schema = if ($node -eq $first) { @('--create') } else { @() }
Invoke-Octopus database --instance Default --connectionString $database --masterKey $key @schema
Invoke-Octopus configure --instance Default --webForceSSL False `
    --webListenPrefixes 'http://+:8080/' --commsListenPort 10943 --serverNodeName $node
# What is stored in the database is set once; the mark keeps a node that is made again from undoing what people have
# changed since, such as the administrator's password.
function Invoke-Sql([string] $statement) {
    $connection = [Data.SqlClient.SqlConnection]::new($database)
    try {
        $connection.Open()
        $command = $connection.CreateCommand()
        $command.CommandText = $statement
        $command.ExecuteScalar()
    } finally { $connection.Dispose() }
}
$prepared = "FROM sys.extended_properties WHERE class = 0 AND name = N'cellctl:prepared'"
if ($node -eq $first -and (Invoke-Sql "SELECT COUNT(*) $prepared") -eq 0) {
    Invoke-Octopus admin --instance Default --username 'admin' --email 'admin@acme.octopus.internal' `
        --password (Read-Secret 'arn:admin')
    Invoke-Octopus path --instance Default --nugetRepository 'C:\Octopus\Shared\packages'
    Invoke-Octopus path --instance Default --artifacts 'C:\Octopus\Shared\artifacts'
    Invoke-Octopus path --instance Default --taskLogs 'C:\Octopus\Shared\task-logs'
    Invoke-Octopus path --instance Default --imports 'C:\Octopus\Shared\imports'
    Invoke-Octopus path --instance Default --eventExports 'C:\Octopus\Shared\event-exports'
    Invoke-Sql "EXEC sys.sp_addextendedproperty @name = N'cellctl:prepared', @value = N'1'" | Out-Null
}
New-NetFirewallRule -DisplayName 'Octopus web' -Direction Inbound -Protocol TCP -LocalPort 8080 -Action Allow | Out-Null
New-NetFirewallRule -DisplayName 'Octopus polling' -Direction Inbound -Protocol TCP -LocalPort 10943 -Action Allow | Out-Null
New-NetFirewallRule -DisplayName 'Octopus gRPC' -Direction Inbound -Protocol TCP -LocalPort 8443 -Action Allow | Out-Null
Invoke-Octopus service --instance Default --install --reconfigure
Invoke-Octopus node --instance Default '--taskCap=0'   # cellctl raises it once the node has passed its gates
Set-Service -Name OctopusDeploy -StartupType Manual   # a boot task starts it, after the files are mounted
Start-ScheduledTask -TaskName 'Octopus files'
</powershell>
<persist>false</persist>
