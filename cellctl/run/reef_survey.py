"""What the state of a reef says that it has, as the registry records it. Pure; no registry is opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cellctl.facts.conditions import at
from cellctl.registry.survey import GatewaySeen, ReefBalancer, ReefGateway, ReefHost, ReefSurvey
from cellctl.run.survey import cell_key
from cellctl.run.target import living, outputs_of

_GATEWAY = "cellctl:aws:FileGateway"
_SHARES = tuple(f"aws:storagegateway/{kind}FileShare:{kind.capitalize()}FileShare" for kind in ("nfs", "smb"))
_OF_HOST, _INTERFACE = ":FileGatewayHost$aws:ec2/networkInterface:", "-interface"

if TYPE_CHECKING:
    from cellctl.run.target import Target
    from cellctl.state.checkpoint import Checkpoint
    from cellctl.state.resources import ResourceState
    from cellctl.state.values import Struct, Value


def reef_survey(target: Target, account: str, checkpoint: Checkpoint, *, whole: bool) -> ReefSurvey | None:
    """Return what the state has of a reef, None while that is nothing."""
    outputs = outputs_of(checkpoint)
    place = outputs.get("place")
    told = {_text(row, "name") for row in _rows(outputs.get("gateways"))}
    building = {name: state for name, state in built(checkpoint).items() if name not in told}
    protocol = str(at(target.spec, "spec.storage.protocol") or "nfs")
    if not isinstance(place, dict) or not living(checkpoint):
        limit = _number(at(target.spec, "spec.maxCells")) or 1
        key = cell_key(target, account)
        begun = ReefSurvey(
            key=key, max_cells=limit, whole=False, hosts=(), gateways=(), place={}, protocol=protocol,
            building=building,
        )  # fmt: skip
        return begun if building else None
    return ReefSurvey(
        key=cell_key(target, account),
        max_cells=_number(outputs.get("maxCells")),
        whole=whole,
        protocol=protocol,
        building=building,
        hosts=tuple(map(_host, _rows(outputs.get("hosts")))),
        gateways=tuple(map(_gateway, _rows(outputs.get("gateways")))),
        place=place,
        balancers=tuple(map(_balancer, _rows(outputs.get("balancers")))),
    )


def built(checkpoint: Checkpoint) -> dict[str, str]:
    """Return each gateway that the state has something of, with the registry's word for how far it has come.

    That its appliance answers (`booted`) no state says.
    """
    rows = living(checkpoint)
    found = {row.name.removesuffix(_INTERFACE): "stack_creating" for row in rows if _is_interface(row)}
    shared = {str(row.outputs.get("gatewayArn")) for row in rows if row.type in _SHARES}
    for row in rows:
        if row.type == _GATEWAY and row.id:
            state = "cache_ready" if row.outputs.get("cacheDiskIds") else "activated"
            found[str(row.inputs.get("gatewayName"))] = "shares_creating" if row.id in shared else state
    return found


def _is_interface(row: ResourceState) -> bool:
    return _OF_HOST in row.urn and row.name.endswith(_INTERFACE)


def _host(row: Struct) -> ReefHost:
    return ReefHost(
        name=_text(row, "name"),
        kind=_text(row, "kind"),
        size=_text(row, "size"),
        ha_mode=_text(row, "haMode"),
        endpoint=_text(row, "endpoint"),
        place=_place(row),
    )


def _gateway(row: Struct) -> ReefGateway:
    seen = GatewaySeen(
        name=_text(row, "name"),
        kind=_text(row, "kind"),
        protocol=_text(row, "protocol"),
        object_id=_text(row, "arn"),
        instance_id=_text(row, "instance"),
        address=_text(row, "address"),
        dns_name=_text(row, "host"),
    )
    shares = tuple((_text(one, "arn"), _text(one, "name"), _text(one, "bucket")) for one in _rows(row.get("shares")))
    return ReefGateway(seen=seen, zone=_text(row, "zone"), shares=shares, place=_place(row))


def _balancer(row: Struct) -> ReefBalancer:
    return ReefBalancer(
        name=_text(row, "name"),
        kind=_text(row, "kind"),
        object_id=_text(row, "arn"),
        slots=_number(row.get("slots")),
        place=_place(row),
    )


def _place(row: Struct) -> Struct:
    place = row.get("place")
    return place if isinstance(place, dict) else {}


def _rows(value: Value) -> Iterator[Struct]:
    for row in value if isinstance(value, list) else ():
        if isinstance(row, dict):
            yield row


def _text(row: Struct, key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""


def _number(value: Value) -> int:
    return int(value) if isinstance(value, int | float) else 0
