"""What a Linux node does at its first boot: one script for all nodes, and in it the facts of this one as JSON. Pure.

What it has in common with Azure's is in `cellctl_components.linux_node`. Like a Windows node it is told names and
references, never a secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING

from cellctl_components import linux_node
from cellctl_components.aws.layout import QUEUE_PORT, WEB_PORT, NodeLayout, ShareLayout

if TYPE_CHECKING:
    from cellctl_components.aws.bootstrap import Boot, References

_MARK = "@@facts@@"


def script(boot: Boot, node: NodeLayout, references: References, *, options: Mapping[str, str], tag: str) -> str:
    """Return the script of one node. `options` are by kind of file, `tag` is the one that names the version."""
    template = files("cellctl_components.aws").joinpath("bootstrap.sh").read_text(encoding="utf-8")
    told = facts(boot, node, references, options=options, tag=tag)
    return linux_node.assembled(template).replace(_MARK, json.dumps(told, indent=1, ensure_ascii=True))


def facts(
    boot: Boot, node: NodeLayout, references: References, *, options: Mapping[str, str], tag: str
) -> dict[str, object]:
    """Return what a node is told: names, addresses, and the ARNs of secrets."""
    carried = [share for share in boot.shares if share.kind]
    leads = node.ordinal == boot.first.ordinal
    secrets = {
        "login": references.login_secret,
        "key": references.key_secret,
        **({"administrator": references.administrator_secret} if leads else {}),
        **({"guest": references.guest_secret} if boot.protocol == "smb" else {}),
        **({"queue": references.queue_secret} if boot.queued else {}),
    }
    return {
        "region": boot.region,
        "node": node.name,
        "port": WEB_PORT,
        "first": {"name": boot.first.name, "address": boot.first.address},
        "peer": boot.second.address if leads else boot.first.address,
        "version_tag": tag,
        "database": {"server": references.server, "name": boot.database, "login": boot.login},
        "secrets": secrets,
        "administrator": {"username": boot.octopus.administrator, "email": boot.octopus.email},
        **({"queue": f"{references.queue}:{QUEUE_PORT}"} if boot.queued else {}),
        "files": {
            "protocol": boot.protocol,
            "host": boot.files_host,
            "domain": references.gateway_id,
            "kinds": [kind(share, options) for share in carried],
        },
    }


def kind(share: ShareLayout, options: Mapping[str, str]) -> dict[str, str]:
    """Return what a node is told of a kind of file."""
    return {
        "kind": share.kind,
        "share": share.name,
        "folder": share.folder,
        "path": linux_node.PATHS[share.kind],
        "option": options[share.kind],
    }
