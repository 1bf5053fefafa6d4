"""A simulated cloud for tests of stand-ins and of provider `cellctl`: objects in memory, a clock set by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from cellctl.state.values import Struct
from cellctl_sandbox.standins.cloud_view import CloudObject


class ObjectsInMemory:
    """Satisfies `CloudView`. `sleep` moves the clock instead of waiting."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str], CloudObject] = {}
        self._lock = threading.Lock()
        self._now = 0.0

    def objects(self, type: str) -> Sequence[CloudObject]:
        """Return all objects of a type, oldest first."""
        with self._lock:
            return [item for (found, _), item in self._objects.items() if found == type]

    def put(self, item: CloudObject) -> None:
        """Add or replace an object."""
        with self._lock:
            self._objects[item.type, item.id] = item

    def remove(self, type: str, id: str) -> None:
        """Remove an object."""
        with self._lock:
            self._objects.pop((type, id), None)

    def now(self) -> float:
        """Return the simulated second."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let simulated time pass."""
        with self._lock:
            self._now += seconds

    def change(self, type: str, id: str, **properties: str | float | bool) -> None:
        """Change properties of an object, as drift does."""
        with self._lock:
            item = self._objects[type, id]
            changed: Struct = {**item.properties, **properties}
            self._objects[type, id] = replace(item, properties=changed)


def gateway_instance(
    instance_id: str = "i-0a1b2c3d4e5f60718", *, address: str = "10.64.1.10", cell: str = "acme", born_s: float = 0.0
) -> CloudObject:
    """Return an EC2 instance that runs a file gateway's appliance."""
    properties: Struct = {
        "arn": f"arn:aws:ec2:eu-west-1:123456789012:instance/{instance_id}",
        "ami": "ami-gateway",
        "privateIp": address,
        "availabilityZone": "eu-west-1a",
    }
    return CloudObject(
        type="aws:ec2/instance:Instance",
        id=instance_id,
        properties=properties,
        cell=cell,
        region="eu-west-1",
        born_s=born_s,
    )


def attached_volume(volume_id: str, instance_id: str, *, size_gib: int) -> tuple[CloudObject, CloudObject]:
    """Return an EBS volume and its attachment to an instance."""
    volume = CloudObject(type="aws:ebs/volume:Volume", id=volume_id, properties={"size": size_gib})
    attachment = CloudObject(
        type="aws:ec2/volumeAttachment:VolumeAttachment",
        id=f"vai-{volume_id}",
        properties={"volumeId": volume_id, "instanceId": instance_id, "deviceName": "/dev/sdb"},
    )
    return volume, attachment


def only_ours(token: str) -> Callable[[str, CloudObject, str], str | None]:
    """Return who may use vaults where one token opens them all (a `KeyVaultStandin` refusal)."""
    return lambda given, _vault, _action: "" if given == token else None
