"""From a goal to steps: finds the old state, asks the provider (Check, Diff), and lets `steps` decide."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from cellctl.state.resources import ResourceState
from cellctl.state.values import Struct
from cellctl_provider.protocol import Check, Checked, Diff, Diffed, ProviderError
from cellctl_sandbox.engine import paths, steps
from cellctl_sandbox.engine.errors import StepFailed, crashed
from cellctl_sandbox.engine.goals import Goal
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.steps import Op, Step
from cellctl_sandbox.engine.urns import (
    alias_urns,
    is_default_provider,
    make_urn,
    split_reference,
)
from cellctl_sandbox.engine.wire import assets_by_hash

T = TypeVar("T")


class CheckRefused(StepFailed):
    """Check refused inputs; `reasons` are what the provider said, one diagnostic each."""

    def __init__(self, urn: str, reasons: list[str]) -> None:
        super().__init__(reasons[0], urn=urn)
        self.reasons = reasons


class Planner:
    """Plans one registration after the other; the caller holds the planning lock."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def urn(self, goal: Goal) -> str:
        """Return the goal's URN and claim it; raises `StepFailed` if it was claimed before."""
        scope = self._scope
        urn = make_urn(scope.stack, scope.project, goal.parent, goal.type, goal.name)
        self.claim(urn)
        return urn

    def claim(self, urn: str) -> None:
        """Claim a URN for one registration or read."""
        if urn in self._scope.decisions.seen:
            raise StepFailed(f"Duplicate resource URN '{urn}'; try giving it a unique name", urn=urn)
        self._scope.decisions.seen[urn] = None

    def old(self, urn: str, goal: Goal) -> ResourceState | None:
        """Return the living old state of a goal, under its own URN or an alias."""
        decisions = self._scope.decisions
        parent_names = decisions.old_names.get(goal.parent, ())
        names = alias_urns(urn, goal.parent, goal.aliases, parent_names)
        decisions.old_names[urn] = names
        for name in (urn, *names):
            old = self._scope.olds.get(name)
            if old is None or name in decisions.kept:
                continue
            decisions.kept.add(name)
            if name != urn:
                decisions.aliased[name] = urn
                self._scope.journal.rename(name, urn)
            return old
        return None

    def plan(self, goal: Goal, reference: str) -> list[Step]:
        """Return the steps of one registration; `reference` is its provider, empty for components and providers."""
        urn = self.urn(goal)
        old = self.old(urn, goal)
        new = _new_state(urn, goal, reference)
        recreating = old is not None and old.urn in self._scope.decisions.recreate
        if goal.import_id and goal.custom and _imports(goal, old):
            return self._import_steps(goal, old, new, recreating)
        fresh = old is None or recreating or old.external or urn in self._scope.options.replace
        inputs = goal.properties if old is None or old.external else self._ignored(goal, old)
        new = self._checked(goal, new, {} if fresh or old is None else old.inputs, goal.properties if fresh else inputs)
        if old is None:
            return [Step(op=Op.CREATE, urn=urn, new=new)]
        if recreating:
            return steps.recreation_steps(old, new, self._scope.decisions.recreate.pop(old.urn))
        if old.external:
            return steps.create_first_steps(old, new, Diffed(changes="some"))
        return self._changed(goal, old, new)

    # ---- inputs ----
    def _ignored(self, goal: Goal, old: ResourceState) -> Struct:
        try:
            return paths.reset(goal.properties, old.inputs, goal.ignore_changes)
        except paths.BadPath as error:
            raise StepFailed(str(error), urn=old.urn) from error

    def _checked(self, goal: Goal, new: ResourceState, olds: Struct, news: Struct) -> ResourceState:
        if not goal.custom:
            return replace(new, inputs=news)
        checked = self._check(new, olds, news)
        if checked.failures:
            told = [f"{item.property}: {item.reason}" if item.property else item.reason for item in checked.failures]
            raise CheckRefused(new.urn, told)
        return replace(new, inputs=checked.inputs)

    def _check(self, new: ResourceState, olds: Struct, news: Struct) -> Checked:
        if new.is_provider:
            return self._scope.registry.check(new.urn, olds, news)
        instance = self._scope.instance(new.provider)
        if not instance.known:
            return Checked(inputs=news)
        request = Check(urn=new.urn, olds=olds, news=news, random_seed=self.seed(new.urn), type=new.type, name=new.name)
        return _asked(new.urn, lambda: instance.provider.check(request))

    def seed(self, urn: str) -> bytes:
        """Return 32 bytes for automatic names: the same in a preview and in the operation that follows it."""
        basis = f"{urn}\0{self._scope.journal.base_time}"
        return hashlib.sha256(basis.encode()).digest()

    # ---- changes ----
    def _changed(self, goal: Goal, old: ResourceState, new: ResourceState) -> list[Step]:
        diff = self._diff(goal, old, new)
        diff = steps.with_replace_on_changes(diff, goal.replace_on_changes, init_errors=bool(old.init_errors))
        if diff.changes == "some" or old.pending_replacement:
            if steps.replaces(diff) or old.pending_replacement:
                return self._replacement(goal, old, new, diff)
            return steps.update_steps(old, new, diff, goal.ignore_changes)
        if old.init_errors:
            return steps.update_steps(old, new, Diffed(changes="some", stables=diff.stables), goal.ignore_changes)
        return [Step(op=Op.SAME, urn=new.urn, old=old, new=new)]

    def _diff(self, goal: Goal, old: ResourceState, new: ResourceState) -> Diffed:
        if new.urn in self._scope.options.replace:
            return Diffed(changes="some", replaces=("id",))
        if new.is_provider:
            return self._scope.registry.diff(old, new.inputs)
        if not new.provider:
            return steps.by_inputs(old.inputs, new.inputs)
        if self._moved(old, new):
            return Diffed(changes="some", replaces=("provider",))
        named = replace(old, urn=new.urn, type=new.type)
        return self.provider_diff(named, new.inputs, new.provider, goal.ignore_changes)

    def provider_diff(self, old: ResourceState, news: Struct, reference: str, ignore: tuple[str, ...] = ()) -> Diffed:
        """Return what the provider says of old state and new inputs, or the inputs' own difference if it cannot."""
        instance = self._scope.instance(reference)
        if not instance.known:
            self._scope.log.say(
                "warning",
                "The provider for this resource has inputs that are not known during preview.\n"
                "This preview may not correctly represent the changes that will be applied during an update.",
                old.urn,
            )
            return Diffed(changes="some")
        request = Diff(
            urn=old.urn,
            id=old.id,
            olds=_by_hash(old.outputs),
            old_inputs=_by_hash(old.inputs),
            news=_by_hash(news),
            ignore_changes=ignore,
            type=old.type,
            name=old.name,
        )
        diff = _asked(old.urn, lambda: instance.provider.diff(request))
        return steps.by_inputs(old.inputs, news) if diff.changes == "unknown" else diff

    def _moved(self, old: ResourceState, new: ResourceState) -> bool:
        """Tell whether the resource went to another provider, so that it has to be replaced."""
        if old.provider == new.provider or not old.provider:
            return False
        old_urn, old_id = split_reference(old.provider)
        if f"{self._scope.decisions.aliased.get(old_urn, old_urn)}::{old_id}" == new.provider:
            return False
        if not (is_default_provider(old_urn) and is_default_provider(split_reference(new.provider)[0])):
            return True
        before, after = self._scope.provider_state(old.provider), self._scope.provider_state(new.provider)
        if before is None or after is None:
            return True
        return steps.replaces(self._scope.registry.diff_between(before, after))

    def _replacement(self, goal: Goal, old: ResourceState, new: ResourceState, diff: Diffed) -> list[Step]:
        if old.protect and new.protect:
            self._refuse(
                f'unable to replace resource "{new.urn}"\nas it is currently marked for protection. '
                "To unprotect the resource, remove the `protect` flag from the resource in your Pulumi program "
                "and run `pulumi up`",
                new.urn,
            )
        if goal.import_id:
            self._refuse(
                "previously-imported resources that still specify an ID may not be replaced; "
                "please remove the `import` declaration from your program",
                new.urn,
            )
        if goal.custom and new.urn not in self._scope.options.replace:
            new = self._checked(goal, new, {}, goal.properties)  # defaults of a new object, such as its name
        first = goal.delete_before_replace
        if first if first is not None else diff.delete_before_replace or old.pending_replacement:
            return [*self._dependents_first(old), *steps.delete_first_steps(old, new, diff)]
        return steps.create_first_steps(old, new, diff)

    def _refuse(self, message: str, urn: str) -> None:
        """Refuse a plan: at once where things would change; a preview reports it and shows the rest."""
        if not self._scope.planning:
            raise StepFailed(message, urn=urn)
        self._scope.log.say("error", message, urn)
        self._scope.log.refuse()

    def _dependents_first(self, root: ResourceState) -> list[Step]:
        """Return the deletions of what cannot outlive `root`, last made first, and remember to make it again."""
        decisions = self._scope.decisions
        replaced = {root.urn}
        found: list[tuple[ResourceState, tuple[str, ...]]] = []
        olds = [self._scope.olds[urn] for urn in self._scope.olds if urn not in decisions.seen]
        for item in steps.dependents([root, *olds], root):
            keys = self._forced(item, frozenset(replaced))
            if keys is not None:
                replaced.add(item.urn)
                found.append((item, keys))
        deletions = []
        for item, keys in reversed(found):
            if item.row in decisions.removed:
                continue
            if item.protect:
                self._refuse(f'unable to replace resource "{item.urn}"\nas it is protected', item.urn)
            decisions.recreate[item.urn] = keys
            decisions.removed.add(item.row)
            decisions.deleted.add(item.urn)
            deletions.append(steps.deletion_step(item, pending_replacement=True))
        return deletions

    def _forced(self, item: ResourceState, replaced: frozenset[str]) -> tuple[str, ...] | None:
        """Return the keys for which `item` must be replaced when `replaced` are; None if it need not be."""
        if not item.custom or item.external:
            return None
        if item.provider and split_reference(item.provider)[0] in replaced:
            return ()
        inputs = steps.with_unknown(item, replaced)
        if inputs is None or item.is_provider:
            return None
        diff = self.provider_diff(item, inputs, item.provider)
        return diff.replaces if steps.replaces(diff) else None

    # ---- import ----
    def _import_steps(self, goal: Goal, old: ResourceState | None, new: ResourceState, recreating: bool) -> list[Step]:
        """Return the adoption of an object; a resource of another id is replaced by it."""
        step = Step(
            op=Op.IMPORT,
            urn=new.urn,
            new=replace(new, inputs=goal.properties),
            ignore_changes=goal.ignore_changes,
            seed=self.seed(new.urn),
        )
        if old is None or recreating:
            return [step]
        replacing = replace(step, op=Op.IMPORT_REPLACEMENT, old=old, pending_delete=True)
        return [replacing, replace(replacing, op=Op.REPLACE)]


def _imports(goal: Goal, old: ResourceState | None) -> bool:
    return old is None or old.external or goal.import_id not in (old.import_id or old.id, old.id)


def _new_state(urn: str, goal: Goal, reference: str) -> ResourceState:
    return ResourceState(
        urn=urn,
        type=goal.type,
        custom=goal.custom,
        inputs=goal.properties,
        parent=goal.parent,
        protect=goal.protect,
        dependencies=goal.dependencies,
        provider=reference,
        property_dependencies=goal.property_dependencies,
        additional_secret_outputs=goal.additional_secret_outputs,
        custom_timeouts=goal.custom_timeouts,
        import_id=goal.import_id,
        retain_on_delete=goal.retain_on_delete,
        deleted_with=goal.deleted_with,
        ignore_changes=goal.ignore_changes,
        replace_on_changes=goal.replace_on_changes,
    )


def _by_hash(struct: Struct) -> Struct:
    return {key: assets_by_hash(value) for key, value in struct.items()}


def _asked(urn: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except ProviderError as error:
        raise StepFailed(error.message, urn=urn) from error
    except Exception as error:  # a fault of the provider; its text is not ours to show
        raise crashed(urn, error) from error
