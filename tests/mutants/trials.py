"""The default cell of a cloud with all that may be missing from it: in process, on a stepped clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pytest
from bringing_up import brought_up
from pulumi.automation import Stack

from cellctl import verify
from cellctl.state.values import Struct
from cellctl_sandbox import estate
from cellctl_sandbox.clouds import view
from cellctl_sandbox.testing.mutants import Mutant, Trial, catalogue
from cellctl_sandbox.testing.pretended import Reads

TAKEN = "_taken_from"


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """A cell that works, and everything that may be missing from it."""

    cloud: str
    trial: Trial
    mutants: list[Mutant]
    taken: Mapping[str, set[str]]
    outputs: Mapping[str, list[Struct]]
    reads: Reads


@contextmanager
def trial_of(
    cloud: str, home: Path, *, asked: Mapping[str, object] | None = None, secrets: Sequence[str] = ()
) -> Iterator[Mutation]:
    """Bring a cell up, the default one but for what is `asked`, and give its trial and mutants."""
    reads, tracing, taken = Reads(), pytest.MonkeyPatch(), dict[str, set[str]]()
    for reader in (estate, view):
        tracing.setattr(reader, "CloudObject", reads.made)

    def recorded(program: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(pulumi, "get", _recording(taken))
                patch.setattr(pulumi.Output, "__getattr__", _deeper(pulumi.Output.__getattr__, taken))
                patch.setattr(pulumi.Output, "__getitem__", _deeper(pulumi.Output.__getitem__, taken))
                program()

        return run

    try:
        with brought_up(home, cloud, asked=asked, secrets=secrets, program=recorded) as cell:
            trial = Trial(cell.host, "acme", cell.failures)
            assert cell.failures(verify.Patience()) == []
            mutants = catalogue(trial.records, list(waits_of(cell.stack)))
            outputs: dict[str, list[Struct]] = {}
            for resource in _resources(cell.stack):
                outputs.setdefault(resource["type"], []).append({"id": "", **resource, **resource.get("outputs", {})})
            yield Mutation(cloud=cloud, trial=trial, mutants=mutants, taken=taken, outputs=outputs, reads=reads)
    finally:
        tracing.undo()


def _recording(taken: dict[str, set[str]]) -> Callable[[pulumi.Resource, str], object]:
    """Return `pulumi.get` that records which output of which type is taken."""
    get = pulumi.get

    def recorded(owner: object, name: str) -> object:
        found = get(owner, name)
        return (
            _taken(found, owner.pulumi_resource_type, name, taken)
            if isinstance(owner, pulumi.CustomResource)
            else found
        )

    return recorded


def _deeper(step: Callable[[pulumi.Output, str | int], pulumi.Output], taken: dict[str, set[str]]) -> Callable:
    """Return a step into an output that records which part of it is taken."""

    def recorded(output: pulumi.Output, name: str | int) -> object:
        found = step(output, name)
        type_, path = output.__dict__.get(TAKEN, ("", ""))
        return _taken(found, type_, f"{path}.{name}", taken) if type_ else found

    return recorded


def _taken(output: object, type_: str, path: str, taken: dict[str, set[str]]) -> object:
    taken.setdefault(type_, set()).add(path)
    if isinstance(output, pulumi.Output):
        output.__dict__[TAKEN] = (type_, path)
    return output


def waits_of(stack: Stack) -> Iterator[tuple[str, str]]:
    """Yield the explicit dependencies of a stack: what is waited for though no input comes from it.

    One that follows from others too is none: without it the order is the same.
    """
    resources = _resources(stack)
    waits = {resource["urn"]: set(resource.get("dependencies") or []) for resource in resources}
    for resource in resources:
        urn = resource["urn"]
        by_input = {one for urns in (resource.get("propertyDependencies") or {}).values() for one in urns}
        for other in sorted(waits[urn] - by_input):
            if other not in _before(waits, waits[urn] - {other}):
                yield urn, other


def _resources(stack: Stack) -> list[dict]:
    return json.loads(json.dumps(stack.export_stack().deployment))["resources"]


def _before(waits: Mapping[str, set[str]], urns: set[str]) -> set[str]:
    """Return all that is made before the last of `urns` is, themselves included."""
    found, left = set[str](), set(urns)
    while left:
        urn = left.pop()
        found.add(urn)
        left |= waits.get(urn, set()) - found
    return found
