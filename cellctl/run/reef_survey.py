"""What the state of a reef says that it has, as the registry records it. Pure; no registry is opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cellctl.registry.survey import GatewaySeen, ReefGateway, ReefHost, ReefSurvey
from cellctl.run.survey import cell_key
from cellctl.run.target import living, outputs_of

if TYPE_CHECKING:
    from cellctl.run.target import Target
    from cellctl.state.checkpoint import Checkpoint
    from cellctl.state.values import Struct, Value


def reef_survey(target: Target, account: str, checkpoint: Checkpoint, *, whole: bool) -> ReefSurvey | None:
    """Return what the state has of a reef, None before its program has said it."""
    outputs = outputs_of(checkpoint)
    place = outputs.get("place")
    if not isinstance(place, dict) or not living(checkpoint):
        return None
    return ReefSurvey(
        key=cell_key(target, account),
        max_cells=_number(outputs.get("maxCells")),
        whole=whole,
        hosts=tuple(map(_host, _rows(outputs.get("hosts")))),
        gateways=tuple(map(_gateway, _rows(outputs.get("gateways")))),
        place=place,
    )


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
