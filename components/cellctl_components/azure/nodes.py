"""Nodes: the machines that run Octopus Server, one for each ordinal, spread over zones."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from pulumi_azure_native import compute, network

from cellctl_components.azure import bootstrap, facts
from cellctl_components.azure.layout import NodeLayout, OperatingSystem
from cellctl_components.azure.place import Place, child, dying_with, named
from cellctl_components.octopus import Cluster, ClusterArgs, Member

ADMINISTRATOR = "cellctl"
"""The account that Azure makes on every machine; nobody can sign in as it."""

ONCE = ("osProfile", "storageProfile.imageReference")
"""What of a machine Azure takes when it is made, and refuses to change."""

BOOT_TIMEOUT_S = 5400
"""Longest run of a managed Run Command (learn.microsoft.com: 90 minutes); a bootstrap takes 8 to 25."""


@dataclass(frozen=True, kw_only=True)
class NodesArgs:
    """What Nodes are made of.

    `subnet_id` and `pool_ids` answer for one node. `ready` must exist before a machine boots: names resolve, roles are
    assigned, the database admits the identity, the master key is in its place. `cluster` tells what the nodes make
    together, and all of them run `os`. `group_id` is the security group of their interfaces where their subnet's is not
    theirs.
    """

    place: Place
    nodes: Sequence[NodeLayout]
    subnet_id: Callable[[str], pulumi.Input[str]]
    pool_ids: Callable[[NodeLayout], Sequence[pulumi.Input[str]]]
    identity_id: pulumi.Input[str]
    boot: bootstrap.BootFacts
    ready: Sequence[pulumi.Resource]
    cluster: Callable[[Sequence[Member]], ClusterArgs]
    os: OperatingSystem = "windows"
    group_id: pulumi.Input[str] | None = None
    grpc: bool = False


class Nodes(pulumi.ComponentResource):
    """Machines with fixed addresses and the cell's managed identity. The first one alone prepares the database.

    They hold nothing that cannot be made again, so they are not protected. What Azure never changes in place stays as
    it was made: the zone, and the image, which a later version of cellctl may pin anew for nodes that come then.
    """

    machine_ids: Mapping[int, pulumi.Output[str]]

    def __init__(self, name: str, args: NodesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:Nodes", name, None, opts)
        self._name, self._args = name, args
        self.machines = {node.ordinal: self._machine(node, self._interface(node)) for node in args.nodes}
        members = [self._member(node) for node in args.nodes]
        self.first_boot = self._boot(args.nodes[0])
        self.cluster = Cluster(name, args.cluster(members), self, [self.first_boot])
        for node, member in zip(args.nodes[1:], members[1:], strict=True):
            self.cluster.join(member, [self._boot(node, self.cluster.nodes[1])])
        self.machine_ids = {ordinal: machine.id for ordinal, machine in self.machines.items()}
        self.register_outputs({"machineIds": list(self.machine_ids.values())})

    def _member(self, node: NodeLayout) -> Member:
        return Member(
            ordinal=node.ordinal,
            name=node.computer_name,
            address=node.address,
            machine=self.machines[node.ordinal].id,
            task_cap=node.task_cap,
        )

    def _interface(self, node: NodeLayout) -> network.NetworkInterface:
        args = self._args
        return network.NetworkInterface(
            f"{self._name}-{node.ordinal}-nic",
            resource_group_name=args.place.resource_group,
            network_interface_name=f"nic-{node.name}",
            location=args.place.location,
            enable_accelerated_networking=True,
            ip_configurations=[
                network.NetworkInterfaceIPConfigurationArgs(
                    name="ip0",
                    primary=True,
                    private_ip_allocation_method="Static",
                    private_ip_address=node.address,
                    subnet=network.SubnetArgs(id=args.subnet_id(node.subnet)),
                    load_balancer_backend_address_pools=[
                        network.BackendAddressPoolArgs(id=pool) for pool in args.pool_ids(node)
                    ],
                )
            ],
            network_security_group=network.NetworkSecurityGroupArgs(id=args.group_id) if args.group_id else None,
            tags=args.place.tags,
            opts=child(self),
        )

    def _machine(self, node: NodeLayout, interface: network.NetworkInterface) -> compute.VirtualMachine:
        args = self._args
        return compute.VirtualMachine(
            f"{self._name}-{node.ordinal}",
            resource_group_name=args.place.resource_group,
            vm_name=node.name,
            location=args.place.location,
            zones=[node.zone],
            hardware_profile=compute.HardwareProfileArgs(vm_size=node.vm_size),
            identity=compute.VirtualMachineIdentityArgs(
                type=compute.ResourceIdentityType.USER_ASSIGNED, user_assigned_identities=[args.identity_id]
            ),
            network_profile=compute.NetworkProfileArgs(
                network_interfaces=[
                    compute.NetworkInterfaceReferenceArgs(id=interface.id, primary=True, delete_option="Detach")
                ]
            ),
            os_profile=_linux_profile(node) if args.os == "linux" else _os_profile(node),
            security_profile=compute.SecurityProfileArgs(
                security_type="TrustedLaunch",
                encryption_at_host=True,
                uefi_settings=compute.UefiSettingsArgs(secure_boot_enabled=True, v_tpm_enabled=True),
            ),
            storage_profile=_storage_profile(args.os),
            user_data=bootstrap.user_data(args.boot, node, args.os),
            diagnostics_profile=compute.DiagnosticsProfileArgs(
                boot_diagnostics=compute.BootDiagnosticsArgs(enabled=True)
            ),
            tags=args.place.tags,
            # Azure takes both at creation only, and the password in the profile is new in every run and never used.
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.ready), ignore_changes=[*ONCE]),
        )

    def _script(self) -> str:
        args = self._args
        return bootstrap.script(
            args.os,
            queued=args.boot.queue_id is not None,
            grpc=args.grpc,
            password=args.boot.sql_login is not None,
            apart=args.boot.accounts is not None,
        )

    def _boot(self, node: NodeLayout, *after: pulumi.Resource) -> compute.VirtualMachineRunCommandByVirtualMachine:
        """Declare a node's bootstrap. The others boot once the first, which alone creates the schema, takes work."""
        machine = self.machines[node.ordinal]
        return compute.VirtualMachineRunCommandByVirtualMachine(
            f"{self._name}-{node.ordinal}-boot",
            resource_group_name=self._args.place.resource_group,
            vm_name=named(machine, node.name),
            run_command_name="bootstrap",
            location=self._args.place.location,
            source=compute.VirtualMachineRunCommandScriptSourceArgs(script=self._script()),
            # New facts run the script again; Azure would otherwise see no reason to.
            parameters=[
                compute.RunCommandInputParameterArgs(
                    name="digest", value=bootstrap.digest(self._args.boot, node, self._args.os)
                )
            ],
            timeout_in_seconds=BOOT_TIMEOUT_S,
            treat_failure_as_deployment_failure=True,
            async_execution=False,
            tags=self._args.place.tags,
            opts=dying_with(self, machine, *after),
        )


def _os_profile(node: NodeLayout) -> pulumi.Output[compute.OSProfileArgs]:
    """Return the profile, secret as a whole: Azure wants a password, and a secret inside would hide all of it anyway.

    The password is made here, used by nobody, and replaced by the bootstrap; it is the only secret in the state.
    """
    return pulumi.Output.secret(
        compute.OSProfileArgs(
            computer_name=node.computer_name,
            admin_username=ADMINISTRATOR,
            admin_password="Aa1!" + secrets.token_urlsafe(32),
            windows_configuration=compute.WindowsConfigurationArgs(
                provision_vm_agent=True,
                enable_automatic_updates=True,
                patch_settings=compute.PatchSettingsArgs(
                    patch_mode="AutomaticByPlatform", assessment_mode="AutomaticByPlatform"
                ),
            ),
        )
    )


def _linux_profile(node: NodeLayout) -> compute.OSProfileArgs:
    """Return the profile of a Linux machine: Azure wants a way in, so it gets a key that nobody has the other half of.

    The script locks the account too, and no rule of the network opens port 22.
    """
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    key = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    return compute.OSProfileArgs(
        computer_name=node.computer_name,
        admin_username=ADMINISTRATOR,
        linux_configuration=compute.LinuxConfigurationArgs(
            disable_password_authentication=True,
            provision_vm_agent=True,
            ssh=compute.SshConfigurationArgs(
                public_keys=[compute.SshPublicKeyArgs(key_data=key, path=f"/home/{ADMINISTRATOR}/.ssh/authorized_keys")]
            ),
            patch_settings=compute.LinuxPatchSettingsArgs(
                patch_mode="AutomaticByPlatform", assessment_mode="AutomaticByPlatform"
            ),
        ),
    )


def _storage_profile(system: OperatingSystem) -> compute.StorageProfileArgs:
    image = facts.image(system)
    return compute.StorageProfileArgs(
        image_reference=compute.ImageReferenceArgs(
            publisher=image.publisher, offer=image.offer, sku=image.sku, version=image.version
        ),
        os_disk=compute.OSDiskArgs(
            create_option="FromImage",
            os_type=compute.OperatingSystemTypes.LINUX if system == "linux" else None,
            delete_option="Delete",
            disk_size_gb=image.os_disk_gib,
            managed_disk=compute.ManagedDiskParametersArgs(storage_account_type="Premium_LRS"),
        ),
    )
