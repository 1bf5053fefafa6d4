"""QueueMembers: nodes that run learn of the queue they share, one after another; those that booted with it know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from cellctl_components import linux_node
from cellctl_components.aws import linux_boot
from cellctl_components.aws.bootstrap import FOLDERS, guest_mapping
from cellctl_components.aws.layout import CLUSTER, QUEUE_PORT, WEB_PORT, AwsLayout, ShareLayout
from cellctl_components.aws.nodes import Nodes
from cellctl_components.aws.polling_queue import PollingQueue
from cellctl_components.octopus import QueueMember

FOLDER = f"C:\\Octopus\\Shared\\{CLUSTER}"
"""Where a node keeps what all that share a queue share besides: `Octopus.Server path --clusterShared`."""


@dataclass(frozen=True, kw_only=True)
class QueueMembersArgs:
    """Who learns of what. `machines` are ids by ordinal; `after` must be there before a node reads and mounts it."""

    layout: AwsLayout
    machines: Mapping[int, pulumi.Input[str]]
    api_key_secret: pulumi.Input[str]
    address: pulumi.Input[str]
    token_secret: pulumi.Input[str]
    gateway_id: pulumi.Input[str]
    after: Sequence[pulumi.Resource]

    @classmethod
    def of(
        cls,
        layout: AwsLayout,
        nodes: Nodes,
        queue: PollingQueue,
        gateway_id: pulumi.Input[str],
        files: Sequence[pulumi.Resource],
    ) -> QueueMembersArgs:
        """Return what the nodes of a cell learn of its queue; `files` are there before a share is mounted."""
        return cls(
            layout=layout,
            machines={ordinal: instance.id for ordinal, instance in nodes.instances.items()},
            api_key_secret=nodes.cluster.administrator.api_key_secret,
            address=queue.address,
            token_secret=queue.secret.arn,
            gateway_id=gateway_id,
            after=[nodes, queue.group, queue.token, *files],
        )


def queue_members(name: str, args: QueueMembersArgs, parent: pulumi.ComponentResource) -> list[QueueMember]:
    """Declare a member for each node, each after the one before it: the others serve while one is told."""
    found: list[QueueMember] = []
    nodes, queue = args.layout.nodes.items, args.layout.queue
    for node in nodes:
        found.append(
            QueueMember(
                f"{name}-{node.ordinal}",
                node_name=node.name,
                machine=args.machines[node.ordinal],
                region=args.layout.region,
                address=node.address,
                port=WEB_PORT,
                scheme="http",
                task_cap=node.task_cap,
                api_key_secret=args.api_key_secret,
                leader=nodes[0].name,
                members={one.name: one.address for one in nodes},
                machines={one.name: args.machines[one.ordinal] for one in nodes},
                queue_address=pulumi.Output.concat(args.address, f":{QUEUE_PORT}"),
                queue_secret=args.token_secret,
                token=str(queue.tokens) if queue and queue.tokens > 1 else None,
                folder=linux_node.PATHS[CLUSTER] if args.layout.nodes.os == "linux" else FOLDER,
                mount=_mount(args),
                os=args.layout.nodes.os if args.layout.nodes.os != "windows" else None,
                opts=pulumi.ResourceOptions(parent=parent, depends_on=[*args.after, *found[-1:]]),
            )
        )
    return found


def _mount(args: QueueMembersArgs) -> pulumi.Output[str]:
    """Return the line that a node's task of files gets, or its facts: as its first boot would have written it."""
    layout = args.layout
    share = next(one for one in layout.shares if one.kind == CLUSTER)
    if layout.nodes.os == "linux":
        return pulumi.Output.from_input(json.dumps(linux_boot.kind(share, FOLDERS)))
    return pulumi.Output.from_input(args.gateway_id).apply(lambda gateway: mount_line(layout, share, gateway))


def mount_line(layout: AwsLayout, share: ShareLayout, gateway: str) -> str:
    """Return one line of PowerShell that mounts a share, links its folder and proves that it returns what is written.

    A share that carries other kinds too is there when the line runs; it mounts nothing twice.
    """
    remote = f"\\\\{layout.gateway.host}\\{share.name}"
    steps = []
    if not any(one.name == share.name and one.kind not in ("", CLUSTER) for one in layout.shares):
        nfs = f"mount.exe -o 'nolock,mtype=hard,anon' '{remote}' '*'"
        steps.append(guest_mapping(remote, gateway) if layout.gateway.protocol == "smb" else nfs)
    if share.folder:
        remote = f"{remote}\\{share.folder}"
        steps.append(f"New-Item -ItemType Directory -Force '{remote}' | Out-Null")
    link = f"New-Item -ItemType SymbolicLink -Path '{FOLDER}' -Value '{remote}' | Out-Null"
    return "; ".join([*steps, f"if (-not (Test-Path '{FOLDER}')) {{ {link} }}", f"Test-Share '{FOLDER}'"])
