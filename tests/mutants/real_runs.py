"""A mutant judged by a real run: the program without one thing is brought up, then verified."""

from __future__ import annotations

import os
import pickle
import shutil
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pulumi
from bringing_up import SETTLED, brought_up
from pulumi.automation.errors import CommandError

from cellctl_provider.protocol import ProviderError
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.world import remove
from cellctl_sandbox.testing.mutants import Caught, Mutant

MUCH_LATER_S = 6 * 3600.0
"""Simulated seconds by which an object comes late that is no longer waited for."""
STEP = 16
"""How many objects are made between two stations."""


def judged(mutant: Mutant, cloud: str, home: Path) -> Caught:
    """Bring the default cell up without one thing, and verify it; `home` may hold a station."""

    def providers(factories: dict) -> dict:
        return {key: _Factory(one, lambda inner: _Without(inner, mutant, home)) for key, one in factories.items()}

    def program(whole: Callable[[], None]) -> Callable[[], None]:
        return (lambda: _hasty(mutant, whole)) if mutant.only[0] else whole

    try:
        with brought_up(home, cloud, providers=providers, program=program) as cell:
            failed = cell.failures(SETTLED)
    except CommandError as error:
        return Caught(mutant=mutant, by="up", why=_why(error), real=True)
    return Caught(mutant=mutant, by="verify" if failed else "", why=failed[0] if failed else "", real=True)


def apart(judge: Callable[[], Caught]) -> Caught:
    """Return what is judged in a process of its own, forked from this one: nothing of it stays here."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(writing, pickle.dumps(judge()))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        told = answer.read()
    _, status = os.waitpid(pid, 0)
    assert not status, f"it ended with {status}"
    caught = pickle.loads(told)
    assert isinstance(caught, Caught)
    return caught


@dataclass(frozen=True)
class Station:
    """A home in which an unharmed run was cut off once `made` (type, name) was there, and nothing else."""

    home: Path
    made: frozenset[tuple[str, str]]

    def precedes(self, mutant: Mutant) -> bool:
        """Tell whether a run of a mutant comes by here too: whatever is wrong with it is yet to be made."""
        return not self.made & {(mutant.type, mutant.name), mutant.only}


def stations(cloud: str, folder: Path) -> Iterator[Station]:
    """Bring a cell up bit by bit, and yield what there is on the way, the beginning first."""
    before = Station(folder / "0", frozenset())
    before.home.mkdir(parents=True)
    while True:
        yield before
        home = folder / str(len(before.made) + 1)
        shutil.copytree(before.home, home)
        few = _Few(STEP)

        def providers(factories: dict, few: _Few = few) -> dict:
            return {key: _Factory(one, lambda inner: _Stopping(inner, few)) for key, one in factories.items()}

        try:
            with brought_up(home, cloud, providers=providers):
                return
        except CommandError:
            assert few.made, f"nothing more comes after {len(before.made)} objects"
        before = Station(home, before.made | few.made)


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
    """Makes providers of a package that something is done to."""

    def __init__(self, inner, wrapped: Callable) -> None:
        self._inner, self._wrapped = inner, wrapped
        self.package, self.version = inner.package, inner.version

    def __call__(self):
        return self._wrapped(self._inner())


class _Wrapper:
    def __init__(self, inner) -> None:
        self._inner = inner

    def __getattr__(self, name: str):
        return getattr(self._inner, name)


class _Without(_Wrapper):
    """A provider that takes one thing out of what it is given, or forgets an object at once."""

    def __init__(self, inner, mutant: Mutant, home: Path) -> None:
        super().__init__(inner)
        self._mutant, self._home = mutant, home
        # Two of a kind get in each other's way when they are made at once.
        self._late = bool(mutant.only[0]) and mutant.only[0] != mutant.type

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
        return _thing(urn) == (self._mutant.type, self._mutant.name)


class _Few:
    """So many objects that may still be made, and those that were."""

    def __init__(self, left: int) -> None:
        self.made: frozenset[tuple[str, str]] = frozenset()
        self._left, self._lock = left, threading.Lock()

    def take(self, thing: tuple[str, str]) -> bool:
        with self._lock:
            if self._left:
                self._left -= 1
                self.made |= {thing}
            return thing in self.made


class _Stopping(_Wrapper):
    """A provider that makes so many objects, and no more."""

    def __init__(self, inner, few: _Few) -> None:
        super().__init__(inner)
        self._few = few

    def create(self, request):
        if not request.preview and not self._few.take(_thing(request.urn)):
            raise ProviderError("the run ends here", code="internal")
        return self._inner.create(request)


def _thing(urn: str) -> tuple[str, str]:
    """Return the type and the name in a URN."""
    return urn.split("::")[2].rpartition("$")[2], urn.rpartition("::")[2]


def _why(error: CommandError) -> str:
    """Return what the first resource that failed said."""
    lines = [line.strip().removeprefix("stdout: ") for line in str(error).splitlines()]
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    reasons = [line.removeprefix("* ") for line in lines if line.startswith("* ")]
    return next((line for line in (*reasons, *said) if "error occurred" not in line), str(error))
