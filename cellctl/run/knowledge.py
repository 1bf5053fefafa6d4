"""What runs ask of `cellctl.facts`: whether a type holds data, and how long its steps take."""

from __future__ import annotations

from collections.abc import Mapping

from cellctl import facts
from cellctl.facts import costs
from cellctl.state.values import Value

_OPERATIONS: dict[str, facts.Operation] = {
    "create": "create",
    "import": "read",
    "read": "read",
    "refresh": "read",
    "replace": "create",
    "update": "update",
    "delete": "delete",
}


class FactsOfTypes:
    """`TypeFacts` over the data files; a broken or missing file reads as nothing known."""

    def stateful(self, type_: str) -> bool:
        """Tell whether objects of this type hold what cannot be made again."""
        known = facts.of(type_)
        return known is not None and known.stateful

    def expected_s(self, type_: str, action: str) -> float | None:
        """Return the p50 in cloud seconds, None where nothing is known."""
        operation, known = _OPERATIONS.get(action), facts.of(type_)
        if known is None or operation is None:
            return None
        return known.durations.of(operation).p50

    def monthly_usd(self, type_: str, inputs: Mapping[str, Value]) -> float:
        """Return what an object costs a month at list prices, 0 where nothing is known."""
        return costs.monthly_usd(type_, inputs)
