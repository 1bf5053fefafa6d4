"""What a machine was told at its creation: an Octopus node does in the sandbox what its own user data says.

Nothing is known here of the components that write it: a script that names another server makes a node that dials it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from cellctl.facts.conditions import at
from cellctl.state.values import Value
from cellctl_provider.octopus.machines import System
from cellctl_sandbox.standins.cloud_view import CloudObject

_SERVER = re.compile(
    r"Server=tcp:(?P<server>[^,;']+),(?P<port>\d+);Database=(?P<database>[^;']+);User ID=(?P<login>[^;']+)"
)
_QUEUE = re.compile(r"\$queue = '(?P<host>[^:,']+):(?P<port>\d+),[^']*' \+ \(Read-Secret '(?P<secret>[^']*)'\)")
_CLUSTER_SHARED = re.compile(r"path --instance Default --clusterShared '(?P<folder>[^']+)'")
_SECRET = re.compile(r"(?:Read-Secret|-SecretId)\s+'?(?P<id>[^'\s)]+)'?")
_FIRST_ADMINISTRATOR = re.compile(r"--password \(Read-Secret '[^']*'\)")
"""Read by the node that leads, alone."""
_NFS = re.compile(r"mount\.exe [^\n]*?'\\\\(?P<host>[^\\']+)\\(?P<share>[^\\']+)'")
_SMB = re.compile(r"New-SmbMapping -RemotePath '\\\\(?P<host>[^\\']+)\\(?P<share>[^\\']+)'")
_USER = re.compile(r"\$user = \(Get-SECSecretValue -SecretId (?P<id>\S+)")
_FIRST = re.compile(r"https?://(?P<address>[\d.]+):(?P<port>\d+)/api/octopusservernodes/ping")
_UNC = re.compile(r"\\\\(?P<host>[^\\]+)\\(?P<share>[^\\]+)")
_LINK = re.compile(r"-Path '(?P<folder>[^']+)' -Value '\\\\(?P<host>[^\\']+)\\(?P<share>[^']+)'")
_PATIENCE = re.compile(r"function Wait-For\(.*?-lt (?P<tries>\d+); .*?Start-Sleep -Seconds (?P<every>\d+)", re.DOTALL)
_TOLD = re.compile(r"^cat > \S+/node\.json <<'FACTS'\n(?P<facts>.*?)\nFACTS$", re.DOTALL | re.MULTILINE)
_SHELL_PATIENCE = re.compile(r"^wait_for\(\).*?try < (?P<tries>\d+);.*?sleep (?P<every>\d+)", re.DOTALL | re.MULTILINE)
MARK = ".cellctl-first"
"""File by which a script tells that a share is the one of the first node."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Boot:
    """Whom a node dials and what it reads. `secrets` are ARNs, or names in `vault`.

    `user` is the secret of the domain's user as whom it mounts, `` for a guest. It waits for node `first`, for
    `patience_s` at most.

    `administrator` is whom it makes administrator: name, e-mail, and the secret with the password; empty for none.

    `certificate` is the secret of the certificate that it shows, `` where it makes one of its own.

    `queue` is where the queue of polling Tentacles answers and the secret of its token, if nodes share one;
    `cluster_shared` the folder that Octopus then demands.

    It needs what `installs` says (a kind of `needs`) to be reachable, and its machine runs `system`.

    `account` is the id of the storage account whose key opens `files`, `accounts` those of other hosts.

    The node that `leads` makes the database's schema; the others need it. `folders` are what it keeps in which share;
    with `compares` it starts only where the first node keeps the same there.
    """

    server: str
    port: int
    database: str
    login: str = ""
    files: str
    shares: tuple[str, ...] = ()
    folders: tuple[tuple[str, str], ...] = ()
    compares: bool = False
    protocol: Literal["nfs", "smb"] = "smb"
    secrets: tuple[str, ...] = ()
    user: str = ""
    vault: str = ""
    account: str = ""
    accounts: Mapping[str, str] = field(default_factory=dict)
    client: str = ""
    first: tuple[str, int] = ("", 0)
    patience_s: float = float("inf")
    leads: bool = True
    queue: tuple[str, int, str] = ("", 0, "")
    cluster_shared: str = ""
    installs: Literal["installer", "image", "azure-image"] = "installer"
    system: System = "windows"
    administrator: tuple[str, str, str] = ("", "", "")
    certificate: str = ""


def boot_of(machine: CloudObject) -> Boot | None:
    """Return what a machine was told; None where that is nothing an Octopus node is told."""
    data = machine.text("userData")
    return _read(data) if data else None


@lru_cache(maxsize=256)
def _read(data: str) -> Boot | None:
    if data.startswith("<powershell>"):
        return _script(data)
    if data.startswith("#!"):
        return _shell(data)
    try:
        told: Value = json.loads(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return None
    return _facts(told) if isinstance(told, dict) else None


def _script(text: str) -> Boot | None:
    server = _SERVER.search(text)
    if server is None:
        return None
    nfs, smb = _NFS.findall(text), _SMB.findall(text)
    mounts, user = nfs or smb, _USER.search(text)
    first, own = _FIRST.search(text), re.search(r"\$node = '([^']*)'; \$first = '([^']*)'", text)
    waits = first is not None and own is not None and own[1] != own[2]
    read = _FIRST_ADMINISTRATOR.sub("", text) if waits else text
    patience, queue = _PATIENCE.search(text), _QUEUE.search(text)
    cluster = _CLUSTER_SHARED.search(text)
    return Boot(
        server=server["server"],
        port=int(server["port"]),
        database=server["database"],
        login=server["login"],
        files=mounts[0][0] if mounts else "",
        shares=tuple(share for _, share in mounts),
        folders=tuple((folder, f"{host}/{share}") for folder, host, share in _LINK.findall(text)),
        compares=waits and MARK in text,
        protocol="nfs" if nfs else "smb",
        user=user["id"] if user else "",
        secrets=tuple(dict.fromkeys(one for one in _SECRET.findall(read) if not one.startswith(("$", "-")))),
        first=(first["address"], int(first["port"])) if first and waits else ("", 0),
        patience_s=float(patience["tries"]) * float(patience["every"]) if patience and waits else float("inf"),
        queue=(queue["host"], int(queue["port"]), queue["secret"]) if queue else ("", 0, ""),
        cluster_shared=cluster["folder"] if cluster else "",
    )


def _shell(text: str) -> Boot | None:
    """Return what a script in bash is told: facts in JSON, which the rest of it reads."""
    found = _TOLD.search(text)
    try:
        told: Value = json.loads(found["facts"]) if found else None
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    first, patience = str(at(told, "first.name") or ""), _SHELL_PATIENCE.search(text)
    waits = told.get("node") != first
    host, folders = str(at(told, "files.host") or ""), tuple(_kinds(told))
    queue, _, port = str(told.get("queue") or "").partition(":")
    read = [str(secret) for name, secret in _table(told, "secrets").items() if name != "administrator" or not waits]
    person = (at(told, "administrator.username"), at(told, "administrator.email"), at(told, "secrets.administrator"))
    return Boot(
        server=str(at(told, "database.server") or ""),
        port=1433,
        database=str(at(told, "database.name") or ""),
        login=str(at(told, "database.login") or ""),
        files=host,
        shares=tuple(dict.fromkeys(share.partition("/")[0] for _, share in folders)),
        folders=tuple((path, f"{host}/{share}") for path, share in folders),
        compares=waits and MARK in text,
        protocol="nfs" if at(told, "files.protocol") == "nfs" else "smb",
        secrets=tuple(dict.fromkeys(read)),
        first=(str(at(told, "first.address")), _port(told.get("port"))) if waits else ("", 0),
        patience_s=float(patience["tries"]) * float(patience["every"]) if patience and waits else float("inf"),
        leads=not waits,
        queue=(queue, int(port or 0), str(at(told, "secrets.queue") or "")) if queue else ("", 0, ""),
        cluster_shared=next((path for path, _ in folders if path.endswith("/clusterShared")), ""),
        installs="image",
        system="linux",
        administrator=tuple(map(str, person)) if not waits and all(person) else ("", "", ""),  # type: ignore[arg-type]
    )


def _kinds(told: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """Yield where each kind of file is for Octopus, and its share with its folder there."""
    kinds = at(dict(told), "files.kinds")
    for kind in kinds if isinstance(kinds, list) else []:
        share, folder, path = (str(at(kind, key) or "") for key in ("share", "folder", "path"))
        yield path, f"{share}/{folder}" if folder else share


def _table(told: Mapping[str, Value], key: str) -> Mapping[str, Value]:
    found = told.get(key)
    return found if isinstance(found, dict) else {}


def _port(value: Value) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _facts(told: Mapping[str, Value]) -> Boot | None:
    host = told.get("sql_host")
    if not isinstance(host, str):
        return None
    shares = told.get("shares")
    paths = shares if isinstance(shares, dict) else {}
    found = {kind: _UNC.match(str(path)) for kind, path in paths.items()}
    leads = told.get("first") is not False
    keys = ("master_key_secret", "sql_password_secret", *(("administrator_password_secret",) if leads else ()))
    names = [str(at(dict(told), key) or "") for key in keys]
    return Boot(
        server=host,
        port=1433,
        database=str(told.get("database") or ""),
        files=str(told.get("file_host") or ""),
        shares=tuple(match["share"] for match in found.values() if match),
        folders=tuple((kind, f"{match['host']}/{match['share']}") for kind, match in found.items() if match),
        compares=not leads,
        secrets=tuple(name for name in (*names, str(told.get("licence_secret") or "")) if name),
        vault=str(told.get("vault_host") or ""),
        account=str(told.get("storage_account_id") or ""),
        accounts={str(host): str(account) for host, account in _table(told, "accounts").items()},
        client=str(told.get("identity_client_id") or ""),
        leads=leads,
        queue=(str(told.get("queue_host") or ""), _port(told.get("queue_port")), str(told.get("queue_id") or "")),
        certificate=str(told.get("certificate") or ""),
        installs="azure-image" if told.get("system") == "linux" else "installer",
        system="linux" if told.get("system") == "linux" else "windows",
    )


def not_shared(boot: Boot, first: Boot) -> str:
    """Return what a node that compares does not find in a share: what the first node wrote there; `` if it does."""
    written = {share: folder for folder, share in first.folders}
    for folder, share in boot.folders if boot.compares else ():
        if written.get(share) != folder:
            return f"file share {share.rpartition('/')[2]} does not hold what the first node wrote for {folder}"
    return ""
