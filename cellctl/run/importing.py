"""Import: take objects over that are there, into a cell's stack, without replacing one.

It is an `up` whose plan adopts: the rest of the cell is made around what is taken over, after the same questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cellctl.engine.workspace import PROJECT, stack_name
from cellctl.errors import UsageError
from cellctl.facts.imports import kinds
from cellctl.run.up import up

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.plan import Outcome
    from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions
    from cellctl.spec import CellSpec


def import_objects(
    home: Home,
    spec: CellSpec,
    objects: Mapping[str, str],
    ask: Ask,
    *,
    options: RunOptions,
    on_event: OnEvent,
    interrupter: Interrupter | None,
) -> Outcome:
    """Bring a cell up around objects that are there. Arguments and errors: `cellctl.cell.Cell.import_objects`."""
    adopt = resolved(spec, objects)
    taking = replace(options, adopt={**options.adopt, **adopt}, importing=frozenset(adopt))
    return up(home, spec, ask, options=taking, on_event=on_event, interrupter=interrupter)


def resolved(spec: CellSpec, objects: Mapping[str, str]) -> dict[str, str]:
    """Return ids by URN of objects that are named by URN or kind.

    Raises:
        UsageError: There is no such kind (code `unknown_kind`), a URN is of another stack (code `bad_import`), or
            nothing is named.
    """
    name, known = spec.metadata.name, kinds(spec.spec.cloud)
    stack = stack_name(name).stack
    found: dict[str, str] = {}
    for what, object_id in objects.items():
        if what.startswith("urn:pulumi:"):
            if not what.startswith(f"urn:pulumi:{stack}::{PROJECT}::"):
                raise UsageError(
                    f"{what} is of another stack", hint=f"URNs of {name} begin urn:pulumi:{stack}", code="bad_import"
                )
            found[what] = object_id
        elif what in known:
            found[known[what].urn(stack, PROJECT, name)] = object_id
        else:
            listed = ", ".join(f"{key} ({kind.id})" for key, kind in known.items())
            hint = f"kinds: {listed}; or a URN" if listed else "name a URN: cellctl preview --details lists them"
            raise UsageError(f"there is no kind '{what}' on {spec.spec.cloud}", hint=hint, code="unknown_kind")
    if not found:
        raise UsageError("nothing is named to take over", hint="cellctl import CELL database=ID", code="bad_import")
    return found
