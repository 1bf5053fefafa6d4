"""From a goal to steps: finds the old state, asks the provider (Check, Diff), and lets `steps` decide."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from cellctl.state.resources import ResourceState, next_row
from cellctl.state.values import Struct, contains_unknown
from cellctl_provider.protocol import Check, Checked, Diff, Diffed, ProviderError
from cellctl_sandbox.engine import paths, steps
from cellctl_sandbox.engine.assets import assets_by_hash
from cellctl_sandbox.engine.errors import StepFailed, crashed
from cellctl_sandbox.engine.goals import Goal, seconds
from cellctl_sandbox.engine.identities import Identities
from cellctl_sandbox.engine.replacing import Replacing
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.steps import Op, Step
from cellctl_sandbox.engine.urns import split_reference
from cellctl_sandbox.engine.wire import known_struct

T = TypeVar("T")


class CheckRefused(StepFailed):
    """Inputs or a name are refused; `reasons` are told one diagnostic each."""

    def __init__(self, urn: str, reasons: list[str]) -> None:
        super().__init__(reasons[0], urn=urn)
        self.reasons = reasons


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One registration under way: what the program wants, and what the state has. `problems` end it after Check."""

    goal: Goal
    new: ResourceState
    old: ResourceState | None = None
    problems: tuple[str, ...] = ()
    imported: bool = False


class Planner:
    """Plans one registration after the other; the caller holds the planning lock."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.identities = Identities(scope)
        self.replacing = Replacing(scope, self._checked, self.provider_diff)

    def wanted(self, goal: Goal, reference: str) -> Wanted:
        """Return what a registration is about; `reference` is its provider, empty for components and providers."""
        urn = self.identities.urn(goal.parent, goal.type, goal.name)
        old, problems = self.identities.old(urn, goal)
        new = _new_state(urn, goal, reference)
        if old is not None:  # until it is made anew, also in what is pending
            new = replace(new, created=old.created, modified=old.modified)
        return Wanted(goal=goal, new=new, old=old, problems=tuple(problems))

    def plan(self, wanted: Wanted) -> list[Step]:
        """Return the steps of one registration; an import is followed by the steps of `after_import`."""
        goal, old, new = wanted.goal, wanted.old, wanted.new
        recreating = old is not None and old.urn in self._scope.decisions.recreate
        if goal.import_id and goal.custom and _imports(goal, old):
            return self._import_steps(goal, old, new, recreating)
        external = old is not None and old.external
        fresh = old is None or recreating or external or self._told_to_replace(new.urn, old)
        inputs = goal.properties if old is None else self._ignored(goal, old.inputs)
        new = self._checked(goal, new, {} if fresh or old is None else old.inputs, goal.properties if fresh else inputs)
        if wanted.problems:
            raise CheckRefused(new.urn, list(wanted.problems))
        if old is None:
            return [Step(op=Op.CREATE, urn=new.urn, new=new)]
        if recreating:
            self._scope.decisions.replaced.add(new.urn)
            self._scope.decisions.deleted.discard(old.urn)
            return steps.recreation_steps(old, new, self._scope.decisions.recreate.pop(old.urn))
        if external:
            return steps.create_first_steps(old, new, Diffed(changes="some"))
        return self._changed(goal, old, new, imported=wanted.imported)

    def after_import(self, wanted: Wanted, state: ResourceState) -> list[Step]:
        """Return the steps that bring an imported object to the goal: none if it is there already."""
        # The imported state has the row of what was wanted; what follows is another copy.
        new = replace(wanted.new, row=next_row())
        planned = self.plan(replace(wanted, new=new, old=state, imported=True))
        return [] if planned[0].op is Op.SAME else planned

    # ---- inputs ----
    def _ignored(self, goal: Goal, olds: Struct) -> Struct:
        inputs, lost = paths.reset(goal.properties, olds, goal.ignore_changes)
        if lost:
            urn = next(reversed(self._scope.decisions.seen))
            text = f'cannot ignore changes in added or removed elements of the path: "{", ".join(lost)}"'
            self._scope.log.say("info", text, urn)
        return inputs

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
        news = self._told(news)
        request = Check(urn=new.urn, olds=olds, news=news, random_seed=self.seed(new.urn), type=new.type, name=new.name)
        return _asked(new.urn, lambda: instance.provider.check(request))

    def _told(self, inputs: Struct) -> Struct:
        """Return what a provider is told of inputs: in an update, which may go on after a failure, what is known."""
        return inputs if self._scope.planning else known_struct(inputs)

    def seed(self, urn: str) -> bytes:
        """Return 32 bytes for automatic names: the same in a preview and in the operation that follows it."""
        basis = f"{urn}\0{self._scope.journal.base_time}"
        return hashlib.sha256(basis.encode()).digest()

    # ---- changes ----
    def _changed(self, goal: Goal, old: ResourceState, new: ResourceState, *, imported: bool) -> list[Step]:
        diff, triggered = self._diff(goal, old, new)
        try:
            diff = steps.with_replace_on_changes(diff, goal.replace_on_changes, init_errors=bool(old.init_errors))
        except paths.BadPath as error:
            raise StepFailed(str(error), urn=new.urn) from error
        if diff.changes == "some" or old.pending_replacement:
            if triggered or steps.replaces(diff) or old.pending_replacement:
                told = self._told_to_replace(new.urn, old)
                return self.replacing.steps(goal, old, new, diff, checked=told, imported=imported)
            return steps.update_steps(old, new, diff, goal.ignore_changes)
        if old.init_errors:
            return steps.update_steps(old, new, diff, goal.ignore_changes)
        return [Step(op=Op.SAME, urn=new.urn, old=old, new=new)]

    def _diff(self, goal: Goal, old: ResourceState, new: ResourceState) -> tuple[Diffed, bool]:
        """Return how a resource differs, and whether its trigger makes that a replacement."""
        if contains_unknown(new.replacement_trigger) and not self._scope.planning:
            raise StepFailed(f"replacement trigger contains unknowns for {new.urn}", urn=new.urn)
        if steps.triggers(old.replacement_trigger, new.replacement_trigger):
            return Diffed(changes="some"), True
        key = self._told_by_others(old, new)
        if key:
            return Diffed(changes="some", replaces=(key,)), False
        if new.is_provider:
            return self._scope.registry.diff(old, new.inputs), False
        if not new.provider:
            return steps.of_component(old.inputs, new.inputs), False
        named = replace(old, urn=new.urn, type=new.type)
        return self.provider_diff(named, self._told(new.inputs), new.provider, goal.ignore_changes), False

    def _told_by_others(self, old: ResourceState, new: ResourceState) -> str:
        """Return why something other than its inputs asks for a replacement, as the key of its step."""
        replaced = self._scope.decisions.replaced
        if self._told_to_replace(new.urn, old):
            return "id"
        if any(urn in replaced for urn in new.replace_with):
            return "replaceWith"
        if new.deleted_with in replaced:
            return "deletedWith"
        return "provider" if self._moved(old, new) else ""

    def _told_to_replace(self, urn: str, old: ResourceState | None) -> bool:
        """Tell whether the caller named the resource (`--replace`), or it was tainted."""
        return self._scope.selection.replaces(urn) or (old is not None and old.taint)

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
            olds=by_hash(old.outputs),
            old_inputs=by_hash(old.inputs),
            news=by_hash(news),
            ignore_changes=ignore,
            type=old.type,
            name=old.name,
        )
        diff = _asked(old.urn, lambda: instance.provider.diff(request))
        if diff.changes != "unknown":
            return diff
        return steps.by_inputs(old.inputs, paths.reset(news, old.inputs, ignore)[0])

    def _moved(self, old: ResourceState, new: ResourceState) -> bool:
        """Tell whether the resource went to another provider, so that it has to be replaced."""
        if old.provider == new.provider:
            return False
        if not old.provider or not new.provider:
            return not new.is_provider
        old_urn, old_id = split_reference(old.provider)
        new_urn = split_reference(new.provider)[0]
        if old_urn != new_urn and self._scope.decisions.aliased.get(old_urn) == new_urn:
            return False
        if f"{self._scope.decisions.aliased.get(old_urn, old_urn)}::{old_id}" == new.provider:
            return False
        before = self._scope.olds.get(old_urn) or self._scope.provider_state(old.provider)
        after = self._scope.provider_state(new.provider)
        if before is None or after is None:
            return True
        return steps.replaces(self._scope.registry.diff_between(before, after))

    # ---- import ----
    def _import_steps(self, goal: Goal, old: ResourceState | None, new: ResourceState, recreating: bool) -> list[Step]:
        """Return the adoption of an object; a resource of another id is replaced by it."""
        step = Step(op=Op.IMPORT, urn=new.urn, new=new, ignore_changes=goal.ignore_changes)
        if old is None or recreating:
            return [step]
        replacing = replace(step, op=Op.IMPORT_REPLACEMENT, old=old, pending_delete=True)
        return [replacing, replace(replacing, op=Op.REPLACE)]


def _imports(goal: Goal, old: ResourceState | None) -> bool:
    return old is None or old.external or goal.import_id != (old.import_id or old.id)


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
        custom_timeouts={key: seconds(text) for key, text in goal.custom_timeouts.items()},
        import_id=goal.import_id,
        retain_on_delete=goal.retain_on_delete,
        deleted_with=goal.deleted_with,
        replace_with=goal.replace_with,
        ignore_changes=goal.ignore_changes,
        replace_on_changes=goal.replace_on_changes,
        replacement_trigger=goal.replacement_trigger,
        hooks=goal.hooks,
    )


def by_hash(struct: Struct) -> Struct:
    """Return properties with their assets reduced to hashes."""
    return {key: assets_by_hash(value) for key, value in struct.items()}


def _asked(urn: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except ProviderError as error:
        raise StepFailed(error.message, urn=urn) from error
    except Exception as error:  # a fault of the provider; its text is not ours to show
        raise crashed(urn, error) from error
