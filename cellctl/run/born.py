"""What a stack was made with and keeps: the template of its cellctl, the private zones that it links."""

from __future__ import annotations

from cellctl.facts.conditions import at
from cellctl.state.values import Struct
from cellctl.versions import TEMPLATE

ZONES = "privateZones"
_LAST_UNSAID = 5  # templates whose stacks do not say which one made them


def born_of(record: Struct) -> int:
    """Return the template of the cellctl that made the stack with this record, today's where there is none.

    Records of template 5 and earlier do not say it: then it is that of the last maker.
    """
    found, last = record.get("born"), _template(record)
    if isinstance(found, int | float):
        return int(found)
    return min(int(last), _LAST_UNSAID) if last.isdigit() else TEMPLATE


def zones_of(record: Struct) -> str:
    """Return the id of the resource group whose private zones a stack links, `` for zones of its own.

    It is chosen once, because a network links one zone of a name: who takes its zone away finds nothing meanwhile.
    """
    return str(record.get(ZONES) or "")


def _template(record: Struct) -> str:
    return str(at(record, "versions.template") or "")
