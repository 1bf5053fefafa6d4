# What cellctl asks of a machine that runs Octopus Server: fetch, stop, start, upgrade or queue. It holds no secret, is
# given none and prints none. Every action looks first, so it may run again; $run only makes one request differ from the
# last. What follows it is for queue: where it answers, which secret is its token, and a folder that its nodes share.
param(
    [string] $action, [string] $version, [string] $run, [string] $address, [string] $secret, [string] $region,
    [string] $folder, [string] $mount, [string] $leads
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$octopus = "$env:ProgramFiles\Octopus Deploy\Octopus\Octopus.Server.exe"
$installer = "C:\Octopus\Octopus.$version-x64.msi"

function Invoke-Octopus {
    # What it writes to stderr is no error in itself: its exit code says.
    $ErrorActionPreference = 'Continue'
    $output = & $octopus @args 2>&1
    if ($LASTEXITCODE -ne 0) { throw "Octopus.Server $($args[0]) ended with $LASTEXITCODE" }
    $output | Out-Null
}

function Get-Installed { (Get-Item $octopus).VersionInfo.ProductVersion.Split('+')[0] }

function Save-Installer {
    # A download that was cut off leaves the draft behind, never the installer.
    if (Test-Path $installer) { return }
    $draft = "$installer.draft"
    Invoke-WebRequest -UseBasicParsing -OutFile $draft -Uri "https://download.octopusdeploy.com/octopus/Octopus.$version-x64.msi"
    $signature = Get-AuthenticodeSignature $draft
    if ($signature.Status -ne 'Valid' -or $signature.SignerCertificate.Subject -notmatch 'Octopus Deploy') {
        throw "the installer of Octopus $version is not signed by Octopus Deploy"
    }
    Move-Item -Force $draft $installer
}

function Stop-Octopus { if ((Get-Service OctopusDeploy).Status -ne 'Stopped') { Stop-Service OctopusDeploy -Force } }

function Start-Octopus {
    # Where a task mounts the files first, it starts the service.
    if (Get-ScheduledTask -TaskName 'Octopus files' -ErrorAction SilentlyContinue) {
        Start-ScheduledTask -TaskName 'Octopus files'
    } else { Start-Service OctopusDeploy }
}

function Install-Octopus {
    $installed = Get-Installed
    if ([version] $installed -gt [version] $version) { throw "Octopus $installed is installed, which is newer than $version" }
    Save-Installer
    Stop-Octopus
    if ($installed -ne $version) {
        $setup = Start-Process msiexec -ArgumentList '/i', $installer, '/quiet', '/norestart', 'RUNMANAGERONEXIT=no' -Wait -PassThru
        if ($setup.ExitCode -notin 0, 3010) { throw "the installer ended with $($setup.ExitCode)" }
    }
    Invoke-Octopus database --upgrade --instance Default --skipLicenseCheck
    Remove-Item $installer
}

function Add-Folder {
    # The task that mounts the files at each start learns of one folder more, and then starts the service.
    $task, $start = 'C:\Octopus\mount.ps1', 'Start-Service OctopusDeploy'
    $text = [IO.File]::ReadAllText($task)
    if ($text.Contains($folder)) { return }
    if (-not $text.Contains($start)) { throw "$task does not start Octopus" }
    [IO.File]::WriteAllText("$task.draft", $text.Replace($start, "$mount`r`n$start"))
    Move-Item -Force "$task.draft" $task
}

function Join-Queue {
    Add-Folder
    $token = (Get-SECSecretValue -SecretId $secret -Region $region).SecretString
    Stop-Octopus
    # One setting for all nodes, in their database.
    if ($leads -eq 'true') { Invoke-Octopus path --instance Default --clusterShared $folder }
    $queue = "$address,ssl=true,password=$token"
    Invoke-Octopus configure --instance Default "--multiNodePollingTentaclesRedisConnectionString=$queue"
}

# One at a time: a command that was sent again waits for the one under way.
$turn = [Threading.Mutex]::new($false, 'Global\cellctl-machine')
try { [void] $turn.WaitOne() } catch [Threading.AbandonedMutexException] { Write-Verbose 'the last run was cut off' }
try {
    switch ($action) {
        'fetch' { Save-Installer }
        'stop' { Stop-Octopus }
        'start' { Start-Octopus }
        'upgrade' { Install-Octopus; Start-Octopus }
        'queue' { Join-Queue; Start-Octopus }
        default { throw "there is no action '$action'" }
    }
} finally { $turn.ReleaseMutex() }
Write-Output 'OK'
