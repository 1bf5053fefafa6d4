"""What a node does at its first boot, as EC2 user data: names and references, never a secret. Pure.

Here for Windows; a Linux node's is in `linux_boot`.

User data stays as it was when the machine was made. What changes later is not in it: the version is in a tag of the
machine (`VERSION_TAG`), the task cap in Octopus.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

from cellctl_components.aws import linux_boot
from cellctl_components.aws.layout import (
    CLUSTER,
    QUEUE_PORT,
    WEB_PORT,
    AwsLayout,
    NodeLayout,
    OctopusLayout,
    OperatingSystem,
    Protocol,
    ShareLayout,
)

VERSION_TAG = "octopus-version"
"""Tag of a machine: the version that a first boot installs where no other node runs. It changes in place."""

OS_TAG = "os"
"""Tag of a machine that does not run Windows: prices differ."""

USER_DATA_LIMIT = 16_384
"""Bytes of user data EC2 takes, before base64 (EC2 user guide)."""

FOLDERS = {
    "packages": "nugetRepository",
    "artifacts": "artifacts",
    "task-logs": "taskLogs",
    "imports": "imports",
    "event-exports": "eventExports",
    CLUSTER: "clusterShared",
}
"""Kind of file -> the option of `Octopus.Server path` that moves it; set once, from the first node, for all."""

_MARK = re.compile(r"@@([a-z_]+)@@")

_MOUNT_NFS = """\
Install-WindowsFeature NFS-Client | Out-Null
$client = 'HKLM:\\SOFTWARE\\Microsoft\\ClientForNFS\\CurrentVersion\\Default'
New-ItemProperty $client -Name AnonymousUid -PropertyType DWord -Value 1000 -Force | Out-Null
New-ItemProperty $client -Name AnonymousGid -PropertyType DWord -Value 1000 -Force | Out-Null
nfsadmin client stop; nfsadmin client start
@'
{links}
Start-Service OctopusDeploy
'@ | Set-Content C:\\Octopus\\mount.ps1"""

_MOUNT_SMB = """\
@'
$guest = (Get-SECSecretValue -SecretId @@guest_secret@@ -Region @@region@@).SecretString
{links}
Start-Service OctopusDeploy
'@ | Set-Content C:\\Octopus\\mount.ps1"""

# As the cell's user of the domain. The password is in no command line: the cmdlet runs in this process.
_MOUNT_AS_USER = """\
@'
$user = (Get-SECSecretValue -SecretId @@directory_secret@@ -Region @@region@@).SecretString | ConvertFrom-Json
{links}
Start-Service OctopusDeploy
'@ | Set-Content C:\\Octopus\\mount.ps1"""

# The command masks the value in what it prints; every node of a cell has the same one.
_QUEUE = """
$queue = '@@queue_address@@,ssl=true,password=' + (Read-Secret '@@queue_secret@@')
Invoke-Octopus configure --instance Default "--multiNodePollingTentaclesRedisConnectionString=$queue"\
"""

# Octopus starts only where every share returns what is written to it, as the account it runs as, and on all nodes but
# the first where it holds what the first node wrote: files that are not shared lose packages and logs without a word.
_PROBE = (
    "$ErrorActionPreference = 'Stop'",
    "function Test-Share($folder) {",
    '    $probe = Join-Path $folder ".cellctl-$env:COMPUTERNAME"',
    "    Set-Content $probe 'ok'",
    "    if ((Get-Content $probe) -ne 'ok') { throw \"$folder does not return what was written\" }",
    "    Remove-Item $probe",
    "    $mark = Join-Path $folder '.cellctl-first'",
    '    if ($leads) { Set-Content $mark "$cell $folder"; return }',
    "    for ($try = 0; $try -lt 20; $try++) {",
    '        if ((Get-Content $mark -ErrorAction SilentlyContinue) -eq "$cell $folder") { return }',
    "        Start-Sleep -Seconds 15",
    "    }",
    '    throw "$folder does not hold what the first node wrote"',
    "}",
)

_TASK = """
$action = New-ScheduledTaskAction -Execute powershell.exe -Argument '-File C:\\Octopus\\mount.ps1'
Register-ScheduledTask -TaskName 'Octopus files' -Action $action -User SYSTEM -RunLevel Highest `
    -Trigger (New-ScheduledTaskTrigger -AtStartup) | Out-Null"""


@dataclass(frozen=True, kw_only=True, slots=True)
class References:
    """What becomes known while a cell is made: where the database is and where secrets are (ARNs, never values)."""

    server: str
    login_secret: str
    key_secret: str
    administrator_secret: str
    guest_secret: str = ""
    gateway_id: str = ""
    queue: str = ""
    queue_secret: str = ""
    directory_secret: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Boot:
    """What a cell's nodes have in common at first boot."""

    region: str
    database: str
    login: str
    files_host: str
    protocol: Protocol
    shares: tuple[ShareLayout, ...]
    octopus: OctopusLayout
    first: NodeLayout
    second: NodeLayout
    queued: bool = False
    os: OperatingSystem = "windows"

    @classmethod
    def of(cls, layout: AwsLayout) -> Boot:
        """Return what the nodes of a cell have in common."""
        return cls(
            region=layout.region,
            database=layout.database.name,
            login=layout.database.login,
            files_host=layout.gateway.host,
            protocol=layout.gateway.protocol,
            shares=layout.shares,
            octopus=layout.octopus,
            first=layout.nodes.items[0],
            second=layout.nodes.items[1],
            queued=layout.queue is not None,
            os=layout.nodes.os,
        )


def user_data(boot: Boot, node: NodeLayout, references: References) -> str:
    """Return the script of one node, at most `USER_DATA_LIMIT` bytes: PowerShell, or on Linux bash."""
    if boot.os == "linux":
        return linux_boot.script(boot, node, references, options=FOLDERS, tag=VERSION_TAG)
    carried = [share for share in boot.shares if share.kind]
    values = {
        "region": boot.region,
        "node": node.name,
        "first": boot.first.name,
        "first_address": boot.first.address,
        "peer_address": boot.second.address if node.ordinal == boot.first.ordinal else boot.first.address,
        "mount": _mount(boot, node, carried, references),
        "server": references.server,
        "database": boot.database,
        "login": boot.login,
        "login_secret": references.login_secret,
        "key_secret": references.key_secret,
        "administrator": boot.octopus.administrator,
        "email": boot.octopus.email,
        "administrator_secret": references.administrator_secret,
        "paths": "\n    ".join(_path(share) for share in carried),
        "port": str(WEB_PORT),
        "version_tag": VERSION_TAG,
        "guest_secret": references.guest_secret,
        "directory_secret": references.directory_secret,
        "queue": _QUEUE if boot.queued else "",
        "queue_address": f"{references.queue}:{QUEUE_PORT}",
        "queue_secret": references.queue_secret,
    }
    template = files("cellctl_components.aws").joinpath("bootstrap.ps1").read_text(encoding="utf-8")
    return _filled(_filled(template, values), values)


def _filled(text: str, values: dict[str, str]) -> str:
    return _MARK.sub(lambda match: quoted(values[match[1]]) if match[1] not in _CODE else values[match[1]], text)


_CODE = frozenset({"mount", "paths", "queue"})


def quoted(value: str) -> str:
    """Return `value` for the inside of a PowerShell string in single quotes."""
    return value.replace("'", "''")


def _folder(share: ShareLayout) -> str:
    return f"C:\\Octopus\\Shared\\{share.kind}"


def _path(share: ShareLayout) -> str:
    return f"Invoke-Octopus path --instance Default --{FOLDERS[share.kind]} '{_folder(share)}'"


def guest_mapping(remote: str, gateway_id: str) -> str:
    """Return the line that connects a share as a gateway's guest: `$guest`, its password, is in no command line."""
    user = f"{gateway_id}\\smbguest"
    return f"New-SmbMapping -RemotePath '{remote}' -UserName '{user}' -Password $guest -Persistent $false | Out-Null"


def _mount(boot: Boot, node: NodeLayout, shares: list[ShareLayout], references: References) -> str:
    """Each kind of file is a link below C:\\Octopus\\Shared: drive letters belong to one user, links to all."""
    leads = "$true" if node.ordinal == boot.first.ordinal else "$false"
    lines = [f"$cell = '{quoted(boot.database)}'; $leads = {leads}", *_PROBE]
    lines.append("New-Item -ItemType Directory -Force C:\\Octopus\\Shared | Out-Null")
    mounted: set[str] = set()
    for share in shares:
        remote = f"\\\\{boot.files_host}\\{share.name}"
        if remote not in mounted and references.directory_secret:
            given = "-UserName $user.username -Password $user.password -Persistent $false"
            lines.append(f"New-SmbMapping -RemotePath '{remote}' {given} | Out-Null")
        elif remote not in mounted and boot.protocol == "smb":
            lines.append(guest_mapping(remote, references.gateway_id))
        elif remote not in mounted:
            lines.append(f"mount.exe -o 'nolock,mtype=hard,anon' '{remote}' '*'")
        mounted.add(remote)
        if share.folder:
            remote = f"{remote}\\{share.folder}"
            lines.append(f"New-Item -ItemType Directory -Force '{remote}' | Out-Null")
        lines.append(
            f"if (-not (Test-Path '{_folder(share)}')) "
            f"{{ New-Item -ItemType SymbolicLink -Path '{_folder(share)}' -Value '{remote}' | Out-Null }}"
        )
        lines.append(f"Test-Share '{_folder(share)}'")
    text = _MOUNT_SMB if boot.protocol == "smb" else _MOUNT_NFS
    text = _MOUNT_AS_USER if references.directory_secret else text
    return text.format(links="\n".join(lines)) + _TASK
