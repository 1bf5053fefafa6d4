"""Adopting an existing object: what was read becomes the state, if the program describes the same thing."""

from __future__ import annotations

from dataclasses import replace

from cellctl.state.resources import ResourceState
from cellctl_provider.protocol import Check, Diff, Diffed, Found, Provider
from cellctl_sandbox.engine import steps
from cellctl_sandbox.engine.errors import StepFailed
from cellctl_sandbox.engine.paths import BadPath, reset
from cellctl_sandbox.engine.steps import Step


def imported(step: Step, provider: Provider, found: Found | None) -> tuple[ResourceState, Diffed]:
    """Return the state of the adopted object, and how the program's inputs differ from it.

    Raises:
        StepFailed: There is no such object, or the inputs are refused.
    """
    new = step.new
    assert new is not None
    if found is None:
        raise StepFailed(f"resource '{new.id}' does not exist")
    try:
        wanted = reset(new.inputs, found.inputs, step.ignore_changes)
    except BadPath as error:
        raise StepFailed(str(error)) from error
    request = Check(urn=new.urn, olds=found.inputs, news=wanted, random_seed=step.seed, type=new.type, name=new.name)
    checked = provider.check(request)
    if checked.failures:
        raise StepFailed("; ".join(f"{item.property}: {item.reason}" for item in checked.failures))
    diff = provider.diff(
        Diff(
            urn=new.urn,
            id=found.id,
            olds=found.properties,
            old_inputs=found.inputs,
            news=checked.inputs,
            ignore_changes=step.ignore_changes,
            type=new.type,
            name=new.name,
        )
    )
    if diff.changes == "unknown":
        diff = steps.by_inputs(found.inputs, checked.inputs)
    return replace(new, id=found.id, inputs=checked.inputs, outputs=found.properties), diff
