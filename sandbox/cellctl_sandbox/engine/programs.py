"""Running the program only for its providers, before a refresh or a destroy: nothing that it declares is made."""

from __future__ import annotations

from dataclasses import replace

from cellctl_sandbox.engine.planner import Wanted
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.steps import Op, Step


def without_goals(scope: Scope, wanted: Wanted) -> list[Step] | None:
    """Return the steps of a registration that changes nothing; None for one that is treated as in an `up`.

    Providers and components are brought to their goals, so that the rest gets fresh configuration. An empty list: the
    resource stays as it is.
    """
    old, new = wanted.old, wanted.new
    made = new.custom and not new.is_provider
    blocked = bool((new.needs() | {new.provider.rpartition("::")[0]}) & scope.decisions.skipped)
    if not made and not blocked:
        if scope.mode == "destroy":
            scope.decisions.condemned.append(new.urn)
        return None
    if old is None or (scope.mode == "destroy" and blocked):
        scope.decisions.skipped.add(new.urn)
        if old is not None:
            new = replace(new, outputs=old.outputs)
            scope.decisions.kept.discard(old.urn)
        return [Step(op=Op.SAME, urn=new.urn, old=new, new=new, skipped=True)]
    if scope.mode == "refresh":
        return []
    scope.decisions.condemned.append(new.urn)
    return [Step(op=Op.SAME, urn=new.urn, old=old, new=replace(new, inputs=old.inputs))]
