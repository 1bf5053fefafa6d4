"""What `--target` and `--exclude` mean for registrations and for deletions; see `selection` for who is meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cellctl.state.resources import ResourceState
from cellctl_sandbox.engine.errors import StepFailed
from cellctl_sandbox.engine.options import Options
from cellctl_sandbox.engine.planner import Wanted
from cellctl_sandbox.engine.replacing import Replacing
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.steps import Op, Step
from cellctl_sandbox.engine.urns import split_reference


def report_unknown(scope: Scope, urns: Iterable[str]) -> bool:
    """Tell of URNs that the caller named and that are neither in the state nor in the program; True if any is."""
    known = {*(item.urn for item in scope.journal.checkpoint().resources), *scope.decisions.seen}
    missing = sorted(set(urns) - known)
    for urn in missing:
        scope.log.say("error", f"Target '{urn}' could not be found in the stack.")
    if missing:
        scope.log.refuse()
    return bool(missing)


# ---- registrations ----
def untouched(scope: Scope, wanted: Wanted) -> list[Step]:
    """Return the steps of a registration that takes no part: it stays as it was, or is not made."""
    if wanted.old is None:
        scope.decisions.skipped.add(wanted.new.urn)
        new = replace(wanted.new, inputs={}) if wanted.new.custom else wanted.new  # nobody has checked them
        return [Step(op=Op.SAME, urn=new.urn, old=new, new=new, skipped=True)]
    return [_kept(item) for item in [*_needed(scope, wanted.old, set()), wanted.old]]


def _kept(old: ResourceState) -> Step:
    return Step(op=Op.SAME, urn=old.urn, old=old, new=replace(old, id=""))


def _needed(scope: Scope, old: ResourceState, visited: set[str]) -> list[ResourceState]:
    """Return what an old resource needs and nobody has registered yet, in the order of the state."""
    found: list[ResourceState] = []
    for urn in sorted(old.needs() - visited):
        visited.add(urn)
        item = scope.olds.get(urn)
        if item is None or urn in scope.decisions.kept:
            continue
        scope.decisions.kept.add(urn)
        scope.decisions.seen[urn] = None
        found += [*_needed(scope, item, visited), item]
    return found


def refuse_skipped(scope: Scope, planned: Sequence[Step]) -> None:
    """Refuse steps of what needs a resource that this operation does not make."""
    if not scope.selection.targets and not scope.options.replace:
        return
    for step in planned:
        new = step.new
        needs = new.needs() | {split_reference(new.provider)[0]} if new else frozenset()
        for urn in sorted(needs & scope.decisions.skipped):
            message = (
                f"Resource '{step.urn}' depends on '{urn}' which was not specified in --target list.\n"
                f"Either include resource in --target list or pass --target-dependents to proceed."
            )
            if not scope.planning:
                raise StepFailed(message, urn=step.urn)
            scope.log.say("error", message, step.urn)
            scope.log.refuse()
            scope.decisions.skipped.discard(urn)


# ---- deletions ----
def removable(scope: Scope, items: list[ResourceState], replacing: Replacing) -> tuple[list[Step], list[ResourceState]]:
    """Return the steps of what takes no part, and what of the condemned `items` may be deleted.

    Raises:
        StepFailed: Something would be deleted that was not named.
    """
    selection = scope.selection
    if selection.everything:
        return [], items
    if selection.targets:
        allowed = _with_dependents(scope, replacing)
    else:
        allowed = _not_needed_by_excluded(scope)
    chosen = [item for item in items if item.urn in allowed]
    spared = [_kept(item) for item in items if item.urn not in allowed and not item.delete]
    if selection.strict and _refused_unnamed(scope, [item for item in chosen if item.urn not in selection.targets]):
        return [], []
    return spared, chosen


def _refused_unnamed(scope: Scope, items: list[ResourceState]) -> bool:
    """Tell whether nothing may be deleted, because more would be than was named; a preview goes on."""
    for item in items:
        scope.log.say(
            "error",
            f"Resource '{item.urn}' will be destroyed but was not specified in --target list.\n"
            "Either include resource in --target list or pass --target-dependents to proceed.",
            item.urn,
        )
        scope.log.refuse()
    if items and not scope.planning and scope.made:
        raise StepFailed("")  # all was told
    return bool(items) and not scope.planning


def _with_dependents(scope: Scope, replacing: Replacing) -> frozenset[str]:
    """Return the URNs of the named resources and of all that depends on them."""
    chosen: set[str] = set()
    resources = scope.journal.checkpoint().resources
    for item in resources:
        if item.urn in scope.selection.targets or (item.needs() | {split_reference(item.provider)[0]}) & chosen:
            chosen.add(item.urn)
    for item in resources:
        if item.urn in chosen and not item.delete:
            chosen.update(urn for urn, _ in replacing.cascade(item))
    return frozenset(chosen)


def _not_needed_by_excluded(scope: Scope) -> frozenset[str]:
    """Return the URNs of all but the excluded resources, and what those need."""
    resources = scope.journal.checkpoint().resources
    kept: set[str] = set()
    for item in resources:
        follows = scope.options.exclude_dependents and item.needs() & kept
        if item.urn in scope.selection.excludes or follows:
            kept.add(item.urn)
    return frozenset(item.urn for item in resources) - with_needs(resources, kept)


def sparing(options: Options, resources: Sequence[ResourceState]) -> Options:
    """Return options that exclude what is protected, and all that it needs, where that is asked for."""
    if not options.exclude_protected:
        return options
    kept = with_needs(resources, [item.urn for item in resources if item.protect])
    return replace(options, excludes=options.excludes | kept)


def with_needs(resources: Sequence[ResourceState], urns: Iterable[str]) -> frozenset[str]:
    """Return some URNs and those of all that they need, providers too; `resources` are in the order of the state."""
    kept = set(urns)
    for item in reversed(resources):
        if item.urn in kept:
            kept |= item.needs() | {split_reference(item.provider)[0]} - {""}
    return frozenset(kept)
