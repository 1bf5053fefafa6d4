"""A mutant judged by a real run: the program without one thing is brought up in a fresh sandbox, then verified."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pulumi
from bringing_up import SETTLED, brought_up
from pulumi.automation.errors import CommandError

from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.world import remove
from cellctl_sandbox.testing.mutants import Caught, Mutant

MUCH_LATER_S = 6 * 3600.0
"""Simulated seconds by which an object comes late that is no longer waited for."""


def judged(mutant: Mutant, cloud: str, home: Path) -> Caught:
    """Bring the default cell up without one thing, and verify it."""
    with _without(mutant, home) as (providers, program):
        try:
            with brought_up(home, cloud, providers=providers, program=program) as cell:
                failed = cell.failures(SETTLED)
        except CommandError as error:
            return Caught(mutant=mutant, by="up", why=_why(error), real=True)
    return Caught(mutant=mutant, by="verify" if failed else "", why=failed[0] if failed else "", real=True)


Wrapped = Callable[[dict], dict]
Programs = Callable[[Callable[[], None]], Callable[[], None]]


@contextmanager
def _without(mutant: Mutant, home: Path) -> Iterator[tuple[Wrapped, Programs]]:
    def providers(factories: dict) -> dict:
        return {key: _Factory(one, mutant, home) for key, one in factories.items()}

    yield providers, (lambda program: lambda: _hasty(mutant, program)) if mutant.only[0] else lambda program: program


def _hasty(mutant: Mutant, program: Callable[[], None]) -> None:
    """Run a program in which one resource does not wait for another."""

    def changed(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if (args.type_, args.name) != mutant.only:
            return None
        waits = args.opts.depends_on or []
        args.opts.depends_on = [one for one in waits if not _is(one, mutant)]
        assert len(args.opts.depends_on) < len(waits), f"{mutant.id}: it is no dependency of its own"
        return pulumi.ResourceTransformationResult(args.props, args.opts)

    pulumi.runtime.register_stack_transformation(changed)
    program()


def _is(resource: object, mutant: Mutant) -> bool:
    assert isinstance(resource, pulumi.CustomResource), f"{mutant.id}: one of many of a component"
    return (resource.pulumi_resource_type, resource.pulumi_resource_name) == (mutant.type, mutant.name)


class _Factory:
    """Makes providers of a package that leave one thing out."""

    def __init__(self, inner, mutant: Mutant, home: Path) -> None:
        self._inner, self._mutant, self._home = inner, mutant, home
        self.package, self.version = inner.package, inner.version

    def __call__(self):
        return _Provider(self._inner(), self._mutant, self._home)


class _Provider:
    """A provider that takes one thing out of what it is given, or forgets an object at once."""

    def __init__(self, inner, mutant: Mutant, home: Path) -> None:
        self._inner, self._mutant, self._home = inner, mutant, home
        # Two of a kind get in each other's way when they are made at once.
        self._late = bool(mutant.only[0]) and mutant.only[0] != mutant.type

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def check(self, request):
        checked = self._inner.check(request)
        if not self._mutant.path or not self._meant(request.urn) or checked.failures:
            return checked
        return type(checked)(inputs=self._mutant.applied(checked.inputs))

    def create(self, request):
        if self._late and self._meant(request.urn) and not request.preview:
            SimulatedClock.of(Database.open(self._home)).sleep(MUCH_LATER_S)
        made = self._inner.create(request)
        if not self._mutant.path and not self._mutant.only[0] and self._meant(request.urn) and not request.preview:
            with Database.open(self._home).transaction() as rows:
                for (uid,) in rows.execute("SELECT uid FROM objects WHERE urn = ?", (request.urn,)).fetchall():
                    remove(rows, uid)
        return made

    def _meant(self, urn: str) -> bool:
        return (urn.split("::")[2].rpartition("$")[2], urn.rpartition("::")[2]) == (
            self._mutant.type,
            self._mutant.name,
        )


def _why(error: CommandError) -> str:
    """Return what the first resource that failed said."""
    lines = [line.strip().removeprefix("stdout: ") for line in str(error).splitlines()]
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    reasons = [line.removeprefix("* ") for line in lines if line.startswith("* ")]
    return next((line for line in (*reasons, *said) if "error occurred" not in line), str(error))
