"""Nodes: explicit Octopus Server instances with fixed addresses over the zones, and the one role they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import pulumi
from pulumi_aws import ec2, iam, lb

from cellctl_components.aws import policies
from cellctl_components.aws.bootstrap import OS_TAG, VERSION_TAG, Boot, References, user_data
from cellctl_components.aws.layout import WEB_PORT, NodeLayout, NodesLayout
from cellctl_components.aws.options import child
from cellctl_components.octopus import Cluster, ClusterArgs, Member

_MANAGED = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


@dataclass(frozen=True, kw_only=True)
class NodeReferences:
    """Where the database and the secrets are, once they are: `bootstrap.References` with inputs."""

    server: pulumi.Input[str]
    login_secret: pulumi.Input[str]
    key_secret: pulumi.Input[str]
    administrator_secret: pulumi.Input[str]
    guest_secret: pulumi.Input[str] = ""
    gateway_id: pulumi.Input[str] = ""
    queue: pulumi.Input[str] = ""
    queue_secret: pulumi.Input[str] = ""
    directory_secret: pulumi.Input[str] = ""


@dataclass(frozen=True, kw_only=True)
class NodesArgs:
    """What the nodes are made of. `subnet_ids` are by zone letter; `after` must exist before a node boots.

    A node carries all `security_group_ids`: the cell's own, on a reef also that of the reef's members.

    `web_target` and `polling_targets` (by ordinal) are ARNs of the target groups that nodes join; a node that no
    Tentacle need reach has none of the latter; `grpc_target` is that of gRPC, if there is any. `api_key_secret`
    is the ARN of the secret that cellctl's API key is put into, `licence_secret` the licence's, empty without one.
    """

    layout: NodesLayout
    boot: Boot
    references: NodeReferences
    subnet_ids: Mapping[str, pulumi.Input[str]]
    security_group_ids: Sequence[pulumi.Input[str]]
    image: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    web_target: pulumi.Input[str]
    polling_targets: Mapping[int, pulumi.Input[str]]
    api_key_secret: pulumi.Input[str]
    licence_secret: str = ""
    grpc_target: pulumi.Input[str] | None = None
    after: Sequence[pulumi.Resource] = ()


class Nodes(pulumi.ComponentResource):
    """Server nodes. They hold nothing that cannot be made again: `instances` are by ordinal, from 1.

    A newer image or another first-boot script never touches a node that runs. Administrator, licence, versions, task
    caps and departures are the business of `cluster`.
    """

    def __init__(self, name: str, args: NodesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:Nodes", name, None, opts)
        self._name, self._args = name, args
        self.role = self._role()
        self._permissions = self._allow()
        self.profile = iam.InstanceProfile(
            f"{name}-profile", name=args.layout.role, path="/cells/", role=self.role.name, opts=child(self)
        )
        self.interfaces = {node.ordinal: self._interface(node) for node in args.layout.items}
        self.instances = {node.ordinal: self._instance(node) for node in args.layout.items}
        joined = {node.ordinal: self._targets(node) for node in args.layout.items}
        members = [self._member(node) for node in args.layout.items]
        self.cluster = Cluster(name, self._cluster_args(members), self, joined[members[0].ordinal])
        for member in members[1:]:
            self.cluster.join(member, joined[member.ordinal])
        self.register_outputs({"instances": {str(key): node.id for key, node in self.instances.items()}})

    def _role(self) -> iam.Role:
        return iam.Role(
            f"{self._name}-role",
            name=self._args.layout.role,
            path="/cells/",
            assume_role_policy=policies.instance_trust(),
            force_detach_policies=True,
            opts=child(self),
        )

    def _allow(self) -> list[pulumi.Resource]:
        got, boot = self._args.references, self._args.boot
        given = [got.login_secret, got.key_secret, got.administrator_secret]
        mounts: list[pulumi.Input[str]] = [got.guest_secret]
        if got.directory_secret:
            # Of a secret that was named the six characters that AWS adds are not known, and a name may look like them.
            mounts = [got.directory_secret, pulumi.Output.concat(got.directory_secret, "-??????")]
        more = [*(mounts if boot.protocol == "smb" else []), *([got.queue_secret] if boot.queued else [])]
        policy = pulumi.Output.all(self._args.key_arn, *given, *more).apply(
            lambda known: policies.node(known[1:], known[0])
        )
        opts = child(self)
        return [
            iam.RolePolicy(f"{self._name}-secrets", name="secrets", role=self.role.id, policy=policy, opts=opts),
            iam.RolePolicyAttachment(f"{self._name}-managed", role=self.role.name, policy_arn=_MANAGED, opts=opts),
        ]

    def _interface(self, node: NodeLayout) -> ec2.NetworkInterface:
        """The address stays with the ordinal: shares, DNS and polling Tentacles know it."""
        return ec2.NetworkInterface(
            f"{self._name}-{node.ordinal}",
            subnet_id=self._args.subnet_ids[node.zone],
            private_ips=[node.address],
            security_groups=list(self._args.security_group_ids),
            description=f"Octopus node {node.name}",
            tags={"Name": node.name},
            opts=child(self, delete_first=True),
        )

    def _instance(self, node: NodeLayout) -> ec2.Instance:
        return ec2.Instance(
            f"{self._name}-{node.ordinal}",
            ami=self._args.image,
            instance_type=self._args.layout.instance_type,
            primary_network_interface=ec2.InstancePrimaryNetworkInterfaceArgs(
                network_interface_id=self.interfaces[node.ordinal].id
            ),
            iam_instance_profile=self.profile.name,
            disable_api_termination=False,
            ebs_optimized=True,
            monitoring=True,
            metadata_options=ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled",
                http_tokens="required",
                http_put_response_hop_limit=1,
                instance_metadata_tags="enabled",
            ),
            root_block_device=ec2.InstanceRootBlockDeviceArgs(
                encrypted=True,
                kms_key_id=self._args.key_arn,
                volume_type="gp3",
                volume_size=self._args.layout.disk_gib,
                delete_on_termination=True,
            ),
            maintenance_options=ec2.InstanceMaintenanceOptionsArgs(auto_recovery="default"),
            user_data=self._user_data(node),
            user_data_replace_on_change=False,
            tags=self._tags(node),
            opts=child(self, *self._permissions, *self._args.after, ignore=["ami", "userData"], delete_first=True),
        )

    def _tags(self, node: NodeLayout) -> dict[str, str]:
        boot = self._args.boot
        system = {OS_TAG: boot.os} if boot.os != "windows" else {}
        return {"Name": node.name, VERSION_TAG: boot.octopus.version, **system}

    def _targets(self, node: NodeLayout) -> list[pulumi.Resource]:
        """A worker takes tasks and no web traffic."""
        web = [] if node.role == "worker" else [self._join("web", node, self._args.web_target)]
        polled = self._args.polling_targets.get(node.ordinal)
        asked = {"polling": polled, "grpc": self._args.grpc_target}
        return [*web, *(self._join(label, node, target) for label, target in asked.items() if target is not None)]

    def _member(self, node: NodeLayout) -> Member:
        machine = self.instances[node.ordinal].id
        return Member(
            ordinal=node.ordinal, name=node.name, address=node.address, machine=machine, task_cap=node.task_cap
        )

    def _cluster_args(self, members: Sequence[Member]) -> ClusterArgs:
        args, octopus = self._args, self._args.boot.octopus
        return ClusterArgs(
            region=args.boot.region,
            port=WEB_PORT,
            scheme="http",
            version=octopus.version,
            username=octopus.administrator,
            email=octopus.email,
            password_secret=args.references.administrator_secret,
            api_key_secret=args.api_key_secret,
            licence_secret=args.licence_secret,
            os=args.boot.os,
            members=members,
        )

    def _join(self, label: str, node: NodeLayout, target: pulumi.Input[str]) -> lb.TargetGroupAttachment:
        return lb.TargetGroupAttachment(
            f"{self._name}-{node.ordinal}-{label}",
            target_group_arn=target,
            target_id=self.instances[node.ordinal].id,
            opts=child(self, delete_first=True),
        )

    def _user_data(self, node: NodeLayout) -> pulumi.Output[str]:
        given = {field.name: getattr(self._args.references, field.name) for field in fields(NodeReferences)}
        boot = self._args.boot
        return pulumi.Output.all(**given).apply(lambda known: user_data(boot, node, References(**known)))
