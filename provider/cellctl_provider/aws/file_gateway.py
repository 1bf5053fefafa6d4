"""`cellctl:aws:FileGateway`: a Storage Gateway brought up on an appliance, whatever was killed where before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cellctl import facts
from cellctl.facts.document import Table
from cellctl.state.values import Struct, Value, contains_unknown
from cellctl_provider.aws import activation, cache, settings
from cellctl_provider.aws.activation_door import Door, Doors
from cellctl_provider.aws.clients import translated
from cellctl_provider.context import Context
from cellctl_provider.inputs import (
    Field,
    check,
    diff,
    needed,
    preview_of,
    text,
    text_map,
    truth,
    wholes,
)
from cellctl_provider.polling import poll
from cellctl_provider.protocol import (
    Check,
    Checked,
    CheckFailure,
    Create,
    Created,
    Delete,
    Diff,
    Diffed,
    Found,
    InitFailed,
    ProviderError,
    Read,
    Update,
    Updated,
)

if TYPE_CHECKING:
    from mypy_boto3_storagegateway import StorageGatewayClient

OUTPUTS = ("gatewayArn", "gatewayId", "cacheDiskIds")
FIELDS = (
    Field(name="region", kind="text", required=True, replaces=True, pattern=r"[a-z]{2}(-[a-z]+)+-\d"),
    Field(name="instanceId", kind="text", required=True, replaces=True, pattern=r"i-[0-9a-f]+"),
    # Only activation uses these: changing them later changes nothing, and must not replace a gateway.
    Field(name="address", kind="text", required=True, settled=True),
    Field(name="vpcEndpoint", kind="text", settled=True),
    Field(name="securityGroupId", kind="text", settled=True, pattern=r"sg-[0-9a-f]+"),
    Field(name="controlCidr", kind="text", settled=True, pattern=r"(\d{1,3}\.){3}\d{1,3}/\d{1,2}"),
    Field(name="gatewayName", kind="text", required=True, pattern=r"[ -.0-\[\]-~]{2,255}"),
    Field(name="cacheSizesGib", kind="wholes", required=True),
    Field(
        name="timezone",
        kind="text",
        default="GMT",
        pattern=r"GMT([+-]\d{1,2}:\d{2})?",
        reason="is GMT or GMT with an offset such as GMT+1:00, nothing else",
    ),
    Field(name="capacity", kind="text", default="Small", pattern="|".join(settings.CAPACITIES)),
    Field(name="logGroupArn", kind="text"),
    Field(name="smbSecurityStrategy", kind="text", pattern="|".join(settings.STRATEGIES)),
    Field(name="smbShareVisibility", kind="truth", default=False),
    Field(
        name="guestPasswordSecret", kind="text", pattern=r"arn:.*:secretsmanager:.*", reason="is the ARN of a secret"
    ),
    Field(name="domain", kind="text", pattern=r"([A-Za-z0-9]+[.-])+[A-Za-z0-9]+", reason="is the DNS name of a domain"),
    Field(name="domainUnit", kind="text"),
    Field(name="domainSecret", kind="text", pattern=r"arn:.*:secretsmanager:.*", reason="is the ARN of a secret"),
    Field(name="domainControllers", kind="texts"),
    Field(name="maintenance", kind="whole_map"),
    Field(name="tags", kind="text_map"),
    Field(name="acceptDataLoss", kind="truth", default=False),
)
# Activation may restart the appliance: connected is six answers, ten seconds apart (reference/aws.md 2.1).
_CONNECTED_TIMES = 6
_CONNECTED_EVERY_S = 10.0
_CONNECTED_LIMIT_S = 15 * 60.0
_READ_LIMIT_S = 5 * 60.0
_SHARES_LIMIT_S = 10 * 60.0


def _smallest_gib() -> int:
    """Return the least that a disk of a cache has, as layouts know it."""
    sizes = Table.load(facts.ROOT / "aws" / "layout" / "sizes.toml")
    return int(sizes.table("gateway").number("cache_least_gib"))


class FileGatewayHandler:
    """Serves `cellctl:aws:FileGateway`. Its id is the gateway's ARN."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._doors = Doors(context)

    def check(self, request: Check) -> Checked:
        """Validate inputs; a cache only grows, because an allocated disk cannot be taken back or resized."""
        checked = check(FIELDS, request)
        sizes = checked.inputs.get("cacheSizesGib")
        if contains_unknown(sizes):
            return checked
        failures = list(checked.failures)
        has, wants = wholes(request.olds, "cacheSizesGib"), wholes(checked.inputs, "cacheSizesGib")
        before, after = Counter(has), Counter(wants)
        if before - after:
            more = [max(sum(wants) - sum(has), _smallest_gib())] if sum(wants) > sum(has) else []
            reason = f"a disk of a cache cannot shrink, grow or go: it has {has}; say cacheGiB: {[*has, *more]}"
            failures.append(CheckFailure(property="cacheSizesGib", reason=reason))
        if not after:
            failures.append(CheckFailure(property="cacheSizesGib", reason="needs at least one disk"))
        return Checked(inputs=checked.inputs, failures=tuple(failures))

    def diff(self, request: Diff) -> Diffed:
        """Compare inputs: another instance or region is another gateway, the rest is changed in place."""
        return diff(FIELDS, request)

    def create(self, request: Create) -> Created:
        """Bring the gateway up, or go on where an earlier run stopped."""
        inputs = request.properties
        if request.preview:
            return Created(id="", properties=preview_of(inputs, OUTPUTS))
        client = self._client(inputs)
        arn = self._activated(client, inputs)
        try:
            return Created(id=arn, properties=self._ready(client, arn, inputs, new_password=False))
        except ProviderError as error:
            # The gateway exists from here on: the engine must know its id, or its cells would lose it.
            raise InitFailed(
                error.message,
                id=arn,
                properties={**inputs, **_identity(arn), "cacheDiskIds": []},
                inputs=inputs,
                reasons=[error.message],
            ) from error

    def read(self, request: Read) -> Found | None:
        """Return the gateway as it is; None only if the service does not list it."""
        known = {**request.inputs, **request.properties}
        known.setdefault("region", request.id.split(":")[3] if request.id.count(":") > 4 else "")
        client = self._client(known)
        if not activation.exists(client, request.id):
            return None
        self._wait_connected(client, request.id, limit_s=_READ_LIMIT_S, times=1)
        current = settings.described(client, request.id)
        with translated("reading the gateway"):
            instance = client.describe_gateway_information(GatewayARN=request.id).get("Ec2InstanceId", "")
            disks = client.list_local_disks(GatewayARN=request.id).get("Disks", [])
        imported = not request.inputs
        managed = {"gatewayName", "timezone", "capacity", "tags"} if imported else {*request.inputs} - {"tags"}
        found: Struct = {**known, **{key: current[key] for key in current if key in managed}, "instanceId": instance}
        names = [field.name for field in FIELDS if imported or field.name in request.inputs]
        inputs: Struct = {name: found[name] for name in names if name in found}
        ids: list[Value] = [disk.get("DiskId", "") for disk in disks if "CACHE" in disk.get("DiskAllocationType", "")]
        outputs: Struct = {**inputs, **_identity(request.id), "cacheDiskIds": ids, **_dirt(client, request.id)}
        return Found(id=request.id, properties=outputs, inputs=inputs)

    def update(self, request: Update) -> Updated:
        """Change settings in place and add what the cache lacks; also finishes a creation that failed half-way."""
        if request.preview:
            return Updated(properties={**request.olds, **request.news})
        client = self._client(request.news)
        secret_before = text(request.old_inputs, "guestPasswordSecret")
        new_password = secret_before not in ("", text(request.news, "guestPasswordSecret"))
        return Updated(properties=self._ready(client, request.id, request.news, new_password=new_password))

    def delete(self, request: Delete) -> None:
        """Delete the gateway once its cache is proven clean; the instance stays and cannot be activated again.

        Raises:
            ProviderError: The cache holds data that is not in S3, or cannot be read (`conflict`).
        """
        client = self._client(request.properties)
        if not activation.exists(client, request.id):
            return
        if not truth(request.properties, "acceptDataLoss"):
            self._prove_clean(client, request.id)
        poll(
            self._context,
            lambda: True if not _shares(client, request.id) else None,
            what=f"the end of the file shares of gateway {request.id.rpartition('/')[2]}",
            every_s=10.0,
            limit_s=_SHARES_LIMIT_S,
        )
        with translated("deleting the gateway"):
            client.delete_gateway(GatewayARN=request.id)

    def _activated(self, client: StorageGatewayClient, inputs: Struct) -> str:
        """Return the gateway of the appliance; port 80 is open for as long as it takes to activate it."""
        appliance = _appliance(inputs)
        arn = activation.find(client, appliance.instance_id)
        if arn:
            return arn
        with self._doors.opened(_door(inputs)):
            return activation.activated(self._context, client, appliance)

    def _prove_clean(self, client: StorageGatewayClient, arn: str) -> None:
        remedy = "Wait until it is uploaded, or set acceptDataLoss on the gateway and run `up` first."
        try:
            dirty = cache.dirty_percent(client, arn)
        except ProviderError as error:
            message = f"gateway {arn} is not deleted: its cache cannot be read, so it counts as dirty. {remedy}"
            raise ProviderError(message, code="conflict") from error
        if dirty > 0:
            message = f"gateway {arn} is not deleted: {dirty:g} % of its cache is not in S3 yet. {remedy}"
            raise ProviderError(message, code="conflict")

    def _ready(self, client: StorageGatewayClient, arn: str, inputs: Struct, *, new_password: bool) -> Struct:
        """Wait for the gateway, give it its cache and its settings, and return all outputs."""
        self._doors.shut(_door(inputs))  # a run that was killed may have left it open
        self._wait_connected(client, arn, limit_s=_CONNECTED_LIMIT_S, times=_CONNECTED_TIMES)
        disks: list[Value] = list(cache.added(self._context, client, arn, wholes(inputs, "cacheSizesGib")))
        settings.apply(self._context, client, arn, inputs, new_password=new_password)
        return {**inputs, **_identity(arn), "cacheDiskIds": disks}

    def _wait_connected(self, client: StorageGatewayClient, arn: str, *, limit_s: float, times: int) -> None:
        """Wait until the gateway answers, `times` times in a row."""
        trouble = ""

        def look() -> bool | None:
            nonlocal trouble
            try:
                with translated("looking for the gateway"):
                    client.describe_gateway_information(GatewayARN=arn)
            except ProviderError as error:
                if error.code == "unreachable":
                    trouble = error.message
                    return None
                raise
            return True

        what = f"a connection of gateway {arn.rpartition('/')[2]}"
        poll(
            self._context,
            look,
            what=what,
            every_s=_CONNECTED_EVERY_S,
            limit_s=limit_s,
            times=times,
            why=lambda: trouble,
        )

    def _client(self, values: Mapping[str, Value]) -> StorageGatewayClient:
        return self._context.aws.storage_gateway(needed(values, "region"))


def _appliance(inputs: Struct) -> activation.Appliance:
    return activation.Appliance(
        region=needed(inputs, "region"),
        instance_id=needed(inputs, "instanceId"),
        address=needed(inputs, "address"),
        gateway_name=needed(inputs, "gatewayName"),
        timezone=needed(inputs, "timezone"),
        vpc_endpoint=text(inputs, "vpcEndpoint"),
        tags=text_map(inputs, "tags"),
    )


def _door(inputs: Struct) -> Door:
    return Door(needed(inputs, "region"), text(inputs, "securityGroupId"), text(inputs, "controlCidr"))


def _dirt(client: StorageGatewayClient, arn: str) -> Struct:
    """Return how dirty the cache is right now: only Read tells; nothing where it cannot be read, which is dirty."""
    try:
        return {"cacheDirtyPercent": cache.dirty_percent(client, arn)}
    except ProviderError:
        return {}


def _identity(arn: str) -> Struct:
    return {"gatewayArn": arn, "gatewayId": arn.rpartition("/")[2]}


def _shares(client: StorageGatewayClient, arn: str) -> int:
    with translated("listing the file shares of the gateway"):
        pages = client.get_paginator("list_file_shares").paginate(GatewayARN=arn)
        return sum(len(page.get("FileShareInfoList", [])) for page in pages)
