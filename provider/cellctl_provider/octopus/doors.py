"""Inputs that say where nodes answer, shared by the resource types of Octopus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cellctl.state.values import Value, bare
from cellctl_provider.inputs import Field, needed, text, text_map
from cellctl_provider.octopus.api import Door

ADDRESS = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
NODE = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOOR_FIELDS = (
    Field(name="address", kind="text", required=True, pattern=ADDRESS, reason="must be an address or a DNS name"),
    Field(name="port", kind="whole", required=True),
    Field(name="scheme", kind="text", required=True, pattern="https?", reason="must be http or https"),
    Field(name="tlsName", kind="text", pattern=ADDRESS, reason="must be a DNS name"),
)
"""Where one node answers: `tlsName` is the name that its certificate carries, by default its address."""


def door_of(values: Mapping[str, Value], node: str) -> Door:
    """Return the door that inputs describe."""
    address, port = needed(values, "address"), bare(values.get("port"))
    return Door(
        node=node,
        address=address,
        port=int(port) if isinstance(port, int | float) else 443,
        scheme=text(values, "scheme") or "https",
        tls_name=text(values, "tlsName") or address,
    )


def doors_of(values: Mapping[str, Value], own: Door) -> Sequence[Door]:
    """Return the doors of all nodes of the cell, `own` first; the others answer as it does, at their own addresses."""
    others = [
        Door(
            node=name,
            address=address,
            port=own.port,
            scheme=own.scheme,
            tls_name=text(values, "tlsName") or address,
        )
        for name, address in text_map(values, "members").items()
        if name != own.node
    ]
    return [own, *others]
