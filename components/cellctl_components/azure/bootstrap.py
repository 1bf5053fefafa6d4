"""What a node is told at boot: facts in clear as user data, and the script that acts on them. Never a secret.

The node's managed identity fetches secrets itself: user data is readable by every process on the node and by everyone
who may read the machine in Azure.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import pulumi

from cellctl_components import linux_node
from cellctl_components.azure.data_layout import CLUSTER
from cellctl_components.azure.layout import NodeLayout, OperatingSystem

ONCE = ("octopus_version", "administrator", "email", "administrator_password_secret")
"""Facts that matter at a first boot only: on a running node they are `cellctl:octopus:Node`'s and `Administrator`'s."""

OPTIONS = {
    "packages": "nugetRepository",
    "artifacts": "artifacts",
    "task_logs": "taskLogs",
    "imports": "imports",
    "event_exports": "eventExports",
    CLUSTER: "clusterShared",
}
"""Kind of file -> the option of `Octopus.Server path` that moves it (reference/octopus.md 2.4)."""

MAX_USER_DATA = 65536
"""Characters of user data after encoding (learn.microsoft.com, User Data for Azure Virtual Machine: 64 KB)."""


@dataclass(frozen=True, kw_only=True)
class BootFacts:
    """What every node of a cell is told.

    Where nodes open the database with a password, `sql_login` is whose, and `sql_password_secret` its secret's name.
    `shares` maps a kind of file to its UNC path; `accounts` hosts there other than `file_host` to the ids of their
    storage accounts. `certificate` names a secret, or is empty: then the node
    makes one of its own. Where nodes share a queue, `queue_id` is the database whose keys they fetch.
    """

    cell: str
    host: str
    octopus_version: str
    vault_host: pulumi.Input[str]
    sql_host: pulumi.Input[str]
    database: str
    file_host: str
    storage_account_id: pulumi.Input[str]
    identity_client_id: pulumi.Input[str]
    shares: Mapping[str, str]
    master_key_secret: str
    administrator: str
    email: str
    administrator_password_secret: str
    certificate: str
    sql_login: str | None = None
    sql_password_secret: str | None = None
    accounts: Mapping[str, pulumi.Input[str]] | None = None
    queue_host: str | None = None
    queue_port: int | None = None
    queue_id: pulumi.Input[str] | None = None


def user_data(facts: BootFacts, node: NodeLayout, system: OperatingSystem = "windows") -> pulumi.Output[str]:
    """Return a node's user data, base64 of JSON with sorted keys."""
    return pulumi.Output.json_dumps(facts_of(facts, node, system), sort_keys=True).apply(_encoded)


def facts_of(facts: BootFacts, node: NodeLayout, system: OperatingSystem) -> dict[str, object]:
    """Return what a node is told; a script in bash is told besides where each kind of file is in the container."""
    return {
        **{key: value for key, value in vars(facts).items() if value is not None},
        "node": node.computer_name,
        "first": node.ordinal == 1,
        **({"system": system, "files": {"kinds": _kinds(facts)}} if system == "linux" else {}),
    }


def _kinds(facts: BootFacts) -> list[dict[str, str]]:
    """Return each kind of file for the script in bash: its share, where it is in the container, Octopus' option."""
    return [
        {
            "kind": kind,
            "share": unc.rpartition("\\")[2],
            **({"host": host} if (host := unc.split("\\")[2]) != facts.file_host else {}),
            "folder": "",
            "path": linux_node.PATHS[kind.replace("_", "-")],
            "option": OPTIONS[kind],
        }
        for kind, unc in facts.shares.items()
    ]


def digest(facts: BootFacts, node: NodeLayout, system: OperatingSystem = "windows") -> pulumi.Output[str]:
    """Return the sha256, in hex, of what a node is told and takes also when its script runs again."""
    return user_data(facts, node, system).apply(_digest)


def decode(data: str) -> Mapping[str, object]:
    """Return what `user_data` encoded."""
    tree = json.loads(base64.b64decode(data))
    assert isinstance(tree, dict)
    return tree


def script(
    system: OperatingSystem = "windows",
    *,
    queued: bool = False,
    grpc: bool = False,
    password: bool = False,
    apart: bool = False,
) -> str:
    """Return the script that makes an empty machine a node; equal for all nodes of all cells with the same options.

    With a `password` the node opens the database with one; `apart`: some shares are in other accounts. Of everything
    else the one in bash asks its facts.
    """
    end = "sh" if system == "linux" else "ps1"
    text = linux_node.assembled(_text("bootstrap.sh")) if system == "linux" else _text("bootstrap.ps1")
    asked = {"queue": queued, "grpc": grpc, "password": password, "moved": password, "apart": apart}
    for part, wanted in asked.items():
        mark = f"#@{part}@\n"
        if mark in text:
            text = text.replace(mark, _text(f"bootstrap.{part}.{end}") if wanted else "")
    return text


def _text(name: str) -> str:
    assert __package__ is not None
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(data: str) -> str:
    told = {key: value for key, value in decode(data).items() if key not in ONCE}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _encoded(text: str) -> str:
    encoded = base64.b64encode(text.encode()).decode()
    if len(encoded) > MAX_USER_DATA:
        raise ValueError(f"user data has {len(encoded)} characters; Azure takes {MAX_USER_DATA}")
    return encoded
