"""What the service knows of gateways and of the appliances they run on: documents, and how they come to life.

Times are simulated. Durations: reference of provider acceptance runs, 2020 to 2026 (port 80 opens 120 to 240 s after
the instance runs, a gateway connects within 15 to 45 s of its activation, disks are listed up to 20 s later).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Literal, TypeAlias

from cellctl.state.values import Struct
from cellctl_sandbox.standins.aws_json import ApiError
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.documents import Documents

INSTANCE = "aws:ec2/instance:Instance"
RECORD = "aws:route53/record:Record"
VOLUME = "aws:ebs/volume:Volume"
ATTACHMENT = "aws:ec2/volumeAttachment:VolumeAttachment"
GATEWAY = "aws:storagegateway/gateway:Gateway"

KEY_LIFETIME_S = 1800.0
_EDITABLE = ("cacheDirtyPercent", "deprecationDate", "softwareUpdatesEndDate")
GIB = 1024**3
SMALLEST_CACHE_GIB = 150
_UNSENT_PERCENT = 0.1

Capacity = Literal["Small", "Medium", "Large"]
Hindrance: TypeAlias = Callable[[CloudObject, str], str]
"""Why an appliance (its instance, the endpoint it was activated through) cannot talk to the service; `` if it can."""


def spread(key: str, low: int, high: int) -> int:
    """Return a number between `low` and `high` that is always the same for `key`."""
    return low + int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % (high - low + 1)


def refused(code: str, message: str) -> ApiError:
    """Return an InvalidGatewayRequestException with `error.errorCode`."""
    members: Struct = {"error": {"errorCode": code, "errorDetails": {}}}
    return ApiError("InvalidGatewayRequestException", message, members=members)


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayRecord:
    """One activated gateway. `cache` maps volume ids to the ids that AddCache gave their disks.

    `mirrored` tells that the cloud's objects show it: one that is gone from there since was deleted behind our back.
    """

    arn: str
    gateway_id: str
    instance_id: str
    region: str
    cell: str
    name: str
    timezone: str
    type: str
    activated_s: float
    vpc_endpoint: str = ""
    log_group: str = ""
    capacity: str = "Small"
    smb_strategy: str = "MandatoryEncryption"
    guest_password_set: bool = False
    shares_visible: bool = True
    maintenance: dict[str, int] = field(default_factory=lambda: {"DayOfWeek": 1, "HourOfDay": 3, "MinuteOfHour": 0})
    cache: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    mirrored: bool = False
    domain: str = ""
    domain_status: str = "DETACHED"
    domain_from_s: float = 0.0

    @property
    def connected_from_s(self) -> float:
        """When the gateway first connects: activation may restart the appliance."""
        return self.activated_s + spread(self.gateway_id, 15, 45)


class Gateways:
    """The gateways of the sandbox: looked up, changed one at a time, mirrored into the cloud's objects."""

    def __init__(
        self,
        documents: Documents,
        view: CloudView,
        *,
        hindrance: Hindrance | None = None,
        unsent: Callable[[str], bool] = lambda _gateway: False,
    ) -> None:
        self._unsent = unsent
        self._documents = documents
        self._view = view
        self._hindrance = hindrance

    def all(self, region: str) -> list[GatewayRecord]:
        """Return all gateways of a region, oldest first."""
        with self._documents.transaction() as transaction:
            found = [_record(document) for document in transaction.all("gateway")]
        shown = {item.id for item in self._view.objects(GATEWAY)}
        return [record for record in found if record.region == region and (record.arn in shown or not record.mirrored)]

    def get(self, arn: str) -> GatewayRecord:
        """Return a gateway by its ARN; an unknown one is an InvalidGatewayRequestException."""
        with self._documents.transaction() as transaction:
            document = transaction.get("gateway", arn)
        record = _record(document) if document is not None else None
        if record is None or (record.mirrored and self._shown(arn) is None):
            raise refused("GatewayNotFound", "The specified gateway was not found.")
        return record

    def dirty_percent(self, record: GatewayRecord) -> float:
        """Return how much of the cache is not in S3 yet: what waits for its upload, else `cacheDirtyPercent`.

        That property of the object is there to be edited.
        """
        shown = self._shown(record.arn)
        dirty = shown.properties.get("cacheDirtyPercent") if shown else 0.0
        edited = float(dirty) if isinstance(dirty, int | float) else 0.0
        return edited or (_UNSENT_PERCENT if self._unsent(record.arn) else 0.0)

    def support(self, record: GatewayRecord) -> Struct:
        """Return until when the gateway's software is supported, as Describe names it: edited like the cache."""
        shown = self._shown(record.arn)
        named = {"DeprecationDate": "deprecationDate", "SoftwareUpdatesEndDate": "softwareUpdatesEndDate"}
        return {name: shown.text(key) for name, key in named.items() if shown and shown.text(key)}

    def connected(self, arn: str) -> GatewayRecord:
        """Return a gateway that answers; the service can do nothing with one that does not."""
        record = self.get(arn)
        instance = self.instance(record.instance_id)
        if instance is None or self._view.now() < record.connected_from_s:
            raise refused("GatewayNotConnected", "The specified gateway is not connected.")
        why = self._hindrance(instance, record.vpc_endpoint) if self._hindrance else ""
        if why:
            raise refused("GatewayNotConnected", f"The specified gateway is not connected: {why}")
        return record

    def instance_of_key(self, key: str) -> str:
        """Return the id of the instance whose appliance gave an activation key, `` if none did."""
        with self._documents.transaction() as transaction:
            found = [item for item in transaction.all("appliance") if item.get("key") == key]
        return str(found[0]["instance"]) if found else ""

    def instance(self, instance_id: str) -> CloudObject | None:
        """Return the instance object, None if it is gone."""
        return next((item for item in self._view.objects(INSTANCE) if item.id == instance_id), None)

    def activate(self, record: GatewayRecord, key: str) -> None:
        """Add a gateway for the appliance that gave `key`; a key works once, and not for long."""
        with self._documents.transaction() as transaction:
            appliance = transaction.get("appliance", record.instance_id)
            if appliance is None or appliance.get("key") != key:
                raise refused("ActivationKeyInvalid", "The specified activation key is invalid.")
            if appliance.get("gateway"):
                raise refused("ActivationKeyNotFound", "The specified activation key was not found.")
            issued = appliance["issued_s"]
            if not isinstance(issued, float) or record.activated_s - issued > KEY_LIFETIME_S:
                raise refused("ActivationKeyExpired", "The specified activation key has expired.")
            transaction.put("appliance", record.instance_id, {**appliance, "gateway": record.arn})
            document = asdict(record) | {"vpc_endpoint": appliance.get("vpc_endpoint", "")}
            transaction.put("gateway", record.arn, document)
        self.update(record.arn, lambda stored: stored)

    def update(self, arn: str, change: Callable[[GatewayRecord], GatewayRecord]) -> GatewayRecord:
        """Replace a gateway by `change(gateway)`, with nothing in between; `change` may raise ApiError."""
        with self._documents.transaction() as transaction:
            document = transaction.get("gateway", arn)
            if document is None:
                raise refused("GatewayNotFound", "The specified gateway was not found.")
            record = change(_record(document))
            transaction.put("gateway", arn, asdict(record))
        shown = self._shown(arn)
        kept: Struct = {key: shown.properties[key] for key in _EDITABLE if key in shown.properties} if shown else {}
        self._view.put(_mirror(record, kept, self._view.now()))
        if not record.mirrored:
            record = replace(record, mirrored=True)
            with self._documents.transaction() as transaction:
                transaction.put("gateway", arn, asdict(record))
        return record

    def remove(self, record: GatewayRecord) -> None:
        """Forget a gateway."""
        with self._documents.transaction() as transaction:
            transaction.remove("gateway", record.arn)
        self._view.remove(GATEWAY, record.arn)

    def _shown(self, arn: str) -> CloudObject | None:
        return next((item for item in self._view.objects(GATEWAY) if item.id == arn), None)


def gateway_behind(view: CloudView, name: str, cell: str) -> str:
    """Return the ARN of the gateway behind a name or address that `cell` (`` for any) has, `` if there is none."""
    addresses = {name}
    for item in view.objects(RECORD):
        records = item.properties.get("records")
        if cell in ("", item.cell) and item.text("name").rstrip(".") == name and isinstance(records, list):
            addresses |= {str(one) for one in records}
    hosts = (item for item in view.objects(INSTANCE) if cell in ("", item.cell))
    found = {item.id for item in hosts if item.text("privateIp") in addresses}
    gateways = (item.id for item in view.objects(GATEWAY) if item.text("ec2InstanceId") in found)
    return next(gateways, "")


def _record(document: Struct) -> GatewayRecord:
    known = {field.name for field in fields(GatewayRecord)}
    return GatewayRecord(**{key: value for key, value in document.items() if key in known})  # type: ignore[arg-type]


def _mirror(record: GatewayRecord, kept: Struct, now: float) -> CloudObject:
    properties: Struct = {
        "cacheDirtyPercent": 0.0,
        **kept,
        "arn": record.arn,
        "gatewayId": record.gateway_id,
        "gatewayName": record.name,
        "gatewayTimezone": record.timezone,
        "gatewayType": record.type,
        "ec2InstanceId": record.instance_id,
        "hostEnvironment": "EC2",
        "cloudwatchLogGroupArn": record.log_group,
        "smbSecurityStrategy": record.smb_strategy,
        "smbFileShareVisibility": record.shares_visible,
        "tags": dict(record.tags),
        "hasCache": bool(record.cache),
        "domain": record.domain if record.domain_status == "JOINED" else "",
    }
    return CloudObject(
        type=GATEWAY, id=record.arn, properties=properties, cell=record.cell, region=record.region, born_s=now
    )
