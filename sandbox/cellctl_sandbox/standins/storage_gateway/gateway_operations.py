"""Operations on gateways and their disks: activate, describe, list, cache, settings, tags, delete."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import replace

from cellctl.state.values import Struct, Value
from cellctl_sandbox.standins.aws_json import ApiError, Call, Operation
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.storage_gateway.gateways import (
    ATTACHMENT,
    GIB,
    INSTANCE,
    SMALLEST_CACHE_GIB,
    VOLUME,
    GatewayRecord,
    Gateways,
    refused,
    spread,
)

_TIMEZONE = re.compile(r"GMT([+-]\d{1,2}:\d{2})?")
_PAGE = 100
# Both dates are data of the service; the appliance of this sandbox is of the AL2023 generation.
_SOFTWARE_VERSION = "2.2.4"


def invalid(message: str) -> ApiError:
    """Return the error for parameters that the service refuses although the model allows them."""
    return refused("InvalidParameters", message)


def key_values(tags: Mapping[str, Value]) -> Value:
    """Return tags as the API lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_map(tags: Value) -> dict[str, str]:
    """Return tags as a map."""
    pairs = [item for item in tags if isinstance(item, dict)] if isinstance(tags, list) else []
    return {str(item["Key"]): str(item["Value"]) for item in pairs}


class GatewayOperations:
    """What the API does with gateways."""

    def __init__(self, gateways: Gateways, view: CloudView) -> None:
        self._gateways = gateways
        self._view = view

    def operations(self) -> dict[str, Operation]:
        """Return the operations by their API names."""
        return {
            "ActivateGateway": self.activate,
            "DescribeGatewayInformation": self.describe,
            "ListGateways": self.list_gateways,
            "ListLocalDisks": self.list_disks,
            "AddCache": self.add_cache,
            "DescribeCache": self.describe_cache,
            "UpdateGatewayInformation": self.update,
            "ShutdownGateway": self.shut_down,
            "StartGateway": self.start,
            "DeleteGateway": self.delete,
        }

    def activate(self, call: Call) -> Struct:
        """Make a gateway of the appliance that gave the activation key."""
        if not _TIMEZONE.fullmatch(call.text("GatewayTimezone")):
            raise invalid("GatewayTimezone has to be GMT or GMT followed by an offset such as GMT-5:00.")
        if call.text("GatewayRegion") != call.region:
            raise refused("RegionInvalid", "The specified region is invalid for this endpoint.")
        if call.text("GatewayType") != "FILE_S3":
            raise invalid("The appliance is a file gateway: its type is FILE_S3.")
        key = call.text("ActivationKey")
        instance = self._gateways.instance(self._gateways.instance_of_key(key))
        if instance is None:
            raise refused("ActivationKeyInvalid", "The specified activation key is invalid.")
        activated_s = float(self._view.now())
        gateway_id = f"sgw-{_drawn(instance.id, activated_s)[:8].upper()}"
        record = GatewayRecord(
            arn=f"arn:aws:storagegateway:{call.region}:{account_of(instance)}:gateway/{gateway_id}",
            gateway_id=gateway_id,
            instance_id=instance.id,
            region=call.region,
            cell=instance.cell,
            name=call.text("GatewayName"),
            timezone=call.text("GatewayTimezone"),
            type=call.text("GatewayType"),
            activated_s=activated_s,
            tags=tag_map(call.parameters.get("Tags")),
        )
        self._gateways.activate(record, key)
        return {"GatewayARN": record.arn}

    def describe(self, call: Call) -> Struct:
        """Describe a gateway that is connected."""
        record = self._gateways.connected(call.text("GatewayARN"))
        instance = self._gateways.instance(record.instance_id)
        address = instance.text("privateIp") if instance else ""
        described: Struct = {
            "GatewayARN": record.arn,
            "GatewayId": record.gateway_id,
            "GatewayName": record.name,
            "GatewayTimezone": record.timezone,
            "GatewayState": "RUNNING",
            "GatewayNetworkInterfaces": [{"Ipv4Address": address}],
            "GatewayType": record.type,
            "Ec2InstanceId": record.instance_id,
            "Ec2InstanceRegion": record.region,
            "Tags": key_values(dict(record.tags)),
            "HostEnvironment": "EC2",
            "EndpointType": "STANDARD",
            "GatewayCapacity": record.capacity,
            "SupportedGatewayCapacities": ["Small", "Medium", "Large"],
            "SoftwareVersion": _SOFTWARE_VERSION,
            **self._gateways.support(record),
        }
        if record.vpc_endpoint:
            described["VPCEndpoint"] = record.vpc_endpoint
        if record.log_group:
            described["CloudWatchLogGroupARN"] = record.log_group
        return described

    def list_gateways(self, call: Call) -> Struct:
        """List the gateways of the region, connected or not, a page at a time."""
        found: list[Struct] = [
            {
                "GatewayId": record.gateway_id,
                "GatewayARN": record.arn,
                "GatewayType": record.type,
                "GatewayOperationalState": "ACTIVE",
                "GatewayName": record.name,
                "Ec2InstanceId": record.instance_id,
                "Ec2InstanceRegion": record.region,
                "HostEnvironment": "EC2",
            }
            for record in self._gateways.all(call.region)
        ]
        return paged(call, "Gateways", found, "Marker")

    def list_disks(self, call: Call) -> Struct:
        """List the disks of the appliance, cache or not; the root disk is not among them."""
        record = self._gateways.connected(call.text("GatewayARN"))
        return {"GatewayARN": record.arn, "Disks": [_described(disk, record) for disk in self._disks(record)]}

    def add_cache(self, call: Call) -> Struct:
        """Allocate disks to the cache; what is allocated stays so."""
        record = self._gateways.connected(call.text("GatewayARN"))
        listed = call.parameters["DiskIds"]
        wanted = [str(item) for item in listed] if isinstance(listed, list) else []
        disks = {_disk_id(disk): disk for disk in self._disks(record)}

        def allocate(current: GatewayRecord) -> GatewayRecord:
            cache = dict(current.cache)
            for disk_id in wanted:
                if disk_id in cache.values() or (disk_id in disks and disks[disk_id].id in cache):
                    raise refused("DiskAlreadyAllocated", "The specified disk is already allocated.")
                if disk_id not in disks:
                    raise refused("DiskDoesNotExist", "The specified disk does not exist.")
                if _size_gib(disks[disk_id]) < SMALLEST_CACHE_GIB:
                    raise invalid(f"A cache disk has at least {SMALLEST_CACHE_GIB} GiB.")
                cache[disks[disk_id].id] = str(uuid.UUID(_drawn(current.gateway_id, disks[disk_id].id)[:32]))
            return replace(current, cache=cache)

        return {"GatewayARN": self._gateways.update(record.arn, allocate).arn}

    def describe_cache(self, call: Call) -> Struct:
        """Describe the cache: its disks, its size, and how much of it is not in S3 yet."""
        record = self._gateways.connected(call.text("GatewayARN"))
        dirty = self._gateways.dirty_percent(record)
        size = sum(_size_gib(disk) for disk in self._disks(record) if disk.id in record.cache)
        return {
            "GatewayARN": record.arn,
            "DiskIds": list(record.cache.values()),
            "CacheAllocatedInBytes": size * GIB,
            "CacheUsedPercentage": dirty,
            "CacheDirtyPercentage": dirty,
            "CacheHitPercentage": 100.0,
            "CacheMissPercentage": 0.0,
        }

    def update(self, call: Call) -> Struct:
        """Change name, time zone, log group and capacity."""
        record = self._gateways.connected(call.text("GatewayARN"))
        if "GatewayTimezone" in call.parameters and not _TIMEZONE.fullmatch(call.text("GatewayTimezone")):
            raise invalid("GatewayTimezone has to be GMT or GMT followed by an offset such as GMT-5:00.")

        def apply(current: GatewayRecord) -> GatewayRecord:
            given = call.parameters
            return replace(
                current,
                name=call.text("GatewayName") or current.name,
                timezone=call.text("GatewayTimezone") or current.timezone,
                log_group=call.text("CloudWatchLogGroupARN") if "CloudWatchLogGroupARN" in given else current.log_group,
                capacity=call.text("GatewayCapacity") or current.capacity,
            )

        changed = self._gateways.update(record.arn, apply)
        return {"GatewayARN": changed.arn, "GatewayName": changed.name}

    def shut_down(self, call: Call) -> Struct:
        """Refuse: a file gateway is not shut down by the API (reference/octopus.md 2.6)."""
        record = self._gateways.connected(call.text("GatewayARN"))
        raise refused("NotSupported", f"ShutdownGateway is not supported by a gateway of type {record.type}.")

    def start(self, call: Call) -> Struct:
        """Start a gateway; one that runs stays as it is."""
        return {"GatewayARN": self._gateways.get(call.text("GatewayARN")).arn}

    def delete(self, call: Call) -> Struct:
        """Delete a gateway, connected or not; the instance stays and cannot be activated again."""
        record = self._gateways.get(call.text("GatewayARN"))
        self._gateways.remove(record)
        return {"GatewayARN": record.arn}

    def _disks(self, record: GatewayRecord) -> list[CloudObject]:
        """Return the volumes the appliance sees, in no order that one could rely on (NVMe)."""
        now = self._view.now()
        attached = {
            item.text("volumeId")
            for item in self._view.objects(ATTACHMENT)
            if item.text("instanceId") == record.instance_id
            and now >= max(item.born_s, record.connected_from_s) + spread(item.id, 0, 20)
        }
        volumes = [item for item in self._view.objects(VOLUME) if item.id in attached]
        return sorted(volumes, key=lambda item: spread(record.gateway_id + item.id, 0, 1_000_000))


def account_of(item: CloudObject) -> str:
    """Return the account id in an object's ARN."""
    parts = item.text("arn").split(":")
    return parts[4] if len(parts) > 4 and parts[4] else "000000000000"


def paged(call: Call, member: str, found: list[Struct], marker: str) -> Struct:
    """Return one page of `found`; `marker` names the member that leads to the next one."""
    given = call.text("Marker")
    start = int(given) if given.isdigit() else 0
    limit = call.parameters.get("Limit")
    size = min(limit, _PAGE) if isinstance(limit, int) else _PAGE
    page: Value = list(found[start : start + size])
    answer: Struct = {member: page}
    if start + size < len(found):
        answer[marker] = str(start + size)
    return answer


def _size_gib(volume: CloudObject) -> int:
    size = volume.properties.get("size")
    return int(size) if isinstance(size, int | float) else 0


def _drawn(*of: object) -> str:
    """Return hexadecimal digits for an id: what it follows from follows from the sandbox's seed."""
    return hashlib.sha256("/".join(map(str, of)).encode()).hexdigest()


def _disk_id(volume: CloudObject) -> str:
    return f"nvme-Amazon_Elastic_Block_Store_{volume.id.replace('-', '')}"


def _described(volume: CloudObject, record: GatewayRecord) -> Value:
    allocated = record.cache.get(volume.id)
    node = f"/dev/nvme{spread(record.gateway_id + volume.id, 1, 9)}n1"
    return {
        "DiskId": allocated or _disk_id(volume),
        "DiskPath": node,
        "DiskNode": node,
        "DiskStatus": "present",
        "DiskSizeInBytes": _size_gib(volume) * GIB,
        "DiskAllocationType": "CACHE STORAGE" if allocated else "AVAILABLE",
    }


__all__ = ["INSTANCE", "GatewayOperations", "account_of", "invalid", "key_values", "paged", "tag_map"]
