<powershell>
# First boot of an Octopus Server node. It holds names and references only: every secret is read with the instance's
# own role when it is needed. Marked values are filled in by cellctl_components.aws.bootstrap.
$ErrorActionPreference = 'Stop'
$region = '@@region@@'; $node = '@@node@@'; $first = '@@first@@'
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
@@mount@@

# Octopus Server, the same version on every node.
$installer = 'C:\Octopus\Octopus.msi'
Invoke-WebRequest -UseBasicParsing -OutFile $installer `
    -Uri 'https://download.octopusdeploy.com/octopus/Octopus.@@version@@-x64.msi'
if ((Get-AuthenticodeSignature $installer).Status -ne 'Valid') { throw 'the installer is not signed' }
Start-Process msiexec -Wait -ArgumentList '/i', $installer, '/quiet', '/norestart'
$octopus = 'C:\Program Files\Octopus Deploy\Octopus\Octopus.Server.exe'

$login = Read-Secret '@@login_secret@@'
$database = 'Server=tcp:@@server@@,1433;Database=@@database@@;User ID=@@login@@;' +
    "Password=$login;Encrypt=True;TrustServerCertificate=False;MultiSubnetFailover=True"
$key = Read-Secret '@@key_secret@@'

# The first node makes the schema, alone; the others wait until it answers.
if ($node -ne $first) {
    Wait-For "node $first" { (Invoke-WebRequest -UseBasicParsing 'http://@@first_address@@:@@port@@/api/octopusservernodes/ping').StatusCode -eq 200 }
}
Invoke-Octopus create-instance --instance Default --config C:\Octopus\OctopusServer.config
$schema = if ($node -eq $first) { @('--create') } else { @() }
Invoke-Octopus database --instance Default --connectionString $database --masterKey $key @schema
Invoke-Octopus configure --instance Default --webForceSSL False `
    --webListenPrefixes 'http://+:@@port@@/' --commsListenPort 10943 --serverNodeName $node
if ($node -eq $first) {
    Invoke-Octopus admin --instance Default --username '@@administrator@@' --email '@@email@@' `
        --password (Read-Secret '@@administrator_secret@@')
    if ('@@licence@@') { Invoke-Octopus license --instance Default --licenseBase64 (Read-Secret '@@licence@@') }
    @@paths@@
}
New-NetFirewallRule -DisplayName 'Octopus web' -Direction Inbound -Protocol TCP -LocalPort @@port@@ -Action Allow | Out-Null
New-NetFirewallRule -DisplayName 'Octopus polling' -Direction Inbound -Protocol TCP -LocalPort 10943 -Action Allow | Out-Null
Invoke-Octopus service --instance Default --install --reconfigure
Invoke-Octopus node --instance Default --taskCap=@@task_cap@@
Set-Service -Name OctopusDeploy -StartupType Manual   # a boot task starts it, after the files are mounted
Start-ScheduledTask -TaskName 'Octopus files'
</powershell>
<persist>false</persist>
