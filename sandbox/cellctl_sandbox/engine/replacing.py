"""Replacing a resource, and what cannot outlive its old copy: the cascade of a replacement that deletes first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cellctl.state.resources import ResourceState
from cellctl.state.values import Struct
from cellctl_provider.protocol import Diffed
from cellctl_sandbox.engine import paths, steps
from cellctl_sandbox.engine.errors import StepFailed
from cellctl_sandbox.engine.goals import Goal
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.steps import Step
from cellctl_sandbox.engine.urns import split_reference

Checked = Callable[[Goal, ResourceState, Struct, Struct], ResourceState]


class ProviderDiff(Protocol):
    """`Planner.provider_diff`."""

    def __call__(
        self, old: ResourceState, news: Struct, reference: str, ignore: tuple[str, ...] = ()
    ) -> Diffed:  # pragma: no cover
        """Compare."""


class Replacing:
    """Plans replacements; the caller holds the planning lock."""

    def __init__(self, scope: Scope, checked: Checked, diff: ProviderDiff) -> None:
        self._scope = scope
        self._checked = checked
        self._diff = diff

    def steps(
        self, goal: Goal, old: ResourceState, new: ResourceState, diff: Diffed, *, checked: bool, imported: bool
    ) -> list[Step]:
        """Return the steps of a replacement.

        `checked`: its inputs are those of a new object already. `imported`: `old` is what was imported just now.
        """
        self._refuse_protected(old, new)
        self._refuse_imported(goal, new)
        self._scope.decisions.replaced.add(new.urn)
        if goal.custom and not checked:
            new = self._checked(goal, new, {}, goal.properties)  # defaults of a new object, such as its name
        first = goal.delete_before_replace
        if not (diff.delete_before_replace if first is None else first):
            return steps.create_first_steps(old, new, diff)
        dependents = [] if imported and self._scope.planning else self._dependents_first(old, new.urn)
        if not old.pending_replacement:
            self._scope.decisions.deleted.add(old.urn)
        return [*dependents, *steps.delete_first_steps(old, new, diff)]

    def _refuse_protected(self, old: ResourceState, new: ResourceState) -> None:
        """Refuse at once where things would change; a preview reports it and shows the rest."""
        if self._scope.options.ignore_protect or not (old.protect and new.protect):
            return
        message = (
            f'unable to replace resource "{new.urn}"\nas it is currently marked for protection. '
            "To unprotect the resource, remove the `protect` flag from the resource in your Pulumi program "
            "and run `pulumi up`"
        )
        if not self._scope.planning:
            raise StepFailed(message, urn=new.urn)
        self._scope.log.say("error", message, new.urn)
        self._scope.log.refuse()

    def _refuse_imported(self, goal: Goal, new: ResourceState) -> None:
        if not goal.import_id:
            return
        message = (
            "previously-imported resources that still specify an ID may not be replaced; "
            "please remove the `import` declaration from your program"
        )
        if not self._scope.planning:
            raise StepFailed(message, urn=new.urn)
        self._scope.log.say("warning", message, new.urn)

    # ---- the cascade ----
    def cascade(self, root: ResourceState) -> list[tuple[str, tuple[str, ...]]]:
        """Return the URNs of what would have to be replaced if `root` were deleted, and for which keys."""
        return [(item.urn, keys) for item, keys in [*self._found(root), *self._bound(root.urn)]]

    def _dependents_first(self, root: ResourceState, urn: str) -> list[Step]:
        """Return the deletions of what cannot outlive `root`, last made first, and remember to make it again."""
        decisions = self._scope.decisions
        deletions = []
        for item, keys in reversed([*self._found(root), *self._bound(urn)]):
            if item.row in decisions.removed:
                continue
            if item.protect and not self._scope.options.ignore_protect:
                raise StepFailed(
                    f'unable to replace resource "{item.urn}" as part of replacing "{urn}" as it is currently marked '
                    "for protection. To unprotect the resource, remove the `protect` flag from the resource in your "
                    f"Pulumi program and run `pulumi up`, or use the command:\n`pulumi state unprotect '{item.urn}'`",
                    urn=urn,
                )
            decisions.recreate[item.urn] = keys
            decisions.removed.add(item.row)
            decisions.deleted.add(item.urn)
            deletions.append(steps.deletion_step(item, pending_replacement=True))
        return deletions

    def _found(self, root: ResourceState) -> list[tuple[ResourceState, tuple[str, ...]]]:
        """Return what depends on `root` and must be replaced with it, in the order of the state, and for which keys."""
        replaced = {root.urn}
        found = []
        seen = self._scope.decisions.seen.keys() | self._scope.decisions.aliased.keys()
        olds = [item for urn, item in self._scope.olds.items() if urn not in seen]
        for item in steps.dependents([root, *olds], root):
            keys = self._forced(item, frozenset(replaced))
            if keys is not None:
                replaced.add(item.urn)
                found.append((item, keys))
        return found

    def _bound(self, urn: str) -> list[tuple[ResourceState, tuple[str, ...]]]:
        """Return what is deleted or replaced with a resource by its options."""
        scope = self._scope
        living = {**scope.olds, **scope.made}
        return [(item, ()) for item in living.values() if urn in item.replace_with or item.deleted_with == urn]

    def _forced(self, item: ResourceState, replaced: frozenset[str]) -> tuple[str, ...] | None:
        """Return the keys for which `item` must be replaced when `replaced` are; None if it need not be."""
        if not item.custom or item.external:
            return None
        if item.provider and split_reference(item.provider)[0] in replaced:
            return ()
        if item.deleted_with in replaced:
            return ()
        inputs = steps.with_unknown(item, replaced)
        if inputs is None:
            return None
        diff = self._diff_of(item, inputs)
        try:
            diff = steps.with_replace_on_changes(diff, item.replace_on_changes, init_errors=False)
        except paths.BadPath as error:
            raise StepFailed(str(error), urn=item.urn) from error
        return diff.replaces if steps.replaces(diff) else None

    def _diff_of(self, item: ResourceState, inputs: Struct) -> Diffed:
        if item.is_provider:
            return self._scope.registry.diff(item, inputs)
        return self._diff(item, inputs, item.provider, item.ignore_changes)
