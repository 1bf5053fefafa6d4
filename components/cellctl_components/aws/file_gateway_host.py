"""FileGatewayHost: one Storage Gateway appliance with a fixed address, its cache, and the gateway brought up on it.

One appliance is a single point of failure: files are away for its recovery time, and what it had not sent is lost with
its cache. AWS knows no other way on EC2 (reference aws.md 0.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, ebs, ec2, route53

from cellctl_components import resources as cellctl
from cellctl_components.aws.layout import GatewayLayout
from cellctl_components.aws.options import child, stateful

RECORD_TTL_S = 60
"""Cells mount by name: a gateway that takes over is found within a minute."""

_DEVICES = "bcdefghijklmnop"


@dataclass(frozen=True, kw_only=True)
class FileGatewayHostArgs:
    """What the host is made of.

    `image` is the appliance's AMI; only the first one is ever used. `endpoint` is the DNS name of the service's
    endpoint, `zone_id` the hosted zone for the gateway's own name. `guest_secret` is the ARN of the secret for the SMB
    guest, None where there is none; `join_secret` that of the secret for joining the layout's domain. `after` must
    exist before activation: the rules of its security group. Port 80 is opened to `opens_to`, where cellctl runs, while
    the gateway is activated; `` where a rule admits it all the time.
    """

    layout: GatewayLayout
    region: str
    zone_name: str
    subnet_id: pulumi.Input[str]
    security_group_id: pulumi.Input[str]
    image: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    endpoint: pulumi.Input[str]
    zone_id: pulumi.Input[str]
    tags: Mapping[str, str]
    guest_secret: pulumi.Input[str] | None = None
    join_secret: pulumi.Input[str] | None = None
    log_days: int = 30
    protected: bool = True
    opens_to: str = ""
    after: Sequence[pulumi.Resource] = ()


class FileGatewayHost(pulumi.ComponentResource):
    """A gateway in service: `gateway_arn` is known once its cache is ready, so that shares come after it."""

    gateway_arn: pulumi.Output[str]
    gateway_id: pulumi.Output[str]

    def __init__(self, name: str, args: FileGatewayHostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:FileGatewayHost", name, None, opts)
        self._name, self._args, self._layout = name, args, args.layout
        self.interface = self._interface()
        self.instance = self._instance()
        self._attachments = [self._cache(index, size) for index, size in enumerate(self._layout.cache_gib)]
        self._log = self._log_group()
        self.record = self._record()
        self.gateway = self._gateway()
        self.gateway_arn = self.gateway.gateway_arn
        self.gateway_id = self.gateway.gateway_id
        self.register_outputs({"gatewayArn": self.gateway_arn, "address": self._layout.address})

    def _interface(self) -> ec2.NetworkInterface:
        """The address outlives the instance: an appliance whose address changes must be activated anew."""
        return ec2.NetworkInterface(
            f"{self._name}-interface",
            subnet_id=self._args.subnet_id,
            private_ips=[self._layout.address],
            security_groups=[self._args.security_group_id],
            description="Storage gateway",
            tags={"Name": f"{self._layout.name}-gateway"},
            opts=stateful(self),
        )

    def _instance(self) -> ec2.Instance:
        return ec2.Instance(
            f"{self._name}-instance",
            ami=self._args.image,
            instance_type=self._layout.instance_type,
            primary_network_interface=ec2.InstancePrimaryNetworkInterfaceArgs(network_interface_id=self.interface.id),
            disable_api_termination=self._args.protected,
            ebs_optimized=True,
            monitoring=True,
            metadata_options=ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            root_block_device=ec2.InstanceRootBlockDeviceArgs(
                encrypted=True,
                kms_key_id=self._args.key_arn,
                volume_type="gp3",
                volume_size=self._layout.root_gib,
                delete_on_termination=True,
            ),
            maintenance_options=ec2.InstanceMaintenanceOptionsArgs(auto_recovery="default"),
            tags={"Name": f"{self._layout.name}-gateway"},
            # A newer image must never replace an appliance: its cache may hold the only copy.
            opts=stateful(self, ignore=["ami", "userData"]),
        )

    def _cache(self, index: int, size_gib: int) -> ec2.VolumeAttachment:
        label = f"{self._name}-cache-{index + 1}"
        volume = ebs.Volume(
            label,
            availability_zone=self._args.zone_name,
            size=size_gib,
            type="gp3",
            iops=3000,
            throughput=125,
            encrypted=True,
            kms_key_id=self._args.key_arn,
            final_snapshot=False,
            tags={"Name": f"{self._layout.name}-cache-{index + 1}"},
            opts=stateful(self),
        )
        return ec2.VolumeAttachment(
            label,
            device_name=f"/dev/sd{_DEVICES[index]}",
            instance_id=self.instance.id,
            volume_id=volume.id,
            stop_instance_before_detaching=True,
            force_detach=False,
            opts=child(self, delete_first=True),
        )

    def _log_group(self) -> cloudwatch.LogGroup:
        return cloudwatch.LogGroup(
            f"{self._name}-log",
            name=self._layout.log_group,
            retention_in_days=self._args.log_days,
            kms_key_id=self._args.key_arn,
            opts=child(self),
        )

    def _record(self) -> route53.Record:
        return route53.Record(
            f"{self._name}-name",
            zone_id=self._args.zone_id,
            name=self._layout.host,
            type="A",
            ttl=RECORD_TTL_S,
            records=[self._layout.address],
            allow_overwrite=False,
            opts=child(self, delete_first=True),
        )

    def _gateway(self) -> cellctl.FileGateway:
        layout, args = self._layout, self._args
        day, hour, minute = layout.maintenance
        return cellctl.FileGateway(
            f"{self._name}-gateway",
            region=args.region,
            instance_id=self.instance.id,
            address=layout.address,
            gateway_name=layout.name,
            cache_sizes_gib=list(layout.cache_gib),
            capacity=layout.capacity,
            vpc_endpoint=args.endpoint,
            security_group_id=args.security_group_id if args.opens_to else None,
            control_cidr=args.opens_to or None,
            log_group_arn=self._log.arn,
            smb_security_strategy="MandatoryEncryption" if layout.protocol == "smb" else None,
            guest_password_secret=args.guest_secret,
            domain=layout.domain.name if layout.domain else None,
            domain_unit=layout.domain.unit if layout.domain else None,
            domain_secret=args.join_secret,
            domain_controllers=list(layout.domain.controllers) if layout.domain else None,
            maintenance={"dayOfWeek": day, "hourOfDay": hour, "minuteOfHour": minute},
            tags=dict(args.tags),
            accept_data_loss=not args.protected,
            opts=stateful(self, *self._attachments, *args.after),
        )
