"""Which URN a registration gets, and which resource of the old state it takes over: by that URN or by an alias."""

from __future__ import annotations

from cellctl.state.resources import ResourceState
from cellctl_sandbox.engine.errors import StepFailed
from cellctl_sandbox.engine.goals import Goal
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.urns import alias_urns, make_urn


class Identities:
    """The URNs of one operation; the caller holds the planning lock."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def urn(self, parent: str, type_: str, name: str) -> str:
        """Return the URN of a registration or read and claim it.

        Raises:
            StepFailed: It was claimed before, or the parent was never registered.
        """
        scope = self._scope
        if parent and parent not in scope.decisions.seen:
            raise StepFailed(f"could not find parent resource {parent}")
        urn = make_urn(scope.stack, scope.project, parent, type_, name)
        if urn in scope.decisions.seen:
            raise StepFailed(f"Duplicate resource URN '{urn}'; try giving it a unique name", urn=urn)
        scope.decisions.seen[urn] = None
        return urn

    def old(self, urn: str, goal: Goal) -> tuple[ResourceState | None, list[str]]:
        """Return the living old state of a goal, and why it may not be its: somebody else has claimed it."""
        decisions = self._scope.decisions
        problems: list[str] = []
        if urn in decisions.aliased:
            problems.append(
                f"Duplicate resource URN '{urn}' conflicting with alias on resource with URN '{decisions.aliased[urn]}'"
            )
        for name in (urn, *alias_urns(urn, goal.parent, goal.aliases, decisions.aliases)):
            old = self._scope.olds.get(name)
            if old is None:
                continue
            if name != urn:
                problems += self._taken(name, urn)
                decisions.aliased[name] = urn
                decisions.aliases[urn] = name
                self._scope.journal.rename(name, urn)
            decisions.kept.add(name)
            return old, problems
        return None, problems

    def _taken(self, name: str, urn: str) -> list[str]:
        """Return who else has the name that a resource claims by an alias."""
        decisions = self._scope.decisions
        owners = [urn] if name in decisions.seen else []
        if name in decisions.aliased:
            owners.append(decisions.aliased[name])
        return [
            f"Duplicate resource alias '{name}' applied to resource with URN '{urn}' conflicting with resource "
            f"with URN '{owner}'"
            for owner in owners
        ]
