"""A cell's cluster of Octopus Server: its administrator, and its nodes, the first one alone before the others.

Shared by both clouds: what differs is where a node answers and what its machine is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

VERSION = "0.1.0"


class Administrator(pulumi.CustomResource):
    """The first administrator, the service account as which cellctl asks, its API key, the licence.

    `address`, `port`, `scheme` and `tls_name` say where the first node answers. `password_secret`, `api_key_secret` and
    `licence_secret` are references: an ARN, or the URI of a Key Vault secret. The key is put where `api_key_secret`
    says and is in no state. `nodes` is how many the licence must allow.
    """

    def __init__(
        self,
        name: str,
        *,
        address: pulumi.Input[str],
        port: pulumi.Input[int],
        scheme: pulumi.Input[str],
        username: pulumi.Input[str],
        email: pulumi.Input[str],
        password_secret: pulumi.Input[str],
        api_key_secret: pulumi.Input[str],
        nodes: pulumi.Input[int],
        tls_name: pulumi.Input[str] | None = None,
        licence_secret: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, object] = {
            "address": address,
            "port": port,
            "scheme": scheme,
            "tlsName": tls_name,
            "username": username,
            "email": email,
            "passwordSecret": password_secret,
            "apiKeySecret": api_key_secret,
            "licenceSecret": licence_secret,
            "nodes": nodes,
            "userId": None,
            "serviceAccountId": None,
            "keyId": None,
            "nodeLimit": None,
        }
        super().__init__("cellctl:octopus:Administrator", name, props, _options(opts))

    @property
    @pulumi.getter(name="apiKeySecret")
    def api_key_secret(self) -> pulumi.Output[str]:
        """Where the API key is: known once it is there and works."""
        reference: pulumi.Output[str] = pulumi.get(self, "apiKeySecret")
        return reference

    @property
    @pulumi.getter(name="nodeLimit")
    def node_limit(self) -> pulumi.Output[int]:
        """How many nodes the licence allows, 0 where there is none."""
        limit: pulumi.Output[int] = pulumi.get(self, "nodeLimit")
        return limit


class Node(pulumi.CustomResource):
    """One node in its cluster: joined at task cap 0, looked at, then given its cap; drained before it goes.

    `machine` is the id of its EC2 instance or virtual machine, `os` what runs there (Windows unless `linux`). `leader`
    is the name of the first node, `members` and `machines` map the names of all nodes to addresses and ids. Another
    `version` is an upgrade of the whole cell.
    """

    def __init__(
        self,
        name: str,
        *,
        node_name: pulumi.Input[str],
        machine: pulumi.Input[str],
        region: pulumi.Input[str],
        address: pulumi.Input[str],
        port: pulumi.Input[int],
        scheme: pulumi.Input[str],
        version: pulumi.Input[str],
        task_cap: pulumi.Input[int],
        api_key_secret: pulumi.Input[str],
        leader: pulumi.Input[str],
        members: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        machines: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        node_limit: pulumi.Input[int],
        tls_name: pulumi.Input[str] | None = None,
        os: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, object] = {
            "nodeName": node_name,
            "machine": machine,
            "region": region,
            "address": address,
            "port": port,
            "scheme": scheme,
            "tlsName": tls_name,
            "version": version,
            "taskCap": task_cap,
            "apiKeySecret": api_key_secret,
            "leader": leader,
            "members": members,
            "machines": machines,
            "nodeLimit": node_limit,
            "os": os,
            "nodeId": None,
            "state": None,
        }
        super().__init__("cellctl:octopus:Node", name, props, _options(opts))


class QueueMember(pulumi.CustomResource):
    """A node that learns of the queue it shares; one that was told at its first boot is left alone.

    `queue_address` is host and port, `queue_secret` the reference of its token, `token` which one, `folder` where the
    node keeps what all of them share besides, `mount` the line that brings it there: of PowerShell, on Linux of JSON,
    the kind of file as a first boot is told it. The rest as in `Node`.
    """

    def __init__(
        self,
        name: str,
        *,
        node_name: pulumi.Input[str],
        machine: pulumi.Input[str],
        region: pulumi.Input[str],
        address: pulumi.Input[str],
        port: pulumi.Input[int],
        scheme: pulumi.Input[str],
        task_cap: pulumi.Input[int],
        api_key_secret: pulumi.Input[str],
        leader: pulumi.Input[str],
        members: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        machines: pulumi.Input[Mapping[str, pulumi.Input[str]]],
        queue_address: pulumi.Input[str],
        queue_secret: pulumi.Input[str],
        folder: pulumi.Input[str],
        mount: pulumi.Input[str],
        os: pulumi.Input[str] | None = None,
        token: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, object] = {
            "nodeName": node_name,
            "machine": machine,
            "region": region,
            "address": address,
            "port": port,
            "scheme": scheme,
            "taskCap": task_cap,
            "apiKeySecret": api_key_secret,
            "leader": leader,
            "members": members,
            "machines": machines,
            "queueAddress": queue_address,
            "queueSecret": queue_secret,
            "folder": folder,
            "mount": mount,
            "os": os,
            "token": token,
            "state": None,
        }
        super().__init__("cellctl:octopus:QueueMember", name, props, _options(opts))


@dataclass(frozen=True, kw_only=True)
class Member:
    """One node: `name` is what Octopus calls it, `machine` the id of its machine."""

    ordinal: int
    name: str
    address: str
    machine: pulumi.Input[str]
    task_cap: int


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """What a cluster is made of; `members` are in order, the first one leads, and all run the same `os`.

    References as in `Administrator`.
    """

    region: str
    port: int
    scheme: str
    version: str
    username: str
    email: str
    password_secret: pulumi.Input[str]
    api_key_secret: pulumi.Input[str]
    members: Sequence[Member]
    tls_name: str = ""
    licence_secret: str = ""
    os: str = "windows"


class Cluster:
    """Declares `NAME-administrator` and `NAME-N-octopus` below a component: the first at once, others by `join`."""

    def __init__(
        self, name: str, args: ClusterArgs, parent: pulumi.ComponentResource, first_after: Sequence[pulumi.Resource]
    ) -> None:
        self._name, self._args, self._parent = name, args, parent
        self.administrator = self._administrator(first_after)
        first = args.members[0]
        self.nodes = {first.ordinal: self._node(first, first_after)}

    def join(self, member: Member, after: Sequence[pulumi.Resource]) -> None:
        """Declare another node, after the first one and what it stands on."""
        first = self.nodes[self._args.members[0].ordinal]
        self.nodes[member.ordinal] = self._node(member, [first, *after])

    def _administrator(self, after: Sequence[pulumi.Resource]) -> Administrator:
        args = self._args
        return Administrator(
            f"{self._name}-administrator",
            address=args.members[0].address,
            port=args.port,
            scheme=args.scheme,
            tls_name=args.tls_name or None,
            username=args.username,
            email=args.email,
            password_secret=args.password_secret,
            api_key_secret=args.api_key_secret,
            licence_secret=args.licence_secret or None,
            nodes=len(args.members),
            opts=pulumi.ResourceOptions(parent=self._parent, depends_on=list(after)),
        )

    def _node(self, member: Member, after: Sequence[pulumi.Resource]) -> Node:
        args = self._args
        return Node(
            f"{self._name}-{member.ordinal}-octopus",
            node_name=member.name,
            machine=member.machine,
            region=args.region,
            address=member.address,
            port=args.port,
            scheme=args.scheme,
            tls_name=args.tls_name or None,
            version=args.version,
            task_cap=member.task_cap,
            api_key_secret=self.administrator.api_key_secret,
            leader=args.members[0].name,
            members={one.name: one.address for one in args.members},
            machines={one.name: one.machine for one in args.members},
            node_limit=self.administrator.node_limit,
            os=args.os if args.os != "windows" else None,
            opts=pulumi.ResourceOptions(parent=self._parent, depends_on=list(after), delete_before_replace=True),
        )


def _options(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(pulumi.ResourceOptions(version=VERSION), opts)
